"""Heartbeats, what is left over, what may be forgotten, and the audit."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Final, TypeVar

from sqlalchemy import func, or_, text
from sqlalchemy.dialects import postgresql, sqlite
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

    async def beat(self, owner: str, now: float) -> None:
        """See ``SweepStore.beat``. Also has noted deliveries written, if nothing else has."""
        self._writer.flush()

        def write(session: Session) -> None:
            dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
            insert = dialect.insert(ProcessRow).values(
                owner=owner, beat_time_microseconds=microseconds(now)
            )
            session.execute(
                insert.on_conflict_do_update(
                    index_elements=["owner"],
                    set_={"beat_time_microseconds": insert.excluded.beat_time_microseconds},
                )
            )

        await self._sessions.write(write)

    async def retire(self, owner: str) -> None:
        """See ``SweepStore.retire``."""

        def write(session: Session) -> None:
            session.execute(delete(ProcessRow).where(col(ProcessRow.owner) == owner))

        await self._sessions.write(write)

    async def list_unowned_holds(
        self, *, now: float, owner_silent_seconds: float, limit: int
    ) -> Sequence[OpenHold]:
        """See ``SweepStore.list_unowned_holds``."""
        silent_since = microseconds(now - owner_silent_seconds)
        alive = col(ProcessRow.beat_time_microseconds) > silent_since
        last_attempt = (
            select(AttemptRow.state)
            .where(AttemptRow.hold_id == HoldRow.hold_id)
            .order_by(col(AttemptRow.number).desc())
            .limit(1)
            .scalar_subquery()
        )
        query = (
            select(HoldRow, func.coalesce(alive, text("false")), last_attempt)
            .join(ProcessRow, col(ProcessRow.owner) == HoldRow.owner, isouter=True)
            .where(
                # A literal, not a parameter: so that the planner sees the partial index.
                text("holds.state = 'held'"),
                or_(
                    col(ProcessRow.owner).is_(None),
                    ~alive,
                    col(HoldRow.expires_time_microseconds) <= microseconds(now),
                ),
            )
            .order_by(col(HoldRow.hold_id))
            .limit(limit)
        )
        return await self._sessions.read(
            lambda session: [
                mapping.open_hold_from_row(row, owner_alive=bool(is_alive), attempt_state=state)
                for row, is_alive, state in session.exec(query)
            ]
        )

    async def forget_results(self, now: float) -> int:
        """See ``SweepStore.forget_results``."""
        results = delete(StoredResultRow).where(
            col(StoredResultRow.expires_time_microseconds) <= microseconds(now)
        )
        open_holds = select(HoldRow.hold_id).where(HoldRow.state == HoldState.HELD.value)
        claims = delete(IdempotencyClaimRow).where(
            col(IdempotencyClaimRow.created_time_microseconds)
            <= microseconds(now - CLAIM_KEPT_SECONDS),
            col(IdempotencyClaimRow.hold_id).not_in(open_holds),
        )

        def write(session: Session) -> int:
            # An ORM delete would read the rows first, to keep the session in step.
            options = {"synchronize_session": False}
            forgotten = 0
            for statement in (results, claims):
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
