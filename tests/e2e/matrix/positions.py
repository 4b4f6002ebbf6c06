"""The table: what each column does with each row. Whoever is not named serves it.

`docs/capabilities.md` is written from it, and `test_matrix.py` tries every cell of it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.e2e.matrix.columns import COLUMNS


class Kind(StrEnum):
    """How a cell ends; the value is the document's word."""

    SERVED = "yes"
    REFUSED = "400"
    """By the name of a field, before anything is held."""
    FREE = "free"
    """Blocked by policy, and not charged."""
    UNTOLD = "as `stop`"
    """The provider does not say that its policy cut the answer, so it is charged."""
    FETCHED = "fetched"
    """By the gateway itself, after the hold; an address without a picture costs nothing."""


@dataclass(frozen=True)
class Position:
    """What is to be seen in a cell; ``param`` is the field that a 400 names."""

    kind: Kind
    param: str = ""


SERVED: Final = Position(Kind.SERVED)
Row = dict[str, Position]

EVERYBODY: Final = " ".join(column.name for column in COLUMNS)
CLAUDES: Final = "opus sonnet haiku"
GEMINIS: Final = "pro flash"
GROKS: Final = "grok grok_fast grok_41"
OPEN: Final = "glm gemma oss"
OWN: Final = "own own_rich"
ALL_BUT_GPT: Final = f"{CLAUDES} {GEMINIS} {GROKS} {OPEN} {OWN}"


def _some(names: str, kind: Kind, param: str = "") -> Row:
    return dict.fromkeys(names.split(), Position(kind, param))


def refused(param: str, names: str) -> Row:
    """A row in which these columns refuse the field."""
    return _some(names, Kind.REFUSED, param)


_NO_TOOLS: Final = refused("tools", "oss")
_PART: Final = "messages[0].content[1].type"
_ADDRESS: Final = "messages[0].content[1].image_url.url"
_SAMPLING_OF_OPUS: Final = refused("temperature", "opus")

POSITIONS: Final[dict[str, Row]] = {
    "text": {},
    "system": {},
    "developer": {},
    "turns": {},
    "tools": _NO_TOOLS,
    "parallel_tools": _NO_TOOLS,
    "one_tool_at_a_time": refused("parallel_tool_calls", f"{GEMINIS} glm gemma own") | _NO_TOOLS,
    "required_tool": _NO_TOOLS,
    "named_tool": _NO_TOOLS,
    "no_tool": _NO_TOOLS,
    "allowed_tools": refused("tool_choice.type", f"{GROKS} glm gemma {OWN}") | _NO_TOOLS,
    "strict_tool": _NO_TOOLS,
    "custom_tool": refused("tools[0].type", f"{CLAUDES} {GEMINIS} {GROKS} {OPEN} own"),
    "legacy_functions": refused("functions", ALL_BUT_GPT),
    "image": refused(_PART, "glm oss own"),
    "image_by_address": refused(_PART, "glm oss own")
    | _some(f"{GEMINIS} own_rich", Kind.FETCHED, _ADDRESS),
    "file": refused(_PART, f"{GROKS} {OPEN} own"),
    "audio": refused(_PART, f"gpt {CLAUDES} {GROKS} {OPEN} {OWN}"),
    "audio_output": refused("modalities", EVERYBODY),
    "json_object": {},
    "json_schema": {},
    "reasoning": refused("reasoning_effort", f"{GROKS} glm gemma own"),
    "no_reasoning": refused("reasoning_effort", f"{GROKS} {OPEN} own"),
    "temperature": _SAMPLING_OF_OPUS,
    "high_temperature": refused("temperature", CLAUDES),
    "top_p": refused("top_p", "opus"),
    "both_samplings": refused("top_p", "sonnet haiku") | _SAMPLING_OF_OPUS,
    "penalties": refused("frequency_penalty", f"{CLAUDES} {GEMINIS} grok grok_41"),
    "logit_bias": refused("logit_bias", f"{CLAUDES} {GEMINIS} {GROKS}"),
    "seed": refused("seed", CLAUDES),
    "stop": refused("stop", "grok grok_41"),
    "logprobs": refused("logprobs", f"{CLAUDES} {GEMINIS} grok grok_fast own"),
    "two_choices": refused("n", f"{CLAUDES} {GEMINIS} own"),
    "verbosity": refused("verbosity", ALL_BUT_GPT),
    "truncation": {},
    "truncation_by_old_name": {},
    "block": _some(EVERYBODY, Kind.FREE),
    "cut": _some(EVERYBODY, Kind.FREE) | _some(OPEN, Kind.UNTOLD),
    "labels": {},
    "store": refused("store", ALL_BUT_GPT),
    "cheap_tier": refused("service_tier", ALL_BUT_GPT),
    "dear_tier": refused("service_tier", EVERYBODY),
    "prediction": refused("prediction", EVERYBODY),
    "web_search": refused("web_search_options", EVERYBODY),
    "unknown_field": refused("flux", EVERYBODY),
}


def position(capability: str, column: str) -> Position:
    """The position of a column on a capability."""
    return POSITIONS[capability].get(column, SERVED)
