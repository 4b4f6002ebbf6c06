"""An answer as Anthropic sends it: a message, or the events that build it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from tokensmith_simulator.answering.answer import (
    HUGE_TOKENS,
    Answer,
    Choice,
    ToolCall,
    grouped,
)
from tokensmith_simulator.anthropic.call import MessagesCall
from tokensmith_simulator.faults import FaultKind, Pace
from tokensmith_simulator.serving import Frame, Reply
from tokensmith_simulator.signatures import sign
from tokensmith_simulator.tokens import count_tokens

Delta = tuple[dict[str, Any], int]

_STOP_REASONS: Final = {
    "end": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "blocked": "refusal",
}
_SUMMARY_PERCENT: Final = 40
_encode = msgspec.json.Encoder().encode


class Block(msgspec.Struct, frozen=True):
    """One content block: as it is in a message, and as a stream builds it.

    Attributes:
        whole: The block in a message.
        start: What `content_block_start` carries.
        start_tokens: Output tokens that the start stands for.
        deltas: What follows, each with its output tokens.
    """

    whole: dict[str, Any]
    start: dict[str, Any]
    start_tokens: int
    deltas: Sequence[Delta]


class Spent(msgspec.Struct, frozen=True):
    """What one answer used, as Anthropic counts it: cache apart, thinking inside the output."""

    plain: int
    written: int
    read: int
    output: int
    thinking: int


def render_message(
    call: MessagesCall, answer: Answer, pace: Pace, headers: Mapping[str, str]
) -> Reply:
    """Render an answer, as one body or as events."""
    choice = answer.choices[0]
    spent = _spent(call, answer)
    usage = _distorted(_usage_to_json(spent), answer.fault_kind)
    blocks = list(_blocks(call, choice, pace.tokens_per_chunk))
    message = {
        "id": f"msg_01{answer.id[:22]}",
        "type": "message",
        "role": "assistant",
        "model": call.model.answered_id,
    }
    ending = _ending(call, answer)
    if call.stream:
        frames = list(_frames(message, blocks, ending, usage))
    else:
        content = [block.whole for block in blocks]
        body = {**message, "content": content, **ending}
        frames = [Frame(_encode(body | ({"usage": usage} if usage else {})), closing=True)]
    # A prompt that is refused before any output is not charged.
    blocked = choice.finish == "blocked"
    return Reply(
        frames=frames,
        usage=usage,
        prompt_tokens=0 if blocked else call.prompt.total,
        output_tokens=0 if blocked else spent.output,
        headers=headers,
    )


def _spent(call: MessagesCall, answer: Answer) -> Spent:
    total = call.prompt.total
    read = answer.usage.cached
    written = min(call.directives.cache_write_tokens or 0, total - read)
    # Even an empty answer is a token: `usage` does not count the visible text alone.
    output = max(1, answer.usage.output + answer.usage.reasoning)
    return Spent(total - read - written, written, read, output, answer.usage.reasoning)


def _usage_to_json(spent: Spent) -> dict[str, Any]:
    return {
        "input_tokens": spent.plain,
        "cache_creation_input_tokens": spent.written,
        "cache_read_input_tokens": spent.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": spent.written,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": spent.output,
        "output_tokens_details": {"thinking_tokens": spent.thinking},
        "service_tier": "standard",
    }


def _distorted(usage: dict[str, Any], fault: FaultKind | None) -> dict[str, Any] | None:
    """Return the usage as a fault has it; None means that the answer carries none."""
    if fault is FaultKind.MISSING_USAGE:
        return None
    if fault is FaultKind.NEGATIVE_USAGE:
        return usage | {"input_tokens": -7, "output_tokens": -11}
    if fault is FaultKind.HUGE_USAGE:
        return usage | {"output_tokens": HUGE_TOKENS}
    if fault is FaultKind.INCONSISTENT_USAGE:
        return usage | {"output_tokens_details": {"thinking_tokens": usage["output_tokens"] + 9}}
    return usage


def _ending(call: MessagesCall, answer: Answer) -> dict[str, Any]:
    choice = answer.choices[0]
    reason = _STOP_REASONS[choice.finish]
    if choice.finish == "length" and call.window_bound:
        reason = "model_context_window_exceeded"
    details = None
    if reason == "refusal":
        fault = answer.fault
        details = {
            "type": "refusal",
            "category": fault.code if fault else None,
            "explanation": (fault and fault.message)
            or "This request was declined because it may violate Anthropic's Usage Policy.",
        }
    return {"stop_reason": reason, "stop_sequence": choice.stopped_by, "stop_details": details}


def _blocks(call: MessagesCall, choice: Choice, size: int) -> Iterator[Block]:
    if choice.reasoning:
        yield _redacted(call, choice) if call.redacted else _thinking(call, choice, size)
    if choice.pieces:
        deltas = [
            ({"type": "text_delta", "text": text}, tokens)
            for text, tokens in grouped(choice.pieces, size)
        ]
        start = {"type": "text", "text": ""}
        yield Block({"type": "text", "text": choice.text}, start, 0, deltas)
    for tool in choice.tool_calls:
        yield _tool_use(tool, size)


def _thinking(call: MessagesCall, choice: Choice, size: int) -> Block:
    """Show a summary of the thinking, or nothing; either way a signature, and the full price."""
    count = 0
    if call.display == "summarized":
        count = max(1, len(choice.reasoning) * _SUMMARY_PERCENT // 100)
    shown = choice.reasoning[:count]
    text = "".join(shown)
    signature = sign(f"{call.model.id}/thinking", text, call.seed)
    deltas: list[Delta] = [
        ({"type": "thinking_delta", "thinking": said}, tokens)
        for said, tokens in grouped(shown, size)
    ]
    hidden = len(choice.reasoning) - count
    deltas.append(({"type": "signature_delta", "signature": signature}, hidden))
    return Block(
        {"type": "thinking", "thinking": text, "signature": signature},
        {"type": "thinking", "thinking": "", "signature": ""},
        0,
        deltas,
    )


def _redacted(call: MessagesCall, choice: Choice) -> Block:
    sealed = sign(f"{call.model.id}/redacted_thinking", "", call.seed)
    block = {"type": "redacted_thinking", "data": sealed}
    return Block(block, block, len(choice.reasoning), ())


def _tool_use(tool: ToolCall, size: int) -> Block:
    text = "".join(tool.pieces)
    start = {"type": "tool_use", "id": f"toolu_01{tool.id[:22]}", "name": tool.name, "input": {}}
    deltas: list[Delta] = [({"type": "input_json_delta", "partial_json": ""}, 0)]
    if text == "{}":
        # A call without arguments has no fragments but the empty one.
        deltas = [(deltas[0][0], len(tool.pieces))]
    else:
        deltas += [
            ({"type": "input_json_delta", "partial_json": said}, tokens)
            for said, tokens in grouped(tool.pieces, size)
        ]
    return Block(start | {"input": _input_of(text)}, start, count_tokens(tool.name), deltas)


def _input_of(text: str) -> dict[str, Any]:
    """Decode a call's arguments; those cut off by the token limit are lost."""
    try:
        value: dict[str, Any] = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return value


