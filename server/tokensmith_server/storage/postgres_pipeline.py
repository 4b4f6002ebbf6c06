"""A PostgreSQL connection that sends many prepared statements in one round trip.

It is libpq's pipeline mode through psycopg's own binding, without the parts of psycopg that cost
more than the statements themselves. Every wait has a deadline on this side too, since a server
that is frozen cannot time anything out.
"""

import select
import time
from collections.abc import Sequence
from typing import Final

import psycopg
from psycopg import pq

from tokensmith_server.storage.causes import cause_of
from tokensmith_server.storage.errors import (
    CommitUnknown,
    ConnectionLost,
    KeyTaken,
    TryAgain,
    WriteRefused,
)

Statement = tuple[str, Sequence[bytes | None]]
"""SQL and its parameters in text form."""

ResultRows = list[tuple[bytes | None, ...]]

# Transient, with the connection intact: serialization_failure, deadlock_detected,
# lock_not_available (lock_timeout), query_canceled (statement_timeout).
_TRANSIENT: Final = frozenset({b"40001", b"40P01", b"55P03", b"57014"})
# A row is at fault, not the moment: data exceptions, integrity violations, our own triggers.
_REFUSED_CLASSES: Final = frozenset({b"22", b"23", b"P0"})
_UNIQUE_VIOLATION: Final = b"23505"
_SQLSTATE: Final = pq.DiagnosticField.SQLSTATE
_OK: Final = pq.ExecStatus.COMMAND_OK
_TUPLES: Final = pq.ExecStatus.TUPLES_OK
_SYNC: Final = pq.ExecStatus.PIPELINE_SYNC


