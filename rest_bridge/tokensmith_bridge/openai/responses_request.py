"""From a Responses request to the contract's chat, and a chat's refusal back to its fields.

Metadata, ``store`` and ``previous_response_id`` are about what is kept here; no provider sees them.
"""

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.openai import responses_schema as schema
from tokensmith_bridge.openai.errors import Refusal
from tokensmith_bridge.openai.responses_conversation import RETURNED, PlacedItem, messages_of
from tokensmith_bridge.openai.responses_namespaces import PlacedTool, ToolNames, placed_tools
from tokensmith_bridge.openai.schema import JSONObjectFormat, PromptCacheOptions, TextFormat

# Fields that are the same on both sides.
_SCALARS: Final = (
    "max_output_tokens",
    "temperature",
    "top_p",
    "parallel_tool_calls",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "user",
)
_get_scalars: Final = operator.attrgetter(*_SCALARS)

_LOGPROBS: Final = "message.output_text.logprobs"


@dataclass(frozen=True, slots=True)
class Places:
    """Where in the request the chat's messages and tools came from, for what is said of them."""

    messages: Sequence[str]
    tools: Sequence[str]


def calls_functions(request: schema.ResponseRequest) -> bool:
    """Whether there is a function among the request's tools."""
    return any(
        isinstance(placed.tool, schema.ResponseFunctionTool)
        for placed in placed_tools(request.tools or ())
    )


def fill_params(
    params: chat.ChatCompletionParams,
    request: schema.ResponseRequest,
    items: Sequence[PlacedItem],
) -> Places:
    """Write ``request`` and its conversation into empty ``params``; where all of it came from.

    Raises:
        Refusal: a part of the conversation can't be said in a chat.
    """
    params.model = request.model
    messages, places = messages_of(items)
    if request.instructions is not None:
        instructions = chat.ChatMessage(role=chat.CHAT_ROLE_SYSTEM)
        instructions.content.text = request.instructions
        messages.insert(0, instructions)
        places.insert(0, "instructions")
    if len(messages) == (request.instructions is not None):
        raise Refusal("INVALID_ARGUMENT", "'input' must have at least one item.", param="input")
    params.messages.extend(messages)
    for name, scalar in zip(_SCALARS, _get_scalars(request), strict=True):
        if scalar is not None:
            setattr(params, name, scalar)
    if request.reasoning is not None and request.reasoning.effort is not None:
        params.reasoning_effort = request.reasoning.effort
    if request.text is not None:
        _fill_text(params, request.text)
    asked_tools = request.tools or ()
    tools = list(placed_tools(asked_tools))
    for tool in tools:
        _fill_tool(params.tools.add(), tool)
    if request.tool_choice is not None:
        _fill_tool_choice(params.tool_choice, request.tool_choice, ToolNames(asked_tools))
    if request.top_logprobs or _LOGPROBS in (request.include or ()):
        params.logprobs = True
        params.top_logprobs = request.top_logprobs or 0
    if request.prompt_cache_options is not None:
        _fill_cache_options(params.prompt_cache_options, request.prompt_cache_options)
    return Places(places, [tool.where for tool in tools])


def _fill_text(params: chat.ChatCompletionParams, text: schema.TextConfig) -> None:
    if text.verbosity is not None:
        params.verbosity = text.verbosity
    match text.format:
        case TextFormat():
            params.response_format.text.SetInParent()
        case JSONObjectFormat():
            params.response_format.json_object.SetInParent()
        case schema.ResponseJSONSchemaFormat() as described:
            added = params.response_format.json_schema
            added.name = described.name
            added.schema_json = _json_text(described.schema)
            if described.description is not None:
                added.description = described.description
            if described.strict is not None:
                added.strict = described.strict


