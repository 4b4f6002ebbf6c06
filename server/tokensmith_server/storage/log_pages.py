"""Pages of an account's calls and entries, found through the entries.

The entries of an account lie together in the order of its ledger, numbered without a gap: that one
key is the index of every list here, and costs calls nothing. A page passes at most
``ROWS_LOOKED_AT`` of them; what else is wanted of a row is compared as it is passed.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, Subquery, func, text
from sqlalchemy.orm import aliased
from sqlmodel import Session, and_, col, select

from tokensmith_server.billing.commands import HoldState
from tokensmith_server.billing.listing import EntryFilter, EntryRecord, Page, RequestFilter
from tokensmith_server.storage.mapping import entry_from_row
from tokensmith_server.storage.tables import AccountRow, EntryRow, HoldRow
from tokensmith_server.storage.times import microseconds

ROWS_LOOKED_AT: Final = 10_000

DISORDER_SECONDS: Final = 7_200.0
"""How much the times of entries may contradict their order. An entry has the time at which it was
wanted, and the number of when it was written, which an absent database puts off; clocks differ."""

Condition = ColumnElement[bool]


def page_holds(
    session: Session, account_id: str, wanted: RequestFilter, *, limit: int, before: int | None
) -> Page[HoldRow]:
    """At most ``limit`` of the account's calls, newest first."""
    conditions = _hold_conditions(wanted)
    if wanted.state is HoldState.HELD:
        return _page_open_holds(session, account_id, conditions, limit=limit, before=before)
    looked_at = ROWS_LOOKED_AT if conditions else limit + 1
    passed = (
        select(EntryRow.sequence, EntryRow.hold_id)
        .where(*_span(session, account_id, wanted, before), EntryRow.phase == "open")
        .order_by(col(EntryRow.sequence).desc())
        .limit(looked_at)
        .subquery()
    )
    query = (
        select(HoldRow, passed.c.sequence)
        .join(passed, passed.c.hold_id == HoldRow.hold_id)
        .where(*conditions)
        .order_by(passed.c.sequence.desc())
        .limit(limit + 1)
    )
    found = session.exec(query).all()
    holds = [hold for hold, _ in found[:limit]]
    if len(found) > limit:
        return Page(holds, found[limit - 1][1])
    return Page(holds, _next_before(session, passed, looked_at))


def _page_open_holds(
    session: Session,
    account_id: str,
    conditions: list[Condition],
    *,
    limit: int,
    before: int | None,
) -> Page[HoldRow]:
    """The same of open calls, which are few and have an index of their own."""
    opened = and_(col(EntryRow.hold_id) == HoldRow.hold_id, col(EntryRow.phase) == "open")
    query = (
        select(HoldRow, EntryRow.sequence)
        .join(EntryRow, opened)
        # A literal, not a parameter: so that the planner sees the partial index.
        .where(HoldRow.account_id == account_id, text("holds.state = 'held'"), *conditions)
        .order_by(col(EntryRow.sequence).desc())
        .limit(limit + 1)
    )
    if before is not None:
        query = query.where(col(EntryRow.sequence) < before)
    found = session.exec(query).all()
    holds = [hold for hold, _ in found[:limit]]
    return Page(holds, found[limit - 1][1] if len(found) > limit else None)


def page_entries(
    session: Session, account_id: str, wanted: EntryFilter, *, limit: int, before: int | None
) -> Page[EntryRecord]:
    """At most ``limit`` of the account's entries, newest first, with the calls they are about."""
    looked_at = limit + 1 if wanted == EntryFilter() else ROWS_LOOKED_AT
    passed = (
        select(EntryRow)
        .where(*_span(session, account_id, wanted, before))
        .order_by(col(EntryRow.sequence).desc())
        .limit(looked_at)
        .subquery()
    )
    entry = aliased(EntryRow, passed)
    query = (
        select(entry, HoldRow.request_id, HoldRow.model)
        .join(HoldRow, col(HoldRow.hold_id) == entry.hold_id, isouter=True)
        .where(*_time_conditions(col(entry.created_time_microseconds), wanted))
        .order_by(col(entry.sequence).desc())
        .limit(limit + 1)
    )
    if wanted.kind is not None:
        query = query.where(entry.kind == wanted.kind)
    found = session.exec(query).all()
    records = [
        EntryRecord(entry_from_row(row), request_id, model)
        for row, request_id, model in found[:limit]
    ]
    if len(found) > limit:
        return Page(records, found[limit - 1][0].sequence)
    return Page(records, _next_before(session, passed, looked_at))


def _hold_conditions(wanted: RequestFilter) -> list[Condition]:
    conditions = _time_conditions(col(HoldRow.created_time_microseconds), wanted)
    if wanted.models:
        conditions.append(col(HoldRow.model).in_(sorted(wanted.models)))
    for column, value in (
        (col(HoldRow.kind), wanted.kind),
        (col(HoldRow.api_key_id), wanted.api_key_id),
        (col(HoldRow.outcome), wanted.outcome and wanted.outcome.value),
        (col(HoldRow.state), wanted.state and wanted.state.value),
    ):
        if value is not None:
            conditions.append(column == value)
    return conditions


def _time_conditions(column: Any, wanted: RequestFilter | EntryFilter) -> list[Condition]:
    conditions: list[Condition] = []
    if wanted.start_time is not None:
        conditions.append(column >= microseconds(wanted.start_time))
    if wanted.end_time is not None:
        conditions.append(column < microseconds(wanted.end_time))
    return conditions


def _span(
    session: Session, account_id: str, wanted: RequestFilter | EntryFilter, before: int | None
) -> list[Condition]:
    """Where in the account's entries to look: before a number, and around the times wanted."""
    conditions: list[Condition] = [col(EntryRow.account_id) == account_id]
    if wanted.start_time is not None:
        first = _sequence_at(session, account_id, wanted.start_time - DISORDER_SECONDS)
        conditions.append(col(EntryRow.sequence) >= first)
    if wanted.end_time is not None:
        end = _sequence_at(session, account_id, wanted.end_time + DISORDER_SECONDS)
        before = end if before is None else min(before, end)
    if before is not None:
        conditions.append(col(EntryRow.sequence) < before)
    return conditions


def _sequence_at(session: Session, account_id: str, moment: float) -> int:
    """About the first entry at or after a moment: a bisection, some twenty reads by key."""
    account = session.get(AccountRow, account_id)
    low, high = 1, (account.last_sequence if account is not None else 0) + 1
    while low < high:
        middle = (low + high) // 2
        entry = session.get(EntryRow, (account_id, middle))
        if entry is None or entry.created_time_microseconds >= microseconds(moment):
            high = middle
        else:
            low = middle + 1
    return low


def _next_before(session: Session, passed: Subquery, looked_at: int) -> int | None:
    """Where to go on when a page's rows were passed and there may be more of them."""
    count, last = session.exec(
        select(func.count(), func.min(passed.c.sequence)).select_from(passed)
    ).one()
    return last if count == looked_at else None
