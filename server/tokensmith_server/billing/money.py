"""Credits as people write them, micro-credits as the product keeps them, and the one rounding.

Nothing here or elsewhere in the product holds money in a float: parsing is exact or refused.
"""

import re
from decimal import Decimal
from fractions import Fraction

from tokensmith_server.billing.rates import MICROCREDITS_PER_CREDIT

_DECIMAL_CREDITS = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,6}))?", re.ASCII)
_PLACES = 6


def parse_credits(amount: str | int) -> int:
    """Read whole or decimal credits ("12", "0.000001") into micro-credits, exactly.

    Takes at most thirteen digits before the point and six after it. Signs, exponents, separators
    and blanks are refused, and so is a value that the databases cannot keep.

    Raises:
        ValueError: the text is no such number, or the number is negative.
        TypeError: the value is a float or another type that cannot carry credits exactly.
    """
    if isinstance(amount, bool) or not isinstance(amount, str | int):
        raise TypeError(f"credits are text or whole numbers, not {type(amount).__name__}")
    match = _DECIMAL_CREDITS.fullmatch(str(amount))
    if match is None:
        raise ValueError(f"not an amount of credits: {amount!r} (like 12 or 0.25)")
    whole, fraction = match.groups(default="")
    microcredits = int(whole) * MICROCREDITS_PER_CREDIT + int(fraction.ljust(_PLACES, "0"))
    if microcredits >= 2**63:
        raise ValueError(f"more credits than an account can keep: {amount!r}")
    return microcredits


def format_credits(microcredits: int) -> str:
    """Write micro-credits as decimal credits: at most six places, no exponent, no idle zeros.

    Negative amounts (the deltas of an entry) carry a minus sign.
    """
    whole, fraction = divmod(abs(microcredits), MICROCREDITS_PER_CREDIT)
    sign = "-" if microcredits < 0 else ""
    if fraction == 0:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{fraction:06d}".rstrip("0")


def ceil_seconds(duration: Fraction | Decimal | int, step_seconds: int = 1) -> int:
    """Round a length of video up to the billing step: the only rounding in the product.

    The length is exact (a container's ticks over its time scale make a ``Fraction``).

    Raises:
        TypeError: the length is a float, which has been rounded once already.
        ValueError: the length is negative or not a number.
    """
    if isinstance(duration, float):
        raise TypeError("a length in float has been rounded already; pass an exact one")
    assert step_seconds > 0, step_seconds  # noqa: S101
    if isinstance(duration, Decimal) and not duration.is_finite():
        raise ValueError(f"not a length: {duration}")
    exact = Fraction(duration)
    if exact < 0:
        raise ValueError(f"a length is not negative: {duration}")
    return -(-exact // step_seconds) * step_seconds
