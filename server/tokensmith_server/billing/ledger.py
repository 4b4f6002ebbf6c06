"""The rules of the ledger as functions: a snapshot and a command in, a new snapshot and a line out.

No clock, no ids, no I/O: the stores bring rows in, write what comes out, and do both in one
transaction. Every function here moves credits between the columns of one account and nowhere
else, so ``available + held + charged == granted`` holds before and after each of them. The
assertions say what must be so; one that fails is a bug in the caller or here, never a refusal.
"""
# ruff: noqa: S101

from enum import StrEnum
from typing import Final

from tokensmith_server.billing.commands import Balance, HoldState, PlaceHold, Resolution
from tokensmith_server.billing.errors import (
    AmountOutOfRange,
    HoldAlreadyResolved,
    InsufficientCredits,
)
from tokensmith_server.billing.value import value

MAX_MICROCREDITS = 2**63 - 1
"""The largest amount either database can keep: a signed 64-bit integer."""


class EntryKind(StrEnum):
    """What happened to the account. Each resolved hold has one ``HOLD`` and one other entry."""

    GRANT = "grant"
    HOLD = "hold"
    SETTLE = "settle"
    VOID = "void"
    EXPIRE = "expire"


# A member costs more to find on its class than all that is done with it here.
_HELD: Final = HoldState.HELD
_SETTLED: Final = HoldState.SETTLED
_HOLD: Final = EntryKind.HOLD


@value
class AccountState:
    """An account's money under its lock. ``available + held + charged == granted``, always."""

    account_id: str
    available_microcredits: int
    held_microcredits: int
    charged_microcredits: int
    granted_microcredits: int

    def __post_init__(self) -> None:
        available, held = self.available_microcredits, self.held_microcredits
        charged, granted = self.charged_microcredits, self.granted_microcredits
        assert type(available) is type(held) is type(charged) is type(granted) is int, self
        # Parts of which none is below zero are at most their sum, which the databases can keep.
        assert available >= 0, self
        assert held >= 0, self
        assert charged >= 0, self
        assert available + held + charged == granted <= MAX_MICROCREDITS, self

    @property
    def balance(self) -> Balance:
        """The four amounts as the ledger's answers carry them."""
        return Balance(
            self.available_microcredits,
            self.held_microcredits,
            self.charged_microcredits,
            self.granted_microcredits,
        )


@value
class Hold:
    """Credits reserved for one call.

    ``charged`` and ``shortfall`` are zero until it is settled. ``charged`` may exceed ``amount``
    (the excess came out of the available balance); ``charged + shortfall`` is the exact price.
    """

    hold_id: str
    account_id: str
    state: HoldState
    amount_microcredits: int
    charged_microcredits: int = 0
    shortfall_microcredits: int = 0

    def __post_init__(self) -> None:
        amount, charged = self.amount_microcredits, self.charged_microcredits
        shortfall = self.shortfall_microcredits
        assert type(amount) is type(charged) is type(shortfall) is int, self
        assert 0 <= amount <= MAX_MICROCREDITS, self
        if self.state is _SETTLED:
            assert 0 <= charged <= MAX_MICROCREDITS, self
            assert 0 <= shortfall <= MAX_MICROCREDITS, self
            assert shortfall == 0 or charged >= amount, self
        else:
            assert charged == shortfall == 0, self


@value
class EntryDraft:
    """One ledger line before the store gives it an id and a time. Deltas in micro-credits."""

    kind: EntryKind
    hold_id: str | None
    available_delta_microcredits: int
    held_delta_microcredits: int
    charged_delta_microcredits: int
    granted_delta_microcredits: int

    def __post_init__(self) -> None:
        assert (
            self.available_delta_microcredits
            + self.held_delta_microcredits
            + self.charged_delta_microcredits
            == self.granted_delta_microcredits
        ), self


def assert_amount(microcredits: int) -> None:
    """Assert that an amount is a whole, non-negative number that the databases can keep."""
    assert type(microcredits) is int, microcredits
    assert 0 <= microcredits <= MAX_MICROCREDITS, microcredits


