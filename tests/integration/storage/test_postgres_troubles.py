"""The ledger on a PostgreSQL that is killed, frozen, restarted, or answers too late."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import psycopg
import pytest
from sqlmodel import Session

from tests.support import postgres
from tests.support.clock import FakeClock
from tests.support.ledger import LedgerUnderTest, price_of
from tests.support.postgres import PostgresServer
from tokensmith_server.billing.commands import HoldPlaced, Outcome, SettleHold, VoidHold
from tokensmith_server.billing.errors import (
    DataRefused,
    HoldAlreadyResolved,
    InsufficientCredits,
    LedgerUnavailable,
)
from tokensmith_server.billing.store import ApiKey
from tokensmith_server.storage import migrate, postgres_ledger
from tokensmith_server.storage.caller_lookup import CallerLookup
from tokensmith_server.storage.errors import CommitUnknown
from tokensmith_server.storage.postgres_ledger import PostgresLedger
from tokensmith_server.storage.postgres_literals import text_array
from tokensmith_server.storage.postgres_pipeline import (
    PipelineConnection,
    ResultRows,
    Statement,
)
from tokensmith_server.storage.sessions import COLD_THREADS, Sessions
from tokensmith_server.storage.storage import SQLStore, open_storage
from tokensmith_server.storage.writer import GroupCommitWriter


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.fresh_database() as fresh:
        yield fresh


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that the test may mistreat."""
    server = PostgresServer()
    server.create()
    migrate.upgrade(server.url)
    yield server
    server.destroy()


@asynccontextmanager
async def opened(url: str, count: int = 1) -> AsyncIterator[LedgerUnderTest]:
    clock = FakeClock()
    if count == 1:
        async with open_storage(
            url, owner="one", clock=clock, server=False, price=price_of
        ) as store:
            yield LedgerUnderTest([store], clock)
        return
    async with (
        open_storage(url, owner="one", clock=clock, server=False, price=price_of) as one,
        open_storage(url, owner="two", clock=clock, server=False, price=price_of) as two,
    ):
        yield LedgerUnderTest([one, two], clock)


