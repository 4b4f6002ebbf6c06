"""OpenAI's words for what goes wrong (error codes guide, and bodies seen in the wild)."""

from __future__ import annotations

from typing import Final

from tokensmith_simulator.faults import FaultKind
from tokensmith_simulator.openai_chat.fault_words import FaultWords

OPENAI_FAULTS: Final[FaultWords] = {
    FaultKind.RATE_LIMIT: {
        "status": 429,
        "kind": "requests",
        "code": "rate_limit_exceeded",
        "message": "Rate limit reached for {model} in organization org-simulator on requests per "
        "min (RPM): Limit 500, Used 500, Requested 1. Please try again in {retry}s. Visit "
        "https://platform.openai.com/account/rate-limits to learn more.",
    },
    FaultKind.INSUFFICIENT_QUOTA: {
        "status": 429,
        "kind": "insufficient_quota",
        "code": "insufficient_quota",
        "message": "You exceeded your current quota, please check your plan and billing details. "
        "For more information on this error, read the docs: "
        "https://platform.openai.com/docs/guides/error-codes/api-errors.",
    },
    FaultKind.PAYMENT_REQUIRED: {
        "status": 402,
        "kind": "insufficient_quota",
        "code": "credit_balance_exhausted",
        "message": "Your credit balance is exhausted. Please add credits to continue.",
    },
    FaultKind.SERVER_ERROR: {
        "status": 500,
        "kind": "server_error",
        "message": "The server had an error while processing your request. Sorry about that!",
    },
    FaultKind.OVERLOADED: {
        "status": 503,
        "kind": "service_unavailable_error",
        "code": "server_is_overloaded",
        "message": "The server is currently overloaded. Please try again later.",
    },
    FaultKind.TIMEOUT: {"status": 504, "kind": "server_error", "message": "Gateway timeout."},
    FaultKind.INVALID_KEY: {
        "status": 401,
        "code": "invalid_api_key",
        "message": "Incorrect API key provided: {key}. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
    },
    FaultKind.FORBIDDEN: {
        "status": 403,
        "kind": "request_forbidden",
        "code": "unsupported_country_region_territory",
        "message": "Country, region, or territory not supported",
    },
    FaultKind.MODERATION_BLOCK: {
        "status": 400,
        "code": "content_policy_violation",
        "message": "Invalid prompt: your prompt was flagged as potentially violating our usage "
        "policy. Please try again with a different prompt.",
    },
}
