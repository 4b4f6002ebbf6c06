"""Large bodies: read for known keys alone, and no more of them at a time than there is room for."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import pytest

from tests.integration.bridge import answers, fake_server
from tests.integration.bridge.conftest import RunningBridge, StartBridge
from tests.integration.bridge.fake_server import KEY
from tests.support.turns import eventually
from tokensmith_bridge.large_bodies import LARGE_BYTES

CHAT = "/v1/chat/completions"
# Does not get here in one piece with its head.
LARGE = 2 * 1024 * 1024
PATHS = (CHAT, "/v1/messages", "/v1/responses", "/v1/estimate")


def body_of(byte_count: int) -> dict[str, Any]:
    return {"model": "gpt-5.4", "messages": [{"role": "user", "content": "x" * byte_count}]}


def asked(bridge: RunningBridge) -> list[str]:
    return [call.method for call in bridge.server.received]


async def in_chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 10_000):
        yield content[start : start + 10_000]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("framing", ["Content-Length: 20000000", "Transfer-Encoding: chunked"])
async def test_body_that_never_ends_is_not_read_for_an_unknown_key(
    bridge: RunningBridge, path: str, framing: str
) -> None:
    reader, writer = await bridge.connect()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer pk_live_no\r\n{framing}\r\n\r\n"
    )
    writer.write(head.encode())
    chunk = b" " * (LARGE_BYTES + 1)
    size = b"" if "Length" in framing else f"{len(chunk):x}\r\n".encode()
    writer.write(size + chunk)
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 401")
    assert asked(bridge) == ["GetBalance"]


@pytest.mark.parametrize("chunked", [False, True])
async def test_key_is_asked_for_once_for_the_large_bodies_of_some_seconds(
    bridge: RunningBridge, chunked: bool
) -> None:
    request = httpx.Request("POST", "http://x", json=body_of(LARGE))
    async with bridge.http() as http:
        for _ in range(3):
            content: Any = in_chunks(request.content) if chunked else request.content
            response = await http.post(
                CHAT, content=content, headers={"Content-Type": "application/json"}
            )
            assert response.status_code == 200
    assert asked(bridge) == ["GetBalance", *["CreateChatCompletion"] * 3]


async def test_small_body_has_its_key_checked_by_its_call_alone(bridge: RunningBridge) -> None:
    async with bridge.http() as http:
        await http.post(CHAT, json=body_of(LARGE_BYTES - 1_000))
    assert asked(bridge) == ["CreateChatCompletion"]


async def test_server_that_takes_no_calls_is_told_before_a_large_body_is_read(
    bridge: RunningBridge,
) -> None:
    await bridge.grpc_server.stop(None)
    async with bridge.http() as http:
        response = await http.post(CHAT, json=body_of(LARGE))
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "server_unreachable"


@pytest.mark.parametrize("chunked", [False, True])
async def test_large_body_without_room_is_to_be_sent_again_and_small_ones_pass(
    start_bridge: StartBridge, chunked: bool
) -> None:
    bridge = await start_bridge(large_bodies_bytes_max=3 * 1024 * 1024)
    gate, running = asyncio.Event(), asyncio.Event()

    async def complete(request: Any, context: Any) -> Any:
        running.set()
        await gate.wait()
        return await answers.complete(request, context)

    bridge.server.complete = complete
    request = httpx.Request("POST", "http://x", json=body_of(LARGE))
    kind = {"Content-Type": "application/json"}

    async def send(http: httpx.AsyncClient) -> httpx.Response:
        content: Any = in_chunks(request.content) if chunked else request.content
        return await http.post(CHAT, content=content, headers=kind)

    async with bridge.http() as http:
        first = asyncio.ensure_future(send(http))
        await running.wait()
        refused = await send(http)
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "server_is_overloaded"
        assert refused.headers["x-should-retry"] == "true"
        assert refused.headers["retry-after"] == "1"
        small = asyncio.ensure_future(http.post(CHAT, json=body_of(10)))
        await eventually(lambda: asked(bridge).count("CreateChatCompletion") == 2)
        gate.set()
        assert [(await call).status_code for call in (first, small)] == [200, 200]
        # Its place is free again, once it has its answer.
        assert (await send(http)).status_code == 200


async def test_one_body_alone_is_taken_whatever_the_room(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(large_bodies_bytes_max=1)
    async with bridge.http() as http:
        for _ in range(2):
            assert (await http.post(CHAT, json=body_of(LARGE))).status_code == 200


async def test_room_of_a_client_that_left_is_free_again(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(large_bodies_bytes_max=1)
    _, writer = await bridge.connect()
    head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
    writer.write(f"{head}Content-Length: 100000\r\n\r\n".encode())
    await eventually(lambda: asked(bridge) == ["GetBalance"])
    writer.close()
    await writer.wait_closed()

    async def taken() -> bool:
        async with bridge.http() as http:
            return (await http.post(CHAT, json=body_of(LARGE))).status_code == 200

    for _ in range(100):
        if await taken():
            return
    raise AssertionError("its room is still held")


async def test_key_that_can_not_be_looked_up_in_time_refuses_nothing(
    start_bridge: StartBridge,
) -> None:
    bridge = await start_bridge(key_check_seconds=0.05)
    admit = bridge.server.admit

    async def slow(method: str, request: Any, context: Any) -> None:
        if method == "GetBalance":
            await fake_server.fail(
                context, grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "Too late."
            )
        await admit(method, request, context)

    bridge.server.admit = slow  # type: ignore[method-assign]
    async with bridge.http() as http:
        assert (await http.post(CHAT, json=body_of(LARGE))).status_code == 200
