"""Heartbeats, what is left over, what may be forgotten, and the audit."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Delete, or_, text, tuple_
from sqlmodel import Session, SQLModel, col, delete, select

from tokensmith_server.billing.audit import AuditRows, Price, audit
from tokensmith_server.billing.commands import HoldState
from tokensmith_server.billing.idempotency import CLAIM_KEPT_SECONDS
from tokensmith_server.billing.store import AuditReport, OpenHold
from tokensmith_server.storage import mapping
from tokensmith_server.storage.sessions import Sessions
from tokensmith_server.storage.tables import (
    AccountRow,
    AttemptRow,
    EntryRow,
    GrantRow,
    HoldRow,
    IdempotencyClaimRow,
    ProcessRow,
    StoredResultRow,
)
from tokensmith_server.storage.times import microseconds
from tokensmith_server.storage.writer import GroupCommitWriter

RowT = TypeVar("RowT", bound=SQLModel)
FactsT = TypeVar("FactsT")

_STREAM_ROWS: Final = 1_000

# A literal, not a parameter: so that the planner sees the partial index.
_HELD: Final = text("holds.state = 'held'")

# A beat is told in the database's time, for people who look; each moves on from the last, even if
# that clock stands still or goes back, since nobody compares it with a clock.
_BEAT_SQL: Final = (
    "INSERT INTO processes (owner, beat_time_microseconds) VALUES (:owner, {now})"
    " ON CONFLICT (owner) DO UPDATE SET beat_time_microseconds ="
    " {greatest}(excluded.beat_time_microseconds, processes.beat_time_microseconds + 1)"
)
_POSTGRES_MICROSECONDS: Final = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
_POSTGRES_NOW: Final = text(f"SELECT {_POSTGRES_MICROSECONDS}")
_BEAT: Final = {
    "postgresql": text(_BEAT_SQL.format(now=_POSTGRES_MICROSECONDS, greatest="greatest")),
    "sqlite": text(
        _BEAT_SQL.format(now="CAST(unixepoch('subsec') * 1000000 AS INTEGER)", greatest="max")
    ),
}


class SQLSweepStore:
    """``SweepStore`` on either engine. Each method documents itself there.

    ``price`` is what the audit recomputes charges with; see ``billing.audit``.
    """

    def __init__(
        self, sessions: Sessions, writer: GroupCommitWriter, price: Price | None = None
    ) -> None:
        self._sessions = sessions
        self._writer = writer
        self._price = price

    async def beat(self, owner: str) -> None:
        """See ``SweepStore.beat``. Also has noted deliveries written, if nothing else has."""
        self._writer.flush()

        def write(session: Session) -> None:
            session.execute(_BEAT[session.get_bind().dialect.name], {"owner": owner})

        await self._sessions.write_beat(write)

    async def retire(self, owner: str) -> None:
        """See ``SweepStore.retire``."""
        await self._retire(col(ProcessRow.owner) == owner)

    async def retire_others(self, owner: str) -> None:
        """Say that every process but ``owner`` has ended, as a SQLite file's lock proves."""
        await self._retire(col(ProcessRow.owner) != owner)

    async def _retire(self, which: ColumnElement[bool]) -> None:
        def write(session: Session) -> None:
            session.execute(delete(ProcessRow).where(which))

        await self._sessions.write(write)

    async def list_hold_owners(self) -> Mapping[str, int | None]:
        """See ``SweepStore.list_hold_owners``."""
        query = (
            select(HoldRow.owner, ProcessRow.beat_time_microseconds)
            .join(ProcessRow, col(ProcessRow.owner) == HoldRow.owner, isouter=True)
            .where(_HELD)
            .distinct()
        )
        return await self._sessions.read(lambda session: dict(session.exec(query).all()))

    async def list_unowned_holds(
        self, gone: Mapping[str, int | None], *, limit: int
    ) -> Sequence[OpenHold]:
        """See ``SweepStore.list_unowned_holds``."""
        beat = tuple_(col(ProcessRow.owner), col(ProcessRow.beat_time_microseconds))
        query = (
            _open_holds()
            .join(ProcessRow, col(ProcessRow.owner) == HoldRow.owner, isouter=True)
            .where(
                col(HoldRow.owner).in_(gone),
                or_(col(ProcessRow.owner).is_(None), beat.in_(gone.items())),
            )
            .limit(limit)
        )
        return await self._open_holds(query)

    async def list_overdue_holds(self, owner: str, now: float) -> Sequence[OpenHold]:
        """See ``SweepStore.list_overdue_holds``."""
        return await self._open_holds(
            _open_holds().where(
                HoldRow.owner == owner,
                col(HoldRow.expires_time_microseconds) <= microseconds(now),
            )
        )

    async def _open_holds(self, query: Any) -> Sequence[OpenHold]:
        return await self._sessions.read(
            lambda session: [
                mapping.open_hold_from_row(row, state) for row, state in session.exec(query)
            ]
        )

    async def forget_results(self, now: float) -> int:
        """See ``SweepStore.forget_results``."""

        def write(session: Session) -> int:
            passed = microseconds(now)
            if session.get_bind().dialect.name == "postgresql":
                # A host whose clock is ahead must not take other hosts' answers away.
                passed = min(passed, session.scalar(_POSTGRES_NOW))
            # An ORM delete would read the rows first, to keep the session in step.
            options = {"synchronize_session": False}
            forgotten = 0
            for statement in _forgetting(passed):
                result: Any = session.execute(statement, execution_options=options)
                forgotten += result.rowcount
            return forgotten

        return await self._sessions.write(write)

    async def audit(self, *, now: float) -> AuditReport:
        """See ``SweepStore.audit``. Reads one snapshot, in streams; memory stays small."""

        def read(session: Session) -> AuditReport:
            connection = session.connection()
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(
                    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
                )
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
                connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            with ExitStack() as streams:
                return audit(_rows(session, streams), now, price=self._price)

        return await self._sessions.read(read, timeout_seconds=None)


