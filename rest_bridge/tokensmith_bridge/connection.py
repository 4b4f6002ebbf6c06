"""Connections that can't be held hostage: what aiohttp's own protocol does not bound.

A client may not take for ever to send its first head, may not stop reading for ever, and there are
only so many connections, in all and from one address.
"""

import asyncio
from collections import Counter
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from tokensmith_bridge import metrics
from tokensmith_bridge.call import Call
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.openai.errors import BridgeReason, Refusal
from tokensmith_bridge.replies import error_reply

_log = structlog.get_logger("tokensmith.bridge")


class ConnectionLimits:
    """How many connections there are, in all and from each address. One for each listener."""

    def __init__(self, *, connections_max: int, per_address_max: int) -> None:
        self._connections_max = connections_max
        self._per_address_max = per_address_max
        self._by_address: Counter[str] = Counter()
        self._count = 0

    def admit(self, address: str) -> bool:
        """Count one connection more, if there may be one more."""
        if (
            self._count >= self._connections_max
            or self._by_address[address] >= self._per_address_max
        ):
            return False
        self._count += 1
        self._by_address[address] += 1
        metrics.CONNECTIONS.inc()
        return True

    def release(self, address: str) -> None:
        """Count one connection less."""
        self._count -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
        metrics.CONNECTIONS.dec()


class GuardedConnection(web.RequestHandler):
    """aiohttp's HTTP/1.1 protocol with the limits of this module.

    The limits cost nothing on the way of a request: a timer for each connection's begin, and one
    whenever the write buffer is full.
    """

    __slots__ = ("_address", "_head_timer", "_limits", "_settings", "_slow_timer")

    def __init__(
        self,
        manager: web.Server,
        *,
        limits: ConnectionLimits,
        settings: BridgeSettings,
        **more: Any,
    ) -> None:
        super().__init__(manager, **more)
        self._limits = limits
        self._settings = settings
        self._address: str | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._slow_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, or cut it off when there are too many."""
        real_transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._limits.admit(address):
            self._cut(real_transport, "too_many")
            return
        self._address = address
        super().connection_made(transport)
        self._head_timer = self._loop.call_later(self._settings.head_seconds, self._check_head)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget a connection. aiohttp cancels its handler, and that the call to the server."""
        for timer in (self._head_timer, self._slow_timer):
            if timer is not None:
                timer.cancel()
        if self._address is not None:
            self._limits.release(self._address)
            self._address = None
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read as fast as we write."""
        super().pause_writing()
        self._slow_timer = self._loop.call_later(
            self._settings.slow_reader_seconds, self._cut_slow_reader
        )

    def resume_writing(self) -> None:
        """The client has read on."""
        super().resume_writing()
        if self._slow_timer is not None:
            self._slow_timer.cancel()
            self._slow_timer = None

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - aiohttp's
        """Let the answer that is being sent leave in so many seconds, and cut it off then.

        aiohttp's own waits twice that, and stumbles over a handler that ends just then.
        """
        task = self._task_handler
        if task is not None and not task.done():
            await asyncio.wait((task,), timeout=timeout)
        if task is not None and not task.done() and self.transport is not None:
            # Its loss cancels the handler.
            self._cut(self.transport, "going_down")
            await asyncio.wait((task,), timeout=timeout)
        self.force_close()

    def _check_head(self) -> None:
        # aiohttp counts a request once its head is there.
        if self._request_count == 0 and self.transport is not None:
            self._cut(self.transport, "slow_head")

    def _cut_slow_reader(self) -> None:
        if self.transport is not None:
            self._cut(self.transport, "slow_reader")

    @staticmethod
    def _cut(transport: asyncio.Transport, why: str) -> None:
        metrics.CONNECTIONS_CUT.labels(why).inc()
        transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer, in our shape, what did not get as far as an endpoint: malformed HTTP, mostly."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        if status >= 500:
            _log.error("connection failed", exc_info=exc)
            refusal = Refusal("INTERNAL", "Something went wrong on our side.")
        elif isinstance(exc, LineTooLong):
            refusal = Refusal(
                BridgeReason.HEAD_TOO_LARGE,
                f"The request's head has a line longer than {self.max_line_size} bytes.",
            )
        else:
            refusal = Refusal(BridgeReason.MALFORMED_HTTP, "The request breaks the rules of HTTP.")
        metrics.REQUESTS.labels("malformed", refusal.row.status).inc()
        response = error_reply(Call(request.headers), refusal)
        response.force_close()
        return response