def _frames(
    message: dict[str, Any],
    blocks: Sequence[Block],
    ending: dict[str, Any],
    usage: dict[str, Any] | None,
) -> Iterator[Frame]:
    begun = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
    }
    if usage is not None:
        so_far = {"output_tokens": min(1, usage["output_tokens"])}
        without = {key: count for key, count in usage.items() if key != "output_tokens_details"}
        begun["usage"] = without | so_far
    yield _event({"type": "message_start", "message": begun})
    for index, block in enumerate(blocks):
        yield _event(
            {"type": "content_block_start", "index": index, "content_block": block.start},
            tokens=block.start_tokens,
        )
        if index == 0:
            yield _event({"type": "ping"})
        for delta, tokens in block.deltas:
            shape = {"type": "content_block_delta", "index": index, "delta": delta}
            yield _event(shape, tokens=tokens)
        yield _event({"type": "content_block_stop", "index": index})
    last = {"type": "message_delta", "delta": ending}
    if usage is not None:
        totals = ("cache_creation", "service_tier")
        last["usage"] = {key: count for key, count in usage.items() if key not in totals}
    yield _event(last, closing=True)
    yield _event({"type": "message_stop"}, closing=True)


def _event(value: dict[str, Any], *, tokens: int = 0, closing: bool = False) -> Frame:
    name = value["type"].encode()
    return Frame(b"event: " + name + b"\ndata: " + _encode(value) + b"\n\n", tokens, closing)