def kill_backends(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def backends(url: str) -> set[int]:
    """Everybody who is connected."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return {pid for (pid,) in rows.fetchall()}


async def test_killed_connections_are_replaced_unnoticed(url: str) -> None:
    async with opened(url) as ledger:
        account_id = await ledger.open_account(1_000)
        hold_id = (await ledger.hold(account_id, 100)).hold_id
        kill_backends(url)
        assert (await ledger.settle(account_id, hold_id, 40)).charged_microcredits == 40
        kill_backends(url)
        assert await ledger.available(account_id) == 960
        await ledger.assert_clean()


@pytest.mark.parametrize("arrived", [True, False], ids=["it happened", "it did not"])
@pytest.mark.parametrize("step", ["grant", "hold", "settle"])
async def test_commit_without_an_answer_takes_effect_once(
    url: str, monkeypatch: pytest.MonkeyPatch, step: str, arrived: bool
) -> None:
    run = PipelineConnection.run
    lost: list[bool] = []

    def lose_one(
        self: PipelineConnection, statements: Sequence[Statement], *, commits: bool = False
    ) -> list[ResultRows]:
        if commits and not lost:
            lost.append(True)
            if arrived:
                run(self, statements, commits=True)
            self.close()
            raise CommitUnknown("the answer was lost")
        return run(self, statements, commits=commits)

    async with opened(url) as ledger:
        account_id = await ledger.open_account(1_000)
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "grant": lambda: ledger.grant(account_id, 500),
            "hold": lambda: ledger.hold(account_id, 100, hold_id="hold_in_doubt"),
            "settle": lambda: ledger.settle(account_id, "hold_in_doubt", 40),
        }
        for name, act in steps.items():
            if name == step:
                monkeypatch.setattr(PipelineConnection, "run", lose_one)
            await act()
        assert lost
        assert await ledger.available(account_id) == 1_460
        await ledger.assert_clean()


async def test_question_that_postgres_refuses_fails_alone_and_costs_no_connection(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def malformed(values: Sequence[str | None]) -> bytes:
        return b'{"' if "request_bad" in values else text_array(values)

    monkeypatch.setattr(postgres_ledger, "text_array", malformed)
    async with opened(url) as ledger:
        account_id = await ledger.open_account(1_000)
        # From now on batches are decided on rows in memory: there is nothing to roll back.
        await ledger.hold(account_id, 10)
        before = backends(url)
        answers = await asyncio.gather(
            ledger.hold(account_id, 10),
            # A retry needs a look at the database, whatever is in memory.
            ledger.hold(account_id, 10, request_id="request_bad", retry_count=1),
            ledger.hold(account_id, 10),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [HoldPlaced, DataRefused, HoldPlaced]
        assert backends(url) == before
        assert (await ledger.balance(account_id)).held_microcredits == 30
        await ledger.assert_clean()


async def test_rows_remembered_from_before_another_process_wrote_are_not_trusted(url: str) -> None:
    async with opened(url, 2) as ledger:
        one, two = ledger.stores
        account_id = await ledger.open_account(100)
        first = ledger.command(account_id, 60)
        await one.place_hold(first)
        # The other process takes what is left; the first still remembers it.
        assert isinstance(await two.place_hold(ledger.command(account_id, 40)), HoldPlaced)
        with pytest.raises(InsufficientCredits):
            await one.place_hold(ledger.command(account_id, 40))
        # And the other way: what it remembers as spent has been given back since.
        await two.void_hold(_void(ledger, account_id, first.hold_id))
        assert isinstance(await one.place_hold(ledger.command(account_id, 60)), HoldPlaced)
        await ledger.assert_clean()


async def test_hold_that_another_process_ended_is_not_ended_again(url: str) -> None:
    async with opened(url, 2) as ledger:
        one, two = ledger.stores
        account_id = await ledger.open_account(100)
        command = ledger.command(account_id, 60)
        await one.place_hold(command)
        await two.void_hold(_void(ledger, account_id, command.hold_id))
        settlement: SettleHold = ledger.settlement(account_id, command.hold_id, 10)
        with pytest.raises(HoldAlreadyResolved):
            await one.settle_hold(settlement)
        await ledger.assert_clean()


def _void(ledger: LedgerUnderTest, account_id: str, hold_id: str) -> VoidHold:
    return VoidHold(hold_id, account_id, Outcome.FAILED, ledger.clock.now())


async def test_crashed_server_is_unavailable_until_it_is_back(own_server: PostgresServer) -> None:
    async with opened(own_server.url) as ledger:
        account_id = await ledger.open_account(1_000)
        hold_id = (await ledger.hold(account_id, 100)).hold_id
        await asyncio.to_thread(own_server.crash)
        with pytest.raises(LedgerUnavailable):
            await ledger.hold(account_id, 100)
        with pytest.raises(LedgerUnavailable):
            await ledger.balance(account_id)
        await asyncio.to_thread(own_server.start)
        # What was acknowledged is there, and the same process goes on.
        assert (await ledger.settle(account_id, hold_id, 40)).charged_microcredits == 40
        assert await ledger.available(account_id) == 960
        await ledger.assert_clean()


async def test_caller_is_found_before_and_after_a_crash_of_the_server(
    own_server: PostgresServer,
) -> None:
    async with opened(own_server.url) as ledger:
        now = ledger.clock.now()
        account_id = await ledger.open_account()
        await ledger.store.create_key(
            ApiKey("key", account_id, "laptop", "wxyz", now, None, None, None), b"h" * 32
        )
        found = await ledger.store.find_caller(b"h" * 32, now)
        assert found is not None
        await asyncio.to_thread(own_server.crash)
        with pytest.raises(LedgerUnavailable):
            await ledger.store.find_caller(b"h" * 32, now)
        await asyncio.to_thread(own_server.start)
        assert await ledger.store.find_caller(b"h" * 32, now) == found
        await asyncio.to_thread(own_server.crash)
        await asyncio.to_thread(own_server.start)
        assert await ledger.store.find_caller(b"h" * 32, now) == found, "the old one was lost"


async def test_frozen_server_is_unavailable_while_the_event_loop_lives(
    own_server: PostgresServer,
) -> None:
    clock = FakeClock()
    database = PostgresLedger(own_server.url, statement_timeout_seconds=0.2)
    writer = GroupCommitWriter(database, clock=clock, fault_point=lambda _: None, retry_seconds=0.2)
    await writer.start()
    sessions = Sessions(own_server.url, writer)
    callers = CallerLookup(own_server.url)
    ledger = LedgerUnderTest([SQLStore(sessions, writer, callers, price_of)], clock)
    account_id = await ledger.open_account(1_000)
    own_server.pause()
    try:
        calls = [asyncio.ensure_future(ledger.hold(account_id, 100)) for _ in range(50)]
        turns = 0
        while not all(call.done() for call in calls):
            await asyncio.sleep(0)
            turns += 1
        refusals = [call.exception() for call in calls]
        assert {type(refusal) for refusal in refusals} == {LedgerUnavailable}
        assert turns > 100
    finally:
        own_server.resume()
    # Whatever of it had reached the server is undone: nobody was told of a hold.
    assert (await ledger.hold(account_id, 1_000)).amount_microcredits == 1_000
    await ledger.assert_clean()
    await callers.close()
    await sessions.close()
    await writer.close()


async def test_process_beats_on_though_all_other_threads_wait_for_the_database(url: str) -> None:
    async with opened(url) as ledger:
        account_id = await ledger.open_account(100)
        await ledger.hold(account_id, owner="one")
        store, gate = ledger.store, threading.Event()
        assert isinstance(store, SQLStore)

        def slow(session: Session) -> None:
            session.connection()
            gate.wait(30.0)

        reads = [asyncio.ensure_future(store._sessions.read(slow)) for _ in range(COLD_THREADS)]
        try:
            async with asyncio.timeout(10.0):
                await store.beat("one")
                await store.beat("one")
        finally:
            gate.set()
            await asyncio.gather(*reads)
        assert (await store.list_hold_owners())["one"] is not None
        await ledger.expire(
            account_id, (await store.list_open_holds(account_id, limit=1))[0].hold_id
        )
