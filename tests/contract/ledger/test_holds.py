"""Placing and ending holds, one at a time."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import permutations

import pytest

from tests.support.ledger import LedgerUnderTest
from tokensmith_server.billing.commands import (
    Balance,
    HoldPlaced,
    HoldState,
    Outcome,
    Resolution,
    SettleHold,
    VoidHold,
)
from tokensmith_server.billing.errors import (
    AccountNotFound,
    HoldAlreadyResolved,
    HoldNotFound,
    InsufficientCredits,
    RequestIdReused,
)
from tokensmith_server.billing.usage import TokenUsage


async def test_hold_moves_its_amount_from_available_to_held(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    command = ledger.command(account_id, 300)
    placed = await ledger.store.place_hold(command)
    expected = Balance(700, 300, 0, 1_000)
    assert placed == HoldPlaced(command.hold_id, 300, 0, expected)
    assert await ledger.balance(account_id) == expected


async def test_hold_of_the_whole_balance_leaves_zero(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    assert (await ledger.hold(account_id, 1_000)).balance.available_microcredits == 0


async def test_hold_one_above_the_balance_is_refused_with_both_amounts(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    with pytest.raises(InsufficientCredits) as refusal:
        await ledger.hold(account_id, 1_001)
    assert refusal.value.required_microcredits == 1_001
    assert refusal.value.available_microcredits == 1_000
    assert await ledger.balance(account_id) == Balance(1_000, 0, 0, 1_000)


async def test_refused_hold_leaves_no_trace(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(10)
    command = ledger.command(account_id, 11, idempotency_key="key")
    with pytest.raises(InsufficientCredits):
        await ledger.store.place_hold(command)
    assert await ledger.store.list_requests(account_id, limit=10) == []
    # Neither the request id nor the key was used up: the same call works once there is money.
    await ledger.grant(account_id, 1)
    assert isinstance(await ledger.store.place_hold(command), HoldPlaced)


async def test_hold_of_zero_needs_no_credits(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account()
    placed = await ledger.hold(account_id, 0)
    assert placed.amount_microcredits == 0
    await ledger.settle(account_id, placed.hold_id, 0)


async def test_held_credits_cannot_be_held_again(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(100)
    await ledger.hold(account_id, 60)
    with pytest.raises(InsufficientCredits) as refusal:
        await ledger.hold(account_id, 60)
    assert refusal.value.available_microcredits == 40


async def test_units_are_granted_as_wanted_when_the_balance_covers_them(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(10_000)
    placed = await ledger.hold(
        account_id, 10, unit_microcredits=3, units_wanted=2_000, units_minimum=1_024
    )
    assert (placed.units, placed.amount_microcredits) == (2_000, 6_010)


async def test_units_are_lowered_to_what_the_balance_affords(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(4_000)
    placed = await ledger.hold(
        account_id, 10, unit_microcredits=3, units_wanted=2_000, units_minimum=1_024
    )
    assert (placed.units, placed.amount_microcredits) == (1_330, 4_000)


async def test_units_at_the_floor_are_granted(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(10 + 3 * 1_024)
    placed = await ledger.hold(
        account_id, 10, unit_microcredits=3, units_wanted=2_000, units_minimum=1_024
    )
    assert placed.units == 1_024


async def test_units_below_the_floor_are_refused_naming_the_floor_price(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(10 + 3 * 1_024 - 1)
    with pytest.raises(InsufficientCredits) as refusal:
        await ledger.hold(
            account_id, 10, unit_microcredits=3, units_wanted=2_000, units_minimum=1_024
        )
    assert refusal.value.required_microcredits == 10 + 3 * 1_024
    assert refusal.value.available_microcredits == 10 + 3 * 1_024 - 1


async def test_free_units_are_granted_whatever_the_balance(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account()
    placed = await ledger.hold(
        account_id, 0, unit_microcredits=0, units_wanted=2_000, units_minimum=1_024
    )
    assert (placed.units, placed.amount_microcredits) == (2_000, 0)


async def test_hold_on_an_unknown_account_is_refused(ledger: LedgerUnderTest) -> None:
    with pytest.raises(AccountNotFound):
        await ledger.hold("account_of_nobody")


async def test_request_id_is_unique_within_its_account(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, request_id="request_once")
    with pytest.raises(RequestIdReused):
        await ledger.hold(account_id, request_id="request_once")
    await ledger.void(account_id, first.hold_id)
    # For ever: not even a call that came to nothing frees it.
    with pytest.raises(RequestIdReused):
        await ledger.hold(account_id, request_id="request_once")
    assert await ledger.balance(account_id) == Balance(1_000, 0, 0, 1_000)


async def test_request_id_of_another_account_is_no_obstacle(ledger: LedgerUnderTest) -> None:
    ours, theirs = await ledger.open_account(100), await ledger.open_account(100)
    await ledger.hold(ours, request_id="request_once")
    await ledger.hold(theirs, request_id="request_once")


async def test_settle_below_hold_releases_remainder(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id, 300)).hold_id
    resolution = await ledger.settle(account_id, hold_id, 120)
    assert resolution.state is HoldState.SETTLED
    assert resolution.held_microcredits == 300
    assert resolution.charged_microcredits == 120
    assert resolution.released_microcredits == 180
    assert resolution.shortfall_microcredits == 0
    assert resolution.balance == Balance(880, 0, 120, 1_000)
    assert await ledger.balance(account_id) == resolution.balance


async def test_settle_at_zero_releases_everything(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id, 300)).hold_id
    resolution = await ledger.settle(account_id, hold_id, 0, outcome=Outcome.EMPTY)
    assert resolution.balance == Balance(1_000, 0, 0, 1_000)


async def test_settle_above_hold_takes_the_excess_from_available(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id, 300)).hold_id
    resolution = await ledger.settle(account_id, hold_id, 450)
    assert resolution.charged_microcredits == 450
    assert resolution.released_microcredits == 0
    assert resolution.shortfall_microcredits == 0
    assert resolution.balance == Balance(550, 0, 450, 1_000)


async def test_settle_above_everything_stops_at_zero_and_records_the_shortfall(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    command = ledger.command(account_id, 300)
    await ledger.store.place_hold(command)
    resolution = await ledger.settle(account_id, command.hold_id, 1_200)
    assert resolution.charged_microcredits == 1_000
    assert resolution.shortfall_microcredits == 200
    assert resolution.balance == Balance(0, 0, 1_000, 1_000)
    record = await ledger.store.get_request(account_id, command.request_id)
    assert record.shortfall_microcredits == 200


async def test_excess_never_touches_what_other_holds_hold(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = (await ledger.hold(account_id, 300)).hold_id
    other = (await ledger.hold(account_id, 600)).hold_id
    resolution = await ledger.settle(account_id, first, 500)
    assert resolution.charged_microcredits == 400
    assert resolution.shortfall_microcredits == 100
    assert resolution.balance == Balance(0, 600, 400, 1_000)
    assert (await ledger.settle(account_id, other, 600)).shortfall_microcredits == 0


async def test_settle_repeated_returns_the_first_resolution(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id, 300)).hold_id
    first = await ledger.settle(account_id, hold_id, 120)
    ledger.clock.advance(5)
    assert await ledger.settle(account_id, hold_id, 120) == first
    assert await ledger.balance(account_id) == first.balance


async def test_settle_with_shortfall_repeated_returns_the_first_resolution(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id, 300)).hold_id
    first = await ledger.settle(account_id, hold_id, 1_200)
    assert await ledger.settle(account_id, hold_id, 1_200) == first


async def test_settle_repeated_after_a_top_up_collects_no_shortfall(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(100)
    hold_id = (await ledger.hold(account_id, 100)).hold_id
    await ledger.settle(account_id, hold_id, 150)
    await ledger.grant(account_id, 1_000)
    repeat = await ledger.settle(account_id, hold_id, 150)
    assert repeat.charged_microcredits == 100
    assert repeat.balance == Balance(1_000, 0, 100, 1_100)


async def test_settle_at_another_price_is_refused(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id, 300)).hold_id
    await ledger.settle(account_id, hold_id, 120)
    with pytest.raises(HoldAlreadyResolved) as refusal:
        await ledger.settle(account_id, hold_id, 121)
    assert refusal.value.state == "settled"
    assert await ledger.available(account_id) == 880


async def test_void_releases_everything(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id, 300)).hold_id
    resolution = await ledger.void(account_id, hold_id)
    assert resolution.state is HoldState.VOIDED
    assert resolution.released_microcredits == 300
    assert resolution.charged_microcredits == 0
    assert resolution.balance == Balance(1_000, 0, 0, 1_000)


async def test_void_repeated_returns_the_first_resolution(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id, 300)).hold_id
    assert await ledger.void(account_id, hold_id) == await ledger.void(account_id, hold_id)
    assert await ledger.available(account_id) == 1_000


async def test_expire_releases_everything_and_leaves_the_outcome_unknown(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    command = ledger.command(account_id, 300)
    await ledger.store.place_hold(command)
    ledger.clock.advance(601)
    resolution = await ledger.expire(account_id, command.hold_id)
    assert resolution.state is HoldState.EXPIRED
    assert resolution.balance == Balance(1_000, 0, 0, 1_000)
    assert await ledger.expire(account_id, command.hold_id) == resolution
    record = await ledger.store.get_request(account_id, command.request_id)
    assert record.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(("first", "second"), list(permutations(["settle", "void", "expire"], 2)))
async def test_hold_ends_once(ledger: LedgerUnderTest, first: str, second: str) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id, 300)).hold_id
    ends: dict[str, Callable[[str, str], Awaitable[Resolution]]]
    ends = {"settle": ledger.settle, "void": ledger.void, "expire": ledger.expire}
    resolution = await ends[first](account_id, hold_id)
    with pytest.raises(HoldAlreadyResolved) as refusal:
        await ends[second](account_id, hold_id)
    assert refusal.value.state == resolution.state
    assert refusal.value.hold_id == hold_id
    assert await ledger.balance(account_id) == resolution.balance


async def test_unknown_hold_is_not_found(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    for end in (ledger.settle, ledger.void, ledger.expire):
        with pytest.raises(HoldNotFound):
            await end(account_id, "hold_of_nobody")


async def test_hold_of_another_account_is_not_found(ledger: LedgerUnderTest) -> None:
    ours, theirs = await ledger.open_account(1_000), await ledger.open_account(1_000)
    hold_id = (await ledger.hold(ours, 300)).hold_id
    for end in (ledger.settle, ledger.void, ledger.expire):
        with pytest.raises(HoldNotFound):
            await end(theirs, hold_id)
    assert await ledger.balance(ours) == Balance(700, 300, 0, 1_000)
    assert await ledger.balance(theirs) == Balance(1_000, 0, 0, 1_000)


async def test_other_accounts_are_unaffected(ledger: LedgerUnderTest) -> None:
    ours, theirs = await ledger.open_account(1_000), await ledger.open_account(500)
    hold_id = (await ledger.hold(ours, 300)).hold_id
    await ledger.settle(ours, hold_id, 2_000)
    assert await ledger.balance(theirs) == Balance(500, 0, 0, 500)


@pytest.mark.parametrize("outcome", [Outcome.TRUNCATED, Outcome.ABANDONED])
async def test_estimated_usage_may_be_charged_below_its_price(
    ledger: LedgerUnderTest, outcome: Outcome
) -> None:
    account_id = await ledger.open_account(1_000)
    command = ledger.command(account_id, 30)
    await ledger.store.place_hold(command)
    await ledger.settle(
        account_id,
        command.hold_id,
        30,
        outcome=outcome,
        usage=TokenUsage(input_tokens=20, output_tokens=30),
        usage_estimated=True,
    )
    record = await ledger.store.get_request(account_id, command.request_id)
    assert record.outcome is outcome
    assert record.usage_estimated


async def test_largest_amount_passes_through(ledger: LedgerUnderTest) -> None:
    largest = 2**63 - 1
    account_id = await ledger.open_account(largest)
    hold_id = (await ledger.hold(account_id, largest)).hold_id
    resolution = await ledger.void(account_id, hold_id)
    assert resolution.balance == Balance(largest, 0, 0, largest)


async def test_one_refusal_does_not_spoil_the_commands_beside_it(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(100)
    settled = SettleHold("hold_of_nobody", account_id, 1, Outcome.DELIVERED, ledger.clock.now())
    with pytest.raises(HoldNotFound):
        await ledger.store.settle_hold(settled)
    voided = VoidHold("hold_of_nobody", account_id, Outcome.FAILED, ledger.clock.now())
    with pytest.raises(HoldNotFound):
        await ledger.store.void_hold(replace(voided, error_reason="UPSTREAM_FAILED"))
    assert (await ledger.hold(account_id, 100)).amount_microcredits == 100
