"""`[[sim:...]]` in a prompt: a person in development asks for a pace, a length or a fault.

Only the last user message counts, so that a fault once asked for does not stay in the
conversation. The directive is not part of the answer, but its text is counted as prompt.

    [[sim:fault=429 retry_after=2]]   [[sim:pace=50 tokens=4]]   [[sim:words=300 cached=64]]
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import FAULT_KINDS, STATUS_ALIASES, Fault, Pace

_DIRECTIVE = re.compile(r"\[\[sim:([^\]]*)\]\]")
_NUMBERS: Final = frozenset(
    {
        "retry_after",
        "after",
        "delay",
        "pace",
        "tokens",
        "first_byte",
        "words",
        "cached",
        "cache_write",
        "reasoning",
    }
)


class Directives(msgspec.Struct, frozen=True, kw_only=True):
    """What a prompt asked of the simulator."""

    fault: Fault | None = None
    pace: Pace | None = None
    words: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


NO_DIRECTIVES = Directives()


def strip_directives(text: str) -> str:
    """Return the prompt as the answer should see it."""
    return _DIRECTIVE.sub("", text).strip() if "[[sim:" in text else text


def read_directives(text: str) -> Directives:
    """Read every directive of a message.

    Raises:
        RefusalError: A directive is unknown or its value is not one; the message says which.
    """
    if "[[sim:" not in text:
        return NO_DIRECTIVES
    values: dict[str, str] = {}
    for match in _DIRECTIVE.finditer(text):
        for word in match[1].split():
            key, _, value = word.partition("=")
            _check(key, value)
            values[key] = value
    return Directives(
        fault=_fault(values),
        pace=_pace(values),
        words=_number(values, "words"),
        cached_tokens=_number(values, "cached"),
        cache_write_tokens=_number(values, "cache_write"),
        reasoning_tokens=_number(values, "reasoning"),
    )


def _check(key: str, value: str) -> None:
    if key == "fault":
        known = value in FAULT_KINDS or value in STATUS_ALIASES
    elif key == "retry_after":
        known = value.replace(".", "", 1).isdecimal()
    else:
        known = key in _NUMBERS and value.isdecimal()
    if not known:
        raise RefusalError(f"Unknown simulator directive '{key}={value}'.", param="messages")


def _number(values: dict[str, str], key: str) -> int | None:
    return int(values[key]) if key in values else None


def _fault(values: dict[str, str]) -> Fault | None:
    if "fault" not in values:
        return None
    name = values["fault"]
    return Fault(
        kind=STATUS_ALIASES.get(name) or FAULT_KINDS[name],
        after_chunks=int(values.get("after", 3)),
        delay_ms=int(values.get("delay", 1000)),
        retry_after_seconds=float(values["retry_after"]) if "retry_after" in values else None,
    )


def _pace(values: dict[str, str]) -> Pace | None:
    if not values.keys() & {"pace", "tokens", "first_byte"}:
        return None
    return Pace(
        chunk_delay_ms=int(values.get("pace", 0)),
        tokens_per_chunk=max(1, int(values.get("tokens", 1))),
        first_byte_delay_ms=int(values.get("first_byte", 0)),
    )
