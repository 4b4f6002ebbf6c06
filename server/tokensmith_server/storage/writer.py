"""The group-commit writer: one thread, one connection, one transaction for all who wait.

Commands that arrive while a transaction is on its way share the next one, so durability costs
one disk write for all of them. There is no timer: commands are handed over as soon as the event
loop has a turn without a new one, which for a lone request is the next turn. The thread runs no
event loop; it hands all answers of a batch back in one call.
"""

import asyncio
import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import structlog

from tokensmith_server.billing.commands import MarkDelivered, Outcome, PlaceHold, VoidHold
from tokensmith_server.billing.errors import DataRefused, LedgerUnavailable, RequestIdReused
from tokensmith_server.clock import Clock
from tokensmith_server.storage.batch import decide
from tokensmith_server.storage.errors import (
    CommitUnknown,
    ConnectionLost,
    DatabaseTrouble,
    KeyTaken,
    TryAgain,
    WriteRefused,
)
from tokensmith_server.storage.ledger_database import LedgerDatabase
from tokensmith_server.storage.snapshot import Command, Writes, needs_of

T = TypeVar("T")

BATCH_MAX: Final = 512
"""Commands from which on a transaction takes in no more."""

QUEUE_MAX: Final = 10_000
"""Commands that may be without an answer; more are refused, since they would wait too long."""

RETRY_SECONDS: Final = 5.0
"""How long a batch is tried again, and an unknown commit looked into, before commands fail."""

# A busy loop brings a few commands a turn. More turns than this would only add to the latency.
_TURNS_MAX: Final = 8
_ATTEMPTS_MAX: Final = 6
_BACKOFF_SECONDS: Final = 0.005

_log = structlog.get_logger(__name__)


class _Waiting:
    """A command or a job with the future that waits for its outcome."""

    __slots__ = ("future", "work")

    def __init__(self, work: Any, future: "asyncio.Future[Any]") -> None:
        self.work = work
        self.future = future


