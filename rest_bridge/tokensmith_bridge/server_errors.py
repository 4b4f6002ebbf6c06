"""From what gRPC raised to the refusal that the client gets."""

from collections.abc import Iterable
from typing import Final

import grpc
import grpc.aio

from tokensmith.errors import error_from_rpc
from tokensmith_bridge.openai.errors import BridgeReason, MoneyFacts, Refusal

_UNREACHABLE: Final = (
    BridgeReason.SERVER_UNREACHABLE,
    "The gateway can't reach its server right now. Try again in a moment.",
)
# What a status means that came without our ErrorInfo: from the transport, or from a proxy.
_BARE: Final[dict[grpc.StatusCode, tuple[str, str]]] = {
    grpc.StatusCode.UNAVAILABLE: _UNREACHABLE,
    # So a server that stops ends calls it has not taken yet; our own cancelling has no status.
    grpc.StatusCode.CANCELLED: _UNREACHABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: (
        "DEADLINE_EXCEEDED",
        "The answer was not ready within the time that the request allowed.",
    ),
    grpc.StatusCode.UNAUTHENTICATED: ("INVALID_API_KEY", "The API key is not valid."),
    grpc.StatusCode.PERMISSION_DENIED: ("PERMISSION_DENIED", "The API key may not do this."),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (
        "SERVER_OVERLOADED",
        "This server has too much to do right now. Try again in a moment.",
    ),
    grpc.StatusCode.UNIMPLEMENTED: ("METHOD_UNIMPLEMENTED", "This server can't do that yet."),
}
# How fields of the contract that a client can't see are called over REST.
_PARAMS: Final = {"request_id": "Idempotency-Key", "page_token": "page"}
_TOO_LARGE_TEXT: Final = "message larger than max"
_UNKNOWN: Final = ("INTERNAL", "Something went wrong on our side.")


class ServerRefusal(Refusal):
    """A refusal that the server made, so that the key has been checked already."""


def refusal_from_rpc(error: grpc.aio.AioRpcError) -> ServerRefusal:
    """Read status, reason and facts, and from the trailing metadata what the call cost."""
    typed = error_from_rpc(error)
    money = money_from_metadata(error.trailing_metadata() or ())
    headers = rate_limit_headers(error.initial_metadata() or ())
    if not typed.reason:
        reason, message = _BARE.get(error.code(), _UNKNOWN)
        if _TOO_LARGE_TEXT in (error.details() or ""):
            reason, message = "PAYLOAD_TOO_LARGE", "The request is larger than the server takes."
        return ServerRefusal(reason, message, money=money, headers=headers)
    return ServerRefusal(
        typed.reason,
        typed.message,
        param=_PARAMS.get(typed.metadata.get("param", "")),
        facts=typed.metadata,
        money=money,
        headers=headers,
        retry_after_ms=_retry_after_ms(typed.retry_after_seconds, typed.metadata),
    )


def _retry_after_ms(seconds: float | None, facts: dict[str, str]) -> int | None:
    if seconds is not None:
        return round(seconds * 1000)
    text = facts.get("retry_after_ms", "")
    return int(text) if text.isascii() and text.isdigit() else None


def rate_limit_headers(metadata: Iterable[tuple[str, str | bytes]]) -> list[tuple[str, str]]:
    """What initial metadata says of rate limits, which goes on as it is."""
    return [
        (key, value)
        for key, value in metadata
        if key.startswith("x-ratelimit-") and isinstance(value, str)
    ]


def money_from_metadata(metadata: Iterable[tuple[str, str | bytes]]) -> MoneyFacts:
    """What trailing metadata says of a call's money; where it says nothing, that is not known."""
    amounts = {
        key: int(value)
        for key, value in metadata
        if key in _MONEY_KEYS and isinstance(value, str) and value.isascii() and value.isdigit()
    }
    return MoneyFacts(
        held_microcredits=amounts.get("x-held-microcredits", 0),
        charged_microcredits=amounts.get("x-charged-microcredits", 0),
        balance_microcredits=amounts.get("x-balance-microcredits"),
        charge_is_known="x-charged-microcredits" in amounts,
    )


_MONEY_KEYS: Final = frozenset(
    {"x-held-microcredits", "x-charged-microcredits", "x-balance-microcredits"}
)
