"""An upstream that does exactly what a test scripts, down to the bytes on the socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress


class ScriptedUpstream:
    """Serves connections with a script and keeps what was received."""

    def __init__(self) -> None:
        self.base_url = ""
        self.requests: list[bytes] = []
        self.connections = 0
        self.may_go_on = asyncio.Event()
        self.reader: asyncio.StreamReader | None = None

    async def wait_hang_up(self) -> None:
        """Wait until the client has let go of the newest connection."""
        assert self.reader is not None
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                while await self.reader.read(65536):
                    pass


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return head + await reader.readexactly(length)


def answer(body: bytes, *, status: str = "200 OK", content_type: str = "application/json") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


Script = Callable[[ScriptedUpstream, asyncio.StreamWriter], Awaitable[None]]


async def eventually(condition: Callable[[], object]) -> None:
    """Let the loop turn until the condition holds.

    Raises:
        TimeoutError: it does not within five seconds.
    """
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - nothing announces these conditions
            await asyncio.sleep(0)


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[ScriptedUpstream]:
    """Serve a script on a loopback port; it runs once for each request."""
    upstream = ScriptedUpstream()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream.connections += 1
        upstream.reader = reader
        try:
            while not writer.is_closing():
                upstream.requests.append(await read_request(reader))
                await script(upstream, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(start, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    upstream.base_url = f"http://{host}:{port}"
    try:
        yield upstream
    finally:
        upstream.may_go_on.set()
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def reset(writer: asyncio.StreamWriter) -> None:
    """Cut the connection with a TCP reset."""
    writer.transport.abort()
