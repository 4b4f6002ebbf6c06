"""Composition root of the bridge: an application on a channel, and a listener for it."""

import asyncio
import contextlib
import functools
import socket
from typing import Final

import grpc.aio
import structlog
from aiohttp import web
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy

from tokensmith_bridge.backend import Backend
from tokensmith_bridge.config import BridgeSettings, cannot_listen, split_listen
from tokensmith_bridge.connection import ConnectionLimits, GuardedConnection
from tokensmith_bridge.middleware import Nowhere, Outermost, meet_expectation
from tokensmith_bridge.routes import endpoints, unbuilt_endpoints
from tokensmith_bridge.under_way import UNDER_WAY, UnderWay

_log = structlog.get_logger("tokensmith.bridge")

_BACKLOG: Final = 1024
# How long the last words to clients may take, and answers that are on their way.
_TELLING_SECONDS: Final = 1.0


def build_app(settings: BridgeSettings, channel: grpc.aio.Channel) -> web.Application:
    """The bridge as an aiohttp application.

    Args:
        settings: limits and times.
        channel: to the server, over the network or within the process. The caller closes it, after
            the application has ended.
    """
    backend = Backend(channel)
    table = endpoints(backend, settings)
    under_way = UnderWay()
    outermost = Outermost(backend, under_way, key_check_seconds=settings.key_check_seconds)
    nowhere = Nowhere(table)
    app = web.Application()
    app[UNDER_WAY] = under_way
    app.router.add_routes(
        [
            web.route(
                endpoint.method,
                endpoint.path,
                outermost.around(endpoint.name, endpoint.handler),
                expect_handler=meet_expectation,
            )
            for endpoint in (*table, *unbuilt_endpoints())
        ]
    )
    # Last, since the first that matches answers.
    app.router.add_route(
        "*",
        "/{path:.*}",
        outermost.around(nowhere.route, nowhere.answer),
        expect_handler=meet_expectation,
    )
    return app


class BridgeListener:
    """An application that takes connections, guarded. Made by ``start_listener``.

    It goes down in steps, which ``go_down`` takes for a bridge of its own; where it shares a
    process with a server, that decides when.
    """

    def __init__(self, runner: web.AppRunner, server: asyncio.Server, under_way: UnderWay) -> None:
        self._runner = runner
        self._server = server
        self._under_way = under_way
        # What the settings asked for, or what they got where they asked for any (0).
        self.port: int = server.sockets[0].getsockname()[1]

    def refuse_new_calls(self) -> None:
        """Answer requests with 503 from now on, and close their connections; go on listening."""
        self._under_way.closing = True

    def close(self) -> None:
        """Take no more connections. Those that there are stay; may be called again."""
        self._server.close()

    async def idle(self) -> None:
        """Wait until no request is under way; to be asked once new ones are refused."""
        await self._under_way.idle()

    async def stop(self) -> None:
        """Tell what is still under way that it is cut, and end every connection, in moments."""
        self.refuse_new_calls()
        self.close()
        if self._under_way.cut():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TELLING_SECONDS):
                    await self.idle()
        await self._runner.cleanup()

    async def go_down(
        self, *, notice_seconds: float, grace_seconds: float, at_once: asyncio.Event
    ) -> None:
        """Refuse new requests, let those under way end in their grace, and ``stop``.

        Args:
            notice_seconds: how long to listen on, so that balancers hear of it. A bridge that has
                nothing under way, and whose readiness nobody asks for, does not.
            grace_seconds: how long requests may go on.
            at_once: cuts that short when it is set.
        """
        self.refuse_new_calls()
        notice = asyncio.create_task(self._give_notice(notice_seconds))
        ended = asyncio.create_task(self._ended(notice))
        hurry = asyncio.create_task(at_once.wait())
        await asyncio.wait(
            (ended, hurry), timeout=grace_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for waiting in (notice, ended, hurry):
            waiting.cancel()
        await self.stop()

    async def _give_notice(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.close()

    async def _ended(self, notice: "asyncio.Task[None]") -> None:
        await self.idle()
        if self._under_way.is_watched():
            await notice


async def start_listener(
    app: web.Application,
    settings: BridgeSettings,
    *,
    reuse_port: bool = False,
    sock: socket.socket | None = None,
) -> BridgeListener:
    """Serve ``app`` at ``settings.rest_listen``, or on a socket that is bound already.

    Raises:
        OSError: the address can't be had.
    """
    if HttpRequestParser is HttpRequestParserPy:
        # Most of HTTP's smuggling tricks were found to work on the fallback.
        _log.warning("aiohttp runs without its C parser")
    runner = web.AppRunner(
        app,
        # A client that goes away cancels its handler, and that the call to the server.
        handler_cancellation=True,
        shutdown_timeout=_TELLING_SECONDS,
    )
    await runner.setup()
    manager = runner.server
    assert manager is not None  # noqa: S101 - what setup() is for
    loop = asyncio.get_running_loop()
    connection = functools.partial(
        GuardedConnection,
        manager,
        limits=ConnectionLimits(
            connections_max=settings.connections_max,
            per_address_max=settings.connections_per_address_max,
        ),
        settings=settings,
        loop=loop,
        keepalive_timeout=settings.keepalive_seconds,
        lingering_time=settings.linger_seconds,
        max_line_size=settings.head_bytes_max,
        max_field_size=settings.head_bytes_max,
        # Compressed bodies are refused; nobody gets to inflate them before that.
        auto_decompress=False,
        access_log=None,
    )
    try:
        if sock is not None:
            server = await loop.create_server(connection, sock=sock, backlog=_BACKLOG)
        else:
            host, port = split_listen(settings.rest_listen)
            try:
                server = await loop.create_server(
                    connection, host, port, reuse_port=reuse_port or None, backlog=_BACKLOG
                )
            except OSError as error:
                listen = settings.rest_listen
                raise cannot_listen(listen, "TOKENSMITH_REST_LISTEN", error) from error
    except BaseException:
        await runner.cleanup()
        raise
    return BridgeListener(runner, server, app[UNDER_WAY])
