"""OpenAI's Responses request, typed: what a body may contain, and within which bounds.

After ``types/responses/*_param.py`` of openai 3.52. Unknown fields are refused by name; a field
that may be left out may also be ``null``, which means the same. The items of ``input`` are decoded
one by one, by ``responses_items``, since their ``type`` may be left out.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw

from tokensmith_bridge.openai.message_schema import Object
from tokensmith_bridge.openai.schema import (
    JSONObjectFormat,
    Level,
    MetadataKey,
    MetadataValue,
    Name,
    PromptCacheOptions,
    ReasoningEffort,
    ServiceTier,
    TextFormat,
    TextInputFormat,
    TokenCount,
)

ResponseId = Annotated[str, Meta(min_length=1, max_length=64)]
SummaryLevel = Literal["auto", "concise", "detailed"]

# What may be asked to be included. What these add is there in any case, apart from log
# probabilities; of reasoning it is what the provider signs, where it does.
Includable = Literal[
    "message.output_text.logprobs",
    "message.input_image.image_url",
    "reasoning.encrypted_content",
]


# Tools and what may be called.


class ResponseFunctionTool(Object, tag_field="type", tag="function"):
    """A function that the model may call; ``parameters`` is a JSON Schema.

    Every tool is there from the start, so that ``defer_loading`` has no effect; nor has
    ``output_schema``, which no program here reads.
    """

    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    allowed_callers: list[Literal["direct"]] | None = None
    defer_loading: bool | None = None
    output_schema: dict[str, Any] | None = None


class ResponseGrammarFormat(Object, tag_field="type", tag="grammar"):
    """Text that follows a grammar."""

    definition: str
    syntax: Literal["lark", "regex"]


class ResponseCustomTool(Object, tag_field="type", tag="custom"):
    """A tool with free-form input."""

    name: str
    description: str | None = None
    format: TextInputFormat | ResponseGrammarFormat | None = None
    allowed_callers: list[Literal["direct"]] | None = None
    defer_loading: bool | None = None


class NamespaceTool(Object, tag_field="type", tag="namespace"):
    """Tools under one name, which calls of theirs carry."""

    name: Name
    description: str
    tools: list[ResponseFunctionTool | ResponseCustomTool]


ResponseTool = ResponseFunctionTool | ResponseCustomTool | NamespaceTool


class NamedFunction(Object, tag_field="type", tag="function"):
    """Names a function among the tools."""

    name: str


class NamedCustomTool(Object, tag_field="type", tag="custom"):
    """Names a custom tool among the tools."""

    name: str


class AllowedToolsChoice(Object, tag_field="type", tag="allowed_tools"):
    """Restricts the choice to a subset of the tools."""

    mode: Literal["auto", "required"]
    tools: list[NamedFunction | NamedCustomTool]


ResponseToolChoice = (
    Literal["none", "auto", "required"] | NamedFunction | NamedCustomTool | AllowedToolsChoice
)


# Shape of the answer.


class ResponseJSONSchemaFormat(Object, tag_field="type", tag="json_schema"):
    """JSON that follows a schema."""

    name: Name
    schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None


class TextConfig(Object):
    """The shape of the text, and how wordy it is."""

    format: TextFormat | JSONObjectFormat | ResponseJSONSchemaFormat | None = None
    verbosity: Level | None = None


class ReasoningConfig(Object):
    """How long to reason, and in which form reasoning that the model shows is given.

    With ``summary`` it comes as a summary, without as the reasoning's text. ``generate_summary`` is
    the former name. ``context`` can't leave earlier reasoning out: what comes back goes on to
    every model that takes it. ``mode`` takes its default alone.
    """

    effort: ReasoningEffort | None = None
    summary: SummaryLevel | None = None
    generate_summary: SummaryLevel | None = None
    context: Literal["auto", "all_turns"] | None = None
    mode: Literal["standard"] | None = None


class ResponseStreamOptions(Object):
    """``include_obfuscation`` is taken and has no effect: we add no padding."""

    include_obfuscation: bool | None = None


class ResponseRequest(Object):
    """The body of ``POST /v1/responses``.

    The last fields are known and not served: ``responses_reading`` refuses them by name.
    """

    model: Annotated[str, Meta(min_length=1, max_length=256)]
    input: str | Annotated[list[Raw], Meta(max_length=4096)] | None = None
    instructions: str | None = None
    previous_response_id: ResponseId | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: ResponseStreamOptions | None = None
    max_output_tokens: TokenCount | None = None
    # Limits hosted tools, of which there are none here: always obeyed.
    max_tool_calls: TokenCount | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: Annotated[list[ResponseTool], Meta(max_length=128)] | None = None
    tool_choice: ResponseToolChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    reasoning: ReasoningConfig | None = None
    truncation: Literal["auto", "disabled"] | None = None
    include: list[Includable] | None = None
    metadata: Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=16)] | None = None
    # What agents say of themselves; not in OpenAI's SDK, but on its wire. Without effect.
    client_metadata: dict[str, Any] | None = None
    service_tier: ServiceTier | None = None
    safety_identifier: Annotated[str, Meta(max_length=128)] | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: PromptCacheOptions | None = None
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    user: str | None = None
    background: bool | None = None
    conversation: Any = None
    context_management: Any = None
    prompt: Any = None
    moderation: Any = None
    access_programs: Any = None
    image: Any = None
