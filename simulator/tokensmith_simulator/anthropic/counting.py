"""How many tokens an Anthropic prompt is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tokensmith_simulator.anthropic.conversation import blocks_of, has_results
from tokensmith_simulator.anthropic.media import count_document, count_image
from tokensmith_simulator.anthropic.models import ClaudeRules
from tokensmith_simulator.tokens import PromptCount, count_json_tokens, count_tokens

Body = Mapping[str, Any]

_PER_REQUEST: Final = 8
_PER_MESSAGE: Final = 4
_PER_TOOL: Final = 8
_TOOLS_AUTO: Final = 346
_TOOLS_FORCED: Final = 313


def count_messages(body: Body, rules: ClaudeRules) -> PromptCount:
    """Count a valid request: words, what is around them, and pictures apart.

    With tools comes a system prompt of Anthropic's own (346 tokens, 313 when a tool is forced).
    """
    text = _count_system(body.get("system")) + _count_tools(body)
    wanted = (body.get("output_config") or {}).get("format")
    text += count_json_tokens(wanted["schema"]) if wanted else 0
    image = 0
    messages: Sequence[Body] = body["messages"]
    current = _start_of_turn(messages)
    for index, message in enumerate(messages):
        for block in blocks_of(message["content"]):
            kept = rules.keeps_thinking or index >= current
            counted = _count_block(block, rules, thinking=kept)
            text += counted.text
            image += counted.image
    around = _PER_REQUEST + _PER_MESSAGE * len(messages)
    return PromptCount(around + text * rules.density_percent // 100, image)


def _start_of_turn(messages: Sequence[Body]) -> int:
    """Return the index of the newest message that the user wrote, tool results aside."""
    written = [
        index
        for index, message in enumerate(messages)
        if message["role"] == "user" and not has_results(message)
    ]
    return written[-1] if written else 0


def _count_system(system: Any) -> int:
    return sum(count_tokens(block["text"]) for block in blocks_of(system))


def _count_tools(body: Body) -> int:
    tools = body.get("tools") or ()
    if not tools:
        return 0
    forced = (body.get("tool_choice") or {"type": "auto"})["type"] in {"any", "tool"}
    return (_TOOLS_FORCED if forced else _TOOLS_AUTO) + sum(map(_count_tool, tools))


def _count_tool(tool: Body) -> int:
    words = count_tokens(tool["name"]) + count_tokens(tool.get("description") or "")
    return _PER_TOOL + words + count_json_tokens(tool["input_schema"])


def _count_block(block: Body, rules: ClaudeRules, *, thinking: bool) -> PromptCount:
    kind = block["type"]
    if kind == "image":
        return PromptCount(0, count_image(block, rules))
    if kind in {"tool_result", "search_result"}:
        parts = blocks_of(block.get("content"))
        inner = [_count_block(part, rules, thinking=False) for part in parts]
        return PromptCount(sum(part.text for part in inner), sum(part.image for part in inner))
    text = 0
    if kind == "text":
        text = count_tokens(block["text"])
    elif kind == "document":
        text = count_document(block)
    elif kind == "thinking" and thinking:
        text = count_tokens(block["thinking"])
    elif kind == "tool_use":
        text = count_tokens(block["name"]) + count_json_tokens(block["input"])
    return PromptCount(text, 0)
