"""The cold path: ORM sessions in a few threads, for all but the ledger's commands and callers."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Final, TypeVar

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlmodel import Session

from tokensmith_server.billing.errors import DataRefused, LedgerUnavailable
from tokensmith_server.storage.address import parse_database_url
from tokensmith_server.storage.causes import cause_of
from tokensmith_server.storage.engine import create_engine
from tokensmith_server.storage.writer import GroupCommitWriter

T = TypeVar("T")

COLD_THREADS: Final = 4

COLD_SECONDS: Final = 15.0
"""How long a caller waits for one transaction here; an audit takes as long as it takes."""

_log = structlog.get_logger(__name__)


class Sessions:
    """Runs functions on a session of their own, one transaction each.

    On SQLite whatever writes runs in the ledger writer's thread, between two of its batches:
    in one process nobody then waits for the file's write lock.
    """

    def __init__(self, database_url: str, writer: GroupCommitWriter) -> None:
        self._writer = writer
        self._is_sqlite = parse_database_url(database_url).is_sqlite
        self._write_engine = create_engine(database_url)
        self._read_engine = (
            create_engine(database_url, read_only=True) if self._is_sqlite else self._write_engine
        )
        self._threads = ThreadPoolExecutor(COLD_THREADS, thread_name_prefix="storage")
        self._beating = ThreadPoolExecutor(1, thread_name_prefix="storage-beat")

    async def read(
        self, work: Callable[[Session], T], *, timeout_seconds: float | None = COLD_SECONDS
    ) -> T:
        """Run ``work`` and return what it returns; it changes nothing.

        Raises:
            LedgerUnavailable: the database did not answer, or not in time.
            DataRefused: it takes no such value.
        """
        return await _in_thread(
            self._threads, lambda: _transact(self._read_engine, work), timeout_seconds
        )

    async def write(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` and commit.

        Raises:
            LedgerUnavailable: the database did not answer; nothing was changed.
            DataRefused: it takes no such value or row; nothing was changed.
        """
        return await self._write(self._threads, work)

    async def write_beat(self, work: Callable[[Session], T]) -> T:
        """Like ``write``, on PostgreSQL past all that waits here: it has a thread of its own.

        Slow reads of four customers would else silence the process, which others take for dead.
        """
        return await self._write(self._beating, work)

    async def _write(self, threads: Executor, work: Callable[[Session], T]) -> T:
        if self._is_sqlite:
            return await self._writer.run_job(lambda: _transact(self._write_engine, work))
        return await _in_thread(threads, lambda: _transact(self._write_engine, work), COLD_SECONDS)

    async def close(self) -> None:
        """Wait for what runs, and let the connections go."""
        for threads in (self._threads, self._beating):
            await asyncio.to_thread(threads.shutdown)
        self._read_engine.dispose()
        self._write_engine.dispose()


async def _in_thread(threads: Executor, work: Callable[[], T], timeout_seconds: float | None) -> T:
    try:
        async with asyncio.timeout(timeout_seconds):
            return await asyncio.get_running_loop().run_in_executor(threads, work)
    except TimeoutError:
        # The thread still waits; the caller need not.
        raise LedgerUnavailable("the database did not answer in time") from None


def _transact(engine: Engine, work: Callable[[Session], T]) -> T:
    try:
        with Session(engine, expire_on_commit=False) as session, session.begin():
            return work(session)
    except (DataError, IntegrityError, UnicodeEncodeError) as error:
        _log.error("storage.refused", kind=type(error).__name__, cause=cause_of(error))
        raise DataRefused("the database takes no such value or row") from None
    except SQLAlchemyError as error:
        # The driver's text may carry rows, so only its kind and its code are kept.
        kind, cause = type(error).__name__, cause_of(error)
        _log.warning("storage.failed", kind=kind, cause=cause)
        raise LedgerUnavailable(f"the database did not answer: {cause}") from None
