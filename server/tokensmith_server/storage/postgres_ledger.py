# ruff: noqa: S608
# Every statement is put together from the constants of this package; values are parameters.
"""The hot path on PostgreSQL: lock and read in one round trip, write and commit in a second.

Every change of a hold happens under its account's row lock, taken in id order. Reading, deciding
and writing in one statement would be quicker and wrong: with two writers it over-admits, since
its parts see the rows as they were before the lock was had.

A process that is alone on its accounts knows what it would read. Its batches are decided on the
rows in memory and written in one round trip, without locking first. That is safe because every
change of an account, whoever makes it, adds the account's next entry: if anybody has changed one
since, its next entry is there already, ours has the same key, and the whole transaction fails.
Then, and whenever a command would be refused, the batch is decided again on locked rows.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from tokensmith_server.billing.commands import HoldState
from tokensmith_server.billing.ledger import AccountState, Hold
from tokensmith_server.storage.engine import (
    STATEMENT_TIMEOUT_SECONDS,
    hot_path_conninfo,
)
from tokensmith_server.storage.errors import ConnectionLost
from tokensmith_server.storage.postgres_literals import text_array
from tokensmith_server.storage.postgres_pipeline import (
    PipelineConnection,
    ResultRows,
    Statement,
)
from tokensmith_server.storage.postgres_writes import write_statements
from tokensmith_server.storage.row_cache import RowCache
from tokensmith_server.storage.snapshot import (
    AccountSnapshot,
    HoldSnapshot,
    Needs,
    Snapshot,
    Writes,
)

_SESSION: Final = (
    # The writer's statements find every row by its key; with estimates of array sizes to go by,
    # the planner would sometimes rather read a whole table.
    "SET enable_seqscan = off",
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
    "SET plan_cache_mode = force_generic_plan",
    "SET jit = off",
)

LOCKING_BATCHES: Final = 64
"""How many batches lock and read after one whose rows in memory were out of date."""

_BEGIN: Final[Statement] = ("BEGIN", ())
_COMMIT: Final[Statement] = ("COMMIT", ())
_ROLLBACK: Final[Statement] = ("ROLLBACK", ())

_ACCOUNT_FIELDS: Final = (
    "account_id, available_microcredits, held_microcredits, charged_microcredits,"
    " granted_microcredits, last_sequence"
)
_HOLD_FIELDS: Final = (
    "h.hold_id, h.account_id, h.state, h.amount_microcredits, h.charged_microcredits,"
    " h.shortfall_microcredits, h.request_id, h.api_key_id, h.idempotency_key IS NOT NULL,"
    " encode(h.fingerprint, 'hex'), h.created_time_microseconds"
)
_LOCK: Final = (
    f"SELECT {_ACCOUNT_FIELDS} FROM accounts WHERE account_id = ANY($1::text[])"
    " ORDER BY account_id FOR UPDATE"
)
_LOCK_BY_HOLD: Final = (
    f"SELECT {_ACCOUNT_FIELDS} FROM accounts WHERE account_id = ANY(ARRAY("
    "SELECT unnest($1::text[]) UNION ALL"
    " SELECT h.account_id FROM holds h WHERE h.hold_id = ANY($2::text[])))"
    " ORDER BY account_id FOR UPDATE"
)
_HOLDS: Final = f"SELECT {_HOLD_FIELDS} FROM holds h WHERE h.hold_id = ANY($1::text[])"
_REQUEST_IDS: Final = (
    "SELECT h.account_id, h.request_id FROM unnest($1::text[], $2::text[]) AS r(a, i)"
    " JOIN holds h ON h.account_id = r.a AND h.request_id = r.i"
)
_CLAIMS: Final = (
    f"SELECT {_HOLD_FIELDS}, c.idempotency_key, encode(s.payload, 'hex')"
    " FROM unnest($1::text[], $2::text[]) AS k(a, i)"
    " JOIN idempotency_claims c ON c.account_id = k.a AND c.idempotency_key = k.i"
    " JOIN holds h ON h.hold_id = c.hold_id"
    " LEFT JOIN stored_results s ON s.hold_id = h.hold_id"
)
_RETRIES_OPEN: Final = (
    f"SELECT {_HOLD_FIELDS}, NULL FROM holds h WHERE h.account_id = $1::text"
    " AND h.state = 'held' AND h.api_key_id = $2::text"
    " AND h.fingerprint = decode($3::text, 'hex') AND h.idempotency_key IS NULL"
)
_RETRIES_STORED: Final = (
    f"SELECT {_HOLD_FIELDS}, encode(s.payload, 'hex') FROM stored_results s"
    " JOIN holds h ON h.hold_id = s.hold_id WHERE h.account_id = $1::text"
    " AND s.api_key_id = $2::text AND s.fingerprint = decode($3::text, 'hex') AND s.keyed = 0"
)
_GRANTS: Final = (
    "SELECT grant_id, account_id, amount_microcredits FROM grants WHERE grant_id = ANY($1::text[])"
)
_MARKER: Final = (
    "SELECT hold_id, kind FROM entries WHERE account_id = $1::text AND sequence = $2::bigint"
)


class PostgresLedger:
    """The writer thread's own connection. Used by that thread alone."""

    def __init__(
        self, conninfo: str, *, statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS
    ) -> None:
        self._conninfo = hot_path_conninfo(conninfo, statement_timeout_seconds)
        # The server speaks first where it can.
        self._answer_seconds = statement_timeout_seconds + 1.0
        self._connection: PipelineConnection | None = None
        self._cache = RowCache()
        self._snapshot = Snapshot()
        # Batches to come that lock and read, because somebody else writes the same accounts.
        self._locking_batches = 0

    def connect(self) -> None:
        """Open the connection, if it is not.

        Raises:
            ConnectionLost: the server is not there.
        """
        if self._connection is not None:
            return
        connection = PipelineConnection(self._conninfo, timeout_seconds=self._answer_seconds)
        try:
            connection.run([(setting, ()) for setting in _SESSION])
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def close(self) -> None:
        """Close the connection; what was not committed is gone."""
        connection, self._connection = self._connection, None
        self._cache.clear()
        if connection is not None:
            connection.close()

    def load(self, needs: Needs, *, thorough: bool = False) -> Snapshot:
        """Bring what the batch must see: from memory if it is there, else locked and read.

        ``thorough`` locks and reads everything, and checks the request ids too. It is asked for
        when memory was wrong, so the batches after it read as well, for a while.

        Raises:
            TryAgain: a lock was not had in time, or a deadlock.
            WriteRefused: something is asked for that no row can be found by.
            ConnectionLost: the server is gone; close and connect again.
        """
        if thorough:
            self._cache.clear()
            self._locking_batches = LOCKING_BATCHES
        elif self._locking_batches > 0:
            self._locking_batches -= 1
        elif (found := self._cache.find(needs)) is not None:
            found.assumed = True
            self._snapshot = found
            return found
        # From here on there is something to roll back, whatever the batch before rested on.
        self._snapshot = snapshot = Snapshot()
        readers = [*_readers(needs)]
        statements = [_BEGIN, *(statement for statement, _ in readers)]
        results = self._connected().run(statements)
        for (_, read), rows in zip(readers, results[1:], strict=True):
            read(snapshot, rows)
        return snapshot

    def commit(self, writes: Writes) -> None:
        """Write the batch and make it durable.

        Raises:
            WriteRefused: a row broke a constraint, or the rows in memory were out of date.
            TryAgain, ConnectionLost: as ``load``; nothing was written.
            CommitUnknown: the server was lost in the middle; the batch is there, or it is not.
        """
        assumed = self._snapshot.assumed
        if writes:
            # Without BEGIN, all that one round trip carries is one transaction.
            end = [] if assumed else [_COMMIT]
            self._connected().run([*write_statements(writes), *end], commits=True)
            self._cache.keep(self._snapshot, writes)
        elif not assumed:
            self._connected().run([_ROLLBACK])

    def rollback(self) -> None:
        """Forget the batch, and with it every row that it may have changed in memory.

        Raises:
            ConnectionLost: the connection is of no use any more.
        """
        self._cache.clear()
        if not self._snapshot.assumed:
            self._connected().run([_ROLLBACK])

    def was_written(self, writes: Writes) -> bool:
        """After ``CommitUnknown`` and a new connection: whether the batch is there.

        It looks under the accounts' locks, which the lost transaction holds for as long as it
        lives: once they are had, it has come to its end one way or the other.

        Raises:
            TryAgain, ConnectionLost: it cannot be told yet.
        """
        account_id, sequence, kind, hold_id, *_ = writes.entries[0]
        marker = (_MARKER, (account_id.encode(), b"%d" % sequence))
        lock = (_LOCK, (text_array(sorted(writes.accounts)),))
        *_, rows, _ = self._connected().run([_BEGIN, lock, marker, _COMMIT])
        expected = None if hold_id is None else hold_id.encode()
        return rows == [(expected, kind.encode())]

    def _connected(self) -> PipelineConnection:
        if self._connection is None:
            raise ConnectionLost("closed")
        return self._connection


