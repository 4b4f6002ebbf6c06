"""From what went wrong upstream to what the caller is told, and to the request log's reason."""

from collections.abc import Callable

from tokensmith_server.catalog.model import ModelSpec
from tokensmith_server.errors import (
    CallError,
    ContentRefused,
    ContextLengthExceeded,
    UpstreamInvalidResponse,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from tokensmith_server.providers.base import ErrorKind, ProviderError

_FREE = "You were not charged."


def _unavailable(error: ProviderError, model: ModelSpec, provider: str) -> CallError:
    return UpstreamUnavailable(
        f"The model `{model.id}` can't be served right now. {_FREE}",
        retry_after_seconds=error.retry_after_seconds,
    )


def _rate_limited(error: ProviderError, model: ModelSpec, provider: str) -> CallError:
    return UpstreamRateLimited(
        f"The provider of `{model.id}` asks to slow down. {_FREE}",
        retry_after_seconds=error.retry_after_seconds,
    )


def _timed_out(error: ProviderError, model: ModelSpec, provider: str) -> CallError:
    return UpstreamTimeout(
        f"The provider of `{model.id}` did not answer in time. {_FREE}", phase=error.phase.value
    )


def _malformed(error: ProviderError, model: ModelSpec, provider: str) -> CallError:
    return UpstreamInvalidResponse(
        f"The provider of `{model.id}` gave an answer that made no sense. {_FREE}"
    )


def _rejected(error: ProviderError, model: ModelSpec, provider: str) -> CallError:
    return UpstreamRejected(f"{error.message} {_FREE}", provider=provider, param=error.param)


def _refused(error: ProviderError, model: ModelSpec, provider: str) -> CallError:
    return ContentRefused(f"{error.message} {_FREE}", provider=provider)


def _too_long(error: ProviderError, model: ModelSpec, provider: str) -> CallError:
    return ContextLengthExceeded(context_tokens=model.context_tokens or 0, input_tokens=None)


_TABLE: dict[ErrorKind, tuple[str, Callable[[ProviderError, ModelSpec, str], CallError]]] = {
    ErrorKind.INVALID_REQUEST: ("UPSTREAM_REJECTED", _rejected),
    ErrorKind.CONTEXT_LENGTH: ("CONTEXT_LENGTH_EXCEEDED", _too_long),
    ErrorKind.CONTENT_REFUSED: ("CONTENT_REFUSED", _refused),
    ErrorKind.RATE_LIMITED: ("UPSTREAM_RATE_LIMITED", _rate_limited),
    ErrorKind.OVERLOADED: ("UPSTREAM_UNAVAILABLE", _unavailable),
    ErrorKind.TIMEOUT: ("UPSTREAM_TIMEOUT", _timed_out),
    ErrorKind.CONNECTION: ("UPSTREAM_UNAVAILABLE", _unavailable),
    ErrorKind.MODEL_UNAVAILABLE: ("UPSTREAM_UNAVAILABLE", _unavailable),
    ErrorKind.OPERATOR_AUTH: ("UPSTREAM_UNAVAILABLE", _unavailable),
    ErrorKind.OPERATOR_CREDIT: ("UPSTREAM_UNAVAILABLE", _unavailable),
    ErrorKind.MALFORMED_RESPONSE: ("UPSTREAM_INVALID_RESPONSE", _malformed),
    ErrorKind.UNKNOWN: ("UPSTREAM_UNAVAILABLE", _unavailable),
}


def log_reason(error: ProviderError) -> str:
    """The ErrorReason name that the request log keeps."""
    return _TABLE[error.kind][0]


def call_error(error: ProviderError, model: ModelSpec, provider: str) -> CallError:
    """What the caller is told. Trouble between the operator and a provider is never named."""
    return _TABLE[error.kind][1](error, model, provider)
