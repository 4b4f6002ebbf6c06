"""Anthropic as a vendor: its keys, versions, headers, errors and list of models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tokensmith_simulator.anthropic.faults import (
    ANTHROPIC_REFUSING,
    TYPES,
    anthropic_fault,
    anthropic_in_band_error,
)
from tokensmith_simulator.anthropic.models import RULES, find_claude
from tokensmith_simulator.config import SimulatorConfig
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import Fault, FaultKind
from tokensmith_simulator.keys import bearer_key
from tokensmith_simulator.models import ModelSpec, models_of

VERSIONS: Final = ("2023-06-01", "2026-10-21")
_LIMITS: Final = {
    "requests": (4_000, 3_999),
    "tokens": (2_400_000, 2_399_000),
    "input-tokens": (2_000_000, 1_999_000),
    "output-tokens": (400_000, 399_000),
}
_RFC_3339: Final = "%Y-%m-%dT%H:%M:%SZ"


class Anthropic:
    """The vendor Anthropic, at `/anthropic`."""

    name = "anthropic"
    prefix = "/anthropic/v1"
    broken_frame = b'event: content_block_delta\ndata: {"type":"content_block_delta","ind\n\n'
    refusing_kinds = ANTHROPIC_REFUSING

    def check_key(self, headers: Mapping[str, str], config: SimulatorConfig) -> str:
        """Return the caller's key: `x-api-key`, which wins, or a bearer token.

        Raises:
            RefusalError: 401, for a key that is missing or wrong.
        """
        key = headers.get("x-api-key") or bearer_key(headers)
        if not key:
            raise RefusalError("x-api-key header is required", status=401)
        if not config.accepts_key(key):
            raise self.fault_error(Fault(kind=FaultKind.INVALID_KEY), "", key)
        return key

    def check_version(self, headers: Mapping[str, str]) -> str:
        """Return the version of the API that is asked for.

        Raises:
            RefusalError: 400, for a missing or an unknown one.
        """
        version = headers.get("anthropic-version")
        if not version:
            raise RefusalError("anthropic-version: header is required")
        if version not in VERSIONS:
            raise RefusalError(f'anthropic-version: "{version}" is not a valid version')
        return version

    def fault_error(self, fault: Fault, model: str, key: str) -> RefusalError:
        """Return what a refusing fault looks like at Anthropic, which shows no part of a key."""
        return anthropic_fault(fault, model)

    def in_band_error(self, fault: Fault) -> RefusalError:
        """Return the error that comes under status 200."""
        return anthropic_in_band_error(fault)

    def error_body(self, error: RefusalError, request_id: str) -> bytes:
        """Render Anthropic's error object."""
        kind = error.kind if error.status == 200 else TYPES.get(error.status, "api_error")
        described: dict[str, Any] = {"type": kind, "message": error.message}
        if error.details:
            described["details"] = error.details[0]
        return msgspec.json.encode({"type": "error", "error": described, "request_id": request_id})

    def error_frame(self, error: RefusalError, request_id: str) -> bytes:
        """Render an error as an event of a stream that has begun."""
        return b"event: error\ndata: " + self.error_body(error, request_id) + b"\n\n"

    def response_headers(self, request_id: str) -> dict[str, str]:
        """Return Anthropic's headers, with limits in its own form; they are back at once."""
        now = datetime.now(UTC).strftime(_RFC_3339)
        headers = {
            "request-id": request_id,
            "anthropic-organization-id": "00000000-0000-4000-8000-000000000000",
        }
        for name, (limit, remaining) in _LIMITS.items():
            headers[f"anthropic-ratelimit-{name}-limit"] = str(limit)
            headers[f"anthropic-ratelimit-{name}-remaining"] = str(remaining)
            headers[f"anthropic-ratelimit-{name}-reset"] = now
        return headers

    def models_body(self) -> Any:
        """Render the list of models, on one page."""
        data = [_model_to_json(model) for model in models_of("anthropic")]
        return {
            "data": data,
            "has_more": False,
            "first_id": data[0]["id"],
            "last_id": data[-1]["id"],
        }

    def model_body(self, model_id: str) -> Any:
        """Render one model, by its id or its alias.

        Raises:
            RefusalError: 404, for an unknown one.
        """
        return _model_to_json(find_claude(model_id))


def _model_to_json(model: ModelSpec) -> dict[str, Any]:
    rules = RULES[model.id]
    thinking = {"adaptive": rules.adaptive, "enabled": rules.manual}
    levels = ("low", "medium", "high", "xhigh", "max")
    return {
        "type": "model",
        "id": model.answered_id,
        "display_name": rules.display_name,
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
        "line": model.id.split("-")[1],
        "max_input_tokens": model.context_tokens,
        "max_tokens": model.output_limit_tokens,
        "capabilities": {
            "batch": _supported(yes=False),
            "citations": _supported(yes=False),
            "code_execution": _supported(yes=False),
            "context_management": _supported(yes=False),
            "effort": {
                **_supported(yes=bool(rules.efforts)),
                **{level: _supported(yes=level in rules.efforts) for level in levels},
            },
            "image_input": _supported(yes=True),
            "pdf_input": _supported(yes=True),
            "server_tools": _supported(yes=False),
            "structured_outputs": _supported(yes=True),
            "thinking": {
                **_supported(yes=True),
                "types": {
                    **{kind: _supported(yes=yes) for kind, yes in thinking.items()},
                    "disabled": _supported(yes=True),
                    "between_tools": _supported(yes=False),
                },
            },
        },
    }


def _supported(*, yes: bool) -> dict[str, bool]:
    return {"supported": yes}
