"""The one table from reasons to what an OpenAI client sees: status, type, code, whether to retry.

Reasons are the contract's ``ErrorReason`` names without their prefix, and the few that only a
bridge has (``BridgeReason``). OpenAI's own types and codes are used where it has one for the case.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from tokensmith.credits import format_credits


class BridgeReason(StrEnum):
    """Why the bridge itself refuses, where the contract has no reason for it."""

    MALFORMED_JSON = "MALFORMED_JSON"
    INVALID_TYPE = "INVALID_TYPE"
    MISSING_PARAMETER = "MISSING_PARAMETER"
    INVALID_HEADER = "INVALID_HEADER"
    PATH_NOT_FOUND = "PATH_NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NO_WEBSOCKETS = "NO_WEBSOCKETS"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    EXPECTATION_FAILED = "EXPECTATION_FAILED"
    BODY_TIMEOUT = "BODY_TIMEOUT"
    MALFORMED_HTTP = "MALFORMED_HTTP"
    SERVER_UNREACHABLE = "SERVER_UNREACHABLE"
    HEAD_TOO_LARGE = "HEAD_TOO_LARGE"
    PREVIOUS_RESPONSE_NOT_FOUND = "PREVIOUS_RESPONSE_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """What a client sees of a reason. ``retry`` becomes ``x-should-retry``, which SDKs obey."""

    status: int
    type: str
    code: str
    retry: bool


SILENT_WAIT_MS_MAX: Final = 20_000
"""SDKs obey ``retry-after`` without a word to whoever waits for them."""

_REQUEST: Final = "invalid_request_error"
_SERVICE: Final = "service_unavailable_error"
_SERVER: Final = "server_error"
_RATE: Final = "rate_limit_error"

# Retried by OpenAI's SDKs unless told: 408, 409, 429 and from 500 on. "Yes" where nothing was begun
# or the contract says that a repeat is safe and free; "no" where it can't help, or where the call
# may have run.
ERROR_TABLE: Final[Mapping[str, ErrorRow]] = {
    "UNSPECIFIED": ErrorRow(500, _SERVER, "internal_error", retry=False),
    "INVALID_ARGUMENT": ErrorRow(400, _REQUEST, "invalid_value", retry=False),
    "UNKNOWN_PARAMETER": ErrorRow(400, _REQUEST, "unknown_parameter", retry=False),
    "UNSUPPORTED_PARAMETER": ErrorRow(400, _REQUEST, "unsupported_parameter", retry=False),
    "MODEL_NOT_FOUND": ErrorRow(404, _REQUEST, "model_not_found", retry=False),
    "MODEL_RETIRED": ErrorRow(404, _REQUEST, "model_retired", retry=False),
    "MODEL_KIND_MISMATCH": ErrorRow(400, _REQUEST, "model_kind_mismatch", retry=False),
    "CONTEXT_LENGTH_EXCEEDED": ErrorRow(400, _REQUEST, "context_length_exceeded", retry=False),
    "PAYLOAD_TOO_LARGE": ErrorRow(413, _REQUEST, "payload_too_large", retry=False),
    "INVALID_API_KEY": ErrorRow(401, _REQUEST, "invalid_api_key", retry=False),
    "PERMISSION_DENIED": ErrorRow(403, "permission_error", "permission_denied", retry=False),
    "INSUFFICIENT_CREDITS": ErrorRow(402, "billing_error", "insufficient_credits", retry=False),
    "RATE_LIMIT_EXCEEDED": ErrorRow(429, _RATE, "rate_limit_exceeded", retry=True),
    "SERVER_OVERLOADED": ErrorRow(503, _SERVICE, "server_is_overloaded", retry=True),
    "LEDGER_UNAVAILABLE": ErrorRow(503, _SERVICE, "ledger_unavailable", retry=True),
    "SHUTTING_DOWN": ErrorRow(503, _SERVICE, "shutting_down", retry=True),
    "CONTENT_REFUSED": ErrorRow(400, _REQUEST, "content_policy_violation", retry=False),
    "UPSTREAM_REJECTED": ErrorRow(400, _REQUEST, "upstream_rejected", retry=False),
    "UPSTREAM_UNAVAILABLE": ErrorRow(503, _SERVICE, "upstream_unavailable", retry=True),
    "UPSTREAM_RATE_LIMITED": ErrorRow(429, _RATE, "upstream_rate_limited", retry=True),
    "UPSTREAM_TIMEOUT": ErrorRow(504, _SERVER, "upstream_timeout", retry=False),
    "UPSTREAM_INVALID_RESPONSE": ErrorRow(502, _SERVER, "upstream_invalid_response", retry=True),
    "STREAM_INTERRUPTED": ErrorRow(502, _SERVER, "stream_interrupted", retry=False),
    "RESULT_UNKNOWN": ErrorRow(502, _SERVER, "result_unknown", retry=False),
    "IDEMPOTENCY_KEY_REUSED": ErrorRow(400, _REQUEST, "idempotency_key_reused", retry=False),
    "IDEMPOTENCY_IN_PROGRESS": ErrorRow(409, _REQUEST, "idempotency_in_progress", retry=True),
    "RESULT_NOT_REPLAYABLE": ErrorRow(409, _REQUEST, "result_not_replayable", retry=False),
    "REQUEST_NOT_FOUND": ErrorRow(404, _REQUEST, "request_not_found", retry=False),
    "KEY_NOT_FOUND": ErrorRow(404, _REQUEST, "key_not_found", retry=False),
    "VIDEO_NOT_FOUND": ErrorRow(404, _REQUEST, "video_not_found", retry=False),
    "VIDEO_NOT_READY": ErrorRow(409, _REQUEST, "video_not_ready", retry=False),
    "MEDIA_NOT_FOUND": ErrorRow(404, _REQUEST, "media_not_found", retry=False),
    "MEDIA_TYPE_UNSUPPORTED": ErrorRow(415, _REQUEST, "media_type_unsupported", retry=False),
    "MEDIA_DIGEST_MISMATCH": ErrorRow(400, _REQUEST, "media_digest_mismatch", retry=False),
    "MEDIA_QUOTA_EXCEEDED": ErrorRow(403, _REQUEST, "media_quota_exceeded", retry=False),
    "PACK_NOT_FOUND": ErrorRow(404, _REQUEST, "pack_not_found", retry=False),
    "CHECKOUT_NOT_FOUND": ErrorRow(404, _REQUEST, "checkout_not_found", retry=False),
    "STATEMENT_NOT_FOUND": ErrorRow(404, _REQUEST, "statement_not_found", retry=False),
    "RESPONSE_NOT_FOUND": ErrorRow(404, _REQUEST, "response_not_found", retry=False),
    "DEADLINE_EXCEEDED": ErrorRow(504, _SERVER, "deadline_exceeded", retry=True),
    "CANCELLED": ErrorRow(499, _REQUEST, "cancelled", retry=False),
    "METHOD_UNIMPLEMENTED": ErrorRow(501, _SERVER, "unimplemented", retry=False),
    "INTERNAL": ErrorRow(500, _SERVER, "internal_error", retry=False),
    BridgeReason.MALFORMED_JSON: ErrorRow(400, _REQUEST, "invalid_json", retry=False),
    BridgeReason.INVALID_TYPE: ErrorRow(400, _REQUEST, "invalid_type", retry=False),
    BridgeReason.MISSING_PARAMETER: ErrorRow(
        400, _REQUEST, "missing_required_parameter", retry=False
    ),
    BridgeReason.INVALID_HEADER: ErrorRow(400, _REQUEST, "invalid_header", retry=False),
    BridgeReason.PATH_NOT_FOUND: ErrorRow(404, _REQUEST, "unknown_url", retry=False),
    BridgeReason.METHOD_NOT_ALLOWED: ErrorRow(405, _REQUEST, "method_not_allowed", retry=False),
    # On 426 clients that try WebSockets first, as Codex does, turn to HTTP at once.
    BridgeReason.NO_WEBSOCKETS: ErrorRow(426, _REQUEST, "websockets_not_served", retry=False),
    BridgeReason.UNSUPPORTED_MEDIA_TYPE: ErrorRow(
        415, _REQUEST, "unsupported_media_type", retry=False
    ),
    BridgeReason.EXPECTATION_FAILED: ErrorRow(417, _REQUEST, "expectation_failed", retry=False),
    BridgeReason.BODY_TIMEOUT: ErrorRow(408, _REQUEST, "request_timeout", retry=True),
    BridgeReason.MALFORMED_HTTP: ErrorRow(400, _REQUEST, "malformed_http", retry=False),
    BridgeReason.SERVER_UNREACHABLE: ErrorRow(503, _SERVICE, "server_unreachable", retry=True),
    BridgeReason.HEAD_TOO_LARGE: ErrorRow(431, _REQUEST, "headers_too_large", retry=False),
    BridgeReason.PREVIOUS_RESPONSE_NOT_FOUND: ErrorRow(
        400, _REQUEST, "previous_response_not_found", retry=False
    ),
}

_NOBODYS: Final = frozenset(
    {
        "INVALID_API_KEY",
        BridgeReason.PATH_NOT_FOUND,
        BridgeReason.METHOD_NOT_ALLOWED,
        BridgeReason.NO_WEBSOCKETS,
    }
)


@dataclass(frozen=True, slots=True)
class MoneyFacts:
    """What a failed call cost, in micro-credits. ``balance`` is None where it was not said.

    ``charge_is_known`` is False of a call that was begun, and of whose end nobody has told.
    """

    held_microcredits: int = 0
    charged_microcredits: int = 0
    balance_microcredits: int | None = None
    charge_is_known: bool = True


FREE: Final = MoneyFacts()
UNTOLD: Final = MoneyFacts(charge_is_known=False)


class Refusal(Exception):
    """A call that is answered with an error.

    Args:
        reason: a key of ``ERROR_TABLE``; one that is not in it (a newer server's) shows as a 500.
        message: for people; never has internals in it.
        param: the request's field at fault, as ``messages[0].content``.
        facts: the contract's metadata for this reason.
        money: what it cost.
        retry_after_ms: when a retry makes sense.
        headers: further ones for the answer, as of rate limits.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        param: str | None = None,
        facts: Mapping[str, str] | None = None,
        money: MoneyFacts = FREE,
        retry_after_ms: int | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.row = ERROR_TABLE.get(reason, ERROR_TABLE["UNSPECIFIED"])
        self.message = message
        self.facts = facts or {}
        self.param = param or self.facts.get("param")
        self.money = money
        self.retry_after_ms = retry_after_ms
        self.headers = tuple(headers)

    @property
    def concerns_caller(self) -> bool:
        """Whether it is about somebody's request: there is a key, and a path that takes one."""
        return self.reason not in _NOBODYS

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


def credits_number(microcredits: int) -> msgspec.Raw:
    """Credits as a JSON number with at most six places, written from the integer."""
    return msgspec.Raw(format_credits(microcredits).encode())


def error_body(refusal: Refusal, request_id: str, *, in_stream: bool = False) -> bytes:
    """The JSON of an error: OpenAI's four fields, ours beside them, and the request id."""
    error: dict[str, object] = {
        "message": error_message(refusal),
        "type": refusal.row.type,
        "param": refusal.param,
        "code": refusal.row.code,
        **money_of_error(refusal, in_stream=in_stream),
    }
    return msgspec.json.encode({"error": error, "request_id": request_id})


def money_of_error(refusal: Refusal, *, in_stream: bool = False) -> dict[str, msgspec.Raw]:
    """What an error says of money, in credits: what was needed and is there, and what it cost.

    In a stream it says that it was free, too: its headers left before that was known.
    """
    money: dict[str, msgspec.Raw] = {}
    if refusal.reason == "INSUFFICIENT_CREDITS":
        for name in ("required", "available"):
            amount = _amount(refusal.facts, f"{name}_microcredits")
            if amount is not None:
                money[name] = credits_number(amount)
    if refusal.money.charged_microcredits or (in_stream and refusal.money.charge_is_known):
        money["charged"] = credits_number(refusal.money.charged_microcredits)
    return money


def error_headers(refusal: Refusal) -> dict[str, str]:
    """The headers that tell SDKs whether, and when, to try again.

    A provider that is away for longer than anybody waits in silence is not worth an SDK's retry:
    it is told not to, and people when.
    """
    retry = refusal.row.retry and not _is_away(refusal)
    headers = {"x-should-retry": "true" if retry else "false"}
    if refusal.row.retry and refusal.retry_after_ms is not None:
        headers["retry-after-ms"] = str(refusal.retry_after_ms)
        headers["retry-after"] = str(-(-refusal.retry_after_ms // 1000))
    return headers


def _is_away(refusal: Refusal) -> bool:
    wait_ms = refusal.retry_after_ms or 0
    return refusal.reason.startswith("UPSTREAM_") and wait_ms > SILENT_WAIT_MS_MAX


def error_message(refusal: Refusal) -> str:
    """What an error says to people."""
    facts = refusal.facts
    if refusal.reason == "INSUFFICIENT_CREDITS":
        required = _amount(facts, "required_microcredits")
        available = _amount(facts, "available_microcredits")
        if required is not None and available is not None:
            return (
                f"This call needs at least {format_credits(required)} credits and "
                f"{format_credits(available)} are available. Add credits, or ask for less output. "
                "You were not charged."
            )
    if refusal.reason == "MODEL_NOT_FOUND" and facts.get("model"):
        near = [name for name in facts.get("near_matches", "").split(",") if name]
        hint = f" Did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else ""
        return f"The model `{facts['model']}` does not exist.{hint} GET /v1/models lists them all."
    return refusal.message


def _amount(facts: Mapping[str, str], name: str) -> int | None:
    text = facts.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None
