"""Clients that are slow, rude or gone, over bare sockets. Limits are small here; nothing sleeps."""

import asyncio
import contextlib
import socket
from typing import Any

import msgspec
import pytest

from tests.integration.bridge import answers
from tests.integration.bridge.conftest import RunningBridge, StartBridge
from tests.integration.bridge.fake_server import KEY
from tokensmith_bridge import metrics

BODY = b'{"model":"gpt-5.4","messages":[{"role":"user","content":"Hi"}]}'
STREAM_BODY = BODY[:-1] + b',"stream":true}'


def post(body: bytes, *headers: str, length: int | None = None) -> bytes:
    """A request as bytes; ``length`` may lie."""
    size = len(body) if length is None else length
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: bridge",
        f"Authorization: Bearer {KEY}",
        f"Content-Length: {size}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer with a length."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status_line, *lines = head.strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(status_line.split()[1]), headers, body


def code_of(body: bytes) -> str:
    code: str = msgspec.json.decode(body)["error"]["code"]
    return code


async def expect_cut(reader: asyncio.StreamReader) -> None:
    """The connection ends without an answer, with or without a reset."""
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""


def cut_count(why: str) -> float:
    value: float = metrics.CONNECTIONS_CUT.labels(why)._value.get()
    return value


class Watched:
    """A server call that runs until somebody cancels it."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def _wait(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def complete(self, _request: Any, _context: Any) -> Any:
        await self._wait()

    async def stream(self, _request: Any, _context: Any) -> Any:
        yield answers.first_message()
        await self._wait()

    async def flood(self, _request: Any, _context: Any) -> Any:
        yield answers.first_message()
        self.begun.set()
        try:
            while True:
                yield answers.pieces(["x" * 60_000])
        finally:
            self.cancelled.set()


async def test_a_sender_that_stops_gets_408_and_is_cut(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(body_seconds=0.05, linger_seconds=0.0)
    reader, writer = await bridge.connect()
    writer.write(post(BODY[:10], length=len(BODY)))
    status, headers, body = await read_answer(reader)
    assert status == 408
    assert code_of(body) == "request_timeout"
    assert headers["x-should-retry"] == "true"
    assert await reader.read() == b""


async def test_a_head_that_does_not_end_is_cut(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(head_seconds=0.05)
    before = cut_count("slow_head")
    reader, writer = await bridge.connect()
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: br")
    await expect_cut(reader)
    assert cut_count("slow_head") == before + 1


async def test_a_request_that_runs_longer_than_a_head_may_take_is_not_cut(
    start_bridge: StartBridge,
) -> None:
    bridge = await start_bridge(head_seconds=0.01)
    reader, writer = await bridge.connect()
    passed = asyncio.Event()

    async def complete(_request: Any, _context: Any) -> Any:
        await passed.wait()
        return answers.completion()

    bridge.server.complete = complete
    asyncio.get_running_loop().call_later(0.1, passed.set)
    writer.write(post(BODY))
    assert (await read_answer(reader))[0] == 200


async def test_a_reader_that_stops_is_cut_and_its_call_cancelled(
    start_bridge: StartBridge,
) -> None:
    bridge = await start_bridge(slow_reader_seconds=0.1)
    watched = Watched()
    bridge.server.stream = watched.flood
    before = cut_count("slow_reader")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", bridge.listener.port))
    await loop.sock_sendall(sock, post(STREAM_BODY))
    async with asyncio.timeout(20):
        await watched.begun.wait()
        await watched.cancelled.wait()
    assert cut_count("slow_reader") == before + 1
    sock.close()


@pytest.mark.parametrize("kind", ["complete", "stream"])
async def test_a_client_that_leaves_cancels_the_call(bridge: RunningBridge, kind: str) -> None:
    watched = Watched()
    bridge.server.complete = watched.complete
    bridge.server.stream = watched.stream
    _reader, writer = await bridge.connect()
    writer.write(post(BODY if kind == "complete" else STREAM_BODY))
    async with asyncio.timeout(20):
        await watched.begun.wait()
        writer.transport.abort()
        await watched.cancelled.wait()


async def test_pipelined_requests_are_answered_in_order(bridge: RunningBridge) -> None:
    reader, writer = await bridge.connect()
    writer.write(post(BODY) + post(b"{") + post(BODY))
    statuses = [(await read_answer(reader))[0] for _ in range(3)]
    assert statuses == [200, 400, 200]


async def test_a_chunked_body_is_taken(bridge: RunningBridge) -> None:
    reader, writer = await bridge.connect()
    head = post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    writer.write(head)
    for byte in BODY:
        writer.write(b"1\r\n" + bytes([byte]) + b"\r\n")
    writer.write(b"0\r\n\r\n")
    assert (await read_answer(reader))[0] == 200


async def test_a_chunked_body_is_bounded_though_it_announces_nothing(
    start_bridge: StartBridge,
) -> None:
    bridge = await start_bridge(body_bytes_max=1000, linger_seconds=0.0)
    reader, writer = await bridge.connect()
    writer.write(post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
    writer.write(b"1000\r\n" + b" " * 0x1000 + b"\r\n")
    status, _, body = await read_answer(reader)
    assert status == 413
    assert code_of(body) == "payload_too_large"


async def test_a_broken_chunk_is_a_bad_request(bridge: RunningBridge) -> None:
    reader, writer = await bridge.connect()
    writer.write(post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
    writer.write(b"zz\r\n")
    status, _, body = await read_answer(reader)
    assert status == 400
    assert code_of(body) == "malformed_http"


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "malformed_http"),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "malformed_http"),
        (b"GET /healthz HTTP/1.1\r\nbad header\r\n\r\n", 400, "malformed_http"),
        (
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n",
            400,
            "malformed_http",
        ),
        (
            b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
            431,
            "headers_too_large",
        ),
    ],
)
async def test_malformed_http_is_answered_in_our_shape_and_cut(
    bridge: RunningBridge, head: bytes, status: int, code: str
) -> None:
    reader, writer = await bridge.connect()
    writer.write(head)
    answer = await read_answer(reader)
    assert answer[0] == status
    assert code_of(answer[2]) == code
    assert await reader.read() == b""


async def test_an_unknown_expectation_is_refused(bridge: RunningBridge) -> None:
    reader, writer = await bridge.connect()
    writer.write(post(BODY, "Expect: magic"))
    status, _, body = await read_answer(reader)
    assert status == 417
    assert code_of(body) == "expectation_failed"


async def test_a_curl_that_waits_for_100_is_told_to_go_on(bridge: RunningBridge) -> None:
    reader, writer = await bridge.connect()
    writer.write(post(b"", "Expect: 100-continue", length=len(BODY)))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(BODY)
    assert (await read_answer(reader))[0] == 200


async def test_a_failed_streams_connection_serves_the_next_call(bridge: RunningBridge) -> None:
    """Its client keeps it, since nothing said that it would close."""

    async def stream(_request: Any, _context: Any) -> Any:
        yield answers.first_message()

    bridge.server.stream = stream
    reader, writer = await bridge.connect()
    writer.write(post(STREAM_BODY))
    everything = await reader.readuntil(b"0\r\n\r\n")
    assert b'"code":"stream_interrupted"' in everything
    writer.write(post(BODY))
    assert (await read_answer(reader))[0] == 200


async def test_an_http_1_0_client_gets_its_stream_unchunked(bridge: RunningBridge) -> None:
    reader, writer = await bridge.connect()
    writer.write(post(STREAM_BODY).replace(b"HTTP/1.1", b"HTTP/1.0"))
    everything = await reader.read()
    assert b"transfer-encoding" not in everything.lower()
    assert everything.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("limit", ["connections_max", "connections_per_address_max"])
async def test_one_connection_too_many_is_cut(start_bridge: StartBridge, limit: str) -> None:
    bridge = await start_bridge(**{limit: 1})
    reader, writer = await bridge.connect()
    writer.write(post(BODY))
    assert (await read_answer(reader))[0] == 200
    second_reader, _ = await bridge.connect()
    await expect_cut(second_reader)
    writer.write(post(BODY))
    assert (await read_answer(reader))[0] == 200
