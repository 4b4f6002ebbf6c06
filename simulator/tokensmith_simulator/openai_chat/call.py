"""A chat request that passed every check, in the terms the answer is planned with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tokensmith_simulator.directives import NO_DIRECTIVES, Directives

if TYPE_CHECKING:
    from tokensmith_simulator.models import ModelSpec
    from tokensmith_simulator.tokens import PromptCount

Body = Mapping[str, Any]
ToolMode = Literal["none", "auto", "required"]


class Tool(msgspec.Struct, frozen=True):
    """A tool that the model may call; `parameters` is its JSON Schema."""

    name: str
    kind: Literal["function", "custom"]
    description: str
    parameters: Mapping[str, Any]


class ChatCall(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. Limits are tokens; None means that there is none."""

    model: ModelSpec
    messages: Sequence[Body]
    prompt: PromptCount
    stream: bool = False
    include_usage: bool = False
    obfuscate: bool = False
    choice_count: int = 1
    output_limit: int | None = None
    stops: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_mode: ToolMode = "none"
    parallel_tools: bool = True
    legacy_functions: bool = False
    """The deprecated `functions` were sent: the answer is a `function_call`."""
    schema: Mapping[str, Any] | None = None
    """The answer is JSON that this schema accepts; `{}` for any object."""
    pattern: str | None = None
    """The answer matches this regular expression."""
    reasoning_tokens: int = 0
    """Tokens the model thinks before it answers."""
    reasoning_within_limit: bool = True
    """Whether `output_limit` covers reasoning and tool calls, or visible text alone."""
    verbosity: str | None = None
    top_logprobs: int | None = None
    """Alternatives per token; None: no log probabilities at all."""
    service_tier: str = "default"
    seed: str = ""
    directives: Directives = NO_DIRECTIVES


def last_user_text(messages: Sequence[Body]) -> str:
    """Return the text of the newest user message, or an empty string."""
    for message in reversed(messages):
        if message["role"] == "user":
            return text_of(message.get("content"))
    return ""


def text_of(content: Any) -> str:
    """Return the text of a message's content, parts joined by lines."""
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if part.get("type") == "text")
    return content or ""


def tools_of(body: Body) -> tuple[Tool, ...]:
    """Return the tools of a valid body that its `tool_choice` leaves; `functions` count too."""
    tools = [_tool(tool["type"], tool[tool["type"]]) for tool in body.get("tools") or ()]
    tools += [_tool("function", function) for function in body.get("functions") or ()]
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        if choice["type"] == "allowed_tools":
            listed = choice["allowed_tools"]["tools"]
            named = {tool[tool["type"]]["name"] for tool in listed}
        else:
            named = {choice[choice["type"]]["name"]}
        tools = [tool for tool in tools if tool.name in named]
    function_call = body.get("function_call")
    if isinstance(function_call, dict):
        tools = [tool for tool in tools if tool.name == function_call["name"]]
    return tuple(tools)


def _tool(kind: Literal["function", "custom"], tool: Body) -> Tool:
    parameters = tool.get("parameters") or {"type": "object", "properties": {}}
    return Tool(tool["name"], kind, tool.get("description") or "", parameters)


def tool_mode_of(body: Body) -> ToolMode:
    """Return whether the model may, must or must not call a tool."""
    if not body.get("tools") and not body.get("functions"):
        return "none"
    choice = body.get("tool_choice") or body.get("function_call") or "auto"
    if isinstance(choice, dict):
        if choice.get("type") == "allowed_tools":
            mode: ToolMode = choice["allowed_tools"]["mode"]
            return mode
        return "required"
    return "required" if choice == "required" else "none" if choice == "none" else "auto"


def schema_of(body: Body) -> Mapping[str, Any] | None:
    """Return the schema that a valid body's `response_format` asks for, if it asks for JSON."""
    wanted = body.get("response_format") or {"type": "text"}
    if wanted["type"] == "json_schema":
        return wanted["json_schema"].get("schema") or {}
    return {} if wanted["type"] == "json_object" else None


def stops_of(body: Body) -> tuple[str, ...]:
    """Return the stop sequences, one or many."""
    stop = body.get("stop")
    return (stop,) if isinstance(stop, str) else tuple(stop or ())
