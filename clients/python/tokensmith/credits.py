"""Credits as people write them, and the micro-credits that everything is counted in."""

import re
from typing import Final

MICROCREDITS_PER_CREDIT: Final = 1_000_000

_DECIMAL: Final = re.compile(r"(-?)(\d{1,13})(?:\.(\d{1,6}))?")


def format_credits(microcredits: int) -> str:
    """Write an amount in credits: exact, at most six places, no trailing zeros, no exponent.

    >>> format_credits(1_500_000)
    '1.5'
    """
    if microcredits < 0:
        return f"-{format_credits(-microcredits)}"
    whole, rest = divmod(microcredits, MICROCREDITS_PER_CREDIT)
    return f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole)


def parse_credits(text: str) -> int:
    """Read an amount in credits, as ``format_credits`` writes it, into micro-credits.

    Raises:
        ValueError: not a plain decimal, or finer than a micro-credit.
    """
    match = _DECIMAL.fullmatch(text) if text.isascii() else None
    if match is None:
        raise ValueError(f"not an amount of credits with at most six places: {text!r}")
    sign, whole, places = match.groups(default="")
    microcredits = int(whole) * MICROCREDITS_PER_CREDIT + int(places.ljust(6, "0"))
    return -microcredits if sign else microcredits
