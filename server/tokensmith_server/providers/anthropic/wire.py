"""What is read of Anthropic's answers: typed shapes for the decoder, and nothing else.

Fields that are not here are skipped without being built. Usage stays raw, so that a broken block
costs the usage and not the answer. The events of a stream are one tagged union, so that a whole
read is decoded in one go.
"""

from typing import Any

from msgspec import Raw, Struct

_ABSENT = Raw()


class Block(Struct):
    """A content block, whole or at its start; which fields it has depends on the type."""

    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = _ABSENT
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class StopDetails(Struct):
    """Why an answer was refused."""

    explanation: str | None = None


class Ending(Struct):
    """How an answer ended."""

    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class Answer(Struct):
    """The body of an answer that is not streamed."""

    type: str | None = None
    content: list[Block] | None = None
    model: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: Raw = _ABSENT


class TextDelta(Struct, tag_field="type", tag="text_delta", gc=False):
    """A piece of text."""

    text: str


class InputJSONDelta(Struct, tag_field="type", tag="input_json_delta", gc=False):
    """A piece of a tool call's arguments."""

    partial_json: str


class ThinkingDelta(Struct, tag_field="type", tag="thinking_delta", gc=False):
    """A piece of thinking."""

    thinking: str


class SignatureDelta(Struct, tag_field="type", tag="signature_delta", gc=False):
    """What seals a thinking block."""

    signature: str


class CitationsDelta(Struct, tag_field="type", tag="citations_delta", gc=False):
    """A citation, which has no place in our contract."""


class BlockDelta(Struct, tag_field="type", tag="content_block_delta", gc=False):
    """A part of a block."""

    index: int
    delta: TextDelta | InputJSONDelta | ThinkingDelta | SignatureDelta | CitationsDelta


class BlockStart(Struct, tag_field="type", tag="content_block_start"):
    """A block begins."""

    index: int
    content_block: Block


class BlockStop(Struct, tag_field="type", tag="content_block_stop", gc=False):
    """A block ends."""

    index: int


class StartedMessage(Struct):
    """What is known of a message before its content."""

    model: str | None = None
    usage: Raw = _ABSENT


class MessageStart(Struct, tag_field="type", tag="message_start"):
    """The message begins."""

    message: StartedMessage


class MessageDelta(Struct, tag_field="type", tag="message_delta"):
    """How the message ends, and what has been used so far."""

    delta: Ending
    usage: Raw = _ABSENT


class MessageStop(Struct, tag_field="type", tag="message_stop", gc=False):
    """The end mark."""


class Ping(Struct, tag_field="type", tag="ping", gc=False):
    """A sign of life."""


class ErrorEvent(Struct, tag_field="type", tag="error"):
    """An error in the place of the rest."""

    error: Raw = _ABSENT


Event = (
    BlockDelta
    | BlockStart
    | BlockStop
    | MessageStart
    | MessageDelta
    | MessageStop
    | Ping
    | ErrorEvent
)

EVENT_TYPES = frozenset(
    {
        "content_block_delta",
        "content_block_start",
        "content_block_stop",
        "error",
        "message_delta",
        "message_start",
        "message_stop",
        "ping",
    }
)
DELTA_TYPES = frozenset(
    {"citations_delta", "input_json_delta", "signature_delta", "text_delta", "thinking_delta"}
)


BLOCK_TYPES = frozenset({"redacted_thinking", "text", "thinking", "tool_use"})


class UntypedEvent(Struct):
    """An event of which only the types are looked at, to tell an unknown one from a broken one."""

    type: str
    index: Any = None
    delta: Any = None
    content_block: Any = None


class TypedBlock(Struct):
    """A block of which only the type is looked at."""

    type: str
