"""The one layer around every endpoint: record, errors, metrics, access log.

It is one because each layer of aiohttp's costs on every request.
"""

import asyncio
from collections.abc import Sequence

import structlog
from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Handler

from tokensmith_bridge import metrics
from tokensmith_bridge.backend import Backend
from tokensmith_bridge.call import CALL, Call, call_metadata
from tokensmith_bridge.openai.errors import BridgeReason, MoneyFacts, Refusal
from tokensmith_bridge.replies import error_reply
from tokensmith_bridge.routes import near_path
from tokensmith_bridge.server_errors import ServerRefusal

_log = structlog.get_logger("tokensmith.bridge")
_access_log = structlog.get_logger("tokensmith.access")

_NO_ROUTE = "unknown"


class Outermost:
    """Wraps every endpoint; ``handle`` is an aiohttp middleware."""

    def __init__(self, backend: Backend, *, paths: Sequence[str], key_check_seconds: float) -> None:
        self._backend = backend
        self._paths = paths
        self._key_check_seconds = key_check_seconds

    @web.middleware
    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve one request: whatever happens, in OpenAI's shape."""
        call = Call(request.headers)
        request[CALL] = call
        status = 499
        metrics.REQUESTS_RUNNING.inc()
        try:
            response = await self._answer(request, call, handler)
            status = response.status
        except (asyncio.CancelledError, ConnectionError):
            metrics.CLIENTS_GONE.labels(_route_of(request)).inc()
            raise
        finally:
            metrics.REQUESTS_RUNNING.dec()
            self._note(request, call, status)
        return response

    async def _answer(
        self, request: web.Request, call: Call, handler: Handler
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            return await self._refuse(request, call, refusal)
        except web.HTTPException as error:
            return self._refuse_http(request, call, error)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception:
            _log.exception("request failed", request_id=call.request_id)
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
                refusal.money = await self._balance(request, call)
            except Refusal as wrong_key:
                refusal = wrong_key
        call.reason = refusal.reason
        call.charged_microcredits = refusal.money.charged_microcredits
        return error_reply(call, refusal)

    async def _balance(self, request: web.Request, call: Call) -> MoneyFacts:
        metadata = call_metadata(request.headers, call.request_id)
        return await self._backend.check_key(metadata, seconds=self._key_check_seconds)

    def _refuse_http(
        self, request: web.Request, call: Call, error: web.HTTPException
    ) -> web.StreamResponse:
        """Answer what aiohttp itself refuses: paths and methods."""
        more_headers: list[tuple[str, str]] = []
        if isinstance(error, web.HTTPNotFound):
            refusal = self._unknown_path(request)
        elif isinstance(error, web.HTTPMethodNotAllowed):
            allowed = ", ".join(sorted(error.allowed_methods))
            more_headers.append(("Allow", allowed))
            refusal = Refusal(
                BridgeReason.METHOD_NOT_ALLOWED,
                f"{request.path[:200]} does not take {request.method[:20]}, but {allowed}.",
            )
        else:
            refusal = Refusal(BridgeReason.MALFORMED_HTTP, "The request breaks the rules of HTTP.")
        call.reason = refusal.reason
        return error_reply(call, refusal, more_headers=more_headers)

    def _unknown_path(self, request: web.Request) -> Refusal:
        meant = near_path(request.path, self._paths)
        hint = f" Did you mean {meant}?" if meant else ""
        return Refusal(
            BridgeReason.PATH_NOT_FOUND,
            f"There is nothing at {request.method[:20]} {request.path[:200]}.{hint}",
        )

    def _note(self, request: web.Request, call: Call, status: int) -> None:
        """Count and log a request that is over. No bodies, no keys, no addresses."""
        route = _route_of(request)
        seconds = call.seconds()
        metrics.REQUESTS.labels(route, status).inc()
        metrics.REQUEST_SECONDS.labels(route).observe(seconds)
        if call.first_frame_seconds is not None:
            metrics.FIRST_FRAME_SECONDS.labels(route).observe(call.first_frame_seconds)
        _access_log.info(
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


async def meet_expectation(request: web.Request) -> web.StreamResponse | None:
    """Tell a client that asks first to go on. aiohttp calls this before any middleware."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        if request.version == HttpVersion11:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # It is no part of the answer, which may still be an error.
            request.writer.output_size = 0
        return None
    refusal = Refusal(
        BridgeReason.EXPECTATION_FAILED, "The header 'Expect' may only be '100-continue'."
    )
    metrics.REQUESTS.labels(_route_of(request), refusal.row.status).inc()
    return error_reply(Call(request.headers), refusal)


def _route_of(request: web.Request) -> str:
    """The path's pattern, so that metrics have few labels."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else _NO_ROUTE
