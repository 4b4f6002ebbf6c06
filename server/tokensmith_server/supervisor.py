"""Owns the tasks that handle money.

A handler that is cancelled stops listening to its task; the task itself goes on until its hold is
resolved.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class Supervisor:
    """Starts tasks, keeps them alive, and waits for them when the server goes down."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        """How many tasks run now."""
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run ``work`` as a task of its own. Its outcome is the caller's to read, or nobody's."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    async def drain(self, grace_seconds: float) -> int:
        """Wait for the tasks, at most this long; cancel the rest and return how many they were.

        Tasks that are started meanwhile are waited for too: ending a call may take one. A cancelled
        call resolves its own hold on the way out, if the ledger answers; else the sweeper does.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_seconds
        while self._tasks and (left_seconds := deadline - loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=left_seconds)
        cancelled = 0
        while self._tasks:
            pending = set(self._tasks)
            cancelled += len(pending)
            for task in pending:
                task.cancel()
            await asyncio.wait(pending)
        if cancelled:
            _log.warning("supervisor.cancelled", tasks=cancelled)
        return cancelled

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        # Read the outcome, so that a failure nobody listens to is not reported twice; runs log
        # their own.
        if not task.cancelled():
            task.exception()
