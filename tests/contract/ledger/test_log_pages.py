"""Pages of calls and of entries: filtered, in the ledger's order, whole, and the owner's alone."""

from typing import Any

import pytest

from tests.support.ledger import LedgerUnderTest
from tokensmith_server.billing.commands import HoldState, Outcome
from tokensmith_server.billing.errors import KeyNotFound
from tokensmith_server.billing.listing import EntryFilter, EntryRecord, RequestFilter
from tokensmith_server.billing.store import ApiKey, RequestRecord
from tokensmith_server.storage import log_pages

EVERYTHING = RequestFilter()


async def all_requests(
    ledger: LedgerUnderTest, account_id: str, wanted: RequestFilter, limit: int
) -> list[RequestRecord]:
    """Every page there is."""
    found: list[RequestRecord] = []
    before = None
    while True:
        page = await ledger.store.page_requests(account_id, wanted, limit=limit, before=before)
        assert len(page.items) <= limit
        found += page.items
        if page.next_before is None:
            return found
        assert before is None or page.next_before < before
        before = page.next_before


async def all_entries(
    ledger: LedgerUnderTest, account_id: str, wanted: EntryFilter, limit: int
) -> list[EntryRecord]:
    found: list[EntryRecord] = []
    before = None
    while True:
        page = await ledger.store.page_entries(account_id, wanted, limit=limit, before=before)
        assert len(page.items) <= limit
        found += page.items
        if page.next_before is None:
            return found
        before = page.next_before


async def history(ledger: LedgerUnderTest) -> tuple[str, list[str]]:
    """Twelve calls, a second apart: two models and keys, in every state; oldest first."""
    account_id = await ledger.open_account(100_000)
    stranger = await ledger.open_account(100_000)
    holds = []
    for number in range(12):
        ledger.clock.advance(1.0)
        await ledger.hold(stranger, 7)
        changes: dict[str, Any] = {
            "model": "odd/model" if number % 2 else "even/model",
            "api_key_id": "key_b" if number % 3 == 0 else "key_a",
        }
        placed = await ledger.hold(account_id, 100, **changes)
        holds.append(placed.hold_id)
        match number % 4:
            case 0:
                await ledger.settle(account_id, placed.hold_id)
            case 1:
                await ledger.void(account_id, placed.hold_id, Outcome.BLOCKED)
            case 2:
                await ledger.expire(account_id, placed.hold_id)
    return account_id, holds


@pytest.mark.parametrize("limit", [1, 2, 5, 11, 12, 13])
async def test_pages_together_are_every_call_once_newest_first(
    ledger: LedgerUnderTest, limit: int
) -> None:
    account_id, holds = await history(ledger)
    found = await all_requests(ledger, account_id, EVERYTHING, limit)
    assert [record.hold_id for record in found] == holds[::-1]
    assert {record.account_id for record in found} == {account_id}
    assert all(len(record.attempts) == 1 for record in found)
    assert found[0] == await ledger.store.get_request(account_id, found[0].request_id)


@pytest.mark.parametrize(
    "wanted",
    [
        RequestFilter(models=frozenset({"odd/model"})),
        RequestFilter(models=frozenset({"odd/model", "even/model", "no/model"})),
        RequestFilter(models=frozenset({"no/model"})),
        RequestFilter(kind="chat"),
        RequestFilter(kind="image"),
        RequestFilter(api_key_id="key_b"),
        RequestFilter(outcome=Outcome.BLOCKED),
        RequestFilter(outcome=Outcome.DELIVERED, models=frozenset({"even/model"})),
        RequestFilter(state=HoldState.HELD),
        RequestFilter(state=HoldState.HELD, api_key_id="key_b"),
        RequestFilter(state=HoldState.SETTLED),
        RequestFilter(state=HoldState.VOIDED, outcome=Outcome.DELIVERED),
        RequestFilter(state=HoldState.EXPIRED),
    ],
)
@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_filters_that_are_set_must_all_hold(
    ledger: LedgerUnderTest, wanted: RequestFilter, limit: int
) -> None:
    account_id, _ = await history(ledger)
    everything = await all_requests(ledger, account_id, EVERYTHING, 50)
    found = await all_requests(ledger, account_id, wanted, limit)
    assert found == [record for record in everything if wanted.takes(record)]


