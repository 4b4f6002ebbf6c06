"""The upstream of all systems: canned answers in OpenAI's dialect, as fast as Python can.

Run as ``python -m benchmarks.endtoend.upstream``; prints its port.
"""

import asyncio
import re
import sys
from typing import Final, cast

import uvloop

from benchmarks.endtoend.messages import STREAM_ANSWER, UNARY_ANSWER

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_UNARY: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_upstream\r\n"
    b"Content-Length: %d\r\n\r\n" % len(UNARY_ANSWER)
) + UNARY_ANSWER
# All frames in one write, in one chunk.
_STREAM: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"x-request-id: req_upstream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(STREAM_ANSWER)
) + (STREAM_ANSWER + b"\r\n0\r\n\r\n")


class Upstream(asyncio.Protocol):
    """One connection: every POST with a length gets the answer for its ``stream``."""

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
            streams = data.find(b'"stream":true', head_end, end) >= 0
            if self._transport is not None:
                self._transport.write(_STREAM if streams else _UNARY)
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
