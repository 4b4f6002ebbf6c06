"""What can go wrong, told apart by what the caller can do about it.

    TokensmithError
      InvalidRequestError       change the request; ``param`` and ``allowed`` say where and how
      AuthenticationError       use another key
      PermissionDeniedError     use a key that may do this
      InsufficientCreditsError  add credits, or ask for less
      NotFoundError             use an id that exists; ``near_matches`` names some
      NotReadyError             wait until the resource has ended
      QuotaExceededError        delete something
      ContentRefusedError       say it in another way
      IdempotencyError          use a new request id, or look the first request up
        RequestInProgressError  ask again for the answer of the first request
      RateLimitedError          wait ``retry_after_seconds``
      UnavailableError          ask again: nothing was done
      UpstreamError             ask again, or another model: the provider failed
      StreamInterruptedError    keep the part that was delivered
      DeadlineError             allow more time
      UnimplementedError        do without: this server does not have the method
      InternalError             report it with its ``request_id``

``error_from_rpc`` makes them from what gRPC raises. The reasons are ``tokensmith.v1.ErrorReason``.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from tokensmith.v1.error_reason_pb2 import ErrorReason

DOMAIN: Final = "tokensmith"
"""The ``domain`` of every ErrorInfo of ours."""

DETAILS_KEY: Final = "grpc-status-details-bin"
"""Trailing metadata that carries the ``google.rpc.Status``."""


class TokensmithError(Exception):
    """A call was refused or failed.

    ``reason`` is the ErrorReason without its prefix, empty when no TokenSmith server answered (a
    broken connection, a proxy). ``metadata`` are the facts that its comment in the contract lists.
    ``retryable`` says that the same call may be made again as it is, with the same request id,
    after ``retry_after_seconds`` if set.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        metadata: Mapping[str, str] | None = None,
        retryable: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.code = code
        self.metadata = dict(metadata or {})
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds

    @property
    def request_id(self) -> str | None:
        """The server's id of the call, for its log; ``None`` when no server answered."""
        return self.metadata.get("request_id")

    @property
    def charged_microcredits(self) -> int | None:
        """What the call cost in spite of all; ``None`` when nobody said."""
        return self._count("charged_microcredits")

    def __str__(self) -> str:
        """The message, the reason and the request id."""
        facts = [self.reason or self.code.name]
        if self.request_id:
            facts.append(self.request_id)
        return f"{self.message} [{', '.join(facts)}]"

    def _count(self, key: str) -> int | None:
        value = self.metadata.get(key, "")
        return int(value) if value.removeprefix("-").isdecimal() else None


class InvalidRequestError(TokensmithError):
    """The request can't be served as it is."""

    @property
    def param(self) -> str | None:
        """The field to change, as a path ("messages[0].content")."""
        return self.metadata.get("param")

    @property
    def allowed(self) -> str | None:
        """What may stand there."""
        return self.metadata.get("allowed")


class AuthenticationError(TokensmithError):
    """There is no key, or it is unknown, revoked or expired."""


class PermissionDeniedError(TokensmithError):
    """The key may not do this."""


class InsufficientCreditsError(TokensmithError):
    """The balance does not cover the least that the call may cost. Nothing was done."""

    @property
    def required_microcredits(self) -> int | None:
        """The least that must be available."""
        return self._count("required_microcredits")

    @property
    def available_microcredits(self) -> int | None:
        """What is available."""
        return self._count("available_microcredits")


class NotFoundError(TokensmithError):
    """The account has no such thing, or there is no such model (any more)."""

    @property
    def resource(self) -> str | None:
        """The id that was asked for."""
        return self.metadata.get("resource") or self.metadata.get("model")

    @property
    def near_matches(self) -> tuple[str, ...]:
        """Ids that were probably meant."""
        return tuple(filter(None, self.metadata.get("near_matches", "").split(",")))


class NotReadyError(TokensmithError):
    """The resource has not ended yet."""


class QuotaExceededError(TokensmithError):
    """The account's storage is full."""


class ContentRefusedError(TokensmithError):
    """The provider refused the content by policy. It cost nothing."""


class IdempotencyError(TokensmithError):
    """The request id was used before."""

    @property
    def first_request_id(self) -> str | None:
        """The server's id of the call that used it first."""
        return self.metadata.get("first_request_id")


class RequestInProgressError(IdempotencyError):
    """The first call with this request id still runs. Asking again gets its answer, once."""


class RateLimitedError(TokensmithError):
    """Too many calls at once, here or at every provider of the model. Nothing was done."""


class UnavailableError(TokensmithError):
    """The server can't be reached or takes no calls now."""


class UpstreamError(TokensmithError):
    """No provider gave a usable answer. It cost nothing."""


class StreamInterruptedError(TokensmithError):
    """An answer broke off after its first message; what was delivered is charged."""


class DeadlineError(TokensmithError):
    """The call's own time was up. It may still be finished and charged: retry with its id."""


