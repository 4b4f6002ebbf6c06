"""Anthropic's words for what goes wrong (errors page, and bodies that users have published)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import REFUSING_KINDS, Fault, FaultKind

TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""`error.type` by status."""

ANTHROPIC_REFUSING: Final = REFUSING_KINDS - {FaultKind.MODERATION_BLOCK}
"""A prompt that is refused for its content is a normal answer, with stop reason `refusal`."""

_FAULTS: Final[Mapping[FaultKind, tuple[int, str]]] = {
    FaultKind.RATE_LIMIT: (
        429,
        "This request would exceed your organization's rate limit of 50 requests per minute "
        "(org: 00000000-0000-4000-8000-000000000000, model: {model}). For details, refer to: "
        "https://docs.claude.com/en/api/rate-limits.",
    ),
    # An empty account is a 400 like any other; only the text tells.
    FaultKind.INSUFFICIENT_QUOTA: (
        400,
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing "
        "to upgrade or purchase credits.",
    ),
    FaultKind.PAYMENT_REQUIRED: (
        402,
        "Your organization's payment could not be processed. Please update your billing details.",
    ),
    FaultKind.SERVER_ERROR: (500, "Internal server error"),
    FaultKind.OVERLOADED: (529, "Overloaded"),
    FaultKind.TIMEOUT: (504, "Request timed out"),
    FaultKind.INVALID_KEY: (401, "invalid x-api-key"),
    FaultKind.FORBIDDEN: (
        403,
        "Your API key does not have permission to use the specified resource.",
    ),
}


def anthropic_fault(fault: Fault, model: str) -> RefusalError:
    """Make the refusal of a fault."""
    status, text = _FAULTS[fault.kind]
    again = status in {429, 500, 504, 529}
    headers = {"x-should-retry": "true" if again else "false"}
    if fault.retry_after_seconds is not None:
        headers["retry-after"] = f"{fault.retry_after_seconds:g}"
    if fault.kind is FaultKind.RATE_LIMIT:
        headers["anthropic-ratelimit-requests-remaining"] = "0"
    return RefusalError(
        fault.message or text.format(model=model), status=status, code=fault.code, headers=headers
    )


def anthropic_in_band_error(fault: Fault) -> RefusalError:
    """Make the error that comes under status 200, usually on a stream that has begun."""
    return RefusalError(
        fault.message or "Overloaded", status=200, kind=fault.code or "overloaded_error"
    )
