"""Kept responses, on the cold path: every statement names the account."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import and_, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, delete, select, tuple_, update

from tokensmith_server.responses.store import ResponseLink, StoredResponse
from tokensmith_server.storage.mapping import response_from_row, response_values
from tokensmith_server.storage.sessions import Sessions
from tokensmith_server.storage.tables import HoldRow, ResponseRow
from tokensmith_server.storage.times import microseconds, seconds

# What a second saving of an id leaves as it was.
_KEPT_COLUMNS: Final = frozenset(
    {"account_id", "response_id", "created_time_microseconds", "expires_time_microseconds"}
)
# What was deleted leaves its id.
_NOT_DELETED: Final = col(ResponseRow.size_bytes) > 0
# An ORM delete would read the rows first, documents and all, to keep the session in step.
_UNREAD: Final = {"synchronize_session": False}


class SQLResponseStore:
    """``ResponseStore`` on either engine. Each method documents itself there."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def has_call(self, account_id: str, hold_id: str) -> bool:
        """See ``ResponseStore.has_call``."""
        query = select(HoldRow.account_id).where(HoldRow.hold_id == hold_id)
        return await self._sessions.read(lambda session: session.exec(query).first() == account_id)

    async def save_response(self, response: StoredResponse) -> float | None:
        """See ``ResponseStore.save_response``."""
        values = response_values(response)

        def write(session: Session) -> float | None:
            dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
            insert = dialect.insert(ResponseRow).values(**values)
            changed = {
                name: getattr(insert.excluded, name) for name in values if name not in _KEPT_COLUMNS
            }
            saved = session.execute(
                insert.on_conflict_do_update(
                    index_elements=["account_id", "response_id"], set_=changed, where=_NOT_DELETED
                ).returning(ResponseRow.expires_time_microseconds)
            )
            kept_until = saved.scalar_one_or_none()
            return None if kept_until is None else seconds(kept_until)

        return await self._sessions.write(write)

    async def find_response(
        self, account_id: str, response_id: str, now: float
    ) -> StoredResponse | None:
        """See ``ResponseStore.find_response``."""
        query = select(ResponseRow).where(
            ResponseRow.account_id == account_id,
            ResponseRow.response_id == response_id,
            ResponseRow.expires_time_microseconds > microseconds(now),
            _NOT_DELETED,
        )

        def read(session: Session) -> StoredResponse | None:
            row = session.exec(query).first()
            return None if row is None else response_from_row(row)

        return await self._sessions.read(read)

    async def delete_response(self, account_id: str, response_id: str, now: float) -> bool:
        """See ``ResponseStore.delete_response``."""
        statement = (
            update(ResponseRow)
            .where(
                col(ResponseRow.account_id) == account_id,
                col(ResponseRow.response_id) == response_id,
                col(ResponseRow.expires_time_microseconds) > microseconds(now),
                _NOT_DELETED,
            )
            .values(previous_id=None, size_bytes=0, response_json=b"", input_items_json=b"")
        )

        def write(session: Session) -> bool:
            result: Any = session.execute(statement, execution_options=_UNREAD)
            return bool(result.rowcount)

        return await self._sessions.write(write)

    async def list_links(
        self, account_id: str, response_id: str, now: float, *, limit: int
    ) -> Sequence[ResponseLink]:
        """See ``ResponseStore.list_links``. One recursive query."""
        columns = (
            col(ResponseRow.response_id),
            col(ResponseRow.previous_id),
            col(ResponseRow.size_bytes),
        )
        alive = and_(
            col(ResponseRow.account_id) == account_id,
            col(ResponseRow.expires_time_microseconds) > microseconds(now),
            _NOT_DELETED,
        )
        chain = (
            select(*columns, literal(1).label("place"))
            .where(alive, ResponseRow.response_id == response_id)
            .cte("chain", recursive=True)
        )
        chain = chain.union_all(
            select(*columns, chain.c.place + 1)
            .join(chain, col(ResponseRow.response_id) == chain.c.previous_id)
            .where(alive, chain.c.place < limit)
        )
        query = select(chain.c.response_id, chain.c.previous_id, chain.c.size_bytes).order_by(
            chain.c.place
        )
        return await self._sessions.read(
            lambda session: [ResponseLink(*row) for row in session.exec(query)]
        )

    async def forget_responses(self, now: float, *, limit: int) -> int:
        """See ``ResponseStore.forget_responses``."""
        expired = (
            select(ResponseRow.account_id, ResponseRow.response_id)
            .where(ResponseRow.expires_time_microseconds <= microseconds(now))
            .order_by(col(ResponseRow.expires_time_microseconds))
            .limit(limit)
        )
        key = tuple_(col(ResponseRow.account_id), col(ResponseRow.response_id))

        def write(session: Session) -> int:
            result: Any = session.execute(
                delete(ResponseRow).where(key.in_(expired)), execution_options=_UNREAD
            )
            count: int = result.rowcount
            return count

        return await self._sessions.write(write)
