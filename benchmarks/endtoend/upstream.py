"""The upstream of all systems: canned answers in three dialects, as fast as Python can.

Run as ``python -m benchmarks.endtoend.upstream``; prints its port.
"""

import asyncio
import re
import sys
from typing import Final, cast

import uvloop

from benchmarks.endtoend.dialects import BY_PATH, DIALECTS, OPENAI, Dialect

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def _unary(dialect: Dialect) -> bytes:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_upstream\r\n"
        b"Content-Length: %d\r\n\r\n" % len(dialect.unary)
    )
    return head + dialect.unary


def _stream(dialect: Dialect) -> bytes:
    """All frames in one write, in one chunk."""
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        b"x-request-id: req_upstream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n"
        % len(dialect.stream)
    )
    return head + dialect.stream + b"\r\n0\r\n\r\n"


_ANSWERS: Final = {
    (dialect, streams): _stream(dialect) if streams else _unary(dialect)
    for dialect in DIALECTS
    for streams in (False, True)
}


def _answer_to(data: bytes, end: int) -> bytes:
    """The answer to the request that ends at a place."""
    line_end = data.index(b"\r\n")
    of_path = (row for path, row in BY_PATH.items() if data.find(path, 0, line_end) >= 0)
    dialect, streams = next(of_path, (OPENAI, None))
    if streams is None:
        streams = data.find(b'"stream":true', line_end, end) >= 0
    return _ANSWERS[dialect, streams]


class Upstream(asyncio.Protocol):
    """One connection: every POST with a length gets the answer of its dialect."""

    def __init__(self) -> None:
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        data = self._data + data
        while (head_end := data.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(data, 0, head_end)
            end = head_end + 4 + (int(length[1]) if length else 0)
            if len(data) < end:
                break
            if self._transport is not None:
                self._transport.write(_answer_to(data, end))
            data = data[end:]
        self._data = data


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
