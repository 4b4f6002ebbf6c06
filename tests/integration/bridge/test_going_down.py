"""A bridge that goes down: who is refused, who may end, who is cut and told so."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import msgspec
import openai
import pytest

from tests.integration.bridge import answers
from tests.integration.bridge.conftest import RunningBridge
from tests.integration.bridge.test_connections import (
    BODY,
    STREAM_BODY,
    Watched,
    code_of,
    post,
    read_answer,
)

NEVER_SECONDS = 3_600.0


def go_down(
    bridge: RunningBridge,
    at_once: asyncio.Event | None = None,
    *,
    notice_seconds: float = 0.0,
    grace_seconds: float = NEVER_SECONDS,
) -> "asyncio.Task[None]":
    return asyncio.create_task(
        bridge.listener.go_down(
            notice_seconds=notice_seconds,
            grace_seconds=grace_seconds,
            at_once=at_once or asyncio.Event(),
        )
    )


@pytest.fixture(autouse=True)
def no_tracebacks(caplog: pytest.LogCaptureFixture) -> Any:
    yield
    assert [record for record in caplog.records if record.exc_info] == []


async def refused(bridge: RunningBridge) -> None:
    """Connect until it listens no more."""
    with contextlib.suppress(ConnectionError):
        while True:
            _, writer = await bridge.connect()
            writer.close()


@contextlib.asynccontextmanager
async def under_way(
    bridge: RunningBridge, body: bytes = BODY
) -> AsyncIterator[tuple[Watched, asyncio.StreamReader]]:
    """A request that waits for the server, which never answers."""
    watched = Watched()
    bridge.server.complete = watched.complete
    bridge.server.stream = watched.stream
    reader, writer = await bridge.connect()
    writer.write(post(body))
    async with asyncio.timeout(20):
        await watched.begun.wait()
        yield watched, reader


async def test_request_under_way_ends(bridge: RunningBridge) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def complete(_request: Any, _context: Any) -> Any:
        begun.set()
        await go_on.wait()
        return answers.completion()

    bridge.server.complete = complete
    reader, writer = await bridge.connect()
    writer.write(post(BODY))
    await begun.wait()
    going = go_down(bridge)
    await asyncio.sleep(0)
    go_on.set()
    assert (await read_answer(reader))[0] == 200
    await going
    with pytest.raises(ConnectionError):
        await bridge.connect()


@pytest.mark.parametrize("path", ["/readyz", "/v1/models", "/nothing"])
async def test_kept_connection_is_refused_and_closed(bridge: RunningBridge, path: str) -> None:
    kept_reader, kept_writer = await bridge.connect()
    kept_writer.write(b"GET /healthz HTTP/1.1\r\nHost: bridge\r\n\r\n")
    assert (await read_answer(kept_reader))[0] == 200
    at_once = asyncio.Event()
    async with under_way(bridge):
        going = go_down(bridge, at_once)
        await asyncio.sleep(0)
        kept_writer.write(f"GET {path} HTTP/1.1\r\nHost: bridge\r\n\r\n".encode())
        status, headers, body = await read_answer(kept_reader)
        assert (status, code_of(body)) == (503, "shutting_down")
        assert headers["x-should-retry"] == "true"
        assert headers["retry-after-ms"] == "1000"
        assert headers["connection"] == "close"
        assert await kept_reader.read() == b""
        at_once.set()
        await going


async def test_it_listens_until_notice_is_given_and_says_that_it_is_not_ready(
    bridge: RunningBridge,
) -> None:
    at_once = asyncio.Event()
    async with under_way(bridge), bridge.http(key=None) as http:
        going = go_down(bridge, at_once, notice_seconds=NEVER_SECONDS)
        await asyncio.sleep(0)
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["error"]["code"]) == (503, "shutting_down")
        assert (await http.get("/healthz")).status_code == 200
        at_once.set()
        await going


async def test_it_listens_no_more_once_notice_is_given(bridge: RunningBridge) -> None:
    at_once = asyncio.Event()
    async with under_way(bridge):
        going = go_down(bridge, at_once, notice_seconds=0.0)
        await refused(bridge)
        assert not going.done()
        at_once.set()
        await going


async def test_idle_bridge_that_nobody_watches_gives_no_notice(bridge: RunningBridge) -> None:
    async with asyncio.timeout(20):
        await go_down(bridge, notice_seconds=NEVER_SECONDS)


async def test_idle_bridge_that_is_watched_gives_notice(bridge: RunningBridge) -> None:
    at_once = asyncio.Event()
    async with bridge.http(key=None) as http, asyncio.timeout(20):
        assert (await http.get("/readyz")).status_code == 200
        going = go_down(bridge, at_once, notice_seconds=NEVER_SECONDS)
        await asyncio.sleep(0)
        assert (await http.get("/readyz")).status_code == 503
        assert not going.done()
        at_once.set()
        await going


async def test_whole_answer_that_is_cut_is_a_503_to_be_tried_again(bridge: RunningBridge) -> None:
    async with under_way(bridge) as (watched, reader):
        going = go_down(bridge, grace_seconds=0.0)
        status, headers, body = await read_answer(reader)
        assert (status, code_of(body)) == (503, "shutting_down")
        assert headers["x-should-retry"] == "true"
        assert await reader.read() == b""
        await watched.cancelled.wait()
        await going


async def test_stream_that_is_cut_ends_with_an_error_frame(bridge: RunningBridge) -> None:
    async with under_way(bridge, STREAM_BODY) as (watched, reader):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"200 OK" in head
        going = go_down(bridge, grace_seconds=0.0)
        everything = (await reader.read()).decode()
        assert everything.endswith("\r\n0\r\n\r\n")
        frames = [line for line in everything.splitlines() if line.startswith("data: ")]
        error = msgspec.json.decode(frames[-1].removeprefix("data: "))["error"]
        assert error["code"] == "stream_interrupted"
        assert "going down" in error["message"]
        await watched.cancelled.wait()
        await going


async def test_sdk_raises_what_the_error_frame_says(bridge: RunningBridge) -> None:
    watched = Watched()
    bridge.server.stream = watched.stream
    async with bridge.openai() as client:
        stream = await client.chat.completions.create(
            model="gpt-5.4", messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        await anext(aiter(stream))
        going = go_down(bridge, grace_seconds=0.0)
        with pytest.raises(openai.APIError) as caught:
            async for _ in stream:
                pass
        assert not isinstance(caught.value, openai.APIConnectionError)
        assert caught.value.code == "stream_interrupted"
        await going


async def test_client_that_reads_nothing_does_not_hold_it_up(bridge: RunningBridge) -> None:
    watched = Watched()
    bridge.server.stream = watched.flood
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", bridge.listener.port))
        await loop.sock_sendall(sock, post(STREAM_BODY))
        async with asyncio.timeout(20):
            await watched.begun.wait()
            await go_down(bridge, grace_seconds=0.0)
            await watched.cancelled.wait()


async def test_request_whose_body_does_not_come_is_told_too(bridge: RunningBridge) -> None:
    reader, writer = await bridge.connect()
    writer.write(post(b"", "Expect: 100-continue", length=len(BODY)))
    await reader.readuntil(b"\r\n\r\n")
    going = go_down(bridge, grace_seconds=0.0)
    status, _, body = await read_answer(reader)
    assert (status, code_of(body)) == (503, "shutting_down")
    await going


async def test_client_that_leaves_meanwhile_is_gone_as_ever(bridge: RunningBridge) -> None:
    at_once = asyncio.Event()
    async with under_way(bridge) as (watched, _):
        going = go_down(bridge, at_once)
        await asyncio.sleep(0)
        bridge.writers[-1].transport.abort()
        await watched.cancelled.wait()
        await going


async def test_stopping_twice_is_stopping_once(bridge: RunningBridge) -> None:
    await bridge.listener.stop()
    await bridge.listener.stop()
    with pytest.raises(httpx.ConnectError):
        async with bridge.http() as http:
            await http.get("/healthz")


async def test_call_that_a_stopping_server_did_not_take_is_to_be_tried_again(
    bridge: RunningBridge,
) -> None:
    async def complete(_request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.CANCELLED)

    bridge.server.complete = complete
    reader, writer = await bridge.connect()
    writer.write(post(BODY))
    status, headers, body = await read_answer(reader)
    assert (status, code_of(body)) == (503, "server_unreachable")
    assert headers["x-should-retry"] == "true"
