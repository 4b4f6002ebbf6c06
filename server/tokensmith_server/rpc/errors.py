"""The one table from refusals and failures to the wire: status, reason, metadata, wording.

An error that has no row is a defect: INTERNAL with a fixed text, and loud in the log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from tokensmith.v1.error_reason_pb2 import ErrorReason
from tokensmith_server import errors as call
from tokensmith_server.billing import errors as billing
from tokensmith_server.billing.money import format_credits
from tokensmith_server.responses import errors as responses

DOMAIN: Final = "tokensmith"

_MESSAGE_BYTES_MAX = 1_024
_FACT_BYTES_MAX = 512
_INTERNAL_TEXT = "Something went wrong on our side. You were not charged for this call."


@dataclass(frozen=True, slots=True)
class WireError:
    """An error as it goes on the wire. ``metadata`` is the ErrorInfo's."""

    code: grpc.StatusCode
    reason: str
    message: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    retry_after_seconds: float | None = None

    def details(self) -> bytes:
        """``google.rpc.Status`` for ``grpc-status-details-bin``.

        It holds one ErrorInfo, and RetryInfo when waiting helps.
        """
        status = status_pb2.Status(code=self.code.value[0], message=self.message)
        info = error_details_pb2.ErrorInfo(domain=DOMAIN, reason=self.reason)
        info.metadata.update(self.metadata)
        status.details.add().Pack(info)
        if self.retry_after_seconds is not None:
            retry = Duration()
            retry.FromMilliseconds(round(self.retry_after_seconds * 1000))
            status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=retry))
        serialized: bytes = status.SerializeToString()
        return serialized


@dataclass(frozen=True, slots=True)
class _Row:
    code: grpc.StatusCode
    reason: ErrorReason
    facts: Callable[[Any], dict[str, str]] = lambda _: {}
    message: Callable[[Any], str] = str
    retry_after_seconds: Callable[[Any], float | None] = lambda _: None


def _retry_after(error: Any) -> float | None:
    seconds: float | None = error.retry_after_seconds
    return seconds


def _insufficient_text(error: billing.InsufficientCredits) -> str:
    return (
        f"This call needs at least {format_credits(error.required_microcredits)} credits and "
        f"{format_credits(error.available_microcredits)} are available. Add credits, or ask for "
        "less output. You were not charged."
    )


def _not_found_text(error: call.ModelNotFound) -> str:
    if not error.near_matches:
        return f"{error} ListModels has those there are."
    return f"{error} Did you mean {', '.join(f'`{name}`' for name in error.near_matches)}?"


def _context_facts(error: call.ContextLengthExceeded) -> dict[str, str]:
    facts = {"param": "messages", "context_tokens": str(error.context_tokens)}
    if error.input_tokens is not None:
        facts["input_tokens"] = str(error.input_tokens)
    return facts


def _kind_facts(error: call.ModelKindMismatch) -> dict[str, str]:
    facts = {"param": "model", "model": error.model, "kind": error.kind}
    return facts | ({"use": error.endpoint} if error.served else {})


def _field_facts(error: call.InvalidField) -> dict[str, str]:
    return {"param": error.param} | ({"allowed": error.allowed} if error.allowed else {})


_S = grpc.StatusCode
_R = ErrorReason

