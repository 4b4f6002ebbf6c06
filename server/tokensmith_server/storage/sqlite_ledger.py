# ruff: noqa: S608
# Every statement is put together from the constants of this package; values are parameters.
"""The hot path on SQLite: what a batch reads and writes, as few, large statements.

One statement writes many rows (``VALUES`` with up to 64 of them): between statements the driver
gives up the interpreter lock, and on a busy process each time it does so may cost a turn of
everybody else.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from pysqlite3 import dbapi2

from tokensmith_server.billing.commands import HoldState
from tokensmith_server.billing.ledger import AccountState, Hold
from tokensmith_server.storage.engine import connect_sqlite
from tokensmith_server.storage.errors import (
    CommitUnknown,
    ConnectionLost,
    KeyTaken,
    TryAgain,
    WriteRefused,
)
from tokensmith_server.storage.row_cache import RowCache
from tokensmith_server.storage.snapshot import (
    ABANDONED_COLUMNS,
    ACCOUNT_COLUMNS,
    ATTEMPT_COLUMNS,
    ATTEMPT_END_COLUMNS,
    CLAIM_COLUMNS,
    DELIVERED_COLUMNS,
    END_COLUMNS,
    ENTRY_COLUMNS,
    GRANT_COLUMNS,
    HOLD_COLUMNS,
    RESULT_COLUMNS,
    AccountSnapshot,
    HoldSnapshot,
    Needs,
    Row,
    Snapshot,
    Writes,
)

T = TypeVar("T")

# A statement costs as much as a few rows do. One of each size up to 16 is kept ready; the driver
# has room for these (see ``connect_sqlite``).
_CHUNKS: Final = (64, 32, *range(16, 0, -1))

StatementFor = Callable[[tuple[str, ...], int], str]
"""A statement, given the columns and how many rows of them it writes."""

_HOLD_FIELDS: Final = (
    "h.hold_id, h.account_id, h.state, h.amount_microcredits, h.charged_microcredits,"
    " h.shortfall_microcredits, h.request_id, h.api_key_id, h.idempotency_key, h.fingerprint,"
    " h.created_time_microseconds"
)

_ACCOUNTS: Final = (
    "SELECT account_id, available_microcredits, held_microcredits, charged_microcredits,"
    " granted_microcredits, last_sequence FROM accounts"
    " WHERE account_id IN (SELECT value FROM json_each(?))"
)
_HOLDS: Final = (
    f"SELECT {_HOLD_FIELDS} FROM holds h WHERE h.hold_id IN (SELECT value FROM json_each(?))"
)
_REQUEST_IDS: Final = (
    "SELECT h.account_id, h.request_id FROM json_each(?) r CROSS JOIN holds h"
    " ON h.account_id = r.value ->> 0 AND h.request_id = r.value ->> 1"
)
_CLAIMS: Final = (
    f"SELECT {_HOLD_FIELDS}, c.idempotency_key, s.payload FROM json_each(?) k"
    " CROSS JOIN idempotency_claims c"
    " ON c.account_id = k.value ->> 0 AND c.idempotency_key = k.value ->> 1"
    " JOIN holds h ON h.hold_id = c.hold_id"
    " LEFT JOIN stored_results s ON s.hold_id = h.hold_id"
)
_RETRIES_OPEN: Final = (
    f"SELECT {_HOLD_FIELDS}, NULL FROM holds h WHERE h.account_id = ? AND h.state = 'held'"
    " AND h.api_key_id = ? AND h.fingerprint = ? AND h.idempotency_key IS NULL"
)
_RETRIES_STORED: Final = (
    f"SELECT {_HOLD_FIELDS}, s.payload FROM stored_results s JOIN holds h"
    " ON h.hold_id = s.hold_id"
    " WHERE h.account_id = ? AND s.api_key_id = ? AND s.fingerprint = ? AND s.keyed = 0"
)
_GRANTS: Final = (
    "SELECT grant_id, account_id, amount_microcredits FROM grants"
    " WHERE grant_id IN (SELECT value FROM json_each(?))"
)
_MARKER: Final = "SELECT hold_id, kind FROM entries WHERE account_id = ? AND sequence = ?"

_BUSY: Final = frozenset({"SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_LOCKED"})
_KEY_TAKEN: Final = frozenset({"SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE"})


class SQLiteLedger:
    """The writer thread's own connection. Used by that thread alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._cache = RowCache()
        self._data_version: int | None = None
        self._snapshot = Snapshot()

    def connect(self) -> None:
        """Open the connection, if it is not.

        Raises:
            ConnectionLost: the file cannot be opened.
        """
        if self._connection is not None:
            return
        try:
            self._connection = connect_sqlite(self._path)
        except dbapi2.Error as error:
            raise ConnectionLost(_name_of(error)) from error

    def close(self) -> None:
        """Close the connection; what was not committed is gone."""
        connection, self._connection = self._connection, None
        self._cache.clear()
        if connection is not None:
            connection.close()

    def load(self, needs: Needs, *, thorough: bool = False) -> Snapshot:
        """Begin, which locks the file for writing, and bring what the batch must see.

        What this connection wrote last is still so unless another one has written since, which
        SQLite tells. ``thorough`` reads everything, and checks the request ids too.

        Raises:
            TryAgain: another writer holds the file.
            ConnectionLost: the file failed; close and connect again.
        """
        connection = self._connected()
        self._snapshot = _guarded(lambda: self._load(connection, needs, thorough))
        return self._snapshot

    def _load(self, connection: sqlite3.Connection, needs: Needs, thorough: bool) -> Snapshot:
        connection.execute("BEGIN IMMEDIATE")
        (data_version,) = connection.execute("PRAGMA data_version").fetchone()
        if thorough or data_version != self._data_version:
            self._cache.clear()
            self._data_version = data_version
        found = None if thorough else self._cache.find(needs)
        return found or _load(connection, needs)

    def commit(self, writes: Writes) -> None:
        """Write the batch and make it durable.

        Raises:
            WriteRefused: a row broke a constraint.
            TryAgain, ConnectionLost: as ``load``; nothing was written.
            CommitUnknown: the disk failed in the middle; the batch is there, or it is not.
        """
        connection = self._connected()
        if not writes:
            _guarded(lambda: connection.execute("ROLLBACK"))
            return
        _guarded(lambda: _write(connection, writes))
        try:
            connection.execute("COMMIT")
        except dbapi2.Error as error:
            raise CommitUnknown(_name_of(error)) from error
        self._cache.keep(self._snapshot, writes)

    def rollback(self) -> None:
        """Forget the batch, and with it every row that it may have changed in memory.

        Raises:
            ConnectionLost: the connection is of no use any more.
        """
        self._cache.clear()
        connection = self._connected()
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except dbapi2.Error as error:
            raise ConnectionLost(_name_of(error)) from error

    def was_written(self, writes: Writes) -> bool:
        """After ``CommitUnknown`` and a new connection: whether the batch is there.

        A checkpoint comes first: what it copied into the database file is on the disk, which a
        log whose sync failed is not.

        Raises:
            TryAgain, ConnectionLost: it cannot be told yet.
        """
        connection = self._connected()
        account_id, sequence, kind, hold_id, *_ = writes.entries[0]

        def look() -> bool:
            (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise TryAgain("a reader keeps the log")
            row = connection.execute(_MARKER, (account_id, sequence)).fetchone()
            return row is not None and tuple(row) == (hold_id, kind)

        return _guarded(look)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ConnectionLost("closed")
        return self._connection


def _guarded(work: Callable[[], T]) -> T:
    try:
        return work()
    except (dbapi2.IntegrityError, dbapi2.DataError, OverflowError, UnicodeEncodeError) as error:
        name = _name_of(error)
        raise (KeyTaken if name in _KEY_TAKEN else WriteRefused)(name) from error
    except dbapi2.Error as error:
        name = _name_of(error)
        if name in _BUSY:
            raise TryAgain(name) from error
        raise ConnectionLost(name) from error


def _name_of(error: Exception) -> str:
    return getattr(error, "sqlite_errorname", None) or type(error).__name__


def _load(connection: sqlite3.Connection, needs: Needs) -> Snapshot:
    snapshot = Snapshot()
    if hold_ids := needs.hold_ids | needs.attempt_hold_ids:
        for row in connection.execute(_HOLDS, (_json(hold_ids),)):
            snapshot.holds[row[0]] = _hold_from_row(row)
    if needs.account_ids:
        for row in connection.execute(_ACCOUNTS, (_json(needs.account_ids),)):
            snapshot.accounts[row[0]] = AccountSnapshot(AccountState(*row[:5]), row[5])
    if needs.request_ids:
        request_ids = connection.execute(_REQUEST_IDS, (_json(needs.request_ids),))
        snapshot.request_ids.update(request_ids.fetchall())
    if needs.claims:
        _load_claims(connection, needs, snapshot)
    for retry in needs.retries:
        _load_retries(connection, retry, snapshot)
    if needs.grant_ids:
        for grant_id, *grant in connection.execute(_GRANTS, (_json(needs.grant_ids),)):
            snapshot.grants[grant_id] = (grant[0], grant[1])
    return snapshot


def _load_claims(connection: sqlite3.Connection, needs: Needs, snapshot: Snapshot) -> None:
    for *row, key, payload in connection.execute(_CLAIMS, (_json(needs.claims),)):
        _add_earlier(snapshot, row, payload)
        snapshot.claims[row[1], key] = row[0]


def _load_retries(
    connection: sqlite3.Connection, retry: tuple[str, str, bytes], snapshot: Snapshot
) -> None:
    for statement in (_RETRIES_OPEN, _RETRIES_STORED):
        for *row, payload in connection.execute(statement, retry):
            _add_earlier(snapshot, row, payload)
            same = snapshot.similar.setdefault((row[7], row[9]), [])
            if row[0] not in same:
                same.append(row[0])


def _add_earlier(snapshot: Snapshot, row: Sequence[Any], payload: bytes | None) -> None:
    snapshot.holds.setdefault(row[0], _hold_from_row(row))
    if payload is not None:
        snapshot.results[row[0]] = payload


def _hold_from_row(row: Sequence[Any]) -> HoldSnapshot:
    return HoldSnapshot(
        hold=Hold(row[0], row[1], HoldState(row[2]), row[3], row[4], row[5]),
        request_id=row[6],
        api_key_id=row[7],
        keyed=row[8] is not None,
        fingerprint=row[9],
        created_time_microseconds=row[10],
    )


def _json(values: Iterable[object]) -> str:
    return msgspec.json.encode(list(values)).decode()


def _write(connection: sqlite3.Connection, writes: Writes) -> None:
    for columns, rows, statement in (
        (ACCOUNT_COLUMNS, writes.account_rows, _update_accounts),
        (GRANT_COLUMNS, writes.grants, _insert_grants),
        (HOLD_COLUMNS, writes.holds, _insert_holds),
        (ATTEMPT_COLUMNS, writes.attempts, _insert_attempts),
        (END_COLUMNS, writes.ends, _update_holds),
        (ATTEMPT_END_COLUMNS, writes.attempt_ends, _update_attempts),
        (ABANDONED_COLUMNS, writes.abandoned, _abandon_attempts),
        (ENTRY_COLUMNS, writes.entries, _insert_entries),
        (CLAIM_COLUMNS, list(writes.claims.values()), _upsert_claims),
        (RESULT_COLUMNS, writes.results, _insert_results),
        (DELIVERED_COLUMNS, [(hold_id,) for hold_id in writes.delivered], _delete_delivered),
    ):
        if rows:
            _run_in_chunks(connection, statement, columns.used_by(rows), rows)


def _run_in_chunks(
    connection: sqlite3.Connection,
    statement: StatementFor,
    columns: tuple[str, ...],
    rows: list[Row],
) -> None:
    """Run the statement over all rows, in as few chunks as there are prepared statements for."""
    width = len(columns)
    if width < len(rows[0]):
        rows = [row[:width] for row in rows]
    start, count = 0, len(rows)
    for size in _CHUNKS:
        while count - start >= size:
            parameters = [*chain.from_iterable(rows[start : start + size])]
            connection.execute(statement(columns, size), parameters)
            start += size


def _values(columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"VALUES {', '.join([row] * rows)}"


def _inserts(table: str, conflict: str = "") -> StatementFor:
    @cache
    def statement(columns: tuple[str, ...], rows: int) -> str:
        names = ", ".join(columns)
        return f"INSERT INTO {table} ({names}) {_values(len(columns), rows)} {conflict}"

    return statement


def _updates(table: str, key_count: int) -> StatementFor:
    """Update rows found by their first ``key_count`` columns."""

    @cache
    def statement(columns: tuple[str, ...], rows: int) -> str:
        if rows == 1:
            return _update_one(table, columns, key_count)
        changes = ", ".join(f"{c} = v.column{i}" for i, c in enumerate(columns, 1) if i > key_count)
        keys = " AND ".join(f"{table}.{columns[i]} = v.column{i + 1}" for i in range(key_count))
        values = _values(len(columns), rows)
        return f"UPDATE {table} SET {changes} FROM ({values}) AS v WHERE {keys}"

    return statement


def _update_one(table: str, columns: tuple[str, ...], key_count: int) -> str:
    """Without FROM, whose rows SQLite collects in a table of its own before it updates any."""
    equations = [f"{column} = ?{number}" for number, column in enumerate(columns, 1)]
    changes, keys = ", ".join(equations[key_count:]), " AND ".join(equations[:key_count])
    return f"UPDATE {table} SET {changes} WHERE {keys}"


@cache
def _abandon_attempts(columns: tuple[str, ...], rows: int) -> str:
    return (
        "UPDATE attempts SET state = 'unknown', ended_time_microseconds = v.column3"
        f" FROM ({_values(len(columns), rows)}) AS v"
        " WHERE attempts.hold_id = v.column1 AND attempts.number <> v.column2"
        " AND attempts.state = 'dispatched'"
    )


@cache
def _delete_delivered(columns: tuple[str, ...], rows: int) -> str:
    hold_ids = _values(len(columns), rows)
    return f"DELETE FROM stored_results WHERE keyed = 0 AND hold_id IN ({hold_ids})"


_update_accounts = _updates("accounts", 1)
_insert_grants = _inserts("grants")
_insert_holds = _inserts("holds")
_insert_attempts = _inserts("attempts", "ON CONFLICT DO NOTHING")
_update_holds = _updates("holds", 1)
_update_attempts = _updates("attempts", 2)
_insert_entries = _inserts("entries")
_upsert_claims = _inserts(
    "idempotency_claims",
    "ON CONFLICT (account_id, idempotency_key) DO UPDATE SET hold_id = excluded.hold_id,"
    " fingerprint = excluded.fingerprint,"
    " created_time_microseconds = excluded.created_time_microseconds",
)
_insert_results = _inserts("stored_results")
