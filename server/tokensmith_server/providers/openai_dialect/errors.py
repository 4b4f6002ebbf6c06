"""From a vendor's error body to ``ProviderError``. Pure.

Bodies come nested (``{"error": {"message", "type", "param", "code"}}``), flat (``{"code",
"error": "text"}`` at xAI, ``{"message"}`` or ``{"detail"}`` elsewhere) and as no JSON at all.
Only what the client can act on repeats the vendor's words, redacted; the rest gets fixed ones,
because those words name the operator's account, keys and limits.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError
from tokensmith_server.providers.openai_dialect.profile import DialectProfile
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

# Codes and types that mean one thing whatever the status, in lower case.
_KINDS: Final = {
    "moderation_blocked": ErrorKind.CONTENT_REFUSED,
    "content_policy_violation": ErrorKind.CONTENT_REFUSED,
    "content_filter": ErrorKind.CONTENT_REFUSED,
    "content_filtered": ErrorKind.CONTENT_REFUSED,
    "invalid_prompt": ErrorKind.CONTENT_REFUSED,
    "bio_policy": ErrorKind.CONTENT_REFUSED,
    "misalignment_policy_violation": ErrorKind.CONTENT_REFUSED,
    "imagine:content-moderated": ErrorKind.CONTENT_REFUSED,
    "context_length_exceeded": ErrorKind.CONTEXT_LENGTH,
    "model_not_found": ErrorKind.MODEL_UNAVAILABLE,
    "model_not_available": ErrorKind.MODEL_UNAVAILABLE,
    "invalid_api_key": ErrorKind.OPERATOR_AUTH,
    "insufficient_quota": ErrorKind.OPERATOR_CREDIT,
    "credit_balance_exhausted": ErrorKind.OPERATOR_CREDIT,
    "billing_hard_limit_reached": ErrorKind.OPERATOR_CREDIT,
    "billing_not_active": ErrorKind.OPERATOR_CREDIT,
    "credit_limit": ErrorKind.OPERATOR_CREDIT,
}
# The same, consulted only where no status decides: errors in the body of a 200.
_KINDS_AT_200: Final = {
    "invalid_request_error": ErrorKind.INVALID_REQUEST,
    "client specified an invalid argument": ErrorKind.INVALID_REQUEST,
    "invalid-argument": ErrorKind.INVALID_REQUEST,
    "rate_limit_exceeded": ErrorKind.RATE_LIMITED,
    "rate_limit_error": ErrorKind.RATE_LIMITED,
    "slow_down": ErrorKind.RATE_LIMITED,
    "some resource has been exhausted": ErrorKind.RATE_LIMITED,
    "server_error": ErrorKind.OVERLOADED,
    "service_unavailable": ErrorKind.OVERLOADED,
    "service_unavailable_error": ErrorKind.OVERLOADED,
    "server_is_overloaded": ErrorKind.OVERLOADED,
    "overloaded_error": ErrorKind.OVERLOADED,
    "the service is currently unavailable": ErrorKind.OVERLOADED,
    "internal error": ErrorKind.OVERLOADED,
}
_BY_STATUS: Final = {
    401: ErrorKind.OPERATOR_AUTH,
    402: ErrorKind.OPERATOR_CREDIT,
    404: ErrorKind.MODEL_UNAVAILABLE,
    408: ErrorKind.TIMEOUT,
    409: ErrorKind.OVERLOADED,
    410: ErrorKind.MODEL_UNAVAILABLE,
    425: ErrorKind.OVERLOADED,
    429: ErrorKind.RATE_LIMITED,
    504: ErrorKind.TIMEOUT,
    522: ErrorKind.TIMEOUT,
    524: ErrorKind.TIMEOUT,
}
# Statuses by which a provider says that it did not begin.
_NOT_BEGUN: Final = frozenset({503, 529})

_CREDIT_TEXT: Final = re.compile(
    r"\b(used all available credits|spending limit|exceeded your current quota|credit limit"
    r"|credit balance|out of credits?|insufficient (?:credits?|funds|balance))\b",
    re.IGNORECASE,
)
_CONTENT_TEXT: Final = re.compile(
    r"violates? (?:\w+ ){0,2}usage (?:guidelines|policy|policies)|SAFETY_CHECK_TYPE"
    r"|rejected by (?:the|our) safety system",
    re.IGNORECASE,
)
_LENGTH_TEXT: Final = re.compile(
    r"maximum (?:context|prompt|input|model) length|context (?:length|window|size)"
    r"|max_new_tokens.{0,40}must be <=|exceeds? the (?:available|model'?s) context",
    re.IGNORECASE,
)
# What the operator's account may not use, or may not stream; OpenAI blames the field `stream`.
_UNVERIFIED_TEXT: Final = re.compile(r"Your organization must be verified\b")
_KEY_TEXT: Final = re.compile(r"\bAPI key\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What an error body says, whichever its shape."""

    message: str = ""
    type: str = ""
    code: str = ""
    param: object = None
    status: int | None = None
    """A status that the body itself names (some hosts put one into ``code``)."""


