"""The order of messages and blocks that Anthropic's API insists on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tokensmith_simulator.anthropic.checks import refuse
from tokensmith_simulator.signatures import verify

Message = Mapping[str, Any]
Block = Mapping[str, Any]

_USER_ONLY: Final = frozenset({"image", "tool_result", "search_result"})
_ASSISTANT_ONLY: Final = frozenset({"tool_use", "thinking", "redacted_thinking"})
_THINKING: Final = frozenset({"thinking", "redacted_thinking"})


def blocks_of(content: Any) -> Sequence[Block]:
    """Return a content's blocks; a string is one text block, an empty one is none."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else ()
    return content or ()


def check_conversation(messages: Sequence[Message]) -> None:
    """Check roles, contents, and that every tool call is answered at once and by itself.

    Raises:
        RefusalError: The first thing that is out of order.
    """
    if messages[0]["role"] != "user":
        refuse("messages", 'first message must use the "user" role')
    used: set[str] = set()
    waiting: list[str] = []
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        blocks = blocks_of(message["content"])
        _check_content(blocks, message["role"], where, last=index == len(messages) - 1)
        _check_results(blocks, waiting, where, index)
        waiting = [block["id"] for block in blocks if block["type"] == "tool_use"]
        for at, call_id in enumerate(waiting):
            if call_id in used or call_id in waiting[:at]:
                refuse(where, "`tool_use` ids must be unique")
        used.update(waiting)
    if waiting:
        _refuse_unanswered(waiting, len(messages) - 1)


def _check_content(blocks: Sequence[Block], role: str, where: str, *, last: bool) -> None:
    if not blocks and not (last and role == "assistant"):
        refuse(
            where,
            "all messages must have non-empty content except for the optional final assistant "
            "message",
        )
    for at, block in enumerate(blocks):
        kind = block["type"]
        if kind in (_USER_ONLY if role == "assistant" else _ASSISTANT_ONLY):
            other = "user" if role == "assistant" else "assistant"
            refuse(where, f"`{kind}` blocks can only be in `{other}` messages")
        if kind == "text":
            check_text(block["text"], "messages")
        for inner in blocks_of(block.get("content")) if kind == "tool_result" else ():
            if inner["type"] == "text" and isinstance(block["content"], list):
                check_text(inner["text"], f"{where}.content.{at}.tool_result.content")
    if role == "assistant" and blocks and blocks[-1]["type"] in _THINKING:
        refuse(where, "The final block in an assistant message cannot be `thinking`.")


def check_text(text: str, where: str) -> None:
    """A text block says something.

    Raises:
        RefusalError: It is empty, or only white space.
    """
    if not text:
        refuse(where, "text content blocks must be non-empty")
    if not text.strip():
        refuse(where, "text content blocks must contain non-whitespace text")


def _check_results(blocks: Sequence[Block], waiting: Sequence[str], where: str, index: int) -> None:
    """Results come first, one for each call of the message before, and for nothing else."""
    leading = []
    for block in blocks:
        if block["type"] != "tool_result":
            break
        leading.append(block["tool_use_id"])
    unanswered = [call_id for call_id in waiting if call_id not in leading]
    if unanswered:
        _refuse_unanswered(unanswered, index - 1)
    seen: set[str] = set()
    for at, block in enumerate(blocks):
        if block["type"] != "tool_result":
            continue
        call_id = block["tool_use_id"]
        if call_id not in waiting:
            refuse(
                f"{where}.content.{at}",
                f"unexpected `tool_use_id` found in `tool_result` blocks: {call_id}. Each "
                "`tool_result` block must have a corresponding `tool_use` block in the previous "
                "message.",
            )
        if call_id in seen:
            refuse(
                f"{where}.content.{at}",
                "each tool_use must have a single result. Found multiple `tool_result` blocks "
                f"with id: {call_id}",
            )
        seen.add(call_id)


def _refuse_unanswered(call_ids: Sequence[str], index: int) -> None:
    refuse(
        f"messages.{index}",
        "`tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(call_ids)}. Each `tool_use` block must have a corresponding `tool_result` "
        "block in the next message.",
    )


def check_signatures(messages: Sequence[Message], model: str) -> None:
    """Thinking comes back as it was given out, by the same model.

    Raises:
        RefusalError: A block was changed, or was never given out.
    """
    turns = [at for at, message in enumerate(messages) if message["role"] == "assistant"]
    for index, at, block in _thinking(messages):
        kind = block["type"]
        text, seal = (
            ("", block["data"])
            if kind == "redacted_thinking"
            else (
                block["thinking"],
                block["signature"],
            )
        )
        verdict = verify(f"{model}/{kind}", text, seal)
        where = f"messages.{index}.content.{at}"
        if verdict == "modified" and index == turns[-1]:
            refuse(
                where,
                "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot "
                "be modified. These blocks must remain as they were in the original response.",
            )
        if verdict != "genuine":
            field = "signature" if kind == "thinking" else "data"
            refuse(where, f"Invalid `{field}` in `{kind}` block")


def _thinking(messages: Sequence[Message]) -> Iterator[tuple[int, int, Block]]:
    for index, message in enumerate(messages):
        for at, block in enumerate(blocks_of(message["content"])):
            if block["type"] in _THINKING:
                yield index, at, block


def check_thinking_first(messages: Sequence[Message]) -> None:
    """In manual mode, an assistant turn that calls tools begins with its thinking.

    Raises:
        RefusalError: The turn that is being continued does not.
    """
    if len(messages) < 2 or not has_results(messages[-1]):
        return
    index = len(messages) - 2
    first = blocks_of(messages[index]["content"])[0]["type"]
    if first not in _THINKING:
        refuse(
            f"messages.{index}.content.0.type",
            f"Expected `thinking` or `redacted_thinking`, but found `{first}`. When `thinking` is "
            "enabled, a final `assistant` message must start with a thinking block (preceeding "
            "the lastmost set of `tool_use` and `tool_result` blocks). We recommend you include "
            "thinking blocks from previous turns. To avoid this requirement, disable `thinking`. "
            "Please consult our documentation at "
            "https://docs.claude.com/en/docs/build-with-claude/extended-thinking",
        )


def has_results(message: Message) -> bool:
    """Tell whether a message brings the results of tools."""
    return any(block["type"] == "tool_result" for block in blocks_of(message["content"]))
