"""From the contract's stream to OpenAI's server-sent events.

All frames of one message are one bytes object, so that they leave in one write. A plain piece of
text, which is nearly everything that a stream carries, is put between two ready-made halves.

Frames never have ``id:`` or ``retry:`` fields, which break OpenAI's SDKs, and no names.
"""

import base64
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.openai.chat_response import (
    FINISH_REASONS,
    annotation_to_json,
    logprobs_to_json,
    usage_to_json,
)
from tokensmith_bridge.openai.errors import Refusal, error_body
from tokensmith_bridge.pieces import frame_pieces

DONE: Final = b"data: [DONE]\n\n"

_encode: Final = msgspec.json.Encoder().encode

_FUNCTION_KEYS: Final = ("function", "arguments")


class ChatStreamEncoder:
    """Renders one stream. Start with the first message's ``start``.

    Without ``include_usage`` a client does not expect a chunk without choices. It gets usage and
    price in the last chunk that has one, which therefore waits for the last message.
    """

    def __init__(self, start: chat.ChatCompletionStart, *, include_usage: bool) -> None:
        self._include_usage = include_usage
        head = {
            "id": start.id,
            "object": "chat.completion.chunk",
            "created": start.create_time.seconds,
            "model": start.model,
            "system_fingerprint": start.system_fingerprint or None,
        }
        self._head = b"data: " + _encode(head)[:-1]
        self._tail = b',"usage":null}\n\n' if include_usage else b"}\n\n"
        self._begun: set[int] = set()
        self._halves: dict[int, tuple[bytes, bytes]] = {}
        self._custom_calls: set[tuple[int, int]] = set()
        self._waiting: bytes = b""
        """The newest finish chunk without its tail, which may yet get the usage."""

    def encode(self, message: chat.StreamChatCompletionResponse) -> bytes:
        """All frames of one message; those of the last one end with ``[DONE]``."""
        frames: list[bytes] = []
        for delta in message.deltas:
            self._add_delta(frames, delta)
        if message.HasField("usage"):
            self._add_end(frames, message)
        return frames[0] if len(frames) == 1 else b"".join(frames)

    def _add_delta(self, frames: list[bytes], delta: chat.ChatCompletionDelta) -> None:
        if self._waiting:
            frames.append(self._waiting + self._tail)
            self._waiting = b""
        index = delta.choice_index
        if index not in self._begun:
            self._begun.add(index)
            content = None if delta.tool_calls or delta.HasField("function_call") else ""
            role = {"role": "assistant", "content": content, "refusal": None}
            frames.append(self._chunk(index, role) + self._tail)
        if delta.reasoning_content:
            part = {"reasoning_content": delta.reasoning_content}
            frames.append(self._chunk(index, part) + self._tail)
        if delta.HasField("logprobs"):
            part = {"content": "".join(delta.content_pieces)}
            if delta.refusal:
                part["refusal"] = delta.refusal
            frames.append(self._chunk(index, part, logprobs=delta.logprobs) + self._tail)
        elif delta.content_pieces:
            frames.append(self._pieces(index, delta.content_pieces))
        rest = self._rest_of_delta(delta)
        if rest:
            frames.append(self._chunk(index, rest) + self._tail)
        if delta.finish_reason:
            finished = self._chunk(index, {}, finish_reason=FINISH_REASONS.get(delta.finish_reason))
            if self._include_usage:
                frames.append(finished + self._tail)
            else:
                self._waiting = finished

    def _rest_of_delta(self, delta: chat.ChatCompletionDelta) -> dict[str, Any]:
        """What a delta has besides text and reasoning."""
        rest: dict[str, Any] = {}
        if delta.refusal and not delta.HasField("logprobs"):
            rest["refusal"] = delta.refusal
        if delta.tool_calls:
            rest["tool_calls"] = [
                self._tool_call(delta.choice_index, call) for call in delta.tool_calls
            ]
        if delta.HasField("function_call"):
            call = {"arguments": delta.function_call.arguments}
            if delta.function_call.name:
                call["name"] = delta.function_call.name
            rest["function_call"] = call
        if delta.HasField("audio"):
            rest["audio"] = _audio_delta(delta.audio)
        if delta.annotations:
            rest["annotations"] = [annotation_to_json(item) for item in delta.annotations]
        return rest

    def _tool_call(self, choice_index: int, call: chat.ChatToolCallDelta) -> dict[str, Any]:
        """A part of a tool call. Only its first part says its kind, which later ones follow."""
        place = (choice_index, call.index)
        if call.kind == chat.CHAT_TOOL_KIND_CUSTOM:
            self._custom_calls.add(place)
        kind, text = ("custom", "input") if place in self._custom_calls else _FUNCTION_KEYS
        rendered: dict[str, Any] = {"index": call.index}
        if call.id:
            rendered["id"] = call.id
        if call.kind:
            rendered["type"] = kind
        inner = {text: call.arguments}
        if call.name:
            inner["name"] = call.name
        rendered[kind] = inner
        return rendered

    def _pieces(self, index: int, pieces: Any) -> bytes:
        before, after = self._halves.get(index) or self._make_halves(index)
        return frame_pieces(before, pieces, after)

    def _make_halves(self, index: int) -> tuple[bytes, bytes]:
        whole = self._chunk(index, {"content": ""}) + self._tail
        before, after = whole.rsplit(b'"content":""', 1)
        halves = self._halves[index] = (before + b'"content":', after)
        return halves

    def _chunk(
        self,
        index: int,
        delta: dict[str, Any],
        *,
        logprobs: chat.ChatLogprobs | None = None,
        finish_reason: str | None = None,
    ) -> bytes:
        """A chunk without its tail."""
        choice = {
            "index": index,
            "delta": delta,
            "logprobs": None if logprobs is None else logprobs_to_json(logprobs),
            "finish_reason": finish_reason,
        }
        return self._head + b',"choices":[' + _encode(choice) + b"]"

    def _add_end(self, frames: list[bytes], message: chat.StreamChatCompletionResponse) -> None:
        extra: dict[str, Any] = {"usage": usage_to_json(message.usage, message.charge)}
        if message.service_tier:
            extra["service_tier"] = message.service_tier
        if message.moderation_json:
            extra["moderation"] = msgspec.Raw(message.moderation_json.encode())
        # The first brace goes: these fields continue an open object.
        end = b"," + _encode(extra)[1:] + b"\n\n"
        if self._include_usage:
            frames.append(self._head + b',"choices":[]' + end)
        else:
            frames.append((self._waiting or self._chunk(0, {})) + end)
            self._waiting = b""
        frames.append(DONE)

    def encode_error(self, refusal: Refusal, request_id: str) -> bytes:
        """The frames that end a stream which failed: what waited, and the error. No ``[DONE]``."""
        waiting = self._waiting + self._tail if self._waiting else b""
        return waiting + b"data: " + error_body(refusal, request_id, in_stream=True) + b"\n\n"


def _audio_delta(audio: chat.ChatAudioDelta) -> dict[str, Any]:
    rendered: dict[str, Any] = {}
    if audio.id:
        rendered["id"] = audio.id
    if audio.data:
        rendered["data"] = base64.b64encode(audio.data).decode()
    if audio.transcript:
        rendered["transcript"] = audio.transcript
    if audio.HasField("expire_time"):
        rendered["expires_at"] = audio.expire_time.seconds
    return rendered
