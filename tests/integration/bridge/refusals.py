"""Reading an error as the bridge answers it."""

from typing import Any

import httpx


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The error, after checking the shape that every one of them has."""
    body = response.json()
    assert set(body) == {"error", "request_id"}
    error: dict[str, Any] = body["error"]
    assert {"message", "type", "param", "code"} <= set(error)
    assert body["request_id"] == response.headers["x-request-id"]
    assert response.headers["x-should-retry"] in {"true", "false"}
    assert response.headers["content-type"] == "application/json"
    return error