_TABLE: Final[dict[type[Exception], _Row]] = {
    call.InvalidField: _Row(_S.INVALID_ARGUMENT, _R.ERROR_REASON_INVALID_ARGUMENT, _field_facts),
    call.UnsupportedField: _Row(
        _S.INVALID_ARGUMENT,
        _R.ERROR_REASON_UNSUPPORTED_PARAMETER,
        lambda error: _field_facts(error) | {"model": error.model},
    ),
    call.ModelNotFound: _Row(
        _S.NOT_FOUND,
        _R.ERROR_REASON_MODEL_NOT_FOUND,
        lambda error: {"model": error.model, "near_matches": ",".join(error.near_matches)},
        _not_found_text,
    ),
    call.ModelRetired: _Row(
        _S.NOT_FOUND,
        _R.ERROR_REASON_MODEL_RETIRED,
        lambda error: {
            "model": error.model,
            "retired_date": error.retired_on,
            "replacement": error.replacement,
        },
    ),
    call.ModelKindMismatch: _Row(
        _S.INVALID_ARGUMENT,
        _R.ERROR_REASON_MODEL_KIND_MISMATCH,
        _kind_facts,
    ),
    call.ContextLengthExceeded: _Row(
        _S.INVALID_ARGUMENT, _R.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED, _context_facts
    ),
    call.InvalidAPIKey: _Row(_S.UNAUTHENTICATED, _R.ERROR_REASON_INVALID_API_KEY),
    call.RateLimited: _Row(
        _S.RESOURCE_EXHAUSTED,
        _R.ERROR_REASON_RATE_LIMIT_EXCEEDED,
        lambda error: {"limit": error.limit},
        retry_after_seconds=_retry_after,
    ),
    call.Overloaded: _Row(
        _S.UNAVAILABLE,
        _R.ERROR_REASON_SERVER_OVERLOADED,
        message=lambda _: "This server has too much to do right now. Try again in a moment.",
        retry_after_seconds=_retry_after,
    ),
    call.ShuttingDown: _Row(
        _S.UNAVAILABLE,
        _R.ERROR_REASON_SHUTTING_DOWN,
        message=lambda _: "This server is going down. Try again.",
        retry_after_seconds=lambda _: 1.0,
    ),
    call.ContentRefused: _Row(
        _S.FAILED_PRECONDITION,
        _R.ERROR_REASON_CONTENT_REFUSED,
        lambda error: {"provider": error.provider},
    ),
    call.UpstreamRejected: _Row(
        _S.INVALID_ARGUMENT,
        _R.ERROR_REASON_UPSTREAM_REJECTED,
        lambda error: (
            {"provider": error.provider} | ({"param": error.param} if error.param else {})
        ),
    ),
    call.UpstreamUnavailable: _Row(
        _S.UNAVAILABLE,
        _R.ERROR_REASON_UPSTREAM_UNAVAILABLE,
        retry_after_seconds=_retry_after,
    ),
    call.UpstreamRateLimited: _Row(
        _S.RESOURCE_EXHAUSTED,
        _R.ERROR_REASON_UPSTREAM_RATE_LIMITED,
        retry_after_seconds=_retry_after,
    ),
    call.UpstreamTimeout: _Row(
        _S.DEADLINE_EXCEEDED,
        _R.ERROR_REASON_UPSTREAM_TIMEOUT,
        lambda error: {"phase": error.phase},
    ),
    call.UpstreamInvalidResponse: _Row(_S.UNAVAILABLE, _R.ERROR_REASON_UPSTREAM_INVALID_RESPONSE),
    call.StreamInterrupted: _Row(
        _S.UNAVAILABLE,
        _R.ERROR_REASON_STREAM_INTERRUPTED,
        lambda error: {"charged_microcredits": str(error.charged_microcredits)},
    ),
    call.ResultNotReplayable: _Row(
        _S.ABORTED,
        _R.ERROR_REASON_RESULT_NOT_REPLAYABLE,
        lambda error: {"first_request_id": error.request_id},
    ),
    call.DeadlineExceeded: _Row(_S.DEADLINE_EXCEEDED, _R.ERROR_REASON_DEADLINE_EXCEEDED),
    call.RequestUndecodable: _Row(
        _S.INVALID_ARGUMENT,
        _R.ERROR_REASON_INVALID_ARGUMENT,
        message=lambda _: "The request can't be decoded: it is no message of this method's type.",
    ),
    call.RequestTooLarge: _Row(
        _S.INVALID_ARGUMENT,
        _R.ERROR_REASON_PAYLOAD_TOO_LARGE,
        lambda error: {"limit_bytes": str(error.limit_bytes)},
    ),
    call.MethodUnimplemented: _Row(
        _S.UNIMPLEMENTED,
        _R.ERROR_REASON_METHOD_UNIMPLEMENTED,
        lambda error: {"method": error.method},
    ),
    billing.InsufficientCredits: _Row(
        _S.FAILED_PRECONDITION,
        _R.ERROR_REASON_INSUFFICIENT_CREDITS,
        lambda error: {
            "required_microcredits": str(error.required_microcredits),
            "available_microcredits": str(error.available_microcredits),
        },
        _insufficient_text,
    ),
    billing.IdempotencyKeyReused: _Row(
        _S.INVALID_ARGUMENT,
        _R.ERROR_REASON_IDEMPOTENCY_KEY_REUSED,
        lambda error: {"param": "request_id", "first_request_id": error.request_id},
        lambda error: (
            f"This idempotency key belongs to another request ({error.request_id}). Use a new key "
            "for a new request. You were not charged."
        ),
    ),
    billing.IdempotencyInProgress: _Row(
        _S.ABORTED,
        _R.ERROR_REASON_IDEMPOTENCY_IN_PROGRESS,
        lambda error: {"first_request_id": error.request_id},
        lambda error: (
            f"The same request ({error.request_id}) is still running. Ask again to get its answer; "
            "it is charged once."
        ),
        lambda _: 1.0,
    ),
    billing.LedgerUnavailable: _Row(
        _S.UNAVAILABLE,
        _R.ERROR_REASON_LEDGER_UNAVAILABLE,
        message=lambda _: "The ledger does not answer right now, so no call is taken. Try again.",
        retry_after_seconds=lambda _: 1.0,
    ),
    billing.AccountNotFound: _Row(
        _S.UNAUTHENTICATED,
        _R.ERROR_REASON_INVALID_API_KEY,
        message=lambda _: "The key's account does not exist.",
    ),
    billing.RequestNotFound: _Row(
        _S.NOT_FOUND,
        _R.ERROR_REASON_REQUEST_NOT_FOUND,
        lambda error: {"resource": error.request_id},
        lambda error: f"There is no request {error.request_id}.",
    ),
    billing.KeyNotFound: _Row(
        _S.NOT_FOUND,
        _R.ERROR_REASON_KEY_NOT_FOUND,
        lambda error: {"resource": error.key_id},
        lambda error: f"There is no key {error.key_id}.",
    ),
    responses.ResponseNotFound: _Row(
        _S.NOT_FOUND,
        _R.ERROR_REASON_RESPONSE_NOT_FOUND,
        lambda error: {"resource": error.response_id},
        lambda error: f"Response with id '{error.response_id}' not found.",
    ),
    responses.ResponseTooLarge: _Row(
        _S.INVALID_ARGUMENT,
        _R.ERROR_REASON_PAYLOAD_TOO_LARGE,
        lambda error: {"limit_bytes": str(error.limit_bytes)},
    ),
}


