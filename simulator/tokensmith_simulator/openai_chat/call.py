"""A chat request that passed every check, in the terms the answer is planned with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tokensmith_simulator.answering.call import Call, Talk, Tool, ToolMode

Body = Mapping[str, Any]


class ChatCall(Call, frozen=True, kw_only=True):
    """A call in the dialect of chat completions."""

    include_usage: bool = False
    obfuscate: bool = False
    legacy_functions: bool = False
    """The deprecated `functions` were sent: the answer is a `function_call`."""
    top_logprobs: int | None = None
    """Alternatives per token; None: no log probabilities at all."""
    service_tier: str = "default"


def talk_of(messages: Sequence[Body]) -> Talk:
    """Return what the answer to a valid conversation depends on."""
    newest = messages[-1]
    result = None
    if newest["role"] in {"tool", "function"}:
        name = newest.get("name") or _called_name(messages, newest.get("tool_call_id"))
        result = (name or "the tool", text_of(newest.get("content")))
    return Talk(
        user_text=last_user_text(messages), by_user=newest["role"] == "user", tool_result=result
    )


def _called_name(messages: Sequence[Body], call_id: str | None) -> str | None:
    for message in reversed(messages):
        for tool_call in message.get("tool_calls") or ():
            if tool_call["id"] == call_id:
                name: str = tool_call[tool_call["type"]]["name"]
                return name
    return None


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
