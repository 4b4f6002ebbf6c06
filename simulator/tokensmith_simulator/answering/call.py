"""A request that passed every check, in the terms that its answer is planned with.

A dialect adds what it needs for its own rendering by deriving from `Call`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tokensmith_simulator.directives import NO_DIRECTIVES, Directives

if TYPE_CHECKING:
    from tokensmith_simulator.models import ModelSpec
    from tokensmith_simulator.tokens import PromptCount

ToolMode = Literal["none", "auto", "required"]


class Tool(msgspec.Struct, frozen=True):
    """A tool that the model may call; `parameters` is its JSON Schema."""

    name: str
    kind: Literal["function", "custom"]
    description: str
    parameters: Mapping[str, Any]


class Talk(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as far as the answer depends on it.

    Attributes:
        user_text: The text of the newest user message, directives included.
        by_user: Whether the newest message is the user's.
        tool_result: Name and text of a tool's result, when that is the newest message.
    """

    user_text: str
    by_user: bool = True
    tool_result: tuple[str, str] | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. Limits are tokens; None means that there is none."""

    model: ModelSpec
    talk: Talk
    prompt: PromptCount
    stream: bool = False
    choice_count: int = 1
    output_limit: int | None = None
    stops: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_mode: ToolMode = "none"
    parallel_tools: bool = True
    speaks_before_tools: bool = False
    """Whether a model that calls tools of its own accord says so in text first."""
    schema: Mapping[str, Any] | None = None
    """The answer is JSON that this schema accepts; `{}` for any object."""
    pattern: str | None = None
    """The answer matches this regular expression."""
    reasoning_tokens: int = 0
    """Tokens the model thinks before it answers."""
    reasoning_within_limit: bool = True
    """Whether `output_limit` covers reasoning and tool calls, or visible text alone."""
    verbosity: str | None = None
    seed: str = ""
    directives: Directives = NO_DIRECTIVES