class UnimplementedError(TokensmithError):
    """This server does not have the method, or not yet. Nothing was done."""


class InternalError(TokensmithError):
    """A defect of the server."""


class ReasonRow(NamedTuple):
    """How one reason looks here: its status, its class, and whether to ask again as is."""

    code: grpc.StatusCode
    error: type[TokensmithError]
    retryable: bool = False


_C = grpc.StatusCode
_R = ErrorReason

REASONS: Final[Mapping[int, ReasonRow]] = {
    _R.ERROR_REASON_INVALID_ARGUMENT: ReasonRow(_C.INVALID_ARGUMENT, InvalidRequestError),
    _R.ERROR_REASON_UNKNOWN_PARAMETER: ReasonRow(_C.INVALID_ARGUMENT, InvalidRequestError),
    _R.ERROR_REASON_UNSUPPORTED_PARAMETER: ReasonRow(_C.INVALID_ARGUMENT, InvalidRequestError),
    _R.ERROR_REASON_MODEL_NOT_FOUND: ReasonRow(_C.NOT_FOUND, NotFoundError),
    _R.ERROR_REASON_MODEL_RETIRED: ReasonRow(_C.NOT_FOUND, NotFoundError),
    _R.ERROR_REASON_MODEL_KIND_MISMATCH: ReasonRow(_C.INVALID_ARGUMENT, InvalidRequestError),
    _R.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED: ReasonRow(_C.INVALID_ARGUMENT, InvalidRequestError),
    _R.ERROR_REASON_PAYLOAD_TOO_LARGE: ReasonRow(_C.INVALID_ARGUMENT, InvalidRequestError),
    _R.ERROR_REASON_INVALID_API_KEY: ReasonRow(_C.UNAUTHENTICATED, AuthenticationError),
    _R.ERROR_REASON_PERMISSION_DENIED: ReasonRow(_C.PERMISSION_DENIED, PermissionDeniedError),
    _R.ERROR_REASON_INSUFFICIENT_CREDITS: ReasonRow(
        _C.FAILED_PRECONDITION, InsufficientCreditsError
    ),
    _R.ERROR_REASON_RATE_LIMIT_EXCEEDED: ReasonRow(_C.RESOURCE_EXHAUSTED, RateLimitedError, True),
    _R.ERROR_REASON_SERVER_OVERLOADED: ReasonRow(_C.UNAVAILABLE, UnavailableError, True),
    _R.ERROR_REASON_LEDGER_UNAVAILABLE: ReasonRow(_C.UNAVAILABLE, UnavailableError, True),
    _R.ERROR_REASON_SHUTTING_DOWN: ReasonRow(_C.UNAVAILABLE, UnavailableError, True),
    _R.ERROR_REASON_CONTENT_REFUSED: ReasonRow(_C.FAILED_PRECONDITION, ContentRefusedError),
    _R.ERROR_REASON_UPSTREAM_REJECTED: ReasonRow(_C.INVALID_ARGUMENT, InvalidRequestError),
    _R.ERROR_REASON_UPSTREAM_UNAVAILABLE: ReasonRow(_C.UNAVAILABLE, UpstreamError, True),
    _R.ERROR_REASON_UPSTREAM_RATE_LIMITED: ReasonRow(_C.RESOURCE_EXHAUSTED, RateLimitedError, True),
    _R.ERROR_REASON_UPSTREAM_TIMEOUT: ReasonRow(_C.DEADLINE_EXCEEDED, UpstreamError),
    _R.ERROR_REASON_UPSTREAM_INVALID_RESPONSE: ReasonRow(_C.UNAVAILABLE, UpstreamError, True),
    _R.ERROR_REASON_STREAM_INTERRUPTED: ReasonRow(_C.UNAVAILABLE, StreamInterruptedError),
    _R.ERROR_REASON_RESULT_UNKNOWN: ReasonRow(_C.UNAVAILABLE, UpstreamError),
    _R.ERROR_REASON_IDEMPOTENCY_KEY_REUSED: ReasonRow(_C.INVALID_ARGUMENT, IdempotencyError),
    _R.ERROR_REASON_IDEMPOTENCY_IN_PROGRESS: ReasonRow(_C.ABORTED, RequestInProgressError, True),
    _R.ERROR_REASON_RESULT_NOT_REPLAYABLE: ReasonRow(_C.ABORTED, IdempotencyError),
    _R.ERROR_REASON_REQUEST_NOT_FOUND: ReasonRow(_C.NOT_FOUND, NotFoundError),
    _R.ERROR_REASON_KEY_NOT_FOUND: ReasonRow(_C.NOT_FOUND, NotFoundError),
    _R.ERROR_REASON_VIDEO_NOT_FOUND: ReasonRow(_C.NOT_FOUND, NotFoundError),
    _R.ERROR_REASON_VIDEO_NOT_READY: ReasonRow(_C.FAILED_PRECONDITION, NotReadyError),
    _R.ERROR_REASON_MEDIA_NOT_FOUND: ReasonRow(_C.NOT_FOUND, NotFoundError),
    _R.ERROR_REASON_MEDIA_TYPE_UNSUPPORTED: ReasonRow(_C.INVALID_ARGUMENT, InvalidRequestError),
    _R.ERROR_REASON_MEDIA_DIGEST_MISMATCH: ReasonRow(_C.INVALID_ARGUMENT, InvalidRequestError),
    _R.ERROR_REASON_MEDIA_QUOTA_EXCEEDED: ReasonRow(_C.FAILED_PRECONDITION, QuotaExceededError),
    _R.ERROR_REASON_PACK_NOT_FOUND: ReasonRow(_C.NOT_FOUND, NotFoundError),
    _R.ERROR_REASON_CHECKOUT_NOT_FOUND: ReasonRow(_C.NOT_FOUND, NotFoundError),
    _R.ERROR_REASON_STATEMENT_NOT_FOUND: ReasonRow(_C.NOT_FOUND, NotFoundError),
    _R.ERROR_REASON_RESPONSE_NOT_FOUND: ReasonRow(_C.NOT_FOUND, NotFoundError),
    _R.ERROR_REASON_DEADLINE_EXCEEDED: ReasonRow(_C.DEADLINE_EXCEEDED, DeadlineError),
    _R.ERROR_REASON_CANCELLED: ReasonRow(_C.CANCELLED, TokensmithError),
    _R.ERROR_REASON_METHOD_UNIMPLEMENTED: ReasonRow(_C.UNIMPLEMENTED, UnimplementedError),
    _R.ERROR_REASON_INTERNAL: ReasonRow(_C.INTERNAL, InternalError),
}
"""Every reason of the contract."""