Read = Callable[[Snapshot, ResultRows], None]


def _readers(needs: Needs) -> Iterable[tuple[Statement, Read]]:
    """Each statement with what takes its rows in. The locks come first."""
    accounts = text_array(sorted(needs.account_ids))
    if needs.attempt_hold_ids:
        by_hold = text_array(sorted(needs.attempt_hold_ids))
        yield (_LOCK_BY_HOLD, (accounts, by_hold)), _read_accounts
    elif needs.account_ids:
        yield (_LOCK, (accounts,)), _read_accounts
    if needs.hold_ids or needs.attempt_hold_ids:
        hold_ids = text_array([*(needs.hold_ids | needs.attempt_hold_ids)])
        yield (_HOLDS, (hold_ids,)), _read_holds
    if needs.request_ids:
        yield (_REQUEST_IDS, _pairs(needs.request_ids)), _read_request_ids
    if needs.claims:
        yield (_CLAIMS, _pairs(needs.claims)), _read_claims
    for account_id, api_key_id, fingerprint in needs.retries:
        parameters = (account_id.encode(), api_key_id.encode(), fingerprint.hex().encode())
        yield (_RETRIES_OPEN, parameters), _read_retries
        yield (_RETRIES_STORED, parameters), _read_retries
    if needs.grant_ids:
        yield (_GRANTS, (text_array([*needs.grant_ids]),)), _read_grants


