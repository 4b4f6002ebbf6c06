"""From a Gemini error to ``ProviderError``. Pure.

The body is ``{"error": {"code", "message", "status", "details": [...]}}`` (google.rpc.Status),
alone or wrapped in a list of one. Only what the client can act on repeats Google's words, redacted;
the rest gets fixed ones, because those words name the operator's project, quota and key.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError
from tokensmith_server.providers.redaction import REDACT_PATTERNS, Redactor

_MESSAGES: Final = {
    ErrorKind.INVALID_REQUEST: "The provider refused the request as malformed.",
    ErrorKind.CONTEXT_LENGTH: "The request is too long for the model.",
    ErrorKind.CONTENT_REFUSED: "The provider's safety system refused this content.",
    ErrorKind.RATE_LIMITED: "The provider asks to slow down.",
    ErrorKind.OVERLOADED: "The provider failed or is overloaded.",
    ErrorKind.TIMEOUT: "The provider did not answer in time.",
    ErrorKind.CONNECTION: "The provider broke off.",
    ErrorKind.MODEL_UNAVAILABLE: "The provider does not serve this model now.",
    ErrorKind.OPERATOR_AUTH: "The provider refused this gateway's own credentials.",
    ErrorKind.OPERATOR_CREDIT: "This gateway's account with the provider is out of credit.",
    ErrorKind.MALFORMED_RESPONSE: "The provider's answer made no sense.",
    ErrorKind.UNKNOWN: "The provider failed without saying why.",
}

_BY_STATUS_NAME: Final = {
    "INVALID_ARGUMENT": ErrorKind.INVALID_REQUEST,
    "OUT_OF_RANGE": ErrorKind.INVALID_REQUEST,
    # Region not served, billing not enabled, API not switched on: all the operator's.
    "FAILED_PRECONDITION": ErrorKind.OPERATOR_AUTH,
    "UNAUTHENTICATED": ErrorKind.OPERATOR_AUTH,
    "PERMISSION_DENIED": ErrorKind.OPERATOR_AUTH,
    "NOT_FOUND": ErrorKind.MODEL_UNAVAILABLE,
    "UNIMPLEMENTED": ErrorKind.MODEL_UNAVAILABLE,
    "RESOURCE_EXHAUSTED": ErrorKind.RATE_LIMITED,
    "DEADLINE_EXCEEDED": ErrorKind.TIMEOUT,
    "UNAVAILABLE": ErrorKind.OVERLOADED,
    "INTERNAL": ErrorKind.OVERLOADED,
    "ABORTED": ErrorKind.OVERLOADED,
    "CANCELLED": ErrorKind.OVERLOADED,
}
_BY_CODE: Final = {
    401: ErrorKind.OPERATOR_AUTH,
    402: ErrorKind.OPERATOR_CREDIT,
    403: ErrorKind.OPERATOR_AUTH,
    404: ErrorKind.MODEL_UNAVAILABLE,
    408: ErrorKind.TIMEOUT,
    409: ErrorKind.OVERLOADED,
    410: ErrorKind.MODEL_UNAVAILABLE,
    429: ErrorKind.RATE_LIMITED,
    499: ErrorKind.OVERLOADED,
    504: ErrorKind.TIMEOUT,
}
# Where a proxy in front of Google says 503, or Google itself: it did not begin.
_NOT_BEGUN: Final = frozenset({503})

_KEY_REASON: Final = re.compile(r"API_KEY_|ACCESS_TOKEN_|CONSUMER_|SERVICE_DISABLED")
_KEY_TEXT: Final = re.compile(r"\bAPI key (?:not valid|not found|expired)\b", re.IGNORECASE)
_BILLING_TEXT: Final = re.compile(
    r"\bbilling (?:to be|is|not|account)\b|\benable billing\b", re.IGNORECASE
)
_LENGTH_TEXT: Final = re.compile(
    r"\btoken count\b.{0,40}\bexceeds?\b|\bexceeds? the maximum number of (?:input )?tokens\b"
    r"|\b(?:prompt|input|request) is too (?:long|large)\b",
    re.IGNORECASE,
)
# What waiting for minutes won't mend. "You exceeded your current quota" serves for a limit by the
# minute too, which then says when to try again; without that, the limit is the day's or the
# account's (gke-labs/gemini-for-kubernetes-development #1215).
_SPENT_TEXT: Final = re.compile(
    r"\bcredits? (?:are|is|balance)\b|\bspend(?:ing)? (?:cap|limit)\b|\bprepa(?:id|y)",
    re.IGNORECASE,
)
_QUOTA_TEXT: Final = re.compile(r"\bexceeded your current quota\b", re.IGNORECASE)
_RETRY_TEXT: Final = re.compile(r"\bPlease retry in (\d{1,6}(?:\.\d{1,12})?s)")
_DELAY: Final = re.compile(r"(\d{1,6}(?:\.\d{1,12})?)s")
_DAY_SECONDS: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What an error body says."""

    message: str = ""
    status: str = ""
    """The name of a google.rpc.Code, like INVALID_ARGUMENT."""
    code: int | None = None
    reason: str = ""
    """The reason of its ErrorInfo, like API_KEY_INVALID."""
    retry_after_seconds: float | None = None
    quotas: tuple[str, ...] = ()
    """Ids of the quotas that were passed, like GenerateRequestsPerDayPerProjectPerModel."""


