"""What the SQL stores do beyond the contract that the in-memory ledger shares."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tests.support import postgres, sqlite
from tests.support.clock import FakeClock
from tests.support.ledger import LedgerUnderTest, price_of
from tokensmith_server.billing.commands import StoredResult
from tokensmith_server.billing.store import ApiKey
from tokensmith_server.storage.account_store import LAST_USED_STEP_SECONDS
from tokensmith_server.storage.storage import SQLStore, open_storage


@pytest.fixture(params=[sqlite, postgres], ids=["sqlite", "postgres"])
async def ledger(request: pytest.FixtureRequest) -> AsyncIterator[LedgerUnderTest]:
    with request.param.fresh_database() as url:
        clock = FakeClock()
        async with open_storage(
            url, owner="server", clock=clock, server=True, price=price_of
        ) as store:
            yield LedgerUnderTest([store], clock)
            await store.audit(now=clock.now())


async def uses_noted(ledger: LedgerUnderTest) -> None:
    """Wait for what no call waits for."""
    assert isinstance(ledger.store, SQLStore)
    await ledger.store.uses_noted()


async def test_uses_of_many_keys_at_once_are_all_noted(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account()
    now = ledger.clock.now()
    for number in range(50):
        key = ApiKey(f"key-{number}", account_id, "laptop", "wxyz", now, None, None, None)
        await ledger.store.create_key(key, bytes([number]))
    callers = [ledger.store.find_caller(bytes([number]), now) for number in range(50)]
    assert None not in await asyncio.gather(*callers)
    await uses_noted(ledger)
    assert {key.last_used_time for key in await ledger.store.list_keys(account_id)} == {now}


async def test_use_of_a_key_is_noted_once_a_minute(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account()
    key = ApiKey("key", account_id, "laptop", "wxyz", ledger.clock.now(), None, None, None)
    await ledger.store.create_key(key, b"hash")

    async def last_used_after(seconds: float) -> float | None:
        now = ledger.clock.advance(seconds)
        assert await ledger.store.find_caller(b"hash", now) is not None
        await uses_noted(ledger)
        return (await ledger.store.list_keys(account_id))[0].last_used_time

    first = await last_used_after(1.0)
    assert first == ledger.clock.now()
    assert await last_used_after(LAST_USED_STEP_SECONDS - 1.0) == first
    assert await last_used_after(1.0) == ledger.clock.now()


async def test_server_counts_as_living_from_its_start(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(100)
    await ledger.hold(account_id, 10, owner="server")
    await ledger.hold(account_id, 10, owner="gone")
    owners = await ledger.store.list_hold_owners()
    assert [owner for owner, beat in owners.items() if beat is None] == ["gone"]


async def test_texts_of_every_kind_are_kept_as_they_are(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    texts = ['plain "quoted" \\ {braces}, NULL', "", "ünïcödé ✓ 漢字", "'; DROP TABLE holds; --"]
    for text in texts:
        command = ledger.command(account_id, 10, model=text, idempotency_key=text)
        await ledger.store.place_hold(command)
        record = await ledger.store.get_request(account_id, command.request_id)
        assert record.model == text


async def test_entries_are_named_by_account_and_number_and_page_by_that(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    for _ in range(5):
        await ledger.hold(account_id, 10)
    first = await ledger.store.list_entries(account_id, limit=4)
    rest = await ledger.store.list_entries(account_id, limit=4, before=first[-1].entry_id)
    names = [entry.entry_id for entry in (*first, *rest)]
    assert names == [f"{account_id}.{number:012d}" for number in range(6, 0, -1)]
    assert await ledger.store.list_entries(account_id, limit=4, before="no such entry") == []


async def test_host_whose_clock_is_ahead_takes_nobodys_key_away() -> None:
    with postgres.fresh_database() as url:
        clock = FakeClock(time.time())
        async with open_storage(url, owner="server", clock=clock, server=True) as store:
            ledger = LedgerUnderTest([store], clock)
            account_id = await ledger.open_account(1_000)
            placed = await ledger.hold(account_id, idempotency_key="key")
            await ledger.settle_with_result(account_id, placed.hold_id)
            clock.jump(400 * 86_400.0)
            assert await store.forget_results(clock.now()) == 0
            assert isinstance(await ledger.repeat(account_id, idempotency_key="key"), StoredResult)
