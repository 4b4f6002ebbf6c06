"""The one layer around every endpoint: record, errors, metrics, access log.

It is put around the handlers themselves, since aiohttp's middlewares cost on every request.
"""

import asyncio
from collections.abc import Sequence

import structlog
from aiohttp import HttpVersion11, web

from tokensmith_bridge import metrics
from tokensmith_bridge.backend import Backend
from tokensmith_bridge.call import CALL, Call, call_metadata, speaks_anthropic
from tokensmith_bridge.openai.errors import BridgeReason, Refusal
from tokensmith_bridge.replies import error_reply, preflight_reply
from tokensmith_bridge.routes import Endpoint, Handler, near_path
from tokensmith_bridge.server_errors import ServerRefusal
from tokensmith_bridge.under_way import UnderWay, going_down

_log = structlog.get_logger("tokensmith.bridge")

# Of requests that match no endpoint; a label made of their paths would have no bounds.
_NO_ROUTE = "unknown"

_CLIENT_GONE_STATUS = 499

# Served to the end: a process that goes down is not to be killed for it.
_ALIVE_ROUTE = "/healthz"


class Outermost:
    """Makes handlers that answer in OpenAI's shape whatever happens, and leave a trace of it."""

    def __init__(self, backend: Backend, under_way: UnderWay, *, key_check_seconds: float) -> None:
        self._backend = backend
        self._under_way = under_way
        self._key_check_seconds = key_check_seconds
        self._access_log = structlog.get_logger("tokensmith.access").bind()

    def around(self, route: str, handler: Handler) -> Handler:
        """``handler`` with the layer around it; ``route`` names it in metrics and log."""
        numbers = metrics.RouteMetrics(route)
        under_way = self._under_way

        async def serve(request: web.Request) -> web.StreamResponse:
            call = Call(request.headers)
            call.speaks_anthropic = speaks_anthropic(request.path, request.headers)
            request[CALL] = call
            status = _CLIENT_GONE_STATUS
            numbers.begin()
            task = under_way.begin()
            try:
                response = await self._answer(request, call, handler, route)
                status = response.status
                if under_way.closing:
                    response.force_close()
            except (asyncio.CancelledError, ConnectionError):
                numbers.count_client_gone()
                raise
            finally:
                under_way.end(task)
                seconds = call.seconds()
                numbers.end(status, seconds, call.first_frame_seconds)
                self._write(request, route, call, status, seconds)
            return response

        return serve

    async def _answer(
        self, request: web.Request, call: Call, handler: Handler, route: str
    ) -> web.StreamResponse:
        if self._under_way.closing and route != _ALIVE_ROUTE:
            return await self._refuse(request, call, going_down())
        try:
            return await handler(request)
        except Refusal as refusal:
            return await self._refuse(request, call, refusal)
        except asyncio.CancelledError:
            if request.writer.output_size or not self._under_way.was_cut():
                raise
            return await self._refuse(request, call, going_down())
        except ConnectionError:
            raise
        except Exception:
            _log.exception("request failed", request_id=call.request_id)
            call.reason = "INTERNAL"
            text = f"Something went wrong on our side. Tell us the request id {call.request_id}."
            return error_reply(call, Refusal("INTERNAL", text))

    async def _refuse(
        self, request: web.Request, call: Call, refusal: Refusal
    ) -> web.StreamResponse:
        """Answer with an error. One of the bridge's own first has the key looked up.

        So a wrong key is told before anything else, and the balance is in the headers as always.
        """
        if not isinstance(refusal, ServerRefusal) and refusal.reason != "INVALID_API_KEY":
            try:
                await self._look_up_key(request, call, refusal)
            except Refusal as wrong_key:
                if refusal.concerns_caller:
                    refusal = wrong_key
        call.reason = refusal.reason
        call.charged_microcredits = refusal.money.charged_microcredits
        return error_reply(call, refusal)

    async def _look_up_key(self, request: web.Request, call: Call, refusal: Refusal) -> None:
        metadata = call_metadata(request.headers, call.request_id)
        facts = await self._backend.check_key(metadata, seconds=self._key_check_seconds)
        refusal.money = facts.money
        refusal.headers += facts.rate_limit_headers

    def _write(
        self, request: web.Request, route: str, call: Call, status: int, seconds: float
    ) -> None:
        """One line in the log for a request that is over. No bodies, no keys, no addresses."""
        self._access_log.info(
            "request",
            method=request.method,
            route=route,
            status=status,
            seconds=round(seconds, 6),
            request_id=call.request_id,
            client_request_id=call.client_request_id,
            model=call.model or None,
            stream=call.stream,
            reason=call.reason or None,
            charged_microcredits=call.charged_microcredits,
        )


class Nowhere:
    """Answers what no endpoint takes: unknown paths, and methods that a path does not have."""

    route = _NO_ROUTE

    def __init__(self, table: Sequence[Endpoint]) -> None:
        self._paths = [endpoint.path for endpoint in table]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Say what there is instead, where something is near."""
        allowed: set[str] = set()
        for resource in request.app.router.resources():
            allowed |= (await resource.resolve(request))[1]
        # aiohttp's word for any method: this handler's own.
        allowed.discard("*")
        if allowed and request.headers.get("Upgrade", "").lower() == "websocket":
            raise Refusal(BridgeReason.NO_WEBSOCKETS, "There are no WebSockets here: use POST.")
        if allowed and _is_preflight(request):
            return preflight_reply(request[CALL], allowed, request.headers)
        if allowed:
            listed = ", ".join(sorted(allowed))
            raise Refusal(
                BridgeReason.METHOD_NOT_ALLOWED,
                f"{request.path[:200]} does not take {request.method[:20]}, but {listed}.",
                headers=[("Allow", listed)],
            )
        meant = near_path(request.path, self._paths)
        hint = f" Did you mean {meant}?" if meant else ""
        raise Refusal(
            BridgeReason.PATH_NOT_FOUND,
            f"There is nothing at {request.method[:20]} {request.path[:200]}.{hint}",
        )


def _is_preflight(request: web.Request) -> bool:
    """Whether a browser asks if a page may make a call; it sends no key with that."""
    return (
        request.method == "OPTIONS"
        and request[CALL].from_browser
        and "Access-Control-Request-Method" in request.headers
    )


async def meet_expectation(request: web.Request) -> web.StreamResponse | None:
    """Tell a client that asks first to go on. aiohttp calls this before any handler."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        if request.version == HttpVersion11:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # It is no part of the answer, which may still be an error.
            request.writer.output_size = 0
        return None
    refusal = Refusal(
        BridgeReason.EXPECTATION_FAILED, "The header 'Expect' may only be '100-continue'."
    )
    metrics.REQUESTS.labels(_NO_ROUTE, refusal.row.status).inc()
    return error_reply(Call(request.headers), refusal)
