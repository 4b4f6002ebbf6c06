"""TokenSmith for internal services: a typed asyncio client over the generated gRPC code.

``tokensmith.v1`` is the contract, ``Client`` the everyday way to call it, ``tokensmith.testing`` a
server for your tests.
"""

from tokensmith.client import Client, new_request_id
from tokensmith.credits import MICROCREDITS_PER_CREDIT, format_credits, parse_credits
from tokensmith.errors import (
    AuthenticationError,
    ContentRefusedError,
    DeadlineError,
    IdempotencyError,
    InsufficientCreditsError,
    InternalError,
    InvalidRequestError,
    NotFoundError,
    NotReadyError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitedError,
    RequestInProgressError,
    StreamInterruptedError,
    TokensmithError,
    UnavailableError,
    UnimplementedError,
    UpstreamError,
    error_from_rpc,
)
from tokensmith.retries import RetryPolicy

__all__ = [
    "MICROCREDITS_PER_CREDIT",
    "AuthenticationError",
    "Client",
    "ContentRefusedError",
    "DeadlineError",
    "IdempotencyError",
    "InsufficientCreditsError",
    "InternalError",
    "InvalidRequestError",
    "NotFoundError",
    "NotReadyError",
    "PermissionDeniedError",
    "QuotaExceededError",
    "RateLimitedError",
    "RequestInProgressError",
    "RetryPolicy",
    "StreamInterruptedError",
    "TokensmithError",
    "UnavailableError",
    "UnimplementedError",
    "UpstreamError",
    "error_from_rpc",
    "format_credits",
    "new_request_id",
    "parse_credits",
]
