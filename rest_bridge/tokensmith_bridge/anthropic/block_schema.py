"""Anthropic's messages, typed: what a conversation in a request may contain.

After ``types/*_block_param.py`` and ``types/*_source_param.py`` of anthropic 2.12.
``cache_control`` is taken everywhere and has no effect: cache writes cost more than the price list
charges, and what a provider caches by itself it caches without it.
"""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Raw

from tokensmith_bridge.openai.message_schema import Object

CacheControl = dict[str, Any] | None
_BLOCK_COUNT: Final = Meta(max_length=2048)


class TextBlock(Object, tag_field="type", tag="text"):
    """Text. ``citations`` are what answers carry and clients send back; they have no effect."""

    text: str
    cache_control: CacheControl = None
    citations: list[Any] | None = None


class Base64Image(Object, tag_field="type", tag="base64"):
    """An image's bytes."""

    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: str


class URLSource(Object, tag_field="type", tag="url"):
    """An address."""

    url: str


class FileSource(Object, tag_field="type", tag="file"):
    """The id of an upload."""

    file_id: str


class ImageBlock(Object, tag_field="type", tag="image"):
    """An image."""

    source: Base64Image | URLSource | FileSource
    cache_control: CacheControl = None


class Base64PDF(Object, tag_field="type", tag="base64"):
    """A PDF's bytes."""

    media_type: Literal["application/pdf"]
    data: str


class PlainText(Object, tag_field="type", tag="text"):
    """A document that is text."""

    media_type: Literal["text/plain"]
    data: str


class ContentSource(Object, tag_field="type", tag="content"):
    """A document in blocks."""

    content: str | list[TextBlock | ImageBlock]


class Citations(Object):
    """Whether an answer shall cite a document."""

    enabled: bool | None = None


class DocumentBlock(Object, tag_field="type", tag="document"):
    """A document."""

    source: Base64PDF | PlainText | ContentSource | URLSource | FileSource
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None
    cache_control: CacheControl = None


class SearchResultBlock(Object, tag_field="type", tag="search_result"):
    """Something that a search of the client found."""

    source: str
    title: str
    content: list[TextBlock]
    citations: Citations | None = None
    cache_control: CacheControl = None


class ToolReferenceBlock(Object, tag_field="type", tag="tool_reference"):
    """Names a tool that a search for tools found, which is offered from then on."""

    tool_name: str
    cache_control: CacheControl = None


ResultBlock = TextBlock | ImageBlock | DocumentBlock | SearchResultBlock | ToolReferenceBlock


class ToolResultBlock(Object, tag_field="type", tag="tool_result"):
    """What a tool returned."""

    tool_use_id: Annotated[str, Meta(min_length=1)]
    content: str | Annotated[list[ResultBlock], _BLOCK_COUNT] | None = None
    is_error: bool | None = None
    cache_control: CacheControl = None
    toolset_name: str | None = None


class ToolUseBlock(Object, tag_field="type", tag="tool_use"):
    """A tool that the model called. ``caller`` is what answers carry; it has no effect."""

    id: Annotated[str, Meta(min_length=1)]
    name: Annotated[str, Meta(min_length=1)]
    input: Raw
    cache_control: CacheControl = None
    caller: Any = None
    toolset_name: str | None = None


class ThinkingBlock(Object, tag_field="type", tag="thinking"):
    """What a model thought, and the signature that came with it."""

    thinking: str
    signature: str = ""


class RedactedThinkingBlock(Object, tag_field="type", tag="redacted_thinking"):
    """What a model thought and nobody may read."""

    data: str


# Tools that come and go in mid-conversation.


class ToolName(Object, tag_field="type", tag="tool_reference"):
    """Names a tool."""

    name: str


class ToolDefinition(Object, tag_field="type", tag="tool_definition"):
    """A tool as an entry of the request's ``tools``."""

    definition: Raw


class ToolAdditionBlock(Object, tag_field="type", tag="tool_addition"):
    """Offers a tool from here on."""

    tool: ToolName | ToolDefinition
    cache_control: CacheControl = None


class ToolRemovalBlock(Object, tag_field="type", tag="tool_removal"):
    """Offers a tool no longer."""

    tool: ToolName
    cache_control: CacheControl = None


ToolChangeBlock = ToolAdditionBlock | ToolRemovalBlock
UserBlock = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | SearchResultBlock
    | ToolResultBlock
    | ToolAdditionBlock
    | ToolRemovalBlock
)
SystemBlock = TextBlock | ToolAdditionBlock | ToolRemovalBlock
AssistantBlock = TextBlock | ToolUseBlock | ThinkingBlock | RedactedThinkingBlock


class UserMessage(Object, tag_field="role", tag="user"):
    """What the person said, and what tools returned."""

    content: str | Annotated[list[UserBlock], _BLOCK_COUNT]


class AssistantMessage(Object, tag_field="role", tag="assistant"):
    """What the model said."""

    content: str | Annotated[list[AssistantBlock], _BLOCK_COUNT]


class SystemMessage(Object, tag_field="role", tag="system"):
    """Instructions in mid-conversation."""

    content: str | Annotated[list[SystemBlock], _BLOCK_COUNT]


Message = UserMessage | AssistantMessage | SystemMessage
