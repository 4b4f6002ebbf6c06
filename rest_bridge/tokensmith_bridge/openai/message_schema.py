"""OpenAI's chat messages, typed: what a conversation in a request may contain.

``cache_control`` is Anthropic's, and what agents send with a Claude's name through any API. It is
taken everywhere, without effect, as in Anthropic's own shape.
"""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct


class Object(Struct, forbid_unknown_fields=True, gc=False):
    """Base of every object; the tree has no cycles, so the garbage collector need not track it."""


CacheControl = dict[str, Any] | None


# Content parts.


class PromptCacheBreakpoint(Object):
    """Marks the end of a prefix that the provider's cache may keep."""

    mode: Literal["explicit"]
    ttl: Literal["30m", "12h"] | None = None


class TextPart(Object, tag_field="type", tag="text"):
    """Text."""

    text: str
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None
    cache_control: CacheControl = None


class RefusalPart(Object, tag_field="type", tag="refusal"):
    """Text in which an assistant refused."""

    refusal: str
    cache_control: CacheControl = None


class ImageURL(Object):
    """Where an image is: an http(s) address or a data URL."""

    url: str
    detail: Literal["auto", "low", "high", "original"] | None = None


class ImagePart(Object, tag_field="type", tag="image_url"):
    """An image."""

    image_url: ImageURL
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None
    cache_control: CacheControl = None


class InputAudio(Object):
    """Sound, as base64 on the wire."""

    data: bytes
    format: Literal["wav", "mp3"]


class InputAudioPart(Object, tag_field="type", tag="input_audio"):
    """Sound."""

    input_audio: InputAudio
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None
    cache_control: CacheControl = None


class File(Object):
    """A document: the id of an upload, or its bytes as base64 or a data URL."""

    file_id: str | None = None
    file_data: str | None = None
    filename: str | None = None


class FilePart(Object, tag_field="type", tag="file"):
    """A document."""

    file: File
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None
    cache_control: CacheControl = None


_PART_COUNT: Final = Meta(min_length=1, max_length=2048)
TextContent = str | Annotated[list[TextPart], _PART_COUNT]
UserContent = str | Annotated[list[TextPart | ImagePart | InputAudioPart | FilePart], _PART_COUNT]
AssistantContent = str | Annotated[list[TextPart | RefusalPart], _PART_COUNT]
ContentPart = TextPart | RefusalPart | ImagePart | InputAudioPart | FilePart


# Calls that an assistant made.


class FunctionCall(Object):
    """A function that was called. ``arguments`` is JSON text, valid or not, as the model wrote it.

    ``parsed_arguments`` is what OpenAI's ``parse()`` leaves in an answer that is sent back.
    """

    name: str
    arguments: str
    parsed_arguments: Any = None
    provider_specific_fields: Any = None


class CustomCall(Object):
    """A custom tool that was called."""

    name: str
    input: str


class FunctionToolCall(Object, tag_field="type", tag="function"):
    """A tool call to a function. ``index`` is what stream accumulators leave in it."""

    id: str
    function: FunctionCall
    index: int | None = None
    provider_specific_fields: Any = None
    cache_control: CacheControl = None


class CustomToolCall(Object, tag_field="type", tag="custom"):
    """A tool call with free-form input."""

    id: str
    custom: CustomCall
    index: int | None = None
    cache_control: CacheControl = None


class EarlierAudio(Object):
    """Refers to an earlier spoken answer, whose other fields may be repeated and are not used."""

    id: str
    data: str | None = None
    expires_at: int | None = None
    transcript: str | None = None


# Messages, told apart by `role`.


class DeveloperMessage(Object, tag_field="role", tag="developer"):
    """Instructions of the application, under their current name."""

    content: TextContent
    name: str | None = None
    cache_control: CacheControl = None


class SystemMessage(Object, tag_field="role", tag="system"):
    """Instructions of the application, under their former name."""

    content: TextContent
    name: str | None = None
    cache_control: CacheControl = None


class UserMessage(Object, tag_field="role", tag="user"):
    """What the person said."""

    content: UserContent
    name: str | None = None
    cache_control: CacheControl = None


class AssistantMessage(Object, tag_field="role", tag="assistant"):
    """What the model said.

    ``annotations`` and ``parsed`` are parts of an answer that clients send back with it. Nothing is
    done with them, here as at OpenAI; nor with what LiteLLM adds to every answer that it reads.
    """

    content: AssistantContent | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[FunctionToolCall | CustomToolCall] | None = None
    function_call: FunctionCall | None = None
    audio: EarlierAudio | None = None
    reasoning_content: str | None = None
    annotations: list[Any] | None = None
    parsed: Any = None
    provider_specific_fields: Any = None
    thinking_blocks: Any = None
    cache_control: CacheControl = None


class ToolMessage(Object, tag_field="role", tag="tool"):
    """A tool's result. ``name`` is what older clients of OpenAI's say beside it, without effect."""

    content: TextContent
    tool_call_id: str
    name: str | None = None
    cache_control: CacheControl = None


class FunctionMessage(Object, tag_field="role", tag="function"):
    """A function's result (deprecated with ``functions``)."""

    content: str | None
    name: str


Message = (
    DeveloperMessage
    | SystemMessage
    | UserMessage
    | AssistantMessage
    | ToolMessage
    | FunctionMessage
)
