"""From Anthropic's error bodies to ``ProviderError``. Pure.

A body is ``{"type": "error", "error": {"type", "message"}, "request_id"}``; one from the edge can
be anything. Only what the client can act on repeats Anthropic's words, redacted; the rest gets
fixed ones, because those words name the operator's account and limits.
"""

import re
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
    ErrorKind.CONNECTION: "The provider broke off in the middle of its answer.",
    ErrorKind.MODEL_UNAVAILABLE: "The provider does not serve this model now.",
    ErrorKind.OPERATOR_AUTH: "The provider refused this gateway's own credentials.",
    ErrorKind.OPERATOR_CREDIT: "This gateway's account with the provider is out of credit.",
    ErrorKind.MALFORMED_RESPONSE: "The provider's answer made no sense.",
    ErrorKind.UNKNOWN: "The provider failed without saying why.",
}
_TOO_LARGE: Final = "The request is larger than the provider takes."

_BY_STATUS: Final = {
    400: ErrorKind.INVALID_REQUEST,
    401: ErrorKind.OPERATOR_AUTH,
    402: ErrorKind.OPERATOR_CREDIT,
    403: ErrorKind.OPERATOR_AUTH,
    404: ErrorKind.MODEL_UNAVAILABLE,
    408: ErrorKind.TIMEOUT,
    409: ErrorKind.OVERLOADED,
    410: ErrorKind.MODEL_UNAVAILABLE,
    413: ErrorKind.INVALID_REQUEST,
    422: ErrorKind.INVALID_REQUEST,
    429: ErrorKind.RATE_LIMITED,
    504: ErrorKind.TIMEOUT,
    522: ErrorKind.TIMEOUT,
    524: ErrorKind.TIMEOUT,
}
# What decides where no status does: errors in a stream, or in the body of a 200.
_BY_TYPE: Final = {
    "invalid_request_error": ErrorKind.INVALID_REQUEST,
    "request_too_large": ErrorKind.INVALID_REQUEST,
    "authentication_error": ErrorKind.OPERATOR_AUTH,
    "permission_error": ErrorKind.OPERATOR_AUTH,
    "billing_error": ErrorKind.OPERATOR_CREDIT,
    "not_found_error": ErrorKind.MODEL_UNAVAILABLE,
    "conflict_error": ErrorKind.OVERLOADED,
    "rate_limit_error": ErrorKind.RATE_LIMITED,
    "api_error": ErrorKind.OVERLOADED,
    "overloaded_error": ErrorKind.OVERLOADED,
    "timeout_error": ErrorKind.TIMEOUT,
}
# Statuses by which a provider says that it did not begin.
_NOT_BEGUN: Final = frozenset({503, 529})

# An empty account and a spending limit are a 400 or 429 like any other: only the text tells.
_CREDIT_TEXT: Final = re.compile(
    r"credit balance is too low|\bspend(?:ing)? (?:limit|cap)|specified API usage limits"
    r"|purchase credits",
    re.IGNORECASE,
)
# A closed account, which is a 400 too (anthropics/claude-code #72457).
_CLOSED_TEXT: Final = re.compile(r"This organization has been disabled\b")
_LENGTH_TEXT: Final = re.compile(
    r"prompt is too long|exceeds? (?:the )?(?:model'?s )?(?:context|maximum context)"
    r"|context (?:limit|window|length)",
    re.IGNORECASE,
)
_CONTENT_TEXT: Final = re.compile(
    r"blocked by (?:our )?content filtering|content filtering policy|usage policy", re.IGNORECASE
)
_PATH: Final = re.compile(r"([a-z_]+)(?:\.[\w.-]+)?: ")
_PARAMS: Final = {
    "max_tokens": "max_completion_tokens",
    "messages": "messages",
    "output_config": "response_format",
    "stop_sequences": "stop",
    "system": "messages",
    "temperature": "temperature",
    "thinking": "reasoning_effort",
    "tool_choice": "tool_choice",
    "tools": "tools",
    "top_p": "top_p",
}


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What an error body says."""

    message: str = ""
    type: str = ""


def read_error_facts(body: bytes | msgspec.Raw) -> ErrorFacts:
    """Read an error body, or the error object by itself; anything else says nothing."""
    try:
        payload = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ErrorFacts()
    if isinstance(payload, dict) and isinstance(payload.get("error"), dict):
        payload = payload["error"]
    if not isinstance(payload, dict):
        return ErrorFacts()
    return ErrorFacts(_text(payload.get("message")), _text(payload.get("type")))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def classify(status: int, facts: ErrorFacts) -> ErrorKind:
    """Decide who must act on an error. ``status`` may be 200: errors come inside those too.

    Texts decide only among client errors, since a text can repeat what a client wrote.
    """
    if status < 300:
        kind = _BY_TYPE.get(facts.type, ErrorKind.UNKNOWN)
    elif status < 400:
        kind = ErrorKind.MALFORMED_RESPONSE
    elif status >= 500:
        kind = _BY_STATUS.get(status, ErrorKind.OVERLOADED)
    else:
        kind = _BY_STATUS.get(status, ErrorKind.INVALID_REQUEST)
    if kind is ErrorKind.RATE_LIMITED and _CREDIT_TEXT.search(facts.message):
        return ErrorKind.OPERATOR_CREDIT
    return _kind_by_text(facts.message) if kind is ErrorKind.INVALID_REQUEST else kind


def _kind_by_text(message: str) -> ErrorKind:
    # A path at the beginning means that a field is named, whatever else the text repeats.
    if _LENGTH_TEXT.search(message) and not message.startswith(("messages.", "tools.")):
        return ErrorKind.CONTEXT_LENGTH
    if _PATH.match(message):
        return ErrorKind.INVALID_REQUEST
    if _CLOSED_TEXT.match(message):
        return ErrorKind.OPERATOR_AUTH
    if _CREDIT_TEXT.search(message):
        return ErrorKind.OPERATOR_CREDIT
    return ErrorKind.CONTENT_REFUSED if _CONTENT_TEXT.search(message) else ErrorKind.INVALID_REQUEST


def error_from_body(
    status: int,
    body: bytes | msgspec.Raw,
    *,
    redact: Redactor = REDACT_PATTERNS,
    retry_after_seconds: float | None = None,
    upstream_request_id: str | None = None,
) -> ProviderError:
    """Make the error of an answer. Its phase is ANSWERED; in mid-stream the caller changes it."""
    facts = read_error_facts(body)
    kind = classify(status, facts)
    message, param = _MESSAGES[kind], None
    if status == 413 or facts.type == "request_too_large":
        message = _TOO_LARGE
    elif kind is ErrorKind.INVALID_REQUEST and facts.message:
        message = redact(facts.message) or message
        path = _PATH.match(facts.message)
        param = _PARAMS.get(path[1]) if path else None
    return ProviderError(
        kind,
        message,
        phase=Phase.ANSWERED,
        http_status=status,
        param=param,
        code=redact.code_or_none(facts.type),
        retry_after_seconds=retry_after_seconds,
        may_have_run=_may_have_run(status, kind),
        upstream_request_id=upstream_request_id,
    )


def _may_have_run(status: int, kind: ErrorKind) -> bool:
    if status < 300:
        return kind not in (ErrorKind.INVALID_REQUEST, ErrorKind.RATE_LIMITED)
    return (status >= 500 and status not in _NOT_BEGUN) or status == 408
