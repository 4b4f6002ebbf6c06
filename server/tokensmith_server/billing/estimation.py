"""What a call would hold and probably cost, by the very rules that it is held by.

Each capability prices its own calls (``Estimator``); what a balance makes of that is decided here,
with the function that the ledger places holds with.
"""
# ruff: noqa: S101

from dataclasses import replace
from typing import Protocol, TypeVar

from tokensmith_server.billing.errors import InsufficientCredits
from tokensmith_server.billing.ledger import granted_units
from tokensmith_server.billing.pricing import HoldTerms, PriceLine
from tokensmith_server.billing.value import value

Params_contra = TypeVar("Params_contra", contravariant=True)


@value
class PricedCall:
    """A call with its price, before any balance is looked at.

    ``unit_line`` is what one unit of the terms consists of. ``exact`` says that the call costs
    what is held for it, if it delivers.
    """

    terms: HoldTerms
    fixed_lines: tuple[PriceLine, ...]
    unit_line: PriceLine
    exact: bool


class Estimator(Protocol[Params_contra]):
    """Prices the calls of one kind, as the call itself would, and claims nothing."""

    def price(self, params: Params_contra, account_id: str) -> PricedCall:
        """The price of such a call of this account's.

        Raises:
            CallError: the call would be refused before its hold.
        """
        ...


@value
class Estimate:
    """What a balance makes of a price. Amounts in micro-credits.

    ``units`` are those that would be granted. Where the balance does not cover
    ``required_microcredits``, the rest is what the least of such a call would hold.
    """

    held_microcredits: int
    likely_microcredits: int
    required_microcredits: int
    available_microcredits: int
    units: int
    lines: tuple[PriceLine, ...]

    @property
    def affordable(self) -> bool:
        """Whether the call would be accepted now."""
        return self.required_microcredits <= self.available_microcredits


def estimate(priced: PricedCall, available_microcredits: int) -> Estimate:
    """What would be held of this balance, and what of it is likely to be charged.

    Where the price is not exact, half of the output is likely to be used.
    """
    terms = priced.terms
    try:
        units = granted_units(
            terms.fixed_microcredits,
            terms.unit_microcredits,
            terms.units_wanted,
            terms.units_minimum,
            available_microcredits,
        )
    except InsufficientCredits:
        units = terms.units_minimum
    of_units = terms.unit_microcredits * units
    lines = (
        *priced.fixed_lines,
        replace(priced.unit_line, quantity=priced.unit_line.quantity * units),
    )
    held = terms.fixed_microcredits + of_units
    assert sum(line.amount_microcredits for line in lines) == held, priced
    return Estimate(
        held_microcredits=held,
        likely_microcredits=held if priced.exact else sum(map(_likely_microcredits, lines)),
        required_microcredits=terms.floor_microcredits,
        available_microcredits=available_microcredits,
        units=units,
        lines=tuple(line for line in lines if line.quantity),
    )


def _likely_microcredits(line: PriceLine) -> int:
    amount = line.amount_microcredits
    return amount // 2 if line.unit == "output_token" else amount
