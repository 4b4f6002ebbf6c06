"""Pieces that the vendors' renderers share: server-sent events, tool calls as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from tokensmith_simulator.answering.answer import Answer, ToolCall
from tokensmith_simulator.openai_chat.call import ChatCall
from tokensmith_simulator.serving import Frame, Reply

DONE: Final = Frame(b"data: [DONE]\n\n", closing=True)
BROKEN_FRAME: Final = b'data: {"id":"broken","object":"chat.comp\n\n'

_encode = msgspec.json.Encoder().encode


def event(value: Any, *, tokens: int = 0, closing: bool = False) -> Frame:
    """Render one chunk as a server-sent event without a name."""
    return Frame(b"data: " + _encode(value) + b"\n\n", tokens, closing)


def tool_call_to_json(tool: ToolCall, *, text: str | None = None) -> dict[str, Any]:
    """Render a tool call, or its first fragment when `text` replaces the arguments."""
    payload = "arguments" if tool.kind == "function" else "input"
    said = "".join(tool.pieces) if text is None else text
    return {
        "id": f"call_{tool.id}",
        "type": tool.kind,
        tool.kind: {"name": tool.name, payload: said},
    }


def tool_piece_to_json(tool: ToolCall, text: str) -> dict[str, Any]:
    """Render a later fragment of a tool call: neither id nor name."""
    return {tool.kind: {"arguments" if tool.kind == "function" else "input": text}}


def interleave(streams: Sequence[Sequence[Frame]]) -> list[Frame]:
    """Mix the frames of several choices, one of each in turn, as real servers do."""
    if len(streams) == 1:
        return list(streams[0])
    longest = max(map(len, streams))
    return [stream[at] for at in range(longest) for stream in streams if at < len(stream)]


def reply_of(
    call: ChatCall,
    answer: Answer,
    frames: Sequence[Frame],
    usage: Mapping[str, Any] | None,
    headers: Mapping[str, str],
) -> Reply:
    """Put a vendor's frames together with what the answer costs."""
    return Reply(
        frames=frames,
        usage=usage,
        prompt_tokens=call.prompt.total,
        output_tokens=answer.usage.output + answer.usage.reasoning,
        headers=headers,
    )


def error_frame(body: bytes) -> bytes:
    """Render an error body as a chunk of a stream that has begun."""
    return b"data: " + body + b"\n\n"


def body_frame(value: Any) -> Frame:
    """Render a unary body as the one frame of its reply."""
    return Frame(_encode(value), closing=True)
