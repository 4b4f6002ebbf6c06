"""Whether a model calls tools here, which ones, and with what arguments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from tokensmith_simulator.answering.call import Call, Tool
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.json_schema import SchemaError, generate_value
from tokensmith_simulator.text import proper_nouns, topics_of

if TYPE_CHECKING:
    from tokensmith_simulator.dice import Dice

_NAME_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_WORD = re.compile(r"[a-z]+")
_PLAIN = frozenset(
    _WORD.findall(
        "get set fetch find make create do run call list the and for use with a an of to by"
    )
)
_EXPLICIT = re.compile(
    r"\b(?:call|use|using|invoke|run)\b.{0,24}\b(?:tools?|functions?)\b", re.IGNORECASE | re.DOTALL
)
_MOST_CALLS = 4


class PlannedToolCall(msgspec.Struct, frozen=True):
    """A tool and the text it is called with: JSON arguments, or a custom tool's input."""

    tool: Tool
    text: str


def plan_tool_calls(call: Call, prompt: str, dice: Dice) -> list[PlannedToolCall]:
    """Decide the tool calls of an answer; none means that it answers in text.

    With `auto`, tools are called when the newest message is the user's and it shares a word with
    a tool's name or asks for the tool outright. A single function is called once per proper name
    in the message (`weather in Paris and London`) unless parallel calls are off.

    Raises:
        RefusalError: No arguments can be written for a tool's schema.
    """
    tools = _wanted(call, prompt)
    if not tools:
        return []
    names = proper_nouns(prompt)
    if call.tool_mode == "auto" and len(tools) == 1 and len(names) > 1 and _takes_name(tools[0]):
        calls = [_plan(tools[0], dice, [name]) for name in names[:_MOST_CALLS]]
        return calls if call.parallel_tools else calls[:1]
    hints = names or topics_of(prompt)[:3]
    calls = [_plan(tool, dice, hints) for tool in tools[:_MOST_CALLS]]
    return calls if call.parallel_tools else calls[:1]


def _wanted(call: Call, prompt: str) -> list[Tool]:
    if call.tool_mode == "none" or not call.tools:
        return []
    said = {_stem(word) for word in _WORD.findall(prompt.lower())}
    matching = [tool for tool in call.tools if _name_words(tool) & said]
    if call.tool_mode == "required":
        return matching or [call.tools[0]]
    if not call.talk.by_user:
        return []
    if not matching and _EXPLICIT.search(call.talk.user_text):
        return [call.tools[0]]
    return matching


def _name_words(tool: Tool) -> set[str]:
    words = {match.lower() for match in _NAME_WORD.findall(tool.name)}
    return {_stem(word) for word in words - _PLAIN if len(word) > 2}


def _stem(word: str) -> str:
    for ending in ("ing", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _takes_name(tool: Tool) -> bool:
    """Tell whether a function's first argument is free text, as a place's name is."""
    properties = tool.parameters.get("properties")
    first = next(iter(properties.values()), None) if isinstance(properties, dict) else None
    return isinstance(first, dict) and first.get("type") == "string" and "enum" not in first


def _plan(tool: Tool, dice: Dice, hints: list[str]) -> PlannedToolCall:
    if tool.kind == "custom":
        return PlannedToolCall(tool, " ".join(hints))
    try:
        arguments = generate_value(tool.parameters, dice, hints)
    except SchemaError as error:
        raise RefusalError(
            f"Invalid schema for function '{tool.name}': {error}.",
            param="tools",
            code="invalid_function_parameters",
        ) from error
    return PlannedToolCall(tool, msgspec.json.encode(arguments).decode())