def _open_holds() -> Any:
    """Open holds with the state of the last try of each, oldest first."""
    last_attempt = (
        select(AttemptRow.state)
        .where(AttemptRow.hold_id == HoldRow.hold_id)
        .order_by(col(AttemptRow.number).desc())
        .limit(1)
        .scalar_subquery()
    )
    return select(HoldRow, last_attempt).where(_HELD).order_by(col(HoldRow.hold_id))


def _forgetting(passed_microseconds: int) -> Sequence[Delete]:
    """What deletes the stored results and idempotency keys whose time is over by then."""
    open_holds = select(HoldRow.hold_id).where(HoldRow.state == HoldState.HELD.value)
    return (
        delete(StoredResultRow).where(
            col(StoredResultRow.expires_time_microseconds) <= passed_microseconds
        ),
        delete(IdempotencyClaimRow).where(
            col(IdempotencyClaimRow.created_time_microseconds)
            <= passed_microseconds - microseconds(CLAIM_KEPT_SECONDS),
            col(IdempotencyClaimRow.hold_id).not_in(open_holds),
        ),
    )


def _rows(session: Session, streams: ExitStack) -> AuditRows:
    def stream(query: Any, facts_from_row: Callable[[RowT], FactsT]) -> Iterable[FactsT]:
        return _stream(session, streams, query, facts_from_row)

    hold_order = col(EntryRow.hold_id), col(EntryRow.phase).desc()
    return AuditRows(
        accounts=stream(select(AccountRow), mapping.account_facts_from_row),
        holds=stream(select(HoldRow).order_by(col(HoldRow.hold_id)), mapping.hold_facts_from_row),
        hold_entries=stream(
            select(EntryRow).where(col(EntryRow.hold_id).is_not(None)).order_by(*hold_order),
            mapping.entry_facts_from_row,
        ),
        grant_entries=stream(
            select(EntryRow).where(col(EntryRow.hold_id).is_(None)), mapping.entry_facts_from_row
        ),
        attempts=stream(
            select(AttemptRow).order_by(col(AttemptRow.hold_id), col(AttemptRow.number)),
            mapping.attempt_facts_from_row,
        ),
        claims=stream(
            select(IdempotencyClaimRow).order_by(col(IdempotencyClaimRow.hold_id)),
            mapping.claim_facts_from_row,
        ),
        results=stream(
            select(StoredResultRow).order_by(col(StoredResultRow.hold_id)),
            mapping.result_facts_from_row,
        ),
        grants=stream(select(GrantRow), mapping.grant_facts_from_row),
    )


def _stream(
    session: Session, streams: ExitStack, query: Any, facts_from_row: Callable[[Any], FactsT]
) -> Iterator[FactsT]:
    """Read lazily, through a server-side cursor where there is a server.

    Columns and not objects, so that the session does not keep every row that went by.
    """
    entity = query.column_descriptions[0]["entity"]
    columns = query.with_only_columns(*entity.__table__.columns)
    result = session.connection().execution_options(yield_per=_STREAM_ROWS).execute(columns)
    streams.callback(result.close)
    for row in result:
        yield facts_from_row(row)
