"""A fault as the error answer that a vendor words it as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import Fault, FaultKind
from tokensmith_simulator.keys import masked_key

FaultWords = Mapping[FaultKind, Mapping[str, Any]]
"""Per kind: `status` and `message`, and where they differ from the usual `kind` and `code`."""


def in_band_error(fault: Fault) -> RefusalError:
    """Make the error that comes under status 200: as a body, or as a chunk of a stream."""
    if fault.kind is FaultKind.JSON_ERROR_200:
        usual = "The service is currently unavailable"
        return RefusalError(
            fault.message or usual, status=200, kind="server_error", code=fault.code or usual
        )
    usual = "The server had an error while processing your request. Sorry about that!"
    return RefusalError(fault.message or usual, status=200, kind="server_error", code=fault.code)


def worded_fault(faults: FaultWords, fault: Fault, *, model: str, key: str) -> RefusalError:
    """Make the refusal of a fault from a vendor's table of words."""
    words = faults[fault.kind]
    wait = fault.retry_after_seconds
    headers = {}
    if wait is not None:
        headers = {"retry-after": f"{wait:g}", "retry-after-ms": str(round(wait * 1000))}
    message = words["message"].format(model=model, key=masked_key(key), retry=f"{wait or 1:g}")
    return RefusalError(
        fault.message or message,
        status=words["status"],
        kind=words.get("kind", "invalid_request_error"),
        code=fault.code or words.get("code"),
        headers=headers,
    )