# For errors without our ErrorInfo, and for reasons that are newer than this client.
_CODES: Final[Mapping[grpc.StatusCode, ReasonRow]] = {
    row.code: row
    for row in (
        ReasonRow(_C.INVALID_ARGUMENT, InvalidRequestError),
        ReasonRow(_C.NOT_FOUND, NotFoundError),
        ReasonRow(_C.UNAUTHENTICATED, AuthenticationError),
        ReasonRow(_C.PERMISSION_DENIED, PermissionDeniedError),
        ReasonRow(_C.RESOURCE_EXHAUSTED, RateLimitedError),
        ReasonRow(_C.UNAVAILABLE, UnavailableError, True),
        ReasonRow(_C.DEADLINE_EXCEEDED, DeadlineError),
        ReasonRow(_C.INTERNAL, InternalError),
        ReasonRow(_C.UNIMPLEMENTED, UnimplementedError),
    )
}

# What gRPC itself says, on either side, of a message that it does not carry.
_TOO_LARGE_TEXT: Final = "message larger than max"
_TOO_LARGE: Final = ReasonRow(_C.RESOURCE_EXHAUSTED, InvalidRequestError)


def error_from_rpc(error: grpc.aio.AioRpcError) -> TokensmithError:
    """Make the typed error of what gRPC raised.

    A reason that this client does not know, from a newer server, is taken by its status code, and
    is then not retryable.
    """
    try:
        status = _status_details(error)
        info, retry_after_seconds = _find_details(status)
    except DecodeError:  # Not from a server of ours; the status code says the most.
        status, info, retry_after_seconds = None, None, None
    row, reason = _find_row(error.code(), error.details() or "", info)
    return row.error(
        (status.message if status else "") or error.details() or error.code().name,
        reason=reason,
        code=error.code(),
        metadata=info.metadata if info else {},
        retryable=row.retryable,
        retry_after_seconds=retry_after_seconds,
    )


def _find_row(
    code: grpc.StatusCode, details: str, info: error_details_pb2.ErrorInfo | None
) -> tuple[ReasonRow, str]:
    by_code = _CODES.get(code, ReasonRow(code, TokensmithError))
    if info is None:
        return (_TOO_LARGE if _TOO_LARGE_TEXT in details else by_code), ""
    try:
        value = ErrorReason.Value(f"ERROR_REASON_{info.reason}")
    except ValueError:
        return by_code._replace(retryable=False), info.reason
    return REASONS.get(value, by_code._replace(retryable=False)), info.reason


def _status_details(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            return status_pb2.Status.FromString(value)
    return None


def _find_details(
    status: status_pb2.Status | None,
) -> tuple[error_details_pb2.ErrorInfo | None, float | None]:
    found: error_details_pb2.ErrorInfo | None = None
    retry_after_seconds: float | None = None
    for detail in status.details if status else ():
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            found = info
        elif detail.Unpack(retry):
            retry_after_seconds = max(0.0, retry.retry_delay.ToNanoseconds() / 1e9)
    return found, retry_after_seconds