def _fill_tool(added: chat.ChatTool, placed: PlacedTool) -> None:
    tool = placed.tool
    if isinstance(tool, schema.ResponseCustomTool):
        added.custom.name = placed.name
        if placed.description is not None:
            added.custom.description = placed.description
        if isinstance(tool.format, schema.ResponseGrammarFormat):
            added.custom.grammar.definition = tool.format.definition
            added.custom.grammar.syntax = tool.format.syntax
        return
    added.function.name = placed.name
    if placed.description is not None:
        added.function.description = placed.description
    if tool.parameters is not None:
        added.function.parameters_json = _json_text(tool.parameters)
    if tool.strict is not None:
        added.function.strict = tool.strict


def _fill_tool_choice(
    added: chat.ChatToolChoice, choice: schema.ResponseToolChoice, names: ToolNames
) -> None:
    match choice:
        case str():
            added.mode = choice
        case schema.NamedFunction():
            added.function_name = names.chosen(choice.name)
        case schema.NamedCustomTool():
            added.custom_name = names.chosen(choice.name)
        case schema.AllowedToolsChoice():
            added.allowed_tools.mode = choice.mode
            for tool in choice.tools:
                custom = isinstance(tool, schema.NamedCustomTool)
                kind = chat.CHAT_TOOL_KIND_CUSTOM if custom else chat.CHAT_TOOL_KIND_FUNCTION
                added.allowed_tools.tools.add(kind=kind, name=names.chosen(tool.name))


def _fill_cache_options(added: chat.ChatPromptCacheOptions, options: PromptCacheOptions) -> None:
    added.SetInParent()
    if options.mode is not None:
        added.mode = options.mode
    if options.ttl is not None:
        added.ttl = options.ttl


def _json_text(value: dict[str, object]) -> str:
    return msgspec.json.encode(value).decode()


# Names of the chat's fields in what the server says of a request, and where they are here.
_TOOL: Final = re.compile(r"\btools\[(\d+)\](?:\.(?:function|custom)\b)?")
_MESSAGE: Final = re.compile(r"messages\[(\d+)\]((?:\.\w+|\[\d+\])*)")
_RENAMED: Final = (
    (re.compile(r"\bmax_completion_tokens\b|\bmax_tokens\b"), "max_output_tokens"),
    (re.compile(r"(?<!\.)\breasoning_effort\b"), "reasoning.effort"),
    (re.compile(r"\bresponse_format(?:\.json_schema)?\b"), "text.format"),
    (re.compile(r"(?<![.\w])verbosity\b"), "text.verbosity"),
    (re.compile(r"\btool_choice\.allowed_tools\b"), "tool_choice"),
    (re.compile(r"(?<=[`'])messages(?=[`'])|^messages$"), "input"),
)
_INSIDE_MESSAGE: Final = (
    (re.compile(r"\.image_url\.url$"), ".image_url"),
    (re.compile(r"\.image_url\.detail$"), ".detail"),
    (re.compile(r"\.file\.(\w+)$"), r".\1"),
    (re.compile(r"\.tool_calls\[\d+\].*$"), ""),
)


def in_own_words(refusal: Refusal, places: Places) -> Refusal:
    """Let a refusal of the chat speak of the fields of the Responses request that it was made of.

    ``places`` are those that ``fill_params`` returned.
    """
    if refusal.param is not None:
        refusal.param = _translated(refusal.param, places)
        refusal.message = _translated(refusal.message, places)
    return refusal


def _translated(text: str, places: Places) -> str:
    def message(match: re.Match[str]) -> str:
        index = int(match[1])
        if index >= len(places.messages):
            return "input"
        place = places.messages[index]
        if not place.startswith("input[") or place.endswith(RETURNED):
            return place
        rest = match[2]
        for pattern, own in _INSIDE_MESSAGE:
            rest = pattern.sub(own, rest)
        return place + rest

    def tool(match: re.Match[str]) -> str:
        index = int(match[1])
        return places.tools[index] if index < len(places.tools) else "tools"

    text = _TOOL.sub(tool, _MESSAGE.sub(message, text))
    for pattern, own in _RENAMED:
        text = pattern.sub(own, text)
    return text