class PipelineConnection:
    """One connection, used by one thread at a time."""

    def __init__(self, conninfo: str, *, timeout_seconds: float) -> None:
        """Connect.

        Raises:
            ConnectionLost: the server is not there, does not answer, or refuses us.
        """
        self._timeout_seconds = timeout_seconds
        self._names: dict[str, bytes] = {}
        self._statements_prepared = 0
        self._pgconn = pq.PGconn.connect_start(conninfo.encode())
        try:
            self._finish_connecting()
            self._pgconn.nonblocking = 1
            self._pgconn.enter_pipeline_mode()
        except (psycopg.Error, ConnectionLost) as error:
            self.close()
            raise ConnectionLost(f"cannot connect: {cause_of(error)}") from error

    def close(self) -> None:
        """Hang up; what was not committed is gone."""
        self._pgconn.finish()

    def run(self, statements: Sequence[Statement], *, commits: bool = False) -> list[ResultRows]:
        """Run the statements one after the other in one round trip; the rows of each.

        ``commits`` says that COMMIT is the last of them. After ``TryAgain`` and ``WriteRefused``
        the connection lives on and its transaction waits for a ROLLBACK; after the others it is
        of no use.

        Raises:
            TryAgain: a serialization failure, a deadlock, a time-out on the server.
            WriteRefused: a row broke a constraint, or is no valid data.
            ConnectionLost: the server is gone, does not answer, or is in trouble of its own.
            CommitUnknown: the connection was lost after COMMIT was sent.
        """
        self._check_alive()
        try:
            names = [self._send(sql, parameters) for sql, parameters in statements]
            self._pgconn.pipeline_sync()
            rows, error = self._collect(names)
        except (psycopg.Error, ConnectionLost) as trouble:
            if commits:
                raise CommitUnknown("connection lost") from trouble
            raise ConnectionLost("connection lost") from trouble
        if error is not None:
            _raise_error(error)
        return rows

    def _check_alive(self) -> None:
        """Notice a server that hung up while we were idle, when nothing has been sent to it yet."""
        poll = select.poll()
        try:
            poll.register(self._pgconn.socket, select.POLLIN)
            # A notice is read once; a last word is followed by an end that stays readable.
            for _ in range(3):
                if not poll.poll(0):
                    return
                self._pgconn.consume_input()
        except psycopg.Error as trouble:
            raise ConnectionLost("the server hung up") from trouble
        raise ConnectionLost("the server hung up")

    def _finish_connecting(self) -> None:
        deadline = time.monotonic() + self._timeout_seconds
        status: int = pq.PollingStatus.WRITING
        while status != pq.PollingStatus.OK:
            if status == pq.PollingStatus.FAILED:
                raise psycopg.OperationalError(self._pgconn.get_error_message())
            reading = status == pq.PollingStatus.READING
            self._wait(select.POLLIN if reading else select.POLLOUT, deadline)
            status = self._pgconn.connect_poll()

    def _send(self, sql: str, parameters: Sequence[bytes | None]) -> str | None:
        """Queue a statement; its text if its preparation was queued too."""
        name = self._names.get(sql)
        prepared = name is None
        if name is None:
            self._statements_prepared += 1
            name = self._names[sql] = b"s%d" % self._statements_prepared
            self._pgconn.send_prepare(name, sql.encode())
        self._pgconn.send_query_prepared(name, parameters)
        return sql if prepared else None

    def _collect(self, prepared: Sequence[str | None]) -> tuple[list[ResultRows], bytes | None]:
        """Read every answer up to the end of the pipeline; the first error's SQLSTATE."""
        deadline = time.monotonic() + self._timeout_seconds
        self._flush(deadline)
        rows: list[ResultRows] = []
        first_error: bytes | None = None
        for sql in prepared:
            if sql is not None:
                result = self._read_result(deadline)
                if result.status != _OK:
                    del self._names[sql]
                    first_error = first_error or result.error_field(_SQLSTATE) or b"XX000"
            result = self._read_result(deadline)
            if result.status == _TUPLES:
                rows.append(_rows_of(result))
            elif result.status == _OK:
                rows.append([])
            else:
                first_error = first_error or result.error_field(_SQLSTATE) or b"XX000"
        if self._next_result(deadline) is None or self._pgconn.is_busy():
            raise ConnectionLost("pipeline out of step")
        return rows, first_error

    def _read_result(self, deadline: float) -> pq.abc.PGresult:
        result = self._next_result(deadline)
        if result is None or result.status == _SYNC:
            raise ConnectionLost("pipeline out of step")
        # In a pipeline each answer is followed by a null.
        if self._next_result(deadline) is not None:
            raise ConnectionLost("pipeline out of step")
        return result

    def _next_result(self, deadline: float) -> pq.abc.PGresult | None:
        while self._pgconn.is_busy():
            self._wait(select.POLLIN, deadline)
            self._pgconn.consume_input()
        return self._pgconn.get_result()

    def _flush(self, deadline: float) -> None:
        while self._pgconn.flush():
            if self._wait(select.POLLIN | select.POLLOUT, deadline) & select.POLLIN:
                self._pgconn.consume_input()

    def _wait(self, events: int, deadline: float) -> int:
        """Wait for the socket, which may change while connecting."""
        remaining = deadline - time.monotonic()
        poll = select.poll()
        poll.register(self._pgconn.socket, events)
        ready = poll.poll(max(0.0, remaining) * 1000)
        if not ready:
            raise ConnectionLost("no answer in time")
        return ready[0][1]


def _rows_of(result: pq.abc.PGresult) -> ResultRows:
    columns = range(result.nfields)
    get = result.get_value
    return [tuple([get(row, column) for column in columns]) for row in range(result.ntuples)]


def _raise_error(sqlstate: bytes) -> None:
    name = sqlstate.decode("ascii", "replace")
    if sqlstate in _TRANSIENT:
        raise TryAgain(name)
    if sqlstate == _UNIQUE_VIOLATION:
        raise KeyTaken(name)
    if sqlstate[:2] in _REFUSED_CLASSES:
        raise WriteRefused(name)
    raise ConnectionLost(name)
