"""From our chat params to the body of ``generateContent``. Pure.

The body is built from a table of our own fields: what has no row does not go upstream, and a test
holds the table to the proto. The caller has checked the params (``check.py``).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import Capabilities
from tokensmith_server.providers.capabilities import is_neutral
from tokensmith_server.providers.gemini.contents import Json, build_conversation
from tokensmith_server.providers.gemini.schema import (
    has_parameters,
    to_gemini_schema,
    to_parameters_schema,
)
from tokensmith_server.providers.gemini.thinking import thinking_config
from tokensmith_server.providers.media_types import InlineMedia

_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode

_NO_MEDIA: Final[Mapping[str, InlineMedia]] = {}


def build_chat_request(
    params: chat_pb.ChatCompletionParams,
    capabilities: Capabilities,
    *,
    output_cap_tokens: int,
    media: Mapping[str, InlineMedia] = _NO_MEDIA,
) -> bytes:
    """Build the body of ``:generateContent``, which is that of ``:streamGenerateContent`` too.

    The cap is always sent, whatever the params say, because it is what was held for; it bounds
    thoughts too. ``media`` has the images that the messages name by address.

    Raises:
        MediaRefused, msgspec.MsgspecError: the params were not checked.
    """
    conversation = build_conversation(
        params.messages, media=media, signed_tool_calls=capabilities.signed_tool_calls
    )
    body: Json = {"contents": conversation.contents}
    if conversation.contents and conversation.system_parts:
        body["systemInstruction"] = {"parts": conversation.system_parts}
    elif conversation.system_parts:
        # There must be something to answer, and OpenAI takes instructions alone.
        conversation.add("user", conversation.system_parts)
    if params.tools:
        body |= _tools(params)
    body["generationConfig"] = _generation_config(params, capabilities, output_cap_tokens)
    return _encode(body)


def _generation_config(
    params: chat_pb.ChatCompletionParams, capabilities: Capabilities, output_cap_tokens: int
) -> Json:
    config: Json = {"maxOutputTokens": output_cap_tokens}
    for descriptor, value in params.ListFields():
        name = descriptor.name
        render = _RENDERERS.get(name)
        if render is not None and not is_neutral(name, value):
            config |= render(value)
    effort = params.reasoning_effort if params.HasField("reasoning_effort") else None
    thinking = thinking_config(effort, capabilities, output_cap_tokens)
    if thinking is not None:
        config["thinkingConfig"] = thinking
    return config


def _tools(params: chat_pb.ChatCompletionParams) -> Json:
    """Return ``tools`` and, unless the model decides freely, ``toolConfig``."""
    functions = [tool.function for tool in params.tools]
    config: Json | None = None
    choice = params.tool_choice
    match choice.WhichOneof("kind"):
        case "function_name":
            config = {"mode": "ANY", "allowedFunctionNames": [choice.function_name]}
        case "allowed_tools":
            names = [tool.name for tool in choice.allowed_tools.tools]
            if choice.allowed_tools.mode == "required":
                config = {"mode": "ANY", "allowedFunctionNames": names}
            else:
                # Names go with ANY alone, so the others are not shown to the model.
                functions = [function for function in functions if function.name in names]
        case "mode" if choice.mode != "auto":
            config = {"mode": "NONE" if choice.mode == "none" else "ANY"}
    declarations = [_declaration(function) for function in functions]
    body: Json = {"tools": [{"functionDeclarations": declarations}]} if declarations else {}
    if config is not None:
        body["toolConfig"] = {"functionCallingConfig": config}
    return body


def _declaration(function: chat_pb.ChatFunction) -> Json:
    declaration: Json = {"name": function.name}
    if function.description:
        declaration["description"] = function.description
    if function.parameters_json:
        schema = _decode_object(function.parameters_json)
        if has_parameters(schema):
            declaration["parametersJsonSchema"] = to_parameters_schema(schema)
    return declaration


def _response_format(wanted: chat_pb.ChatResponseFormat) -> Json:
    config: Json = {"responseMimeType": "application/json"}
    if wanted.json_schema.schema_json:
        schema = to_gemini_schema(_decode_object(wanted.json_schema.schema_json))
        if wanted.json_schema.description:
            schema.setdefault("description", wanted.json_schema.description)
        config["responseJsonSchema"] = schema
    return config


def _stops(stops: Any) -> Json:
    sequences = [stop for stop in stops if stop]
    return {"stopSequences": sequences} if sequences else {}


def _as(key: str) -> Callable[[Any], Json]:
    """Make the row of a field that goes into ``generationConfig`` under ``key``."""
    return lambda value: {key: value}


_RENDERERS: Final[dict[str, Callable[[Any], Json]]] = {
    "temperature": _as("temperature"),
    "top_p": _as("topP"),
    "frequency_penalty": _as("frequencyPenalty"),
    "presence_penalty": _as("presencePenalty"),
    "logprobs": _as("responseLogprobs"),
    "top_logprobs": _as("logprobs"),
    "choice_count": _as("candidateCount"),
    "seed": _as("seed"),
    "stop_sequences": _stops,
    "response_format": _response_format,
}
RENDERED_FIELDS: Final = frozenset(_RENDERERS) | {
    "max_output_tokens",
    "messages",
    "model",
    "reasoning_effort",
    "tool_choice",
    "tools",
}
"""The ``ChatCompletionParams`` fields that have a place in the body, or in the address."""
