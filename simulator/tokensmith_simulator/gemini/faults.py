"""Google's words for what goes wrong (its pages on errors, and bodies that users published)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import REFUSING_KINDS, Fault, FaultKind

STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""`error.status` by HTTP status."""

GEMINI_REFUSING: Final = REFUSING_KINDS - {FaultKind.MODERATION_BLOCK}
"""A prompt that is refused for its content is a normal answer without candidates."""

_RPC: Final = "type.googleapis.com/google.rpc."
_QUOTA: Final = (
    "You exceeded your current quota, please check your plan and billing details. For more "
    "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. To "
    "monitor your current usage, head to: https://ai.dev/rate-limit."
)
_FAULTS: Final[Mapping[FaultKind, tuple[int, str]]] = {
    FaultKind.RATE_LIMIT: (
        429,
        _QUOTA + " \n* Quota exceeded for metric: generativelanguage.googleapis.com/"
        "generate_content_paid_tier_requests, limit: 1000, model: {model}\nPlease retry in "
        "{retry}s.",
    ),
    FaultKind.INSUFFICIENT_QUOTA: (429, _QUOTA),
    # There is no 402 at Google.
    FaultKind.PAYMENT_REQUIRED: (
        400,
        "Billing is not enabled for this project. Please enable billing on your project in Google "
        "AI Studio.",
    ),
    FaultKind.SERVER_ERROR: (
        500,
        "An internal error has occurred. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting",
    ),
    FaultKind.OVERLOADED: (503, "The model is overloaded. Please try again later."),
    FaultKind.TIMEOUT: (504, "Deadline expired before operation could complete."),
    FaultKind.INVALID_KEY: (400, "API key not valid. Please pass a valid API key."),
    FaultKind.FORBIDDEN: (
        403,
        "Your API key was reported as leaked. Please use another API key.",
    ),
}


def gemini_fault(fault: Fault, model: str) -> RefusalError:
    """Make the refusal of a fault."""
    status, text = _FAULTS[fault.kind]
    kind = "FAILED_PRECONDITION" if fault.kind is FaultKind.PAYMENT_REQUIRED else ""
    wait = fault.retry_after_seconds
    return RefusalError(
        fault.message or text.format(model=model, retry=f"{wait or 1:g}"),
        status=status,
        kind=kind or STATUSES[status],
        details=_details(fault, model),
    )


def _details(fault: Fault, model: str) -> list[dict[str, Any]]:
    if fault.kind is FaultKind.INVALID_KEY:
        return [
            {
                "@type": f"{_RPC}ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            },
            {
                "@type": f"{_RPC}LocalizedMessage",
                "locale": "en-US",
                "message": "API key not valid. Please pass a valid API key.",
            },
        ]
    if fault.kind not in {FaultKind.RATE_LIMIT, FaultKind.INSUFFICIENT_QUOTA}:
        return []
    violation = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_paid_tier_requests",
        "quotaId": "GenerateRequestsPerMinutePerProjectPerModel",
        "quotaDimensions": {"location": "global", "model": model},
        "quotaValue": "1000",
    }
    details: list[dict[str, Any]] = [
        {
            "@type": f"{_RPC}Help",
            "links": [
                {
                    "description": "Learn more about Gemini API quotas",
                    "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
                }
            ],
        },
        {"@type": f"{_RPC}QuotaFailure", "violations": [violation]},
    ]
    if fault.retry_after_seconds is not None:
        delay = f"{fault.retry_after_seconds:g}s"
        details.append({"@type": f"{_RPC}RetryInfo", "retryDelay": delay})
    return details


def gemini_in_band_error(fault: Fault) -> RefusalError:
    """Make the error that comes under status 200, usually on a stream that has begun."""
    text = _FAULTS[FaultKind.OVERLOADED][1]
    return RefusalError(fault.message or text, status=200, kind=fault.code or "UNAVAILABLE")
