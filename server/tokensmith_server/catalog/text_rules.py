"""The rules between the fields of a chat body, for its parameter schema. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from tokensmith_server.catalog.model import Capabilities, ReasoningEffort, Support, Thinking
from tokensmith_server.catalog.parameter_terms import Json
from tokensmith_server.catalog.parameter_vendors import Vendor

# What makes a model call a tool, by what tells it from other choices.
_FORCED: Final[tuple[Json, ...]] = (
    {"const": "required"},
    {"type": "object", "required": ["function"]},
    {"type": "object", "required": ["custom"]},
)
_CHOICE_NEEDS_TOOLS: Final[Json] = {
    "if": {"properties": {"tool_choice": {"anyOf": list(_FORCED)}}},
    "then": {"properties": {"tools": {"minItems": 1}}, "required": ["tools"]},
}


def text_rules(can: Capabilities, vendor: Vendor, properties: Mapping[str, Json]) -> Json:
    """What goes only with, or never beside, other fields among ``properties``."""
    needs = {"stream_options": _needs("stream")}
    if "tools" in properties:
        needs["tool_choice"] = _CHOICE_NEEDS_TOOLS
    if "top_logprobs" in properties:
        needs["top_logprobs"] = _needs("logprobs")
    rules = (
        _reasoning_rule(can, vendor, properties),
        _sampling_rule(can, vendor),
        _budget_rule(can, vendor),
    )
    found = [rule for rule in rules if rule is not None]
    return {"dependentSchemas": needs, **({"allOf": found} if found else {})}


def _needs(switch: str) -> Json:
    return {"properties": {switch: {"const": True}}, "required": [switch]}


# Which settings each switch of the catalog is about.
_SWITCHED: Final = (
    ("temperature", ("temperature",)),
    ("top_p", ("top_p",)),
    ("penalties", ("frequency_penalty", "presence_penalty")),
    ("logit_bias", ("logit_bias",)),
    ("logprobs", ("logprobs", "top_logprobs")),
    ("seed", ("seed",)),
    ("stop", ("stop",)),
    ("verbosity", ("verbosity",)),
)


def _reasoning_rule(
    can: Capabilities, vendor: Vendor, properties: Mapping[str, Json]
) -> Json | None:
    """What goes only with the effort "none", asked for or by default."""
    neutral: dict[str, Any] = {
        "frequency_penalty": {"const": 0},
        "presence_penalty": {"const": 0},
        "logprobs": {"const": False},
    }
    sampling = vendor.neutral_sampling
    if sampling is not None:
        neutral |= {name: {"const": sampling} for name in ("temperature", "top_p")}
    refused = {
        field: neutral.get(field, False)
        for switch, fields in _SWITCHED
        if getattr(can, switch) is Support.WITHOUT_REASONING
        for field in fields
        if field in properties
    }
    if can.tools and not can.tools_with_reasoning:
        refused["tools"] = {"items": {"properties": {"type": {"const": "custom"}}}}
        if "functions" in properties:
            refused["functions"] = {"maxItems": 0}
    if not refused:
        return None
    # A model that says nothing of its default is taken to reason.
    by_default = can.default_reasoning_effort is not ReasoningEffort.NONE
    return {"if": _reasons(by_default=by_default), "then": {"properties": refused}}


def _reasons(*, by_default: bool) -> Json:
    """Whether a call reasons; ``by_default`` is whether one does that says nothing of it."""
    calm: Json = {"properties": {"reasoning_effort": {"const": "none"}}}
    if by_default:
        calm["required"] = ["reasoning_effort"]
    return {"not": calm}


def _sampling_rule(can: Capabilities, vendor: Vendor) -> Json | None:
    if can.temperature_with_top_p:
        return None
    both: Json = {"required": ["temperature", "top_p"]}
    neutral = vendor.neutral_sampling
    if neutral is None:
        return {"not": both}
    one_changes_nothing = [
        {"properties": {name: {"const": neutral}}} for name in ("temperature", "top_p")
    ]
    return {"if": both, "then": {"anyOf": one_changes_nothing}}


def _budget_rule(can: Capabilities, vendor: Vendor) -> Json | None:
    """What a budget to think with needs and excludes, where that is how a model reasons."""
    if can.thinking is not Thinking.BUDGET or not vendor.thinking_budget_min:
        return None
    limit = {"minimum": vendor.thinking_budget_min + 1}
    forced = {"anyOf": [*_FORCED, _allowed("required")]}
    then = {
        "max_completion_tokens": limit,
        "max_tokens": limit,
        "tool_choice": {"not": forced},
    }
    # Thinking is asked for only where an effort is known.
    by_default = can.default_reasoning_effort not in {None, ReasoningEffort.NONE}
    return {"if": _reasons(by_default=by_default), "then": {"properties": then}}


def _allowed(mode: str) -> Json:
    """A choice among some tools, of one mode."""
    some = {"properties": {"mode": {"const": mode}}}
    return {
        "type": "object",
        "properties": {"allowed_tools": some},
        "required": ["allowed_tools"],
    }
