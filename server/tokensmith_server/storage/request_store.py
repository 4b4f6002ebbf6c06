"""The request log and the entries, read within one account."""

from collections import defaultdict
from collections.abc import Sequence

from sqlmodel import Session, col, select

from tokensmith_server.billing.commands import Balance, HoldState
from tokensmith_server.billing.errors import AccountNotFound, RequestNotFound
from tokensmith_server.billing.idempotency import EarlierRequest
from tokensmith_server.billing.listing import EntryFilter, EntryRecord, Page, RequestFilter
from tokensmith_server.billing.store import Entry, RequestRecord
from tokensmith_server.storage.log_pages import page_entries, page_holds
from tokensmith_server.storage.mapping import (
    balance_from_row,
    earlier_from_rows,
    entry_from_row,
    request_from_rows,
    sequence_of,
)
from tokensmith_server.storage.sessions import Sessions
from tokensmith_server.storage.tables import (
    AccountRow,
    AttemptRow,
    EntryRow,
    HoldRow,
    IdempotencyClaimRow,
    StoredResultRow,
)


class SQLRequestStore:
    """``RequestStore`` and ``LogStore`` on either engine. Methods document themselves there."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def get_balance(self, account_id: str) -> Balance:
        """See ``RequestStore.get_balance``."""

        def read(session: Session) -> Balance:
            row = session.get(AccountRow, account_id)
            if row is None:
                raise AccountNotFound(account_id)
            return balance_from_row(row)

        return await self._sessions.read(read)

    async def get_request(self, account_id: str, request_id: str) -> RequestRecord:
        """See ``RequestStore.get_request``."""
        query = select(HoldRow).where(
            HoldRow.account_id == account_id, HoldRow.request_id == request_id
        )

        def read(session: Session) -> RequestRecord:
            records = _with_attempts(session, session.exec(query).all())
            if not records:
                raise RequestNotFound(request_id)
            return records[0]

        return await self._sessions.read(read)

    async def find_earlier(self, account_id: str, idempotency_key: str) -> EarlierRequest | None:
        """See ``RequestStore.find_earlier``."""
        query = (
            select(HoldRow, StoredResultRow.payload)
            .join(IdempotencyClaimRow, col(IdempotencyClaimRow.hold_id) == HoldRow.hold_id)
            .outerjoin(StoredResultRow, col(StoredResultRow.hold_id) == HoldRow.hold_id)
            .where(
                IdempotencyClaimRow.account_id == account_id,
                IdempotencyClaimRow.idempotency_key == idempotency_key,
            )
        )

        def read(session: Session) -> EarlierRequest | None:
            found = session.exec(query).first()
            return None if found is None else earlier_from_rows(*found)

        return await self._sessions.read(read)

    async def list_requests(
        self, account_id: str | None, *, limit: int, before: str | None = None
    ) -> Sequence[RequestRecord]:
        """See ``RequestStore.list_requests``."""
        if account_id is None:
            query = select(HoldRow).order_by(col(HoldRow.hold_id).desc()).limit(limit)
            if before is not None:
                query = query.where(HoldRow.hold_id < before)
            return await self._sessions.read(
                lambda session: _with_attempts(session, session.exec(query).all())
            )
        return await self._sessions.read(
            lambda session: _with_attempts(
                session, _holds_of_account(session, account_id, limit, before)
            )
        )

    async def list_entries(
        self, account_id: str, *, limit: int, before: str | None = None
    ) -> Sequence[Entry]:
        """See ``RequestStore.list_entries``."""
        query = (
            select(EntryRow)
            .where(EntryRow.account_id == account_id)
            .order_by(col(EntryRow.sequence).desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(EntryRow.sequence < (sequence_of(before) or 0))
        return await self._sessions.read(
            lambda session: [entry_from_row(row) for row in session.exec(query)]
        )

    async def page_requests(
        self, account_id: str, wanted: RequestFilter, *, limit: int, before: int | None = None
    ) -> Page[RequestRecord]:
        """See ``LogStore.page_requests``."""

        def read(session: Session) -> Page[RequestRecord]:
            page = page_holds(session, account_id, wanted, limit=limit, before=before)
            return Page(_with_attempts(session, page.items), page.next_before)

        return await self._sessions.read(read)

    async def page_entries(
        self, account_id: str, wanted: EntryFilter, *, limit: int, before: int | None = None
    ) -> Page[EntryRecord]:
        """See ``LogStore.page_entries``."""
        return await self._sessions.read(
            lambda session: page_entries(session, account_id, wanted, limit=limit, before=before)
        )

    async def list_open_holds(
        self, account_id: str, *, limit: int, before: str | None = None
    ) -> Sequence[RequestRecord]:
        """See ``RequestStore.list_open_holds``."""
        query = (
            select(HoldRow)
            .where(HoldRow.account_id == account_id, HoldRow.state == HoldState.HELD.value)
            .order_by(col(HoldRow.hold_id).desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(HoldRow.hold_id < before)
        return await self._sessions.read(
            lambda session: _with_attempts(session, session.exec(query).all())
        )


def _holds_of_account(
    session: Session, account_id: str, limit: int, before: str | None
) -> Sequence[HoldRow]:
    """A page of the account's calls, found through its entries.

    The entries of an account lie together in order, so the holds need no index of their own for
    this, which would cost every call.
    """
    opened = (
        select(EntryRow.hold_id)
        .where(EntryRow.account_id == account_id, EntryRow.phase == "open")
        .order_by(col(EntryRow.sequence).desc())
        .limit(limit)
    )
    if before is not None:
        # Where the cursor is a hold of this account, as it should be, its entry says how far
        # back to begin; else the account's entries are gone through.
        own = EntryRow.account_id == account_id, EntryRow.phase == "open"
        cursor = session.exec(
            select(EntryRow.sequence).where(*own, EntryRow.hold_id == before)
        ).first()
        if cursor is not None:
            opened = opened.where(EntryRow.sequence < cursor)
        opened = opened.where(col(EntryRow.hold_id) < before)
    hold_ids = session.exec(opened).all()
    rows = session.exec(select(HoldRow).where(col(HoldRow.hold_id).in_(hold_ids))).all()
    return sorted(rows, key=lambda row: row.hold_id, reverse=True)


def _with_attempts(session: Session, holds: Sequence[HoldRow]) -> Sequence[RequestRecord]:
    query = (
        select(AttemptRow)
        .where(col(AttemptRow.hold_id).in_([hold.hold_id for hold in holds]))
        .order_by(col(AttemptRow.number))
    )
    attempts: defaultdict[str, list[AttemptRow]] = defaultdict(list)
    for attempt in session.exec(query):
        attempts[attempt.hold_id].append(attempt)
    return [request_from_rows(hold, attempts[hold.hold_id]) for hold in holds]
