"""From the contract's stream to Anthropic's named events.

All frames of one message are one bytes object, so that they leave in one write. A plain piece of
text, which is nearly everything that a stream carries, is put between two ready-made halves.

A block is open until another begins. Token counts are known at the end alone, so the message begins
with zeros and ``message_delta`` has the totals, which clients take over.
"""

from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.anthropic.errors import anthropic_error_body
from tokensmith_bridge.anthropic.response import (
    AnswerShown,
    Json,
    content_blocks,
    ending,
    message_id,
    usage_to_json,
)
from tokensmith_bridge.anthropic.signature import signature_of
from tokensmith_bridge.openai.errors import Refusal
from tokensmith_bridge.pieces import frame_pieces

PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_DELTA_HEAD: Final = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":'

_encode: Final = msgspec.json.Encoder().encode

_JOINT: Final = "\n\n"
"""What reasoning goes on with after a signed block, and which is no part of the next one."""

_NOTHING_USED: Final = {
    "input_tokens": 0,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 0,
    "service_tier": "standard",
}


class MessageStreamEncoder:
    """Renders one stream. Start with the first message's ``start``."""

    def __init__(self, start: chat.ChatCompletionStart, *, shown: AnswerShown) -> None:
        self._shown = shown
        self._head: list[bytes] = [_message_start(start), PING]
        self._count = 0
        self._open = ""  # The open block's type.
        self._index = 0  # The open block's, or the newest one's.
        self._halves = (b"", b"")
        self._tools: dict[int, int] = {}  # From a call's number to its block's.
        self._thought = False
        self._joint_due = False
        self._refusal: list[str] = []
        self._finish_reason = 0
        self._stop_sequence: str | None = None

    def encode(self, message: chat.StreamChatCompletionResponse) -> bytes:
        """All frames of one message; those of the last one end with ``message_stop``."""
        frames, self._head = self._head, []
        replayed = message.HasField("start") and message.HasField("usage")
        for delta in message.deltas:
            if delta.choice_index:
                continue
            if replayed and delta.signed_thinking:
                self._add_whole(frames, delta)
            else:
                self._add_delta(frames, delta)
        if message.HasField("usage"):
            self._add_end(frames, message)
        return frames[0] if len(frames) == 1 else b"".join(frames)

    def encode_error(self, refusal: Refusal, request_id: str) -> bytes:
        """The frame that ends a stream which failed."""
        error = anthropic_error_body(refusal, request_id, in_stream=True)
        return b"".join(self._head) + b"event: error\ndata: " + error + b"\n\n"

    def _add_delta(self, frames: list[bytes], delta: chat.ChatCompletionDelta) -> None:
        if self._shown.blocks:
            if delta.reasoning_content:
                self._add_thinking(frames, delta.reasoning_content)
            for signed in delta.signed_thinking:
                self._add_signature(frames, signed)
        if delta.content_pieces:
            self._begin(frames, "text", {"type": "text", "text": ""})
            frames.append(self._pieces(delta.content_pieces))
        if delta.refusal:
            self._add_refusal(frames, delta)
        for call in delta.tool_calls:
            self._add_call(frames, call)
        self._note_ending(delta)

    def _note_ending(self, delta: chat.ChatCompletionDelta) -> None:
        if delta.finish_reason:
            self._finish_reason = delta.finish_reason
        if delta.HasField("stop_sequence"):
            self._stop_sequence = delta.stop_sequence

    def _add_thinking(self, frames: list[bytes], text: str) -> None:
        if self._joint_due:
            text = text.removeprefix(_JOINT)
            self._joint_due = False
        self._thought = True
        self._begin(frames, "thinking", {"type": "thinking", "thinking": "", "signature": ""})
        if self._shown.text and text:
            frames.append(self._delta("thinking_delta", "thinking", text))

    def _add_signature(self, frames: list[bytes], signed: chat.ChatSignedThinking) -> None:
        if signed.redacted_data:
            data = signature_of(signed)
            self._begin(frames, "", {"type": "redacted_thinking", "data": data})
        else:
            self._begin(frames, "thinking", {"type": "thinking", "thinking": "", "signature": ""})
            signature = signature_of(signed, with_text=not self._shown.text)
            frames.append(self._delta("signature_delta", "signature", signature))
        self._close(frames)
        self._joint_due = self._thought

    def _add_refusal(self, frames: list[bytes], delta: chat.ChatCompletionDelta) -> None:
        """What the model itself says in place of an answer is text; a filter's words are not."""
        self._refusal.append(delta.refusal)
        if delta.finish_reason != chat.FINISH_REASON_CONTENT_FILTER:
            self._begin(frames, "text", {"type": "text", "text": ""})
            frames.append(self._pieces([delta.refusal]))

    def _add_call(self, frames: list[bytes], call: chat.ChatToolCallDelta) -> None:
        index = self._tools.get(call.index)
        if index is None:
            if self._shown.one_call and self._tools:
                return
            start = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
            self._begin(frames, "", start)
            self._open = "tool_use"
            index = self._tools[call.index] = self._index
        if call.arguments:
            frames.append(
                self._delta("input_json_delta", "partial_json", call.arguments, index=index)
            )

    def _add_whole(self, frames: list[bytes], delta: chat.ChatCompletionDelta) -> None:
        """A replayed answer, whose signed thinking says where it stands."""
        answer = chat.ChatAnswer(
            content="".join(delta.content_pieces),
            refusal=delta.refusal,
            reasoning_content=delta.reasoning_content,
            signed_thinking=delta.signed_thinking,
        )
        for call in delta.tool_calls:
            answer.tool_calls.add(
                id=call.id, kind=call.kind, name=call.name, arguments=call.arguments
            )
        for block in content_blocks(answer, delta.finish_reason, self._shown):
            self._add_block(frames, block)
        self._refusal = [delta.refusal] if delta.refusal else []
        self._note_ending(delta)

    def _add_block(self, frames: list[bytes], block: Json) -> None:
        match block["type"]:
            case "text":
                self._begin(frames, "", {"type": "text", "text": ""})
                frames.append(self._delta("text_delta", "text", block["text"]))
            case "thinking":
                self._begin(frames, "", {"type": "thinking", "thinking": "", "signature": ""})
                if block["thinking"]:
                    frames.append(self._delta("thinking_delta", "thinking", block["thinking"]))
                frames.append(self._delta("signature_delta", "signature", block["signature"]))
            case "tool_use":
                self._begin(frames, "", {**block, "input": {}})
                arguments = bytes(block["input"]).decode()
                frames.append(self._delta("input_json_delta", "partial_json", arguments))
            case _:
                self._begin(frames, "", block)
        self._close(frames)

    def _begin(self, frames: list[bytes], kind: str, block: Json) -> None:
        """Begin a block unless one of this kind is open; no ``kind`` always begins one."""
        if kind and self._open == kind:
            return
        self._close(frames)
        self._index = self._count
        self._count += 1
        self._open = kind or str(block["type"])
        head = _DELTA_HEAD + str(self._index).encode()
        self._halves = (head + b',"delta":{"type":"text_delta","text":', b"}}\n\n")
        frames.append(_frame("content_block_start", {"index": self._index, "content_block": block}))

    def _close(self, frames: list[bytes]) -> None:
        if self._open:
            frames.append(_frame("content_block_stop", {"index": self._index}))
            self._open = ""

    def _delta(self, kind: str, field: str, text: str, *, index: int | None = None) -> bytes:
        place = self._index if index is None else index
        delta = _encode({"type": kind, field: text})
        return _DELTA_HEAD + str(place).encode() + b',"delta":' + delta + b"}\n\n"

    def _pieces(self, pieces: Any) -> bytes:
        before, after = self._halves
        return frame_pieces(before, pieces, after)

    def _add_end(self, frames: list[bytes], message: chat.StreamChatCompletionResponse) -> None:
        self._close(frames)
        usage = usage_to_json(message.usage, message.charge)
        del usage["service_tier"]  # Said when the message began.
        delta = ending(self._finish_reason, "".join(self._refusal), self._stop_sequence)
        frames.append(_frame("message_delta", {"delta": delta, "usage": usage}))
        frames.append(_STOP)


def _message_start(start: chat.ChatCompletionStart) -> bytes:
    message: Json = {
        "id": message_id(start.id),
        "type": "message",
        "role": "assistant",
        "model": start.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": _NOTHING_USED,
    }
    return _frame("message_start", {"message": message})


def _frame(kind: str, fields: Json) -> bytes:
    return f"event: {kind}\ndata: ".encode() + _encode({"type": kind, **fields}) + b"\n\n"
