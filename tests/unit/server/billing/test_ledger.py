"""The pure ledger: any sequence of commands conserves credits and ends each hold once."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.ledger import UNIT_RATE_JSON
from tokensmith_server.billing import ledger
from tokensmith_server.billing.commands import HoldState, NewAttempt, PlaceHold, Resolution
from tokensmith_server.billing.errors import (
    AmountOutOfRange,
    HoldAlreadyResolved,
    InsufficientCredits,
)
from tokensmith_server.billing.ledger import AccountState, EntryDraft, EntryKind, Hold

FreeEnd = Callable[[AccountState, Hold], tuple[AccountState, Hold, EntryDraft, Resolution]]

amounts = st.integers(0, 10_000)
large_amounts = st.integers(0, ledger.MAX_MICROCREDITS)


def account_with(available: int) -> AccountState:
    return AccountState("a", available, 0, 0, available)


def command(fixed: int, unit: int = 0, wanted: int = 0, minimum: int = 0) -> PlaceHold:
    return PlaceHold(
        hold_id="h",
        account_id="a",
        api_key_id="k",
        request_id="r",
        kind="chat",
        model="m",
        catalog_version="v",
        rate_json=UNIT_RATE_JSON,
        fixed_microcredits=fixed,
        unit_microcredits=unit,
        units_wanted=wanted,
        units_minimum=minimum,
        created_time=0.0,
        expires_time=600.0,
        owner="o",
        attempt=NewAttempt(1, "openai", "m", 0.0),
    )


def test_place_reserves_and_explains_itself() -> None:
    account, hold, units, entry = ledger.place(account_with(1_000), command(10, 3, 100, 50))
    assert account == AccountState("a", 690, 310, 0, 1_000)
    assert hold == Hold("h", "a", HoldState.HELD, 310)
    assert units == 100
    assert entry == EntryDraft(EntryKind.HOLD, "h", -310, 310, 0, 0)


@given(
    available=amounts,
    fixed=amounts,
    unit=st.integers(0, 50),
    minimum=st.integers(0, 200),
    above=st.integers(0, 200),
)
def test_place_grants_as_many_units_as_the_balance_affords(
    available: int, fixed: int, unit: int, minimum: int, above: int
) -> None:
    asked = command(fixed, unit, minimum + above, minimum)
    required = fixed + unit * minimum
    if required > available:
        with pytest.raises(InsufficientCredits) as refusal:
            ledger.place(account_with(available), asked)
        assert refusal.value.required_microcredits == required
        assert refusal.value.available_microcredits == available
        return
    _, hold, units, _ = ledger.place(account_with(available), asked)
    assert minimum <= units <= minimum + above
    assert hold.amount_microcredits == fixed + unit * units <= available
    if units < minimum + above:
        assert fixed + unit * (units + 1) > available


@given(st.data())
@settings(max_examples=300)
def test_settle_charges_the_price_as_far_as_the_balance_goes(data: st.DataObject) -> None:
    available = data.draw(large_amounts)
    amount = data.draw(st.integers(0, available))
    price = data.draw(large_amounts)
    account, hold, _, _ = ledger.place(account_with(available), command(amount))
    after, ended, entry, resolution = ledger.settle(account, hold, price)
    assert resolution.charged_microcredits == min(price, available)
    assert resolution.charged_microcredits + resolution.shortfall_microcredits == price
    assert resolution.released_microcredits == max(0, amount - price)
    assert (resolution.shortfall_microcredits > 0) == (price > available)
    assert after.held_microcredits == 0
    assert ended.state is HoldState.SETTLED
    assert entry.held_delta_microcredits == -amount
    assert resolution.balance == after.balance


@pytest.mark.parametrize("end", [ledger.void, ledger.expire])
def test_free_ends_restore_the_account(end: FreeEnd) -> None:
    before = account_with(1_000)
    account, hold, _, _ = ledger.place(before, command(300))
    after, ended, entry, resolution = end(account, hold)
    assert after == before
    assert ended.charged_microcredits == 0
    assert entry.available_delta_microcredits == 300
    assert resolution.released_microcredits == 300


@pytest.mark.parametrize("state", [HoldState.SETTLED, HoldState.VOIDED, HoldState.EXPIRED])
def test_ended_hold_is_not_ended_again(state: HoldState) -> None:
    account, hold = account_with(10), Hold("h", "a", state, 5)
    with pytest.raises(HoldAlreadyResolved) as refusal:
        ledger.settle(account, hold, 0)
    assert refusal.value.state == state
    for end in (ledger.void, ledger.expire):
        with pytest.raises(HoldAlreadyResolved):
            end(account, hold)


def test_repeat_gets_the_first_resolution_and_others_are_refused() -> None:
    account, hold, _, _ = ledger.place(account_with(100), command(100))
    after, ended, _, first = ledger.settle(account, hold, 150)
    assert ledger.repeat_resolution(after, ended, HoldState.SETTLED, 150) == first
    for state, price in (
        (HoldState.SETTLED, 149),
        (HoldState.SETTLED, 100),
        (HoldState.VOIDED, 0),
        (HoldState.EXPIRED, 0),
    ):
        with pytest.raises(HoldAlreadyResolved):
            ledger.repeat_resolution(after, ended, state, price)


@pytest.mark.parametrize("amount", [0, -1, ledger.MAX_MICROCREDITS])
def test_grant_that_cannot_be_kept_is_refused(amount: int) -> None:
    with pytest.raises(AmountOutOfRange) as refusal:
        ledger.grant(account_with(1), amount)
    assert refusal.value.amount_microcredits == amount


@pytest.mark.parametrize(
    "amounts", [(-1, 0, 0, -1), (1, 0, 0, 2), (2**63, 0, 0, 2**63), (1.0, 0, 0, 1.0)]
)
def test_account_that_cannot_be_is_a_bug(amounts: tuple[int, int, int, int]) -> None:
    with pytest.raises(AssertionError):
        AccountState("a", *amounts)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_microcredits": -1},
        {"charged_microcredits": 1},
        {"state": HoldState.SETTLED, "charged_microcredits": 1, "shortfall_microcredits": 1},
        {"state": HoldState.VOIDED, "charged_microcredits": 1},
    ],
)
def test_hold_that_cannot_be_is_a_bug(changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        replace(Hold("h", "a", HoldState.HELD, 5), **changes)


def test_entry_that_makes_credits_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        EntryDraft(EntryKind.SETTLE, "h", 5, -5, 1, 0)


def test_hold_of_another_account_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        ledger.void(account_with(10), Hold("h", "b", HoldState.HELD, 5))


steps = st.lists(
    st.tuples(
        st.sampled_from(["grant", "place", "settle", "void", "expire"]),
        st.integers(0, 500),
        st.integers(0, 5),
    ),
    max_size=60,
)


@given(steps)
@settings(max_examples=300)
def test_any_sequence_conserves_credits_and_ends_holds_once(
    sequence: list[tuple[str, int, int]],
) -> None:
    account = account_with(0)
    holds: list[Hold] = []
    entries: list[EntryDraft] = []
    for step in sequence:
        account = _take(step, account, holds, entries)
        assert (
            min(
                account.available_microcredits,
                account.held_microcredits,
                account.charged_microcredits,
            )
            >= 0
        )
    assert account.available_microcredits == sum(e.available_delta_microcredits for e in entries)
    assert account.granted_microcredits == sum(e.granted_delta_microcredits for e in entries)
    assert account.charged_microcredits == sum(h.charged_microcredits for h in holds)
    assert account.held_microcredits == sum(
        hold.amount_microcredits for hold in holds if hold.state is HoldState.HELD
    )
    for number, hold in enumerate(holds):
        mine = [e.kind for e in entries if e.hold_id == f"h{number}"]
        assert len(mine) == (1 if hold.state is HoldState.HELD else 2)


def _take(
    step: tuple[str, int, int], account: AccountState, holds: list[Hold], entries: list[EntryDraft]
) -> AccountState:
    name, amount, pick = step
    resolution: Resolution
    try:
        if name == "grant":
            account, entry = ledger.grant(account, amount)
        elif name == "place":
            asked = replace(command(amount, pick, 20, 10), hold_id=f"h{len(holds)}")
            account, hold, _, entry = ledger.place(account, asked)
            holds.append(hold)
        elif pick >= len(holds):
            return account
        elif name == "settle":
            account, holds[pick], entry, resolution = ledger.settle(account, holds[pick], amount)
            assert resolution.charged_microcredits + resolution.shortfall_microcredits == amount
        elif name == "void":
            account, holds[pick], entry, resolution = ledger.void(account, holds[pick])
        else:
            account, holds[pick], entry, resolution = ledger.expire(account, holds[pick])
    except (InsufficientCredits, HoldAlreadyResolved, AmountOutOfRange):
        return account
    entries.append(entry)
    return account
