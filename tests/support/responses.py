"""Responses to keep."""

from typing import Any

from tokensmith_server.responses.store import ResponseState, StoredResponse

KEPT_SECONDS = 30 * 86_400.0


def stored_response(
    response_id: str = "resp_1",
    account_id: str = "account-1",
    *,
    now: float = 1_000.0,
    kept_seconds: float = KEPT_SECONDS,
    **changes: Any,
) -> StoredResponse:
    """A response that ended as it should."""
    fields: dict[str, Any] = {
        "account_id": account_id,
        "response_id": response_id,
        "previous_id": None,
        "model": "gpt-5.4",
        "state": ResponseState.COMPLETED,
        "response_json": b'{"output":[]}',
        "input_items_json": b"[]",
        "created_time": now,
        "expires_time": now + kept_seconds,
    }
    return StoredResponse(**(fields | changes))