class GroupCommitWriter:
    """Takes commands on the event loop and answers them there; writes in its own thread."""

    def __init__(
        self,
        database: LedgerDatabase,
        *,
        clock: Clock,
        fault_point: Callable[[str], None],
        queue_max: int = QUEUE_MAX,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._fault_point = fault_point
        self._queue_max = queue_max
        self._retry_seconds = retry_seconds
        # Closing sends None; a flush sends a waiting item without work.
        self._queue: queue.SimpleQueue[list[_Waiting] | None] = queue.SimpleQueue()
        # What the last turns of the loop have brought and is not handed over yet.
        self._gathered: list[_Waiting] = []
        self._unanswered = 0
        self._riders: deque[MarkDelivered] = deque()
        # Holds of which nobody knows whether they were placed, and whose callers were told no.
        self._doubtful: list[PlaceHold] = []
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False

    async def start(self) -> None:
        """Start the thread and connect.

        Raises:
            LedgerUnavailable: the database cannot be reached.
        """
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        try:
            await self.run_job(self._database.connect)
        except ConnectionLost as lost:
            await self.close()
            raise LedgerUnavailable(f"the ledger's database cannot be reached: {lost}") from None

    async def close(self) -> None:
        """Write what waits, then end the thread and its connection."""
        if self._closing:
            return
        self._closing = True
        self._hand_over()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def submit(self, command: Command) -> "asyncio.Future[Any]":
        """Queue a command; the future gets its answer or its refusal.

        Raises:
            LedgerUnavailable: too many wait already, or the writer is closing.
        """
        return self._enqueue(command)

    def ride(self, command: MarkDelivered) -> None:
        """Add a command to whichever batch comes next; nobody waits for it."""
        self._riders.append(command)

    def run_job(self, job: Callable[[], T]) -> "asyncio.Future[T]":
        """Run ``job`` in the writer's thread between two batches, when no transaction is open."""
        return self._enqueue(job)

    def flush(self) -> None:
        """Have waiting riders written now, unless the writer is about to anyway."""
        if self._riders and not self._gathered and self._queue.empty() and not self._closing:
            self._enqueue(lambda: None)

    def _enqueue(self, work: Any) -> "asyncio.Future[Any]":
        loop = self._loop
        if self._closing or loop is None:
            raise LedgerUnavailable("the ledger is closed")
        if self._unanswered >= self._queue_max:
            raise LedgerUnavailable("too many commands wait for the ledger")
        self._unanswered += 1
        future: asyncio.Future[Any] = loop.create_future()
        if not self._gathered:
            loop.call_soon(self._hand_over_when_quiet, loop, 1, 1)
        self._gathered.append(_Waiting(work, future))
        return future

    def _hand_over_when_quiet(self, loop: asyncio.AbstractEventLoop, seen: int, turns: int) -> None:
        """Hand over at the end of the first turn of the loop that brought nothing more.

        Else the thread would wake at the first command, and begin with it alone.
        """
        count = len(self._gathered)
        if count > seen and turns < _TURNS_MAX:
            loop.call_soon(self._hand_over_when_quiet, loop, count, turns + 1)
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._queue.put(gathered)

    def _resolve(self, waiting: Sequence[_Waiting], answers: Sequence[object]) -> None:
        self._unanswered -= len(waiting)
        for item, answer in zip(waiting, answers, strict=False):
            if item.future.done():
                continue
            if isinstance(answer, BaseException):
                item.future.set_exception(answer)
            else:
                item.future.set_result(answer)

    # Everything below runs in the writer's thread.

    def _run(self) -> None:
        try:
            open_ended = True
            while open_ended:
                waiting, open_ended = self._collect()
                commands, jobs = self._sort(waiting)
                self._write_batch(commands)
                for job in jobs:
                    self._run_job(job)
        finally:
            self._database.close()

    def _collect(self) -> tuple[list[_Waiting], bool]:
        """Wait for a first item and take what else is there; false once the last was taken."""
        waiting: list[_Waiting] = []
        handed = self._queue.get()
        while handed is not None:
            waiting += handed
            if len(waiting) >= BATCH_MAX:
                return waiting, True
            try:
                handed = self._queue.get_nowait()
            except queue.Empty:
                return waiting, True
        return waiting, False

    def _sort(self, waiting: list[_Waiting]) -> tuple[list[_Waiting], list[_Waiting]]:
        """Commands and jobs; whoever gave up before the work began wants nothing written."""
        commands: list[_Waiting] = []
        jobs: list[_Waiting] = []
        given_up: list[_Waiting] = []
        for item in waiting:
            if item.future.cancelled():
                given_up.append(item)
            elif callable(item.work):
                jobs.append(item)
            else:
                commands.append(item)
        if given_up:
            self._answer(given_up, [None] * len(given_up))
        return commands, jobs

    def _run_job(self, item: _Waiting) -> None:
        try:
            outcome: object = item.work()
        except BaseException as error:
            outcome = error
        self._answer([item], [outcome])

    def _write_batch(self, waiting: list[_Waiting]) -> None:
        commands: list[Command] = [item.work for item in waiting]
        while self._riders:
            commands.append(self._riders.popleft())
        if not commands:
            return
        try:
            answers = self._process(commands)
        except BaseException as error:
            # A defect, or a fault point: the transaction's state is unknown, the connection's
            # too. What was committed stays; whoever asks again finds it.
            _log.error("ledger.batch_failed", error=type(error).__name__, commands=len(commands))
            self._database.close()
            answers = [_unavailable()] * len(commands)
        self._answer(waiting, answers)

    def _answer(self, waiting: Sequence[_Waiting], answers: Sequence[object]) -> None:
        loop = self._loop
        assert loop is not None  # noqa: S101
        try:
            loop.call_soon_threadsafe(self._resolve, waiting, answers)
        except RuntimeError:  # The loop has ended; nobody listens.
            _log.warning("ledger.answers_unheard", commands=len(waiting))

    def _process(self, commands: Sequence[Command]) -> Sequence[object]:
        """Carry the commands out, as one transaction if it can be."""
        deadline = time.monotonic() + self._retry_seconds
        for attempt in range(_ATTEMPTS_MAX):
            try:
                self._database.connect()
                self._void_doubtful()
                return self._carry_out(commands)
            except WriteRefused as refusal:
                self._forget()
                if len(commands) > 1:
                    return [self._process([command])[0] for command in commands]
                return [_refusal_of(commands[0], refusal)]
            except ConnectionLost as trouble:
                _log_trouble(trouble, attempt)
                self._database.close()
                if attempt > 0:
                    break
            except TryAgain as trouble:
                _log_trouble(trouble, attempt)
                self._forget()
            except _DoubtRemains:
                break
            if time.monotonic() >= deadline:
                break
            time.sleep(random.uniform(0, _BACKOFF_SECONDS * 2**attempt))  # noqa: S311
        return [_unavailable()] * len(commands)

    def _carry_out(self, commands: Sequence[Command]) -> Sequence[object]:
        """One transaction; a second, thorough one if the first rested on what is not so."""
        try:
            return self._transact(commands, thorough=False)
        except WriteRefused:
            self._forget()
        except _RefusedOnAssumption:
            pass
        return self._transact(commands, thorough=True)

    def _transact(self, commands: Sequence[Command], *, thorough: bool) -> Sequence[object]:
        snapshot = self._database.load(needs_of(commands), thorough=thorough)
        answers, writes = decide(commands, snapshot)
        if snapshot.assumed and any(isinstance(answer, Exception) for answer in answers):
            raise _RefusedOnAssumption
        if writes:
            self._fault_point("ledger.before_commit")
        try:
            self._database.commit(writes)
        except CommitUnknown as unknown:
            if not self._settle_doubt(commands, writes):
                raise TryAgain(f"the commit did not happen: {unknown}") from None
        if writes:
            self._fault_point("ledger.after_commit")
        return answers

    def _settle_doubt(self, commands: Sequence[Command], writes: Writes) -> bool:
        """Find out whether a commit that got no answer happened.

        Raises:
            _DoubtRemains: it cannot be found out; what may have been placed is voided later.
        """
        _log.warning("ledger.commit_unknown", commands=len(commands))
        if not writes.entries:
            # Attempts and deliveries alone: writing them twice is writing them once.
            self._database.close()
            return False
        deadline = time.monotonic() + self._retry_seconds
        attempt = 0
        while True:
            self._database.close()
            try:
                self._database.connect()
                return self._database.was_written(writes)
            except DatabaseTrouble:
                attempt += 1
                if time.monotonic() >= deadline:
                    break
                time.sleep(min(1.0, _BACKOFF_SECONDS * 2**attempt))
        self._doubtful.extend(command for command in commands if isinstance(command, PlaceHold))
        raise _DoubtRemains

    def _void_doubtful(self) -> None:
        """Void the holds whose callers were told that the ledger is unavailable."""
        if not self._doubtful:
            return
        voids = [
            VoidHold(
                hold_id=command.hold_id,
                account_id=command.account_id,
                outcome=Outcome.FAILED,
                resolved_time=self._clock.now(),
                error_reason="LEDGER_UNAVAILABLE",
            )
            for command in self._doubtful
        ]
        doubtful, self._doubtful = self._doubtful, []
        try:
            # Those that were never placed are refused as not found, which is well.
            self._transact(voids, thorough=True)
        except BaseException:
            self._doubtful = doubtful
            raise

    def _forget(self) -> None:
        try:
            self._database.rollback()
        except DatabaseTrouble:
            self._database.close()


class _RefusedOnAssumption(Exception):
    """A command was refused on rows from memory, which may be out of date."""


class _DoubtRemains(Exception):
    """The database went away in the middle of a commit and did not come back in time."""


def _log_trouble(trouble: DatabaseTrouble, attempt: int) -> None:
    kind, reason = type(trouble).__name__, str(trouble)
    _log.warning("ledger.trouble", kind=kind, reason=reason, attempt=attempt + 1)


def _unavailable() -> LedgerUnavailable:
    return LedgerUnavailable("the ledger's database did not answer")


def _refusal_of(command: Command, refusal: WriteRefused) -> Exception:
    """What to tell the caller of a command whose rows the database does not take."""
    _log.error("ledger.write_refused", command=type(command).__name__, reason=str(refusal))
    if not isinstance(refusal, KeyTaken):
        return DataRefused(f"the ledger's database takes no such {type(command).__name__}")
    if isinstance(command, PlaceHold):
        return RequestIdReused(command.request_id)
    return _unavailable()
