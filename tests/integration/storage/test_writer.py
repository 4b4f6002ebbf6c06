"""The group-commit writer over a database that fails on demand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.integration.storage.fake_database import ACCOUNT, FakeDatabase
from tests.support.clock import FakeClock
from tests.support.ledger import LedgerUnderTest
from tokensmith_server.billing.commands import HoldPlaced, MarkDelivered, PlaceHold
from tokensmith_server.billing.errors import (
    AccountNotFound,
    DataRefused,
    HoldNotFound,
    InsufficientCredits,
    LedgerUnavailable,
    RequestIdReused,
)
from tokensmith_server.faults import FaultInjected
from tokensmith_server.storage.errors import (
    CommitUnknown,
    ConnectionLost,
    KeyTaken,
    TryAgain,
    WriteRefused,
)
from tokensmith_server.storage.writer import GroupCommitWriter

COMMANDS = LedgerUnderTest([])


def hold(amount: int = 10, account_id: str = ACCOUNT) -> PlaceHold:
    return COMMANDS.command(account_id, amount)


@asynccontextmanager
async def writing(
    database: FakeDatabase,
    *,
    fault_point: Callable[[str], None] = lambda _: None,
    **settings: Any,
) -> AsyncIterator[GroupCommitWriter]:
    writer = GroupCommitWriter(database, clock=FakeClock(), fault_point=fault_point, **settings)
    await writer.start()
    try:
        yield writer
    finally:
        database.gate.set()
        await writer.close()


async def submit_while_closed(
    database: FakeDatabase, writer: GroupCommitWriter, commands: list[PlaceHold]
) -> list[Any]:
    """Let one command occupy the writer, so that these wait and share what comes next."""
    database.gate.clear()
    database.at_gate.clear()
    first = writer.submit(hold(0))
    await asyncio.to_thread(database.at_gate.wait)
    futures = [writer.submit(command) for command in commands]
    database.gate.set()
    await first
    return await asyncio.gather(*futures, return_exceptions=True)


async def test_commands_that_wait_share_a_transaction() -> None:
    database = FakeDatabase()
    async with writing(database) as writer:
        answers = await submit_while_closed(database, writer, [hold() for _ in range(20)])
    assert all(isinstance(answer, HoldPlaced) for answer in answers)
    assert [len(writes.holds) for writes in database.written] == [1, 20]


async def test_balances_of_a_batch_follow_its_order() -> None:
    database = FakeDatabase(available=25)
    async with writing(database) as writer:
        answers = await submit_while_closed(database, writer, [hold(10) for _ in range(3)])
    placed = [a.balance.available_microcredits for a in answers if isinstance(a, HoldPlaced)]
    assert placed == [15, 5]
    assert isinstance(answers[2], InsufficientCredits)


async def test_refused_command_fails_alone() -> None:
    database = FakeDatabase()
    async with writing(database) as writer:
        answers = await submit_while_closed(
            database, writer, [hold(), hold(account_id="nobody"), hold()]
        )
    assert [type(answer) for answer in answers] == [HoldPlaced, AccountNotFound, HoldPlaced]


async def test_batch_of_refusals_writes_nothing() -> None:
    database = FakeDatabase(available=1)
    async with writing(database) as writer:
        with pytest.raises(InsufficientCredits):
            await writer.submit(hold(10))
    assert database.written == []


async def test_full_queue_refuses_at_once() -> None:
    database = FakeDatabase()
    async with writing(database, queue_max=4) as writer:
        database.gate.clear()
        database.at_gate.clear()
        futures = [writer.submit(hold())]
        await asyncio.to_thread(database.at_gate.wait)
        futures += [writer.submit(hold()) for _ in range(3)]
        with pytest.raises(LedgerUnavailable):
            writer.submit(hold())
        database.gate.set()
        await asyncio.gather(*futures)


async def test_command_whose_caller_gave_up_is_not_written() -> None:
    database = FakeDatabase()
    async with writing(database) as writer:
        database.gate.clear()
        database.at_gate.clear()
        first = writer.submit(hold())
        await asyncio.to_thread(database.at_gate.wait)
        given_up = writer.submit(hold())
        given_up.cancel()
        database.gate.set()
        await first
    assert sum(len(writes.holds) for writes in database.written) == 1


@pytest.mark.parametrize("trouble", [TryAgain("40P01"), ConnectionLost("gone")])
async def test_passing_trouble_before_the_commit_is_tried_again(trouble: Exception) -> None:
    database = FakeDatabase()
    database.load_troubles.append(trouble)
    async with writing(database) as writer:
        assert isinstance(await writer.submit(hold()), HoldPlaced)
    assert len(database.written) == 1


@pytest.mark.parametrize("trouble", [TryAgain("40P01"), ConnectionLost("gone")])
async def test_lasting_trouble_is_unavailable_and_then_over(trouble: Exception) -> None:
    database = FakeDatabase()
    database.load_troubles.extend([trouble] * 50)
    async with writing(database) as writer:
        with pytest.raises(LedgerUnavailable):
            await writer.submit(hold())
        assert database.written == []
        database.load_troubles.clear()
        assert isinstance(await writer.submit(hold()), HoldPlaced)


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        (KeyTaken("23505"), RequestIdReused),
        # Another id would not help: the caller must not ask again with one.
        (WriteRefused("22P02"), DataRefused),
        (WriteRefused("23514"), DataRefused),
    ],
)
async def test_write_that_is_refused_fails_its_own_command_alone(
    refused: WriteRefused, told: type[Exception]
) -> None:
    database = FakeDatabase()
    async with writing(database) as writer:
        # The batch of three twice (plainly, then thoroughly), the first command alone, and the
        # second twice.
        troubles = [None, refused, refused, None, refused, refused, None]
        database.commit_troubles.extend(troubles)
        answers = await submit_while_closed(database, writer, [hold(), hold(), hold()])
    assert [type(answer) for answer in answers] == [HoldPlaced, told, HoldPlaced]
    assert database.connects == 1


async def test_unknown_commit_that_happened_is_answered_once() -> None:
    database = FakeDatabase()
    database.commit_troubles.append(CommitUnknown("lost"))
    database.committed_in_doubt = True
    async with writing(database) as writer:
        assert isinstance(await writer.submit(hold(10)), HoldPlaced)
    assert len(database.written) == 1
    assert database.account.held_microcredits == 10
    assert database.connects == 2


async def test_unknown_commit_that_did_not_happen_is_done_again() -> None:
    database = FakeDatabase()
    database.commit_troubles.append(CommitUnknown("lost"))
    async with writing(database) as writer:
        assert isinstance(await writer.submit(hold(10)), HoldPlaced)
    assert len(database.written) == 1
    assert database.account.held_microcredits == 10


async def test_commit_that_stays_unknown_is_unavailable_and_its_holds_are_voided_later() -> None:
    database = FakeDatabase()
    database.commit_troubles.append(CommitUnknown("lost"))
    database.doubt_troubles.extend([ConnectionLost("still")] * 100)
    async with writing(database, retry_seconds=0.0) as writer:
        with pytest.raises(LedgerUnavailable):
            await writer.submit(hold(10))
        seen: list[Any] = []
        load = database.load

        def watch(needs: Any, **keywords: Any) -> Any:
            seen.append(set(needs.hold_ids))
            return load(needs, **keywords)

        database.load = watch  # type: ignore[method-assign]
        await writer.submit(hold(10))
    # The void of the doubtful hold came first; this database does not know it, which is well.
    assert len(seen[0]) == 1
    assert seen[1] == set()


async def test_delivery_rides_with_the_next_command() -> None:
    database = FakeDatabase()
    async with writing(database) as writer:
        writer.ride(MarkDelivered("hold"))
        assert database.written == []
        await writer.submit(hold())
    assert [writes.delivered for writes in database.written] == [["hold"]]


async def test_delivery_is_written_when_the_writer_is_flushed() -> None:
    database = FakeDatabase()
    async with writing(database) as writer:
        writer.ride(MarkDelivered("hold"))
        writer.flush()
        await writer.run_job(lambda: None)
        assert [writes.delivered for writes in database.written] == [["hold"]]


async def test_closing_writes_what_waits() -> None:
    database = FakeDatabase()
    async with writing(database) as writer:
        future = writer.submit(hold())
        writer.ride(MarkDelivered("hold"))
        await writer.close()
        assert isinstance(future.result(), HoldPlaced)
        with pytest.raises(LedgerUnavailable):
            writer.submit(hold())
    assert [writes.delivered for writes in database.written] == [["hold"]]


async def test_job_runs_between_batches_and_raises_to_its_caller() -> None:
    database = FakeDatabase()
    async with writing(database) as writer:
        assert await writer.run_job(lambda: 42) == 42
        with pytest.raises(HoldNotFound):
            await writer.run_job(_raise_not_found)


def _raise_not_found() -> None:
    raise HoldNotFound("hold")


@pytest.mark.parametrize(
    ("point", "written"), [("ledger.before_commit", 0), ("ledger.after_commit", 1)]
)
async def test_fault_points_stand_on_both_sides_of_the_commit(point: str, written: int) -> None:
    def fail(name: str) -> None:
        if name == point:
            raise FaultInjected(name)

    database = FakeDatabase()
    async with writing(database, fault_point=fail) as writer:
        with pytest.raises(LedgerUnavailable):
            await writer.submit(hold())
    assert len(database.written) == written


async def test_writer_that_cannot_connect_does_not_start() -> None:
    database = FakeDatabase()
    database.connect_troubles.append(ConnectionLost("nobody there"))
    writer = GroupCommitWriter(database, clock=FakeClock(), fault_point=lambda _: None)
    with pytest.raises(LedgerUnavailable):
        await writer.start()