def read_error_facts(body: bytes | msgspec.Raw) -> ErrorFacts:
    """Read an error body; one that is no JSON object says nothing."""
    try:
        payload = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ErrorFacts()
    if isinstance(payload, list) and payload:
        payload = payload[0]
    error = payload.get("error") if isinstance(payload, dict) else None
    if not isinstance(error, dict):
        return ErrorFacts()
    code, message = error.get("code"), _text(error.get("message"))
    reason, delay, quotas = _details(error.get("details"))
    told = _RETRY_TEXT.search(message)
    if delay is None and told:
        delay = _seconds(told[1])
    return ErrorFacts(
        message=message,
        status=_text(error.get("status")),
        code=code if isinstance(code, int) and 400 <= code <= 599 else None,
        reason=reason,
        retry_after_seconds=delay,
        quotas=quotas,
    )


def _details(details: object) -> tuple[str, float | None, tuple[str, ...]]:
    reason, delay, quotas = "", None, []
    for detail in _objects(details):
        match _text(detail.get("@type")).rpartition(".")[2]:
            case "ErrorInfo":
                reason = _text(detail.get("reason"))
            case "RetryInfo":
                delay = _seconds(detail.get("retryDelay"))
            case "QuotaFailure":
                quotas += [_text(v.get("quotaId")) for v in _objects(detail.get("violations"))]
    return reason, delay, tuple(quotas)


def _objects(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: object) -> float | None:
    """Read a google.protobuf.Duration as JSON has it, like "34.07s"; at most a day."""
    match = _DELAY.fullmatch(value) if isinstance(value, str) else None
    seconds = float(match[1]) if match else None
    return seconds if seconds is not None and seconds <= _DAY_SECONDS else None


def classify(http_status: int, facts: ErrorFacts) -> ErrorKind:
    """Decide who must act on an error. ``http_status`` may be 200: errors come inside those too.

    Google's text decides only where its statuses are ambiguous, since a text can repeat what a
    client wrote.
    """
    code = facts.code or http_status
    if facts.reason == "BILLING_DISABLED":
        return ErrorKind.OPERATOR_CREDIT
    if code < 500 and _KEY_REASON.match(facts.reason):
        return ErrorKind.OPERATOR_AUTH
    kind = _BY_STATUS_NAME.get(facts.status) or _kind_by_code(code)
    if kind is ErrorKind.INVALID_REQUEST:
        return _kind_of_invalid(facts.message)
    if kind is ErrorKind.RATE_LIMITED and _is_spent(facts):
        return ErrorKind.OPERATOR_CREDIT
    if facts.status == "FAILED_PRECONDITION" and _BILLING_TEXT.search(facts.message):
        return ErrorKind.OPERATOR_CREDIT
    return kind


def _kind_by_code(code: int) -> ErrorKind:
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code >= 500:
        return ErrorKind.OVERLOADED
    if code >= 400:
        return ErrorKind.INVALID_REQUEST
    return ErrorKind.MALFORMED_RESPONSE if code >= 300 else ErrorKind.UNKNOWN


def _kind_of_invalid(message: str) -> ErrorKind:
    if _KEY_TEXT.match(message):
        return ErrorKind.OPERATOR_AUTH
    if _LENGTH_TEXT.search(message):
        return ErrorKind.CONTEXT_LENGTH
    return ErrorKind.INVALID_REQUEST


def _is_spent(facts: ErrorFacts) -> bool:
    """Whether a 429 is about a day's or the account's allowance, as against a minute's."""
    if any("PerDay" in quota for quota in facts.quotas) or _SPENT_TEXT.search(facts.message):
        return True
    return _QUOTA_TEXT.search(facts.message) is not None and facts.retry_after_seconds is None


def error_from_body(
    http_status: int,
    body: bytes | msgspec.Raw,
    *,
    redact: Redactor = REDACT_PATTERNS,
    retry_after_seconds: float | None = None,
) -> ProviderError:
    """Make the error of an answer. Its phase is ANSWERED; in mid-stream the caller changes it.

    ``retry_after_seconds`` is what the headers say; the body's RetryInfo goes before it.
    """
    facts = read_error_facts(body)
    kind = classify(http_status, facts)
    message = _MESSAGES[kind]
    if kind is ErrorKind.INVALID_REQUEST and facts.message:
        message = redact(facts.message) or message
    if facts.retry_after_seconds is not None:
        retry_after_seconds = facts.retry_after_seconds
    return ProviderError(
        kind,
        message,
        phase=Phase.ANSWERED,
        http_status=http_status,
        code=redact.code_or_none(facts.reason or facts.status),
        retry_after_seconds=retry_after_seconds,
        may_have_run=_may_have_run(facts.code or http_status, kind),
    )


def _may_have_run(code: int, kind: ErrorKind) -> bool:
    if code < 300:
        return kind not in (ErrorKind.INVALID_REQUEST, ErrorKind.RATE_LIMITED)
    return (code >= 500 and code not in _NOT_BEGUN) or code in (408, 499)


def prompt_blocked(reason: str, *, redact: Redactor = REDACT_PATTERNS) -> ProviderError:
    """Make the error of a prompt that was blocked: a 200 without any candidate."""
    return ProviderError(
        ErrorKind.CONTENT_REFUSED,
        _MESSAGES[ErrorKind.CONTENT_REFUSED],
        phase=Phase.ANSWERED,
        http_status=200,
        code=redact.code_or_none(reason),
    )


def no_answer(reason: str, *, redact: Redactor = REDACT_PATTERNS) -> ProviderError:
    """Make the error of an answer that ended for a bad reason, and says nothing.

    PUP_LIMITED_DISABLED means that Google has shut the operator's account.
    """
    account_shut = reason == "PUP_LIMITED_DISABLED"
    kind = ErrorKind.OPERATOR_AUTH if account_shut else ErrorKind.MALFORMED_RESPONSE
    return ProviderError(
        kind,
        _MESSAGES[kind],
        phase=Phase.ANSWERED,
        http_status=200,
        code=redact.code_or_none(reason),
        may_have_run=True,
    )
