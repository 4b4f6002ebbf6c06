"""Numbers that a JSON Schema accepts, in exact fractions so that no bound is missed."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tokensmith_simulator.schema_merge import SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensmith_simulator.dice import Dice


def generate_number(schema: Mapping[str, Any], dice: Dice, *, whole: bool) -> int | float:
    """Return a number within the schema's bounds, a multiple of `multipleOf`.

    Raises:
        SchemaError: No number is.
    """
    low, low_open = _bound(schema, "minimum", "exclusiveMinimum", max)
    high, high_open = _bound(schema, "maximum", "exclusiveMaximum", min)
    step = Fraction(str(schema["multipleOf"])) if "multipleOf" in schema else None
    if whole:
        step = Fraction(1) if step is None else Fraction(step.numerator)
    if step is None:
        return _fraction(dice, low, high, low_open=low_open, high_open=high_open)
    first = _first_step(low, high, step)
    if low is not None and (first * step < low or (low_open and first * step == low)):
        first += 1
    last = first + 99 if high is None else math.floor(high / step)
    if high is not None and high_open and last * step == high:
        last -= 1
    if last < first:
        raise SchemaError("no number is within the bounds")
    number = (first + dice.below(min(last - first, 999) + 1)) * step
    return int(number) if number.denominator == 1 else float(number)


def _fraction(
    dice: Dice, low: Fraction | None, high: Fraction | None, *, low_open: bool, high_open: bool
) -> float | int:
    if low is None:
        low = (high - 100) if high is not None else Fraction(0)
    if high is None:
        high = low + 100
    rounded = Fraction(round(low + (high - low) * Fraction(dice.below(999) + 1, 1000), 2))
    for number in (rounded, (low + high) / 2, low, high):
        above = number > low or (number == low and not low_open)
        below = number < high or (number == high and not high_open)
        if above and below:
            return int(number) if number.denominator == 1 else float(number)
    raise SchemaError("no number is within the bounds")


def _bound(
    schema: Mapping[str, Any], closed: str, opened: str, tighter: Any
) -> tuple[Fraction | None, bool]:
    """Return a bound and whether the bound itself is outside (draft 4's boolean form too)."""
    edge = Fraction(str(schema[closed])) if closed in schema else None
    outside = schema.get(opened)
    if outside is None or outside is False:
        return edge, False
    if outside is True:
        return edge, True
    limit = Fraction(str(outside))
    if edge is None or tighter(edge, limit) == limit:
        return limit, True
    return edge, False


def _first_step(low: Fraction | None, high: Fraction | None, step: Fraction) -> int:
    if low is not None:
        return math.ceil(low / step)
    if high is not None:
        return math.floor(high / step) - 99
    return 1
