"""From the body of a Messages request to the call that its answer is planned with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from tokensmith_simulator.answering.call import Call, Talk, Tool, ToolMode
from tokensmith_simulator.anthropic.conversation import (
    blocks_of,
    check_conversation,
    check_signatures,
    check_text,
    has_results,
)
from tokensmith_simulator.anthropic.counting import count_messages
from tokensmith_simulator.anthropic.media import check_media
from tokensmith_simulator.anthropic.models import RULES, ClaudeRules, Display, find_claude
from tokensmith_simulator.anthropic.settings import check_settings, thinking_of
from tokensmith_simulator.anthropic.shapes import CHECK_COUNT, CHECK_CREATE
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.models import ModelSpec
from tokensmith_simulator.tokens import PromptCount

Body = Mapping[str, Any]

_MODES: Final[dict[str, ToolMode]] = {
    "auto": "auto",
    "any": "required",
    "tool": "required",
    "none": "none",
}
_EFFORT_TOKENS: Final = {"low": 48, "medium": 96, "high": 192, "xhigh": 384, "max": 512}
_MANUAL_TOKENS: Final = 512
_JSON_OBJECT: Final = re.compile(r"\bJSON object\b")
_MAGIC_REDACTED: Final = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_"


class MessagesCall(Call, frozen=True, kw_only=True):
    """A call of the Messages API.

    Attributes:
        display: How thinking shows in the answer.
        redacted: Whether thinking comes back encrypted, as Anthropic's own test string asks for.
        window_bound: Whether the window ends the output before `max_tokens` does.
    """

    display: Display = "summarized"
    redacted: bool = False
    window_bound: bool = False


def read_messages_call(body: Any, version: str) -> MessagesCall:
    """Check a request as Anthropic does and return what it asks for.

    Raises:
        RefusalError: Anthropic would refuse it; the first reason found.
    """
    CHECK_CREATE[version](body, "")
    model, rules, prompt = _check_prompt(body, version)
    thinking = body.get("thinking") or {}
    talk = _talk_of(body["messages"])
    choice = body.get("tool_choice") or {"type": "auto"}
    wanted = (body.get("output_config") or {}).get("format")
    return MessagesCall(
        model=model,
        talk=talk,
        prompt=prompt,
        stream=body.get("stream", False),
        output_limit=body["max_tokens"],
        stops=tuple(body.get("stop_sequences") or ()),
        tools=_tools_of(body),
        tool_mode=_MODES[choice["type"]] if body.get("tools") else "none",
        parallel_tools=not choice.get("disable_parallel_tool_use", False),
        speaks_before_tools=True,
        schema=wanted["schema"] if wanted else _told_schema(body),
        reasoning_tokens=_thinking_tokens(body, talk),
        seed=msgspec.json.encode(body["messages"]).decode(),
        display=thinking.get("display") or rules.display,
        redacted=_MAGIC_REDACTED in talk.user_text,
        window_bound=model.context_tokens - prompt.total < body["max_tokens"],
    )


def _told_schema(body: Body) -> Mapping[str, Any] | None:
    """Any object, where the system prompt asks for one: a Claude does what it says."""
    told = " ".join(block["text"] for block in blocks_of(body.get("system")))
    return {} if _JSON_OBJECT.search(told) else None


def count_input_tokens(body: Any, version: str) -> int:
    """Check a request to `count_tokens` and count it.

    Raises:
        RefusalError: Anthropic would refuse it; the first reason found.
    """
    CHECK_COUNT(body, "")
    return _check_prompt(body, version)[2].total


def _check_prompt(body: Body, version: str) -> tuple[ModelSpec, ClaudeRules, PromptCount]:
    model = find_claude(body["model"])
    rules = RULES[model.id]
    messages = body["messages"]
    for block in blocks_of(body.get("system")):
        check_text(block["text"], "system")
    check_conversation(messages)
    check_settings(body, model, rules, version)
    check_media(messages, rules)
    check_signatures(messages, model.id)
    prompt = count_messages(body, rules)
    if prompt.total > model.context_tokens:
        raise RefusalError(
            f"prompt is too long: {prompt.total} tokens > {model.context_tokens} maximum"
        )
    return model, rules, prompt


def _tools_of(body: Body) -> tuple[Tool, ...]:
    choice = body.get("tool_choice") or {"type": "auto"}
    return tuple(
        Tool(tool["name"], "function", tool.get("description") or "", tool["input_schema"])
        for tool in body.get("tools") or ()
        if choice["type"] != "tool" or tool["name"] == choice["name"]
    )


def _thinking_tokens(body: Body, talk: Talk) -> int:
    """Return how long the model thinks; in manual mode it does not think between tools."""
    mode = thinking_of(body)
    if mode == "adaptive":
        effort = (body.get("output_config") or {}).get("effort") or "high"
        return _EFFORT_TOKENS[effort]
    if mode == "manual" and talk.tool_result is None:
        budget: int = body["thinking"]["budget_tokens"]
        return min(budget, _MANUAL_TOKENS)
    return 0


def _talk_of(messages: Sequence[Body]) -> Talk:
    said = [text for message in messages if (text := _user_text(message))]
    newest = messages[-1]
    return Talk(
        user_text=said[-1] if said else "",
        by_user=newest["role"] == "user" and bool(_user_text(newest)),
        tool_result=_result_of(messages) if has_results(newest) else None,
    )


def _user_text(message: Body) -> str:
    if message["role"] != "user":
        return ""
    blocks = blocks_of(message["content"])
    return "\n".join(block["text"] for block in blocks if block["type"] == "text")


def _result_of(messages: Sequence[Body]) -> tuple[str, str]:
    """Return the name and text of the newest result of a tool."""
    results = [
        block for block in blocks_of(messages[-1]["content"]) if block["type"] == "tool_result"
    ]
    newest = results[-1]
    names = {
        block["id"]: block["name"]
        for block in blocks_of(messages[-2]["content"])
        if block["type"] == "tool_use"
    }
    parts = [part["text"] for part in blocks_of(newest.get("content")) if part["type"] == "text"]
    return names[newest["tool_use_id"]], "\n".join(parts)