def _pairs(pairs: Iterable[tuple[str, str]]) -> tuple[bytes, bytes]:
    first, second = zip(*pairs, strict=True)
    return text_array(first), text_array(second)


def _read_accounts(snapshot: Snapshot, rows: Sequence[Sequence[Any]]) -> None:
    for row in rows:
        account_id, sequence = row[0].decode(), int(row[5])
        state = AccountState(account_id, int(row[1]), int(row[2]), int(row[3]), int(row[4]))
        snapshot.accounts[account_id] = AccountSnapshot(state, sequence)


def _read_holds(snapshot: Snapshot, rows: Sequence[Sequence[Any]]) -> None:
    for row in rows:
        _add_hold(snapshot, row)


def _add_hold(snapshot: Snapshot, row: Sequence[Any]) -> HoldSnapshot:
    hold_id = row[0].decode()
    state = HoldState(row[2].decode())
    hold = Hold(hold_id, row[1].decode(), state, int(row[3]), int(row[4]), int(row[5]))
    return snapshot.holds.setdefault(
        hold_id,
        HoldSnapshot(
            hold=hold,
            request_id=row[6].decode(),
            api_key_id=row[7].decode(),
            keyed=row[8] == b"t",
            fingerprint=_unhex(row[9]),
            created_time_microseconds=int(row[10]),
        ),
    )


def _add_earlier(snapshot: Snapshot, row: Sequence[Any], payload: bytes | None) -> HoldSnapshot:
    earlier = _add_hold(snapshot, row)
    if payload is not None:
        snapshot.results[earlier.hold.hold_id] = payload
    return earlier


def _read_request_ids(snapshot: Snapshot, rows: Sequence[Sequence[Any]]) -> None:
    snapshot.request_ids.update((row[0].decode(), row[1].decode()) for row in rows)


def _read_claims(snapshot: Snapshot, rows: Sequence[Sequence[Any]]) -> None:
    for row in rows:
        earlier = _add_earlier(snapshot, row, _unhex(row[12]))
        snapshot.claims[earlier.hold.account_id, row[11].decode()] = earlier.hold.hold_id


def _read_retries(snapshot: Snapshot, rows: Sequence[Sequence[Any]]) -> None:
    for row in rows:
        earlier = _add_earlier(snapshot, row, _unhex(row[11]))
        if earlier.fingerprint is not None:
            request = (earlier.api_key_id, earlier.fingerprint)
            same = snapshot.similar.setdefault(request, [])
            if earlier.hold.hold_id not in same:
                same.append(earlier.hold.hold_id)


def _read_grants(snapshot: Snapshot, rows: Sequence[Sequence[Any]]) -> None:
    for grant_id, account_id, amount in rows:
        snapshot.grants[grant_id.decode()] = (account_id.decode(), int(amount))


def _unhex(value: bytes | None) -> bytes | None:
    return None if value is None else bytes.fromhex(value.decode("ascii"))