def reason_name(reason: ErrorReason) -> str:
    """The enum value as ErrorInfo carries it: without its prefix."""
    return ErrorReason.Name(reason).removeprefix("ERROR_REASON_")


def is_expected(error: Exception) -> bool:
    """Whether the error has a row: a refusal or a failure that we know, not a defect."""
    return type(error) in _TABLE


def wire_error(error: Exception) -> WireError:
    """The error as it goes on the wire. Texts of errors without a row never leave the process."""
    row = _TABLE.get(type(error))
    if row is None:
        return WireError(
            grpc.StatusCode.INTERNAL, reason_name(_R.ERROR_REASON_INTERNAL), _INTERNAL_TEXT
        )
    retry_after_seconds = row.retry_after_seconds(error)
    metadata = {key: _clipped(value, _FACT_BYTES_MAX) for key, value in row.facts(error).items()}
    if retry_after_seconds is not None:
        metadata["retry_after_ms"] = str(round(retry_after_seconds * 1000))
    message = _clipped(row.message(error), _MESSAGE_BYTES_MAX)
    return WireError(row.code, reason_name(row.reason), message, metadata, retry_after_seconds)


def _clipped(text: str, bytes_max: int) -> str:
    """The text, or its beginning: trailers beyond 8 KiB are lost on the way, the status with them.

    What makes one too long is what it quotes of a request.
    """
    encoded = text.encode()
    if len(encoded) <= bytes_max:
        return text
    return encoded[: bytes_max - 3].decode(errors="ignore") + "…"
