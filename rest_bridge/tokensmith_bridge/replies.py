"""Answers and their headers. Every answer of the bridge is made here."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy, istr

from tokensmith.credits import format_credits
from tokensmith_bridge.anthropic.errors import anthropic_error_body, anthropic_status
from tokensmith_bridge.call import Call
from tokensmith_bridge.openai.errors import FREE, MoneyFacts, Refusal, error_body, error_headers

ServerHeaders = Iterable[tuple[str, str | bytes]]

_REQUEST_ID: Final = istr("x-request-id")
_ANTHROPIC_REQUEST_ID: Final = istr("request-id")
_CLIENT_REQUEST_ID: Final = istr("X-Client-Request-Id")
_PROCESSING: Final = istr("openai-processing-ms")
_HELD: Final = istr("x-credits-held")
_CHARGED: Final = istr("x-credits-charged")
_BALANCE: Final = istr("x-credits-balance")
_REPLAYED: Final = istr("Idempotent-Replayed")

_COMMON: Final = {
    istr("Server"): "tokensmith",
    istr("X-Content-Type-Options"): "nosniff",
    istr("Content-Security-Policy"): "default-src 'none'; frame-ancestors 'none'",
}
_JSON: Final[CIMultiDict[str]] = CIMultiDict(
    _COMMON | {istr("Content-Type"): "application/json", istr("Cache-Control"): "no-store"}
)
_EVENTS: Final[CIMultiDict[str]] = CIMultiDict(
    _COMMON
    | {
        istr("Content-Type"): "text/event-stream; charset=utf-8",
        istr("Cache-Control"): "no-cache, no-store",
        # Keeps nginx from collecting frames.
        istr("X-Accel-Buffering"): "no",
    }
)

# Any page may call with a key of its own, and read what it gets. Credentials of the browser's own
# (cookies, client certificates) are never taken, so none are allowed.
_FOR_BROWSERS: Final = (
    (istr("Access-Control-Allow-Origin"), "*"),
    (istr("Access-Control-Expose-Headers"), "*"),
)
# How long a browser need not ask again.
_PREFLIGHT_SECONDS: Final = "7200"

# What the server says of rate limits goes on as it is.
_COPIED: Final = {
    f"x-ratelimit-{what}-{of}": istr(f"x-ratelimit-{what}-{of}")
    for what in ("limit", "remaining", "reset")
    for of in ("requests", "tokens")
}


class EventStream(web.StreamResponse):
    """A response of server-sent events, whose head leaves together with the first frames."""

    # aiohttp's own switch, which its unary Response uses too; one packet and one system call less.
    _send_headers_immediately = False


def json_reply(
    call: Call,
    body: bytes,
    *,
    server_headers: ServerHeaders = (),
    money: MoneyFacts = FREE,
    replayed: bool = False,
) -> web.Response:
    """A whole answer."""
    headers = _JSON.copy()
    _add_call_headers(headers, call, server_headers)
    headers[_HELD] = format_credits(money.held_microcredits)
    headers[_CHARGED] = format_credits(money.charged_microcredits)
    if money.balance_microcredits is not None:
        headers[_BALANCE] = format_credits(money.balance_microcredits)
    if replayed:
        headers[_REPLAYED] = "true"
    return web.Response(body=body, headers=headers)


def stream_reply(
    call: Call, *, server_headers: ServerHeaders, money: MoneyFacts, replayed: bool
) -> EventStream:
    """The head of a stream. Its charge is not known yet and comes in the last frames."""
    headers = _EVENTS.copy()
    _add_call_headers(headers, call, server_headers)
    headers[_HELD] = format_credits(money.held_microcredits)
    if money.balance_microcredits is not None:
        headers[_BALANCE] = format_credits(money.balance_microcredits)
    if replayed:
        headers[_REPLAYED] = "true"
    return EventStream(headers=headers)


def error_reply(call: Call, refusal: Refusal) -> web.Response:
    """An error in OpenAI's shape, or in Anthropic's for its clients, with what it cost."""
    if call.speaks_anthropic:
        body, status = anthropic_error_body(refusal, call.request_id), anthropic_status(refusal)
    else:
        body, status = error_body(refusal, call.request_id), refusal.row.status
    response = json_reply(call, body, money=refusal.money)
    response.set_status(status)
    response.headers.update(error_headers(refusal))
    response.headers.extend(refusal.headers)
    return response


def preflight_reply(
    call: Call, methods: Iterable[str], asked: "CIMultiDictProxy[str]"
) -> web.Response:
    """Allow a page to make a call, with whatever headers it wants to send."""
    headers = CIMultiDict(_COMMON)
    _add_call_headers(headers, call, ())
    headers["Access-Control-Allow-Methods"] = ", ".join(sorted(methods))
    # A star would not stand for `Authorization`.
    headers["Access-Control-Allow-Headers"] = asked.get("Access-Control-Request-Headers", "*")
    headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
    return web.Response(status=204, headers=headers)


def _add_call_headers(
    headers: "CIMultiDict[str]", call: Call, server_headers: ServerHeaders
) -> None:
    headers[_PROCESSING] = str(int(call.seconds() * 1000))
    for key, value in server_headers:
        name = _COPIED.get(key)
        if name is not None and isinstance(value, str):
            headers[name] = value
        elif key == "x-request-id" and isinstance(value, str) and value:
            call.request_id = value
    headers[_REQUEST_ID] = call.request_id
    if call.from_browser:
        headers.extend(_FOR_BROWSERS)
    if call.speaks_anthropic:
        headers[_ANTHROPIC_REQUEST_ID] = call.request_id
    if call.client_request_id is not None:
        headers[_CLIENT_REQUEST_ID] = call.client_request_id