@pytest.mark.parametrize("state", [None, HoldState.HELD, HoldState.SETTLED])
@pytest.mark.parametrize(("start", "end"), [(3, None), (None, 6), (3, 6), (6, 3), (0, 99)])
async def test_times_are_a_half_open_span(
    ledger: LedgerUnderTest, state: HoldState | None, start: int | None, end: int | None
) -> None:
    account_id, _ = await history(ledger)
    everything = await all_requests(ledger, account_id, EVERYTHING, 50)
    first = everything[-1].created_time
    wanted = RequestFilter(
        state=state,
        start_time=None if start is None else first + start,
        end_time=None if end is None else first + end,
    )
    found = await all_requests(ledger, account_id, wanted, 2)
    assert found == [record for record in everything if wanted.takes(record)]
    moments = [record.created_time - first for record in found]
    assert all(start is None or moment >= start for moment in moments)
    assert all(end is None or moment < end for moment in moments)


async def test_span_far_from_either_end_is_found(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(100_000)
    begin = ledger.clock.now()
    for _ in range(40):
        await ledger.hold(account_id, 10, expires_time=begin + 1_000_000.0)
        ledger.clock.advance(3_600.0)
    wanted = RequestFilter(start_time=begin + 18 * 3_600.0, end_time=begin + 21 * 3_600.0)
    found = await all_requests(ledger, account_id, wanted, 10)
    hours = [round((record.created_time - begin) / 3_600.0) for record in found]
    assert hours == [20, 19, 18]


async def test_page_that_has_passed_enough_rows_says_where_to_go_on(
    ledger: LedgerUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_pages, "ROWS_LOOKED_AT", 3)
    account_id, holds = await history(ledger)
    wanted = RequestFilter(models=frozenset({"odd/model"}), api_key_id="key_b")
    found = await all_requests(ledger, account_id, wanted, 50)
    assert [record.hold_id for record in found] == [holds[9], holds[3]]
    grants = await all_entries(ledger, account_id, EntryFilter(kind="grant"), 50)
    assert [record.entry.kind for record in grants] == ["grant"]


@pytest.mark.parametrize("limit", [1, 4, 50])
async def test_entries_name_their_calls_and_sum_to_the_balance(
    ledger: LedgerUnderTest, limit: int
) -> None:
    account_id, holds = await history(ledger)
    records = await all_entries(ledger, account_id, EntryFilter(), limit)
    entries = [record.entry for record in records]
    assert entries == list(await ledger.store.list_entries(account_id, limit=100))
    balance = await ledger.balance(account_id)
    available = sum(entry.available_delta_microcredits for entry in entries)
    assert available == balance.available_microcredits
    for record in records:
        if record.entry.hold_id is None:
            assert (record.request_id, record.model) == (None, None)
        else:
            assert record.entry.hold_id in holds
            assert record.request_id is not None
            call = await ledger.store.get_request(account_id, record.request_id)
            assert (call.hold_id, call.model) == (record.entry.hold_id, record.model)


@pytest.mark.parametrize("kind", ["grant", "hold", "settle", "void", "expire"])
async def test_entries_of_one_kind_or_span(ledger: LedgerUnderTest, kind: str) -> None:
    account_id, _ = await history(ledger)
    everything = await all_entries(ledger, account_id, EntryFilter(), 100)
    middle = everything[len(everything) // 2].entry.created_time
    for wanted in (
        EntryFilter(kind=kind),
        EntryFilter(kind=kind, start_time=middle),
        EntryFilter(kind=kind, end_time=middle),
    ):
        found = await all_entries(ledger, account_id, wanted, 2)
        assert found == [record for record in everything if wanted.takes(record.entry)]


async def test_account_without_calls_has_one_empty_page(ledger: LedgerUnderTest) -> None:
    for account_id in (await ledger.open_account(), "nobody"):
        for wanted in (EVERYTHING, RequestFilter(state=HoldState.HELD, start_time=5.0)):
            page = await ledger.store.page_requests(account_id, wanted, limit=5)
            assert (list(page.items), page.next_before) == ([], None)
        entries = await ledger.store.page_entries(account_id, EntryFilter(), limit=5)
        assert (list(entries.items), entries.next_before) == ([], None)


async def test_one_key_is_found_by_its_own_account_alone(ledger: LedgerUnderTest) -> None:
    ours, theirs = await ledger.open_account(), await ledger.open_account()
    key = ApiKey("key-1", ours, "k", "abcd", ledger.clock.now(), None, None, None)
    await ledger.store.create_key(key, b"hash")
    assert await ledger.store.get_key(ours, "key-1") == key
    revoked = await ledger.store.revoke_key(ours, "key-1", ledger.clock.now())
    assert await ledger.store.get_key(ours, "key-1") == revoked != key
    for account_id, key_id in ((theirs, "key-1"), (ours, "key-2")):
        with pytest.raises(KeyNotFound):
            await ledger.store.get_key(account_id, key_id)
