"""What the sweeper is shown: who owns open holds, what they left, and what outlived its window."""

import pytest

from tests.support.ledger import WINDOW_SECONDS, LedgerUnderTest
from tokensmith_server.billing.commands import AttemptState, HoldState
from tokensmith_server.billing.store import OpenHold

HOUR_SECONDS = 3_600.0


async def unowned(ledger: LedgerUnderTest, limit: int = 100) -> list[OpenHold]:
    """What those leave who have no beat."""
    owners = await ledger.store.list_hold_owners()
    gone = {owner: beat for owner, beat in owners.items() if beat is None}
    return list(await ledger.store.list_unowned_holds(gone, limit=limit))


async def test_each_owner_of_open_holds_is_told_with_its_last_beat(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    for owner in ("process-1", "idle"):
        await ledger.store.beat(owner)
    for owner in ("process-1", "process-1", "process-9"):
        await ledger.hold(account_id, owner=owner)
    owners = await ledger.store.list_hold_owners()
    assert set(owners) == {"process-1", "process-9"}
    assert owners["process-1"] is not None
    assert owners["process-9"] is None


async def test_beat_moves_on_each_time_though_no_clock_does(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.hold(account_id)
    beats = []
    for _ in range(5):
        await ledger.store.beat("process-1")
        beats.append((await ledger.store.list_hold_owners())["process-1"])
    assert beats == sorted(set(map(int, filter(None, beats))))
    assert len(beats) == 5


async def test_every_process_is_told_the_same_beat(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.hold(account_id)
    await ledger.store.beat("process-1")
    first, *others = [await store.list_hold_owners() for store in ledger.stores]
    assert all(other == first for other in others)


async def test_holds_of_those_who_are_gone_are_shown_as_they_are(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.store.beat("process-1")
    command = ledger.command(account_id)
    await ledger.store.place_hold(command)
    await ledger.hold(account_id, owner="process-9")
    gone = {"process-1": (await ledger.store.list_hold_owners())["process-1"]}
    assert list(await ledger.store.list_unowned_holds(gone, limit=9)) == [
        OpenHold(
            hold_id=command.hold_id,
            account_id=account_id,
            request_id=command.request_id,
            owner="process-1",
            created_time=command.created_time,
            expires_time=command.expires_time,
            attempt_state=AttemptState.DISPATCHED,
        )
    ]


async def test_hold_is_not_shown_once_its_owner_beat_again(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.store.beat("process-1")
    await ledger.hold(account_id)
    await ledger.hold(account_id, owner="process-9")
    gone = await ledger.store.list_hold_owners()
    for owner in gone:
        await ledger.store.beat(owner)
    assert list(await ledger.store.list_unowned_holds(gone, limit=9)) == []


@pytest.mark.parametrize("jump", [HOUR_SECONDS, -HOUR_SECONDS])
async def test_no_clock_decides_whose_holds_are_shown(ledger: LedgerUnderTest, jump: float) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.store.beat("process-1")
    placed = await ledger.hold(account_id)
    ledger.clock.jump(jump)
    assert await unowned(ledger) == []
    await ledger.settle(account_id, placed.hold_id)


async def test_hold_of_a_retired_process_is_unowned_at_once(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.store.beat("process-1")
    await ledger.hold(account_id)
    gone = await ledger.store.list_hold_owners()
    await ledger.store.retire("process-1")
    assert len(await unowned(ledger)) == 1
    assert len(await ledger.store.list_unowned_holds(gone, limit=9)) == 1


async def test_hold_of_a_process_never_heard_of_is_unowned(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.hold(account_id, owner="process-9")
    assert [hold.owner for hold in await unowned(ledger)] == ["process-9"]


async def test_hold_past_its_window_is_shown_to_its_owner_alone(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    placed = await ledger.hold(account_id)
    now = ledger.clock.advance(WINDOW_SECONDS - 1)
    assert list(await ledger.store.list_overdue_holds("process-1", now)) == []
    now = ledger.clock.advance(1)
    (hold,) = await ledger.store.list_overdue_holds("process-1", now)
    assert (hold.hold_id, hold.owner) == (placed.hold_id, "process-1")
    assert list(await ledger.store.list_overdue_holds("process-2", now)) == []
    await ledger.expire(account_id, placed.hold_id)
    assert list(await ledger.store.list_overdue_holds("process-1", now)) == []


@pytest.mark.parametrize("state", [HoldState.SETTLED, HoldState.VOIDED, HoldState.EXPIRED])
async def test_ended_hold_is_no_longer_shown(ledger: LedgerUnderTest, state: HoldState) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id)).hold_id
    assert len(await unowned(ledger)) == 1
    if state is HoldState.SETTLED:
        await ledger.settle(account_id, hold_id)
    elif state is HoldState.VOIDED:
        await ledger.void(account_id, hold_id)
    else:
        await ledger.expire(account_id, hold_id)
    assert await unowned(ledger) == []


async def test_unowned_holds_come_oldest_first_up_to_the_limit(ledger: LedgerUnderTest) -> None:
    first, second = await ledger.open_account(1_000), await ledger.open_account(1_000)
    placed = []
    for account_id in (second, first, second, first):
        ledger.clock.advance(1)
        placed.append((await ledger.hold(account_id)).hold_id)
    assert [hold.hold_id for hold in await unowned(ledger)] == placed
    assert [hold.hold_id for hold in await unowned(ledger, limit=2)] == placed[:2]


async def test_audit_counts_what_it_saw(ledger: LedgerUnderTest) -> None:
    before = await ledger.store.audit(now=ledger.clock.now())
    account_id = await ledger.open_account(1_000)
    settled = (await ledger.hold(account_id)).hold_id
    await ledger.settle(account_id, settled)
    await ledger.hold(account_id)
    report = await ledger.store.audit(now=ledger.clock.now())
    assert report.clean
    assert report.accounts - before.accounts == 1
    assert report.holds - before.holds == 2
    assert report.entries - before.entries == 4
    assert report.attempts - before.attempts == 2
    assert report.open_holds - before.open_holds == 1


async def test_audit_reports_a_hold_left_open_past_its_window(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id)).hold_id
    ledger.clock.advance(WINDOW_SECONDS + 31)
    report = await ledger.store.audit(now=ledger.clock.now())
    assert [(one.invariant, one.subject) for one in report.violations] == [("I3", hold_id)]
    await ledger.expire(account_id, hold_id)
