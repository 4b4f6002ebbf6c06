"""What the error that ends a stream says of money, in each endpoint's shape."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import msgspec
import pytest

from tests.integration.bridge import answers
from tests.integration.bridge.conftest import RunningBridge
from tests.integration.bridge.fake_server import fail

SAYS: Any = [{"role": "user", "content": "Hi"}]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": SAYS},
    "/v1/messages": {"messages": SAYS, "max_tokens": 9},
    "/v1/responses": {"input": SAYS},
}
ENDPOINTS = pytest.mark.parametrize("path", BODIES)


async def last_error(bridge: RunningBridge, path: str) -> dict[str, Any]:
    async with bridge.http() as http:
        answer = await http.post(path, json={"model": "gpt-5.4", "stream": True} | BODIES[path])
    assert answer.status_code == 200
    last = msgspec.json.decode(answer.content.rsplit(b"data: ", 1)[1])
    error: dict[str, Any] = last["response"]["error"] if "response" in last else last["error"]
    return error


@ENDPOINTS
@pytest.mark.parametrize(("charged", "said"), [("0", 0), ("5", 0.000005)])
async def test_error_in_a_stream_says_what_was_charged_even_if_nothing(
    bridge: RunningBridge, path: str, charged: str, said: float
) -> None:
    async def stream(_request: Any, context: Any) -> AsyncIterator[Any]:
        yield answers.first_message()
        trailing = (("x-charged-microcredits", charged),)
        await fail(
            context, grpc.StatusCode.UNAVAILABLE, "STREAM_INTERRUPTED", "Broken.", trailing=trailing
        )

    bridge.server.stream = stream
    assert (await last_error(bridge, path))["charged"] == said


async def _just_end(_request: Any, _context: Any) -> AsyncIterator[Any]:
    yield answers.first_message()


async def _lose_the_connection(_request: Any, context: Any) -> AsyncIterator[Any]:
    yield answers.first_message()
    await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")


@ENDPOINTS
@pytest.mark.parametrize("stream", [_just_end, _lose_the_connection])
async def test_error_says_no_charge_that_nobody_has_told(
    bridge: RunningBridge, path: str, stream: Any
) -> None:
    bridge.server.stream = stream
    error = await last_error(bridge, path)
    assert "broke off" in error["message"]
    assert "charged" not in error


@ENDPOINTS
async def test_error_that_is_the_whole_answer_has_its_charge_in_the_headers(
    bridge: RunningBridge, path: str
) -> None:
    async def stream(_request: Any, context: Any) -> AsyncIterator[Any]:
        await fail(context, grpc.StatusCode.INTERNAL, "INTERNAL", "Broken.")
        yield None

    bridge.server.stream = stream
    async with bridge.http() as http:
        answer = await http.post(path, json={"model": "gpt-5.4", "stream": True} | BODIES[path])
    assert (answer.status_code, answer.headers["x-credits-charged"]) == (500, "0")
    assert "charged" not in answer.json()["error"]