def read_error_facts(body: bytes | msgspec.Raw) -> ErrorFacts:
    """Read an error body; one that is no JSON object says nothing."""
    try:
        payload = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ErrorFacts()
    if isinstance(payload, list) and payload:
        payload = payload[0]
    if not isinstance(payload, dict):
        return ErrorFacts()
    error = payload.get("error")
    if isinstance(error, dict):
        return _facts(error, error.get("message"))
    if isinstance(error, str):
        return _facts(payload, error)
    return _facts(payload, payload.get("message") or payload.get("detail"))


def _facts(fields: Mapping[str, Any], message: object) -> ErrorFacts:
    code = fields.get("code")
    return ErrorFacts(
        message=message if isinstance(message, str) else "",
        type=_text(fields.get("type")) or _text(fields.get("error_type")),
        code=_text(code),
        param=fields.get("param"),
        status=code if isinstance(code, int) and 400 <= code <= 599 else None,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def classify(status: int, facts: ErrorFacts, profile: DialectProfile) -> ErrorKind:
    """Decide who must act on an error. ``status`` may be 200: errors come inside those too.

    A vendor's text decides only where its statuses are ambiguous, since a text can repeat what a
    client wrote.
    """
    status = facts.status or status
    words = (facts.code.lower(), facts.type.lower())
    for word in words if status < 500 else ():
        if word in _KINDS:
            return _KINDS[word]
    if status < 300:
        return _kind_at_200(words, facts)
    if status < 400:
        return ErrorKind.MALFORMED_RESPONSE
    if status >= 500:
        return _BY_STATUS.get(status, ErrorKind.OVERLOADED)
    return _kind_by_text(status, facts.message, profile)


def _kind_at_200(words: tuple[str, ...], facts: ErrorFacts) -> ErrorKind:
    for word in words:
        if word in _KINDS_AT_200:
            return _KINDS_AT_200[word]
    return ErrorKind.CONTENT_REFUSED if _CONTENT_TEXT.search(facts.message) else ErrorKind.UNKNOWN


def _kind_by_text(status: int, message: str, profile: DialectProfile) -> ErrorKind:
    if status in _BY_STATUS:
        out_of_credit = status == 429 and _CREDIT_TEXT.search(message)
        return ErrorKind.OPERATOR_CREDIT if out_of_credit else _BY_STATUS[status]
    if _UNVERIFIED_TEXT.match(message):
        return ErrorKind.MODEL_UNAVAILABLE
    if _CONTENT_TEXT.search(message):
        return ErrorKind.CONTENT_REFUSED
    if _LENGTH_TEXT.search(message):
        return ErrorKind.CONTEXT_LENGTH
    if status == 403:
        return ErrorKind.OPERATOR_AUTH if _KEY_TEXT.search(message) else profile.forbidden_kind
    about_key = message.lower().startswith(profile.auth_messages)
    return ErrorKind.OPERATOR_AUTH if about_key else ErrorKind.INVALID_REQUEST


def error_from_body(
    status: int,
    body: bytes | msgspec.Raw,
    profile: DialectProfile,
    *,
    redact: Redactor = REDACT_PATTERNS,
    retry_after_seconds: float | None = None,
    upstream_request_id: str | None = None,
) -> ProviderError:
    """Make the error of an answer. Its phase is ANSWERED; in mid-stream the caller changes it."""
    facts = read_error_facts(body)
    kind = classify(status, facts, profile)
    message = _MESSAGES[kind]
    if kind is ErrorKind.INVALID_REQUEST and facts.message:
        message = redact(facts.message) or message
    effective = facts.status or status
    return ProviderError(
        kind,
        message,
        phase=Phase.ANSWERED,
        http_status=status,
        param=redact.param_or_none(facts.param),
        code=redact.code_or_none(facts.code),
        retry_after_seconds=retry_after_seconds,
        may_have_run=_may_have_run(effective, kind),
        upstream_request_id=upstream_request_id,
    )


def _may_have_run(status: int, kind: ErrorKind) -> bool:
    if status < 300:
        return kind not in (ErrorKind.INVALID_REQUEST, ErrorKind.RATE_LIMITED)
    return (status >= 500 and status not in _NOT_BEGUN) or status == 408
