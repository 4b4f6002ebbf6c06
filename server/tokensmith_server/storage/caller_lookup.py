"""Finding the caller of a key, on the plain drivers.

It stands before each call of a key that has not called for some seconds. A session there would
cost more than all the rest of the call.
"""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import structlog
from pysqlite3 import dbapi2

from tokensmith_server.billing.errors import LedgerUnavailable
from tokensmith_server.storage.address import parse_database_url
from tokensmith_server.storage.causes import cause_of
from tokensmith_server.storage.engine import (
    STATEMENT_TIMEOUT_SECONDS,
    connect_sqlite,
    hot_path_conninfo,
)
from tokensmith_server.storage.errors import ConnectionLost, DatabaseTrouble
from tokensmith_server.storage.postgres_pipeline import PipelineConnection

LOOKUP_SECONDS: Final = 15.0
"""How long a caller waits to be found."""

_LIVE_KEY: Final = (
    "SELECT k.account_id, a.name, k.key_id, k.last_used_time_microseconds FROM api_keys k"
    " JOIN accounts a ON a.account_id = k.account_id"
    " WHERE k.key_hash = {key_hash} AND k.revoked_time_microseconds IS NULL"
    " AND (k.expires_time_microseconds IS NULL OR k.expires_time_microseconds > {now})"
)
_ON_SQLITE: Final = _LIVE_KEY.format(key_hash="?", now="?")
_ON_POSTGRES: Final = _LIVE_KEY.format(key_hash="decode($1::text, 'hex')", now="$2::bigint")

_log = structlog.get_logger(__name__)


class LiveKey(NamedTuple):
    """A key that is neither revoked nor expired, and whose it is."""

    account_id: str
    account_name: str
    key_id: str
    last_used_time_microseconds: int | None


class CallerLookup:
    """One connection, used by one thread."""

    def __init__(self, database_url: str) -> None:
        address = parse_database_url(database_url)
        self._reader: _Reader
        if address.sqlite_path is not None:
            self._reader = _SQLiteReader(address.sqlite_path)
        else:
            self._reader = _PostgresReader(address.postgres_conninfo or "")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="callers")

    async def find(self, key_hash: bytes, now_microseconds: int) -> LiveKey | None:
        """The key with this hash, unless it is unknown, revoked or expired.

        Raises:
            LedgerUnavailable: the database did not answer, or not in time.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                return await loop.run_in_executor(
                    self._thread, self._find, key_hash, now_microseconds
                )
        except (DatabaseTrouble, TimeoutError) as trouble:
            kind, cause = type(trouble).__name__, str(trouble) or "no answer in time"
            _log.warning("storage.failed", kind=kind, cause=cause)
            raise LedgerUnavailable(f"the database did not answer: {cause}") from None

    async def close(self) -> None:
        """Wait for what runs, and hang up."""
        await asyncio.to_thread(self._thread.shutdown)
        self._reader.close()

    def _find(self, key_hash: bytes, now_microseconds: int) -> LiveKey | None:
        try:
            return self._reader.find(key_hash, now_microseconds)
        except ConnectionLost:
            # It may have been gone for long, unnoticed: a new one tells.
            return self._reader.find(key_hash, now_microseconds)


class _Reader(Protocol):
    """Reads on a connection that it opens when there is none."""

    def find(self, key_hash: bytes, now_microseconds: int) -> LiveKey | None:
        """See ``CallerLookup.find``.

        Raises:
            ConnectionLost: the connection was of no use, and is closed.
            DatabaseTrouble: the database is in trouble.
        """
        ...

    def close(self) -> None: ...


class _SQLiteReader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def find(self, key_hash: bytes, now_microseconds: int) -> LiveKey | None:
        try:
            if self._connection is None:
                self._connection = connect_sqlite(self._path, read_only=True)
            parameters = (key_hash, now_microseconds)
            row = self._connection.execute(_ON_SQLITE, parameters).fetchone()
        except dbapi2.Error as error:
            self.close()
            raise ConnectionLost(cause_of(error)) from error
        return None if row is None else LiveKey(*row)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _PostgresReader:
    def __init__(self, conninfo: str) -> None:
        self._conninfo = hot_path_conninfo(conninfo, STATEMENT_TIMEOUT_SECONDS)
        self._connection: PipelineConnection | None = None

    def find(self, key_hash: bytes, now_microseconds: int) -> LiveKey | None:
        try:
            if self._connection is None:
                self._connection = PipelineConnection(
                    self._conninfo,
                    # The server speaks first where it can.
                    timeout_seconds=STATEMENT_TIMEOUT_SECONDS + 1.0,
                )
            parameters = (key_hash.hex().encode(), str(now_microseconds).encode())
            (rows,) = self._connection.run([(_ON_POSTGRES, parameters)])
        except DatabaseTrouble:
            self.close()
            raise
        if not rows:
            return None
        account_id, name, key_id, last_used = (
            None if text is None else text.decode() for text in rows[0]
        )
        assert account_id and name is not None and key_id  # noqa: PT018, S101 - not null there
        return LiveKey(account_id, name, key_id, int(last_used) if last_used else None)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
