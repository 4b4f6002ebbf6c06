"""What no living process owns is resolved, once, and nothing stops the sweeper."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.ledger import (
    RESULT_KEPT_SECONDS,
    WINDOW_SECONDS,
    LedgerUnderTest,
    price_of,
)
from tests.support.responses import stored_response
from tests.support.turns import eventually
from tokensmith_server.billing.commands import AttemptState, HoldState, Outcome
from tokensmith_server.billing.errors import LedgerUnavailable
from tokensmith_server.billing.memory import MemoryLedgerStore
from tokensmith_server.billing.sweeper import Sweeper, SweepPolicy
from tokensmith_server.responses.memory import MemoryResponseStore

HOUR_SECONDS = 3_600.0


class TroubledStore(MemoryLedgerStore):
    """Can fail on one hold, and counts its rounds."""

    def __init__(self) -> None:
        super().__init__(price_of)
        self.cursed = ""
        self.voiding = 0
        self.voiding_at_once = 0

    async def void_hold(self, command: Any) -> Any:
        if command.hold_id == self.cursed:
            raise ZeroDivisionError("this hold cannot be ended")
        self.voiding += 1
        self.voiding_at_once = max(self.voiding_at_once, self.voiding)
        try:
            return await super().void_hold(command)
        finally:
            self.voiding -= 1


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.fixture
async def ledger() -> AsyncIterator[LedgerUnderTest]:
    ledger = LedgerUnderTest([TroubledStore()])
    yield ledger
    await ledger.assert_clean()


def sweeper_of(ledger: LedgerUnderTest, owner: str = "survivor", **options: Any) -> Sweeper:
    responses = options.pop("responses", None) or MemoryResponseStore()
    return Sweeper(
        ledger=ledger.store,
        store=ledger.store,
        responses=responses,
        clock=ledger.clock,
        owner=owner,
        **options,
    )


async def state(ledger: LedgerUnderTest, account: str, number: int = 0) -> HoldState:
    newest_first = await ledger.store.list_requests(account, limit=100)
    return newest_first[::-1][number].state


async def pass_time(ledger: LedgerUnderTest, sweeper: Sweeper, seconds: float) -> int:
    """Sweep every two seconds, as ``run`` does; how many holds were resolved."""
    resolved = 0
    for _ in range(int(seconds // SweepPolicy().interval_seconds)):
        ledger.clock.advance(SweepPolicy().interval_seconds)
        resolved += await sweeper.sweep()
    return resolved


async def test_orphan_is_voided_once_the_reconcile_window_is_over(ledger: LedgerUnderTest) -> None:
    account = await ledger.open_account(1_000)
    await ledger.hold(account)
    sweeper = sweeper_of(ledger)
    ledger.clock.advance(19.9)
    assert await sweeper.sweep() == 0
    ledger.clock.advance(0.1)
    assert await sweeper.sweep() == 1
    (record,) = await ledger.store.list_requests(account, limit=9)
    assert (record.state, record.outcome) == (HoldState.VOIDED, Outcome.UNKNOWN)
    assert record.error_reason == "RESULT_UNKNOWN"
    assert record.attempts[0].state is AttemptState.UNKNOWN
    assert await ledger.available(account) == 1_000
    assert await sweeper.sweep() == 0


async def test_responses_are_deleted_when_their_time_is_over(ledger: LedgerUnderTest) -> None:
    responses = MemoryResponseStore()
    for number in range(3):
        await responses.save_response(
            stored_response(f"resp_{number}", now=ledger.clock.now(), kept_seconds=60.0)
        )
    policy = SweepPolicy(batch_responses=2)
    sweeper = sweeper_of(ledger, responses=responses, policy=policy)
    ledger.clock.advance(59.9)
    await sweeper.sweep()
    assert responses.count == 3
    ledger.clock.advance(0.1)
    await sweeper.sweep()
    assert responses.count == 1
    await sweeper.sweep()
    assert responses.count == 0


async def test_hold_of_a_living_process_is_left_alone(ledger: LedgerUnderTest) -> None:
    account = await ledger.open_account(1_000)
    await ledger.hold(account)
    owner, other = sweeper_of(ledger, owner="process-1"), sweeper_of(ledger)
    for _ in range(50):
        await owner.beat()
        assert await pass_time(ledger, other, 10.0) == 0
    assert await state(ledger, account) is HoldState.HELD


async def test_process_that_is_silent_for_a_while_counts_as_gone(ledger: LedgerUnderTest) -> None:
    account = await ledger.open_account(1_000)
    await ledger.store.beat("process-1")
    await ledger.hold(account)
    sweeper = sweeper_of(ledger, policy=SweepPolicy(reconcile_seconds=0))
    await sweeper.sweep()
    assert await pass_time(ledger, sweeper, 14.0) == 0
    assert await pass_time(ledger, sweeper, 2.0) == 1


@pytest.mark.parametrize("jump", [HOUR_SECONDS, -HOUR_SECONDS, 30.0])
async def test_clock_that_jumps_gives_no_running_call_away(
    ledger: LedgerUnderTest, jump: float
) -> None:
    account = await ledger.open_account(1_000)
    placed = await ledger.hold(account)
    owner = sweeper_of(ledger, owner="process-1", running=lambda: {placed.hold_id})
    other = sweeper_of(ledger)
    await owner.beat()
    await other.sweep()
    ledger.clock.jump(jump)
    for _ in range(30):
        await owner.beat()
        assert await pass_time(ledger, owner, 4.0) == 0
        assert await pass_time(ledger, other, 4.0) == 0
    await ledger.settle(account, placed.hold_id, 40)
    assert await ledger.available(account) == 960


async def test_orphan_made_by_a_clock_that_was_ahead_is_voided_all_the_same(
    ledger: LedgerUnderTest,
) -> None:
    account = await ledger.open_account(1_000)
    now = ledger.clock.now() + HOUR_SECONDS
    await ledger.hold(account, created_time=now, expires_time=now + WINDOW_SECONDS)
    sweeper = sweeper_of(ledger)
    await sweeper.sweep()
    assert await pass_time(ledger, sweeper, 18.0) == 0
    assert await pass_time(ledger, sweeper, 2.0) == 1


async def test_time_in_which_the_sweeper_itself_was_stopped_is_nobodys_silence(
    ledger: LedgerUnderTest,
) -> None:
    account = await ledger.open_account(1_000)
    await ledger.store.beat("process-1")
    placed = await ledger.hold(account)
    sweeper = sweeper_of(ledger)
    await sweeper.sweep()
    ledger.clock.advance(HOUR_SECONDS)
    assert await sweeper.sweep() == 0
    await ledger.store.beat("process-1")
    assert await pass_time(ledger, sweeper, 14.0) == 0
    await ledger.settle(account, placed.hold_id)


async def test_time_in_which_the_ledger_was_away_is_nobodys_silence(
    ledger: LedgerUnderTest,
) -> None:
    account = await ledger.open_account(1_000)
    await ledger.store.beat("process-1")
    await ledger.hold(account)
    sweeper = sweeper_of(ledger)
    await sweeper.sweep()
    store: Any = ledger.store
    store.available = False
    for _ in range(30):
        ledger.clock.advance(2.0)
        with pytest.raises(LedgerUnavailable):
            await sweeper.sweep()
    store.available = True
    assert await sweeper.sweep() == 0


async def test_own_hold_past_its_window_expires_once_no_task_works_on_it(
    ledger: LedgerUnderTest,
) -> None:
    account = await ledger.open_account(1_000)
    running = {(await ledger.hold(account)).hold_id}
    owner = sweeper_of(ledger, owner="process-1", running=lambda: running)
    ledger.clock.advance(WINDOW_SECONDS)
    assert await owner.sweep() == 0
    running.clear()
    assert await owner.sweep() == 1
    assert await state(ledger, account) is HoldState.EXPIRED


async def test_own_hold_within_its_window_is_left_alone(ledger: LedgerUnderTest) -> None:
    account = await ledger.open_account(1_000)
    await ledger.hold(account)
    ledger.clock.advance(WINDOW_SECONDS - 1.0)
    assert await sweeper_of(ledger, owner="process-1").sweep() == 0


async def test_hold_past_its_window_is_left_to_its_owner_while_that_lives(
    ledger: LedgerUnderTest,
) -> None:
    account = await ledger.open_account(1_000)
    await ledger.store.beat("process-1")
    await ledger.hold(account)
    ledger.clock.advance(WINDOW_SECONDS)
    assert await sweeper_of(ledger).sweep() == 0
    await ledger.store.retire("process-1")
    assert await sweeper_of(ledger).sweep() == 1
    assert await state(ledger, account) is HoldState.EXPIRED


async def test_process_beats_on_while_a_round_of_its_sweeper_takes_long(
    ledger: LedgerUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Any = ledger.store
    gate, stop, beats = asyncio.Event(), asyncio.Event(), list[str]()

    async def slow(_now: float) -> int:
        await gate.wait()
        return 0

    async def beat(owner: str) -> None:
        beats.append(owner)

    monkeypatch.setattr(store, "forget_results", slow)
    monkeypatch.setattr(store, "beat", beat)
    running = asyncio.ensure_future(
        sweeper_of(ledger, policy=SweepPolicy(interval_seconds=0.0)).run(stop)
    )
    await eventually(lambda: len(beats) >= 3)
    stop.set()
    gate.set()
    await running


async def test_several_sweepers_resolve_each_hold_once(ledger: LedgerUnderTest) -> None:
    account = await ledger.open_account(10_000)
    for _ in range(20):
        await ledger.hold(account)
    ledger.clock.advance(30.0)
    sweepers = [sweeper_of(ledger, owner=f"s{number}") for number in range(5)]
    await asyncio.gather(*(sweeper.sweep() for sweeper in sweepers))
    kinds = [entry.kind for entry in await ledger.store.list_entries(account, limit=100)]
    assert kinds.count("void") == 20
    assert await ledger.available(account) == 10_000


async def test_one_round_takes_as_many_batches_as_there_are_and_ends_them_together(
    ledger: LedgerUnderTest,
) -> None:
    account = await ledger.open_account(10_000)
    for _ in range(25):
        await ledger.hold(account)
    ledger.clock.advance(30.0)
    assert await sweeper_of(ledger, policy=SweepPolicy(batch_holds=10)).sweep() == 25
    store: Any = ledger.store
    assert store.voiding_at_once == 10


async def test_hold_that_cannot_be_ended_does_not_keep_the_others(ledger: LedgerUnderTest) -> None:
    account = await ledger.open_account(1_000)
    holds = [await ledger.hold(account) for _ in range(3)]
    store: Any = ledger.store
    store.cursed = holds[0].hold_id
    ledger.clock.advance(30.0)
    assert await sweeper_of(ledger).sweep() == 2
    store.cursed = ""
    assert await sweeper_of(ledger).sweep() == 1


async def test_results_and_keys_whose_time_is_over_are_forgotten(ledger: LedgerUnderTest) -> None:
    account = await ledger.open_account(1_000)
    placed = await ledger.hold(account, idempotency_key="k")
    await ledger.settle_with_result(account, placed.hold_id)
    ledger.clock.advance(RESULT_KEPT_SECONDS)
    await sweeper_of(ledger).sweep()
    replayed: Any = await ledger.repeat(account, idempotency_key="k")
    assert replayed.payload is None


async def rounds(ledger: LedgerUnderTest, sweeper: Sweeper, wanted: int, seen: list[None]) -> None:
    stop = asyncio.Event()
    running = asyncio.ensure_future(sweeper.run(stop))
    await eventually(lambda: len(seen) >= wanted)
    stop.set()
    await running


@pytest.mark.parametrize("trouble", ["ledger away", "defect"])
async def test_sweeper_outlives_every_trouble(
    ledger: LedgerUnderTest, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Any = ledger.store
    seen: list[None] = []
    policy = SweepPolicy(interval_seconds=0.0)
    sweeper = sweeper_of(ledger, policy=policy, swept=lambda: seen.append(None))
    account = await ledger.open_account(1_000)
    await ledger.hold(account)
    ledger.clock.advance(30.0)
    with monkeypatch.context() as patch:
        if trouble == "defect":

            async def broken(*_: Any, **__: Any) -> None:
                raise ZeroDivisionError

            patch.setattr(store, "list_unowned_holds", broken)
        else:
            patch.setattr(store, "available", False)
        await rounds(ledger, sweeper, 3, seen)
    store.available = True
    await rounds(ledger, sweeper, 5, seen)
    assert await state(ledger, account) is HoldState.VOIDED


async def test_sweeper_stops_when_told_without_waiting_for_its_next_round(
    ledger: LedgerUnderTest,
) -> None:
    seen: list[None] = []
    policy = SweepPolicy(interval_seconds=1_000.0)
    await rounds(
        ledger, sweeper_of(ledger, policy=policy, swept=lambda: seen.append(None)), 1, seen
    )
