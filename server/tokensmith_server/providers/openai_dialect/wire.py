"""What is read of the dialect's answers: typed shapes for the decoder, and nothing else.

Fields that are not here are skipped without being built. Usage stays raw, so that a broken block
costs the usage and not the answer. ``Any`` stands where vendors differ in type.
"""

from typing import Any, Literal

from msgspec import Raw, Struct

_ABSENT = Raw()


class FunctionCall(Struct):
    """A function's name and arguments, or pieces of them."""

    name: str | None = None
    arguments: Any = None
    """Text of JSON; a few hosts send the object itself."""


class CustomCall(Struct):
    """A custom tool's name and input, or pieces of them."""

    name: str | None = None
    input: str | None = None


class ToolCall(Struct):
    """A tool call, or a part of one. Together declares the index a number."""

    index: int | float | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionCall | None = None
    custom: CustomCall | None = None


class UrlCitation(Struct):
    """A web page and the characters that rest on it."""

    start_index: int = 0
    end_index: int = 0
    title: str | None = None
    url: str | None = None


class Annotation(Struct):
    """A citation."""

    type: str | None = None
    url_citation: UrlCitation | None = None


class Audio(Struct):
    """Sound in base64, or a piece of it; ``expires_at`` is in seconds since the epoch."""

    id: str | None = None
    data: str | None = None
    transcript: str | None = None
    expires_at: int | None = None


class Message(Struct):
    """An answer, or a part of one: both have the same fields."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: list[ToolCall] | None = None
    function_call: FunctionCall | None = None
    audio: Audio | None = None
    annotations: list[Annotation] | None = None


class Choice(Struct):
    """A whole choice."""

    message: Message
    index: int = 0
    finish_reason: str | None = None
    logprobs: Any = None


class Completion(Struct):
    """The body of an answer that is not streamed."""

    choices: list[Choice] | None = None
    usage: Raw = _ABSENT
    model: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    moderation: Raw = _ABSENT
    error: Any = None
    object: Any = None


class ChunkChoice(Struct):
    """A part of a choice."""

    delta: Message | None = None
    index: int = 0
    finish_reason: str | None = None
    logprobs: Any = None


class Chunk(Struct):
    """One frame of a stream."""

    choices: list[ChunkChoice] | None = None
    usage: Raw = _ABSENT
    model: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    moderation: Raw = _ABSENT
    error: Any = None
    object: Any = None
    type: Any = None


# What follows accepts a frame only if it is nothing but text of the first choice: everything that
# could make it more is declared to be null. The decoder thus does the checking, in C.


class PlainDelta(Struct, gc=False):
    """A piece of text and nothing else."""

    content: str
    refusal: None = None
    reasoning_content: None = None
    reasoning: None = None
    tool_calls: None = None
    function_call: None = None
    audio: None = None
    annotations: None = None


class PlainChoice(Struct, gc=False):
    """A part of the first choice that neither ends it nor has log probabilities."""

    delta: PlainDelta
    index: Literal[0] = 0
    finish_reason: None = None
    logprobs: None = None


class PlainChunk(Struct, gc=False):
    """A frame with one piece of text. Model and tier were read from an earlier frame."""

    choices: tuple[PlainChoice]
    usage: None = None
    error: None = None
    moderation: None = None
