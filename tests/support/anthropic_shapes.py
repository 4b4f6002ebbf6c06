"""Anthropic's own types as a strict judge of what the bridge emits.

Its SDK builds objects without checking them, so that a wrong one would go unnoticed.
"""

from typing import Any, TypeVar

import msgspec
from anthropic.types import Message, ModelInfo, RawMessageStreamEvent
from pydantic import BaseModel, TypeAdapter

T = TypeVar("T")

# What we say beyond Anthropic.
OURS = {"cost", "estimated"}

_MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)
_EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
_MODEL: TypeAdapter[ModelInfo] = TypeAdapter(ModelInfo)


def judged_message(body: bytes) -> Message:
    """A whole answer, which is exactly a ``Message``."""
    return _known(_MESSAGE.validate_json(body, strict=True))


def judged_model(body: bytes) -> ModelInfo:
    """An entry of the list of models."""
    return _known(_MODEL.validate_json(body, strict=True))


def judged_events(stream: bytes) -> list[RawMessageStreamEvent]:
    """The events of a stream that ended well, in an order that makes sense."""
    events: list[Any] = []
    for name, data in frames_of(stream):
        assert msgspec.json.decode(data)["type"] == name
        if name != "ping":
            events.append(_known(_EVENT.validate_json(data, strict=True)))
    _judge_order(events)
    return events


def content_of(data: bytes) -> list[dict[str, Any]]:
    """The blocks that a client puts together from a stream's events."""
    blocks: list[dict[str, Any]] = []
    inputs: dict[int, str] = {}
    for event in judged_events(data):
        if event.type == "content_block_start":
            blocks.append(event.content_block.model_dump(exclude_unset=True))
        elif event.type == "content_block_delta":
            block: Any = blocks[event.index]
            match event.delta.type:
                case "text_delta":
                    block["text"] += event.delta.text
                case "thinking_delta":
                    block["thinking"] += event.delta.thinking
                case "signature_delta":
                    block["signature"] += event.delta.signature
                case "input_json_delta":
                    inputs[event.index] = inputs.get(event.index, "") + event.delta.partial_json
    for index, text in inputs.items():
        blocks[index]["input"] = msgspec.json.decode(text)
    return blocks


def frames_of(stream: bytes) -> list[tuple[str, bytes]]:
    """Name and data of each frame, comments left out. Every frame has exactly these two lines."""
    frames = []
    assert stream.endswith(b"\n\n")
    for frame in stream.removesuffix(b"\n\n").split(b"\n\n"):
        if frame.startswith(b":"):
            continue
        name, data = frame.split(b"\n")
        assert name.startswith(b"event: ")
        assert data.startswith(b"data: ")
        frames.append((name.removeprefix(b"event: ").decode(), data.removeprefix(b"data: ")))
    return frames


def _judge_order(events: list[Any]) -> None:
    kinds = [event.type for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    count = 0
    is_open = False
    for event in events[1:-2]:
        match event.type:
            case "content_block_start":
                assert not is_open
                assert event.index == count
                is_open, count = True, count + 1
            case "content_block_delta":
                assert is_open
                assert event.index == count - 1
            case "content_block_stop":
                assert is_open
                assert event.index == count - 1
                is_open = False
            case other:
                raise AssertionError(other)
    assert not is_open


def _known(value: T) -> T:
    """The value, after looking for fields that its types do not have."""
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseModel):
            assert set(one.model_extra or {}) <= OURS, one
            waiting += [getattr(one, name) for name in type(one).model_fields]
        elif isinstance(one, list):
            waiting += one
    return value
