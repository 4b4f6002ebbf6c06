"""Owns the tasks that handle money.

A handler that is cancelled stops listening to its task; the task itself goes on until its hold is
resolved. The end of the process cuts short what a task waits for outside, never a hold that is
being placed or resolved.
"""

import asyncio
from collections.abc import Coroutine, Set
from typing import Any, Final, TypeVar

import structlog

T = TypeVar("T")

SETTLING_SECONDS: Final = 2.0
"""How long cut tasks may take to resolve their holds. It takes two commits at most."""

_log = structlog.get_logger(__name__)


class Supervisor:
    """Starts tasks, keeps them alive, and waits for them when the server goes down."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        # The hold that a task works on, or the last one that it tried to place.
        self._holds: dict[asyncio.Task[Any], str] = {}
        self._cuttable: set[asyncio.Task[Any]] = set()
        self._cutting = False

    def __len__(self) -> int:
        """How many tasks run now."""
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run ``work`` as a task of its own. Its outcome is the caller's to read, or nobody's."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def take_on(self, hold_id: str) -> None:
        """Note that the running task works on this hold, until it ends or takes another on.

        Said before the hold is placed, so that there is no moment at which nobody does.
        """
        task = asyncio.current_task()
        if task in self._tasks:
            self._holds[task] = hold_id

    @property
    def holds(self) -> Set[str]:
        """The ids of the holds that tasks work on now: whatever a clock says, these are owned."""
        return set(self._holds.values())

    def cuttable(self) -> "_Cuttable":
        """Mark, as a context manager, the part of a task that ``cut`` cancels."""
        return _Cuttable(self)

    async def idle(self) -> None:
        """Wait until no task is left. Ending a call may start one more: it is waited for too."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def drain(
        self, grace_seconds: float, *, settling_seconds: float = SETTLING_SECONDS
    ) -> int:
        """Wait for the tasks, at most this long, and ``cut`` the rest; how many they were."""
        await self._wait(grace_seconds)
        return await self.cut(settling_seconds=settling_seconds)

    async def cut(self, *, settling_seconds: float = SETTLING_SECONDS) -> int:
        """End all tasks: now where they are cuttable, and soon where they are not.

        Tasks that come to their cuttable part later do not get in. What is not done after
        ``settling_seconds``, most likely because the ledger is away, is cancelled wherever it is;
        the sweeper resolves its hold. Returns how many tasks were cut or cancelled.
        """
        self._cutting = True
        count = len(self._cuttable)
        for task in self._cuttable:
            task.cancel()
        if count:
            _log.warning("supervisor.cut", tasks=count)
        await self._wait(settling_seconds)
        cancelled = 0
        while self._tasks:
            pending = set(self._tasks)
            cancelled += len(pending)
            for task in pending:
                task.cancel()
            await asyncio.wait(pending)
        if cancelled:
            _log.warning("supervisor.cancelled", tasks=cancelled)
        return count + cancelled

    async def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._tasks and (left_seconds := deadline - loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=left_seconds)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._holds.pop(task, None)
        # Read the outcome, so that a failure nobody listens to is not reported twice; runs log
        # their own.
        if not task.cancelled():
            task.exception()


class _Cuttable:
    """See ``Supervisor.cuttable``. A class, since a generator costs each call more."""

    __slots__ = ("_supervisor", "_task")

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._task = asyncio.current_task()

    def __enter__(self) -> None:
        """Let the task be cut from here on.

        Raises:
            asyncio.CancelledError: the tasks are being cut already.
        """
        if self._supervisor._cutting:
            raise asyncio.CancelledError
        assert self._task is not None  # noqa: S101 - a coroutine runs in a task
        self._supervisor._cuttable.add(self._task)

    def __exit__(self, *failure: object) -> None:
        """Let the task end in its own time."""
        if self._task is not None:
            self._supervisor._cuttable.discard(self._task)
