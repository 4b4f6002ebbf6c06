"""The requests under way: who is waited for, and who is cut, when a listener goes down."""

import asyncio
import math
from typing import Final

from aiohttp import web

from tokensmith_bridge.server_errors import ServerRefusal

# Whoever asks for readiness asks more often than this.
_WATCHED_SECONDS: Final = 60.0
_RETRY_AFTER_MS: Final = 1000


class UnderWay:
    """The requests that a listener's handlers are at. One for each application."""

    def __init__(self) -> None:
        self.closing = False
        self._tasks: set[asyncio.Task[object]] = set()
        self._cut: set[asyncio.Task[object]] = set()
        self._empty = asyncio.Event()
        self._readiness_asked_at = -math.inf

    def begin(self) -> "asyncio.Task[object]":
        """Note the request of the current task; returns what to ``end`` it with."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a handler runs in a task
        self._tasks.add(task)
        return task

    def end(self, task: "asyncio.Task[object]") -> None:
        """Forget a request that has its answer, or never will."""
        self._tasks.discard(task)
        if self.closing:
            self._cut.discard(task)
            if not self._tasks:
                self._empty.set()

    async def idle(self) -> None:
        """Wait until no request is under way. To be asked once ``closing`` is set."""
        while self._tasks:
            self._empty.clear()
            await self._empty.wait()

    def cut(self) -> int:
        """Break off what is under way, for which the caller waits; returns how much it was."""
        self._cut |= self._tasks
        for task in self._tasks:
            task.cancel()
        return len(self._tasks)

    def was_cut(self) -> bool:
        """Whether the cancellation at hand is ours, not the client's leaving; if so it is over.

        The task then goes on, to tell its client.
        """
        task = asyncio.current_task()
        if task not in self._cut:
            return False
        self._cut.discard(task)
        return task.uncancel() == 0

    def note_readiness_asked(self) -> None:
        """Somebody wants to know whether calls are taken."""
        self._readiness_asked_at = asyncio.get_running_loop().time()

    def is_watched(self) -> bool:
        """Whether somebody, most likely a balancer, goes by what ``/readyz`` says."""
        silent_seconds = asyncio.get_running_loop().time() - self._readiness_asked_at
        return silent_seconds < _WATCHED_SECONDS


UNDER_WAY: Final = web.AppKey("under_way", UnderWay)


def going_down() -> ServerRefusal:
    """What a request is told that comes now, or that was cut before it had an answer."""
    return ServerRefusal(
        "SHUTTING_DOWN", "This server is going down. Try again.", retry_after_ms=_RETRY_AFTER_MS
    )
