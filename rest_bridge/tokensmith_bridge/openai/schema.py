"""OpenAI's chat request, typed: what a body may contain, and within which bounds.

One Struct per JSON object of ``POST /v1/chat/completions``, after ``types/chat/*_param.py`` of
openai 3.52. Unknown fields are refused by name. A field that may be left out may also be ``null``,
which means the same. Length and range limits are those that ``chat_service.proto`` documents.
"""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from tokensmith_bridge.openai.message_schema import CacheControl, Message, Object, TextContent

INT32_MAX: Final = 2**31 - 1

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
TokenCount = Annotated[int, Meta(ge=1, le=INT32_MAX)]
TokenId = Annotated[str, Meta(pattern=r"^[0-9]{1,10}\Z")]
Bias = Annotated[int, Meta(ge=-100, le=100)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
MetadataKey = Annotated[str, Meta(max_length=64)]
MetadataValue = Annotated[str, Meta(max_length=512)]

ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
ServiceTier = Literal["auto", "default", "flex", "scale", "priority", "fast"]
Level = Literal["low", "medium", "high"]
ModerationMode = Literal["score", "block"]


# Tools and what may be called.


class Function(Object):
    """A function that the model may call; ``parameters`` is a JSON Schema."""

    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    cache_control: CacheControl = None


class DeprecatedFunction(Object):
    """An entry of the deprecated ``functions``."""

    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None


class FunctionTool(Object, tag_field="type", tag="function"):
    """A function as a tool."""

    function: Function
    cache_control: CacheControl = None


class Grammar(Object):
    """A grammar for free-form input."""

    definition: str
    syntax: Literal["lark", "regex"]


class TextInputFormat(Object, tag_field="type", tag="text"):
    """Any text."""


class GrammarInputFormat(Object, tag_field="type", tag="grammar"):
    """Text that follows a grammar."""

    grammar: Grammar


class Custom(Object):
    """A tool with free-form input."""

    name: str
    description: str | None = None
    format: TextInputFormat | GrammarInputFormat | None = None


class CustomTool(Object, tag_field="type", tag="custom"):
    """A custom tool."""

    custom: Custom


class Named(Object):
    """Names a function or a custom tool."""

    name: str


class FunctionReference(Object, tag_field="type", tag="function"):
    """Names a function among the tools."""

    function: Named


class CustomReference(Object, tag_field="type", tag="custom"):
    """Names a custom tool among the tools."""

    custom: Named


class AllowedTools(Object):
    """A subset of the tools."""

    mode: Literal["auto", "required"]
    tools: list[FunctionReference | CustomReference]


class AllowedToolsChoice(Object, tag_field="type", tag="allowed_tools"):
    """Restricts the choice to a subset of the tools."""

    allowed_tools: AllowedTools


ToolChoice = (
    Literal["none", "auto", "required"] | FunctionReference | CustomReference | AllowedToolsChoice
)


# Shape of the answer.


class TextFormat(Object, tag_field="type", tag="text"):
    """Plain text."""


class JSONObjectFormat(Object, tag_field="type", tag="json_object"):
    """Any JSON object."""


class JSONSchema(Object):
    """A schema that the answer follows."""

    name: Name
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class JSONSchemaFormat(Object, tag_field="type", tag="json_schema"):
    """JSON that follows a schema."""

    json_schema: JSONSchema


# Further settings.


class VoiceId(Object):
    """A custom voice."""

    id: str


class Audio(Object):
    """How to speak an answer."""

    format: Literal["wav", "aac", "mp3", "flac", "opus", "pcm16"]
    voice: str | VoiceId


class Prediction(Object, tag_field="type", tag="content"):
    """Text that the answer is expected to repeat."""

    content: TextContent


class PromptCacheOptions(Object):
    """How the provider's prompt cache is used."""

    mode: Literal["implicit", "explicit"] | None = None
    ttl: Literal["30m"] | None = None


class ApproximateLocation(Object):
    """Where somebody is, roughly."""

    city: str | None = None
    country: str | None = None
    region: str | None = None
    timezone: str | None = None


class UserLocation(Object, tag_field="type", tag="approximate"):
    """Where the user is."""

    approximate: ApproximateLocation


class WebSearchOptions(Object):
    """Lets the model search the web."""

    search_context_size: Level | None = None
    user_location: UserLocation | None = None


class ModerationPolicySide(Object):
    """What to do with what goes in, or with what comes out."""

    mode: ModerationMode


class ModerationPolicy(Object):
    """What to do with both."""

    input: ModerationPolicySide | None = None
    output: ModerationPolicySide | None = None


class Moderation(Object):
    """Asks for moderation of the exchange."""

    model: str
    policy: ModerationPolicy | None = None


class StreamOptions(Object):
    """How to stream. ``include_obfuscation`` is taken and has no effect: we add no padding."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ChatRequest(Object):
    """The body of ``POST /v1/chat/completions``."""

    model: Annotated[str, Meta(min_length=1, max_length=256)]
    messages: Annotated[list[Message], Meta(min_length=1, max_length=4096)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_completion_tokens: TokenCount | None = None
    max_tokens: TokenCount | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    logit_bias: Annotated[dict[TokenId, Bias], Meta(max_length=1024)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    tools: Annotated[list[FunctionTool | CustomTool], Meta(max_length=128)] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    functions: Annotated[list[DeprecatedFunction], Meta(max_length=128)] | None = None
    function_call: Literal["none", "auto"] | Named | None = None
    response_format: TextFormat | JSONObjectFormat | JSONSchemaFormat | None = None
    reasoning_effort: ReasoningEffort | None = None
    verbosity: Level | None = None
    modalities: (
        Annotated[list[Literal["text", "audio"]], Meta(min_length=1, max_length=2)] | None
    ) = None
    audio: Audio | None = None
    prediction: Prediction | None = None
    service_tier: ServiceTier | None = None
    store: bool | None = None
    metadata: Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=16)] | None = None
    safety_identifier: Annotated[str, Meta(max_length=128)] | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: PromptCacheOptions | None = None
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    user: str | None = None
    web_search_options: WebSearchOptions | None = None
    moderation: Moderation | None = None