def granted_units(
    fixed_microcredits: int,
    unit_microcredits: int,
    units_wanted: int,
    units_minimum: int,
    available_microcredits: int,
) -> int:
    """How many of the units wanted a balance pays for, beside the fixed part.

    Raises:
        InsufficientCredits: it does not cover the fixed part and ``units_minimum``.
    """
    required = fixed_microcredits + unit_microcredits * units_minimum
    if required > available_microcredits:
        raise InsufficientCredits(
            required_microcredits=required, available_microcredits=available_microcredits
        )
    if unit_microcredits == 0:
        return units_wanted
    return min(units_wanted, (available_microcredits - fixed_microcredits) // unit_microcredits)


def place(account: AccountState, command: PlaceHold) -> tuple[AccountState, Hold, int, EntryDraft]:
    """Reserve ``fixed + unit * units`` for a call; the third value is the units granted.

    The units are ``units_wanted``, or as many as the balance affords but at least
    ``units_minimum``.

    Raises:
        InsufficientCredits: the available balance does not cover ``units_minimum``.
    """
    fixed, unit = command.fixed_microcredits, command.unit_microcredits
    assert fixed >= 0, command
    assert unit >= 0, command
    assert 0 <= command.units_minimum <= command.units_wanted, command
    assert command.account_id == account.account_id, command

    units = granted_units(
        fixed, unit, command.units_wanted, command.units_minimum, account.available_microcredits
    )
    assert units >= command.units_minimum, command

    amount = fixed + unit * units
    hold = Hold(command.hold_id, account.account_id, _HELD, amount)
    entry = EntryDraft(_HOLD, hold.hold_id, -amount, amount, 0, 0)
    return _apply(account, entry), hold, units, entry


def settle(
    account: AccountState, hold: Hold, charge_microcredits: int
) -> tuple[AccountState, Hold, EntryDraft, Resolution]:
    """End a hold by charging the exact price; what the price leaves over goes back.

    What the price exceeds the hold by is taken from the available balance, as far as it goes;
    the rest is a shortfall, recorded on the hold and borne by the house.

    Raises:
        HoldAlreadyResolved: the hold is not held. Ask ``repeat_resolution`` first.
    """
    assert_amount(charge_microcredits)
    _check_held(account, hold)
    affordable = hold.amount_microcredits + account.available_microcredits
    charged = min(charge_microcredits, affordable)
    return _end(account, hold, _SETTLED, charged, charge_microcredits - charged)


def void(account: AccountState, hold: Hold) -> tuple[AccountState, Hold, EntryDraft, Resolution]:
    """End a hold without a charge because nothing was produced.

    Raises:
        HoldAlreadyResolved: the hold is not held. Ask ``repeat_resolution`` first.
    """
    _check_held(account, hold)
    return _end(account, hold, HoldState.VOIDED, 0, 0)


def expire(account: AccountState, hold: Hold) -> tuple[AccountState, Hold, EntryDraft, Resolution]:
    """End a hold without a charge because nobody ended it in its window.

    Raises:
        HoldAlreadyResolved: the hold is not held. Ask ``repeat_resolution`` first.
    """
    _check_held(account, hold)
    return _end(account, hold, HoldState.EXPIRED, 0, 0)


def grant(account: AccountState, amount_microcredits: int) -> tuple[AccountState, EntryDraft]:
    """Add credits.

    Raises:
        AmountOutOfRange: the amount is not positive, or the account's total would not fit.
    """
    if not 0 < amount_microcredits <= MAX_MICROCREDITS - account.granted_microcredits:
        raise AmountOutOfRange(amount_microcredits)
    entry = EntryDraft(EntryKind.GRANT, None, amount_microcredits, 0, 0, amount_microcredits)
    return _apply(account, entry), entry


def repeat_resolution(
    account: AccountState, hold: Hold, state: HoldState, charge_microcredits: int = 0
) -> Resolution:
    """Answer a command that ends a hold which has ended already.

    A repeat (the same end, and for a settlement the same price) gets the first resolution, with
    the balance of now. ``state`` is the end that the command asks for.

    Raises:
        HoldAlreadyResolved: the hold ended in another way, or at another price.
    """
    assert state is not _HELD
    assert hold.state is not _HELD, hold
    price = hold.charged_microcredits + hold.shortfall_microcredits
    if hold.state is not state or price != charge_microcredits:
        raise HoldAlreadyResolved(hold.hold_id, hold.state)
    return _resolution(account, hold)


_ENTRY_KINDS = {
    HoldState.SETTLED: EntryKind.SETTLE,
    HoldState.VOIDED: EntryKind.VOID,
    HoldState.EXPIRED: EntryKind.EXPIRE,
}


def _check_held(account: AccountState, hold: Hold) -> None:
    assert hold.account_id == account.account_id, (account, hold)
    if hold.state is not _HELD:
        raise HoldAlreadyResolved(hold.hold_id, hold.state)
    assert hold.amount_microcredits <= account.held_microcredits, (account, hold)


def _end(
    account: AccountState, hold: Hold, state: HoldState, charged: int, shortfall: int
) -> tuple[AccountState, Hold, EntryDraft, Resolution]:
    amount = hold.amount_microcredits
    # Positive when something goes back, negative when the price exceeded the hold.
    entry = EntryDraft(_ENTRY_KINDS[state], hold.hold_id, amount - charged, -amount, charged, 0)
    after = _apply(account, entry)
    ended = Hold(hold.hold_id, hold.account_id, state, amount, charged, shortfall)
    return after, ended, entry, _resolution(after, ended)


def _apply(account: AccountState, entry: EntryDraft) -> AccountState:
    return AccountState(
        account.account_id,
        account.available_microcredits + entry.available_delta_microcredits,
        account.held_microcredits + entry.held_delta_microcredits,
        account.charged_microcredits + entry.charged_delta_microcredits,
        account.granted_microcredits + entry.granted_delta_microcredits,
    )


def _resolution(account: AccountState, hold: Hold) -> Resolution:
    held, charged = hold.amount_microcredits, hold.charged_microcredits
    released = held - charged if held > charged else 0
    shortfall = hold.shortfall_microcredits
    return Resolution(hold.hold_id, hold.state, held, charged, released, shortfall, account.balance)
