"""One POST and its answer, on aiohttp's own pool of connections and parser, and little else.

``ClientSession.post`` makes a dozen objects for each call to allow for what a provider call never
has: parameters, cookies, redirects, forms, proxies, tracing. A call here is fixed but for its body,
so its head is rendered once, and the connector hands out a connection for it. That takes half of
the CPU time (docs/performance.md). What is used of aiohttp beyond its documentation is covered by
tests/integration/providers/test_http_sender.py.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError, RawResponseMessage
from multidict import CIMultiDictProxy
from yarl import URL

_READ_BUFFER_BYTES: Final = 256 * 1024
_PIECE_BYTES: Final = 1024 * 1024
_DEFAULT_CONTENT_TYPE: Final = "application/octet-stream"


class Post:
    """A POST to one address with one set of headers; only its body is missing."""

    def __init__(
        self, session: aiohttp.ClientSession, url: URL, headers: Mapping[str, str]
    ) -> None:
        """Render the head. Needs a running loop."""
        connector = session.connector
        if connector is None:
            raise aiohttp.ClientConnectionError("the session is closed")
        self._connector = connector
        # Says to the connector where to and how; it is never sent itself.
        self._request = aiohttp.ClientRequest(
            "POST", url, headers=headers, loop=asyncio.get_running_loop(), session=session
        )
        rendered = dict(self._request.headers)
        rendered.pop("Content-Length", None)
        rendered.setdefault("Content-Type", _DEFAULT_CONTENT_TYPE)
        lines = [f"POST {self._request.url.raw_path_qs} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in rendered.items()]
        self._head = "\r\n".join([*lines, "Content-Length: "]).encode("ascii")

    async def send(self, body: bytes, limits: aiohttp.ClientTimeout, *, until: float) -> "Exchange":
        """Send, and wait for the status and headers of the answer, ``until`` a time of the loop.

        Raises:
            aiohttp.ConnectionTimeoutError: there was no connection in time; nothing was sent.
            aiohttp.SocketTimeoutError: there was no answer in time.
            aiohttp.ClientError, OSError: there was none at all, or it broke.
            HttpProcessingError: what came back is not HTTP.
        """
        try:
            connection = await self._connector.connect(self._request, [], limits)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError("no connection in time") from error
        try:
            message, content = await self._send_on(connection, body, until)
        except BaseException:
            connection.close()
            raise
        return Exchange(connection, message, content)

    async def _send_on(
        self, connection: "aiohttp.connector.Connection", body: bytes, until: float
    ) -> tuple[RawResponseMessage, aiohttp.StreamReader]:
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None:
            raise aiohttp.ClientConnectionError("the connection was lost")
        protocol.set_response_params(read_until_eof=True, read_bufsize=_READ_BUFFER_BYTES)
        transport.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body[:_PIECE_BYTES]))
        loop = asyncio.get_running_loop()
        rest = loop.create_task(_write_rest(protocol, body)) if len(body) > _PIECE_BYTES else None
        # A timer of one's own is a quarter of what ``asyncio.timeout`` costs.
        timer = loop.call_at(until, _give_up, protocol)
        try:
            return await _read_head(protocol)
        finally:
            timer.cancel()
            if rest is not None:
                if not rest.done():
                    # The answer did not wait for the whole body; nothing can follow on here.
                    protocol.force_close()
                rest.cancel()


def _give_up(protocol: ResponseHandler) -> None:
    protocol.set_exception(aiohttp.SocketTimeoutError("no answer in time"))


async def _write_rest(protocol: ResponseHandler, body: bytes) -> None:
    """Write a long body in pieces, so that encrypting it does not hold up everybody else."""
    view = memoryview(body)
    # A broken connection is the reader's to report.
    with suppress(ConnectionError):
        for start in range(_PIECE_BYTES, len(body), _PIECE_BYTES):
            await protocol._drain_helper()
            if protocol.transport is None:
                return
            protocol.transport.write(view[start : start + _PIECE_BYTES])


async def _read_head(
    protocol: ResponseHandler,
) -> tuple[RawResponseMessage, aiohttp.StreamReader]:
    """The answer's head, behind whatever is said in the meantime (1xx)."""
    while True:
        message, content = await protocol.read()
        if message.code >= 200 or message.code == 101:
            return message, content


class Exchange:
    """An answer whose body is still to be read from ``content``.

    The connection goes back to the pool at the body's end.
    """

    __slots__ = ("_connection", "content", "headers", "status")

    def __init__(
        self,
        connection: "aiohttp.connector.Connection",
        message: RawResponseMessage,
        content: aiohttp.StreamReader,
    ) -> None:
        self.status: int = message.code
        self.headers: CIMultiDictProxy[str] = message.headers
        self.content = content
        self._connection: aiohttp.connector.Connection | None = connection
        content.on_eof(self._release)

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()

    def close(self) -> None:
        """Cut the body off if it has not ended; whoever reads it gets a ClientConnectionError."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self.content.exception() is None:
            self.content.set_exception(aiohttp.ClientConnectionError("closed by us"))
        connection.close()


__all__ = ["Exchange", "HttpProcessingError", "Post"]
