"""Signs of life on a silent stream, so that nothing on the way takes it for dead."""

import asyncio
from types import TracebackType
from typing import Final, Self

from aiohttp import web

COMMENT: Final = b": ping\n\n"


class Heartbeat:
    """Writes a beat, as a rule a comment, whenever a stream has been silent for ``seconds``.

    A context manager.
    One timer serves a stream; a write only notes the time, and the timer puts itself off.
    """

    def __init__(
        self,
        request: web.Request,
        response: web.StreamResponse,
        seconds: float,
        beat: bytes = COMMENT,
    ) -> None:
        self._protocol = request.protocol
        self._response = response
        self._seconds = seconds
        self._text = beat
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._timer = self._loop.call_later(self._seconds, self._beat)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            self._writing.cancel()

    def defer(self) -> None:
        """Something is being written now."""
        self._last = self._loop.time()

    def _beat(self) -> None:
        silent_seconds = self._loop.time() - self._last
        if silent_seconds < self._seconds:
            self._timer = self._loop.call_later(self._seconds - silent_seconds, self._beat)
            return
        # A client that does not read gets no heartbeats on top; the slow-reader limit is for it.
        if not self._protocol.writing_paused:
            self._writing = self._loop.create_task(self._write())
        self.defer()
        self._timer = self._loop.call_later(self._seconds, self._beat)

    async def _write(self) -> None:
        try:
            await self._response.write(self._text)
        except ConnectionError:
            # The connection's loss cancels the handler by itself.
            return
