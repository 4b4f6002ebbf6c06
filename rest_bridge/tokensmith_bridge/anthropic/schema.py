"""Anthropic's Messages request, typed: what a body may contain, and within which bounds.

After ``types/message_create_params.py`` and ``types/beta/message_create_params.py`` of anthropic
2.12. Unknown fields are refused by name. Fields of a loose type are those that ``request.py`` takes
a position on by name: without effect, or refused whatever they say.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw

from tokensmith_bridge.anthropic.block_schema import CacheControl, Message, TextBlock
from tokensmith_bridge.openai.message_schema import Object
from tokensmith_bridge.openai.schema import INT32_MAX

Effort = Literal["low", "medium", "high", "xhigh", "max"]
Display = Literal["summarized", "omitted", "updates"]
Share = Annotated[float, Meta(ge=0, le=1)]


# Thinking.


class EnabledThinking(Object, tag_field="type", tag="enabled"):
    """Think with a budget. ``block_binding`` has no effect: the provider judges what comes back."""

    budget_tokens: Annotated[int, Meta(ge=1024, le=INT32_MAX)]
    display: Display | None = None
    block_binding: Any = None


class AdaptiveThinking(Object, tag_field="type", tag="adaptive"):
    """Think as much as it takes."""

    display: Display | None = None
    block_binding: Any = None


class DisabledThinking(Object, tag_field="type", tag="disabled"):
    """Do not think."""


class BetweenToolsThinking(Object, tag_field="type", tag="between_tools"):
    """Do not think; what the model says of its progress may come as thinking."""


Thinking = EnabledThinking | AdaptiveThinking | DisabledThinking | BetweenToolsThinking


# Which tool.


class AutoChoice(Object, tag_field="type", tag="auto"):
    """The model decides."""

    disable_parallel_tool_use: bool | None = None


class AnyChoice(Object, tag_field="type", tag="any"):
    """Some tool must be called."""

    disable_parallel_tool_use: bool | None = None


class ToolChoice(Object, tag_field="type", tag="tool"):
    """This tool must be called."""

    name: str
    disable_parallel_tool_use: bool | None = None


class NoneChoice(Object, tag_field="type", tag="none"):
    """No tool may be called."""


AnyToolChoice = AutoChoice | AnyChoice | ToolChoice | NoneChoice


# Tools. Which of these a tool is, its ``type`` says, which one of the client's own may leave out.


class ToolKind(Object, forbid_unknown_fields=False):
    """Of any tool as much as is needed to tell its kind."""

    type: str | None = None
    name: str | None = None
    defer_loading: bool | None = None


class CustomTool(Object):
    """A tool of the client's. Streaming hints have no effect.

    One with ``defer_loading`` is offered once a search for tools has found it, or it was added.
    """

    name: Annotated[str, Meta(min_length=1)]
    input_schema: Raw
    type: Literal["custom"] | None = None
    description: str | None = None
    strict: bool | None = None
    input_examples: list[dict[str, Any]] | None = None
    allowed_callers: list[Literal["direct"]] | None = None
    cache_control: CacheControl = None
    defer_loading: bool | None = None
    eager_input_streaming: bool | None = None


class KnownTool(Object):
    """A tool that the client runs and that Anthropic has defined."""

    type: str
    name: str
    strict: bool | None = None
    input_examples: list[dict[str, Any]] | None = None
    allowed_callers: list[Literal["direct"]] | None = None
    cache_control: CacheControl = None
    defer_loading: bool | None = None
    max_characters: int | None = None


# Further settings.


class Metadata(Object):
    """About the request."""

    user_id: str | None = None


class JSONSchemaFormat(Object, tag_field="type", tag="json_schema"):
    """JSON that follows a schema."""

    schema: dict[str, Any]


class OutputConfig(Object):
    """What the answer shall be like."""

    effort: Effort | None = None
    format: JSONSchemaFormat | None = None


class ClearThinking(Object, tag_field="type", tag="clear_thinking_20251015"):
    """Leave out older thinking. Without effect: each model's own rule decides which it is shown."""

    keep: Any = None


class ContextManagement(Object):
    """How the conversation is cut down before the model sees it."""

    edits: list[ClearThinking] | None = None


class Input(Object, kw_only=True):
    """What both endpoints take."""

    model: Annotated[str, Meta(min_length=1, max_length=256)]
    messages: Annotated[list[Message], Meta(min_length=1, max_length=4096)]
    system: str | list[TextBlock] | None = None
    # Of those whose loading is deferred few are offered at a time.
    tools: Annotated[list[Raw], Meta(max_length=2048)] | None = None
    tool_choice: AnyToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: JSONSchemaFormat | None = None
    context_management: ContextManagement | None = None
    cache_control: CacheControl = None
    diagnostics: Any = None
    speed: Literal["standard", "fast"] | None = None
    mcp_servers: list[Any] | None = None
    thread: Any = None


class CountRequest(Input, kw_only=True):
    """The body of ``POST /v1/messages/count_tokens``."""


class MessagesRequest(Input, kw_only=True):
    """The body of ``POST /v1/messages``."""

    max_tokens: Annotated[int, Meta(ge=1, le=INT32_MAX)]
    stream: bool | None = None
    stop_sequences: Annotated[list[str], Meta(max_length=4)] | None = None
    temperature: Share | None = None
    top_p: Share | None = None
    top_k: int | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    container: Any = None
    inference_geo: Any = None
    fallbacks: Any = None
