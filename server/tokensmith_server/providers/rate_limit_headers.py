"""What the headers of a refused call say of when to come back. Pure.

``retry-after`` goes before all. Where a 429 lacks it, an allowance that is used up says itself when
it is back:

==========  ===================================  ====================================
Vendor      Used up                              Back
==========  ===================================  ====================================
OpenAI,     ``x-ratelimit-remaining-requests``,  ``x-ratelimit-reset-…``: "6m0s",
xAI         ``…-tokens``: 0                      "12ms"
Together    ``x-ratelimit-remaining``: 0         ``x-ratelimit-reset``: seconds
Anthropic   ``anthropic-ratelimit-…-remaining``  ``anthropic-ratelimit-…-reset``: a
            of requests, tokens, input-tokens    time (RFC 3339)
            or output-tokens: 0
==========  ===================================  ====================================

An allowance is counted as back when it is whole again, which is later than a call needs, so that
nobody waits longer than a minute for one.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from tokensmith_server.providers.http import retry_after_seconds

WAIT_SECONDS_MAX: Final = 60.0

_ALLOWANCES: Final = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    *(
        (f"anthropic-ratelimit-{name}-remaining", f"anthropic-ratelimit-{name}-reset")
        for name in ("requests", "tokens", "input-tokens", "output-tokens")
    ),
)
_NUMBER: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_UNIT_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3}
_PIECE: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(h|ms|m|s)", re.ASCII)


def wait_seconds(
    status: int, headers: Mapping[str, str], *, now: datetime | None = None
) -> float | None:
    """Return how long a vendor wants us to stay away; ``None`` where it says nothing."""
    told = retry_after_seconds(headers, now=now)
    if told is not None or status != 429:
        return told
    waits = [
        wait
        for remaining, reset in _ALLOWANCES
        if headers.get(remaining, "").strip() == "0"
        and (wait := _seconds_until(headers.get(reset, "").strip(), now or datetime.now(UTC))) > 0
    ]
    return min(max(waits), WAIT_SECONDS_MAX) if waits else None


def _seconds_until(reset: str, now: datetime) -> float:
    """Read a reset in any of its forms; zero for one that makes no sense or has passed."""
    if _NUMBER.fullmatch(reset):
        return float(reset)
    pieces = _PIECE.findall(reset)
    if pieces and "".join(number + unit for number, unit in pieces) == reset:
        return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in pieces)
    try:
        moment = datetime.fromisoformat(reset)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - now).total_seconds()
