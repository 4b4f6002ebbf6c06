"""What the sweeper is shown: holds that no living process owns, and holds past their window."""

import pytest

from tests.support.ledger import WINDOW_SECONDS, LedgerUnderTest
from tokensmith_server.billing.commands import AttemptState, HoldState
from tokensmith_server.billing.store import OpenHold

SILENT_SECONDS = 30.0


async def unowned(ledger: LedgerUnderTest, limit: int = 100) -> list[OpenHold]:
    return list(
        await ledger.store.list_unowned_holds(
            now=ledger.clock.now(), owner_silent_seconds=SILENT_SECONDS, limit=limit
        )
    )


async def test_hold_of_a_living_process_is_left_alone(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.store.beat("process-1", ledger.clock.now())
    await ledger.hold(account_id)
    ledger.clock.advance(SILENT_SECONDS - 1)
    assert await unowned(ledger) == []


async def test_hold_of_a_silent_process_is_unowned(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.store.beat("process-1", ledger.clock.now())
    command = ledger.command(account_id)
    await ledger.store.place_hold(command)
    ledger.clock.advance(SILENT_SECONDS + 1)
    assert await unowned(ledger) == [
        OpenHold(
            hold_id=command.hold_id,
            account_id=account_id,
            request_id=command.request_id,
            owner="process-1",
            owner_alive=False,
            created_time=command.created_time,
            expires_time=command.expires_time,
            attempt_state=AttemptState.DISPATCHED,
        )
    ]


async def test_beating_again_keeps_the_holds(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.hold(account_id)
    for _ in range(5):
        await ledger.store.beat("process-1", ledger.clock.advance(SILENT_SECONDS))
    assert await unowned(ledger) == []


async def test_hold_of_a_retired_process_is_unowned_at_once(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.store.beat("process-1", ledger.clock.now())
    await ledger.hold(account_id)
    await ledger.store.retire("process-1")
    (hold,) = await unowned(ledger)
    assert hold.owner_alive is False


async def test_hold_of_a_process_never_heard_of_is_unowned(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.hold(account_id, owner="process-9")
    assert [hold.owner for hold in await unowned(ledger)] == ["process-9"]


async def test_hold_past_its_window_is_shown_though_its_owner_lives(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    placed = await ledger.hold(account_id)
    await ledger.store.beat("process-1", ledger.clock.advance(WINDOW_SECONDS - 1))
    assert await unowned(ledger) == []
    await ledger.store.beat("process-1", ledger.clock.advance(1))
    (hold,) = await unowned(ledger)
    assert (hold.hold_id, hold.owner_alive) == (placed.hold_id, True)
    await ledger.expire(account_id, placed.hold_id)


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
