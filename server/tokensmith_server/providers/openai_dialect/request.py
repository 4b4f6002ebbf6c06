"""From our chat params to the JSON body of a chat completion. Pure.

The body is built from a table of our own fields: what has no row does not go upstream, and a test
holds the table to the proto. The caller has checked the params (``check.py``). JSON texts in them
are decoded and encoded again, so that none can break out of its place.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.capabilities import is_neutral
from tokensmith_server.providers.media_types import InlineMedia
from tokensmith_server.providers.openai_dialect.profile import DialectProfile
from tokensmith_server.providers.tool_call_ids import plain_id

Json = dict[str, Any]

_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode

_NO_MEDIA: Final[Mapping[str, InlineMedia]] = {}

_ROLES: Final = {
    chat_pb.CHAT_ROLE_DEVELOPER: "developer",
    chat_pb.CHAT_ROLE_SYSTEM: "system",
    chat_pb.CHAT_ROLE_USER: "user",
    chat_pb.CHAT_ROLE_ASSISTANT: "assistant",
    chat_pb.CHAT_ROLE_TOOL: "tool",
    chat_pb.CHAT_ROLE_FUNCTION: "function",
}


def build_chat_request(
    params: chat_pb.ChatCompletionParams,
    profile: DialectProfile,
    *,
    upstream_model: str,
    output_cap_tokens: int,
    stream: bool,
    media: Mapping[str, InlineMedia] = _NO_MEDIA,
) -> bytes:
    """Build the body of ``POST …/chat/completions``.

    The cap is always sent, whatever the params say, because it is what was held for. Usage on
    streams is always asked for, because it is what is charged by. ``media`` has the images that
    the vendor is not to fetch, by their addresses.

    Raises:
        msgspec.MsgspecError: a schema in the params is not a JSON object. The chat service has
            refused such params before.
    """
    body: Json = {"model": upstream_model, "messages": []}
    for descriptor, value in params.ListFields():
        name = descriptor.name
        render = _RENDERERS.get(name)
        if render is None or name not in profile.fields or is_neutral(name, value):
            continue
        key, rendered = render(value)
        body[key] = rendered
    body["messages"] = [_message(message, profile) for message in params.messages]
    if media:
        _put_inline(body["messages"], media)
    body[profile.token_cap_field] = output_cap_tokens
    if params.HasField("service_tier") and params.service_tier in profile.service_tiers:
        body["service_tier"] = params.service_tier
    if profile.logprobs_as_count and body.pop("logprobs", False):
        body["logprobs"] = max(1, body.pop("top_logprobs", 1))
    if stream:
        body["stream"] = True
        if profile.stream_options:
            body["stream_options"] = {"include_usage": True}
    return _encode(body)


def _put_inline(messages: Sequence[Json], media: Mapping[str, InlineMedia]) -> None:
    for message in messages:
        for part in message["content"] if isinstance(message["content"], list) else ():
            found = media.get(part["image_url"]["url"]) if part["type"] == "image_url" else None
            if found is not None:
                part["image_url"]["url"] = f"data:{found.mime_type};base64,{found.base64_text}"


def _message(message: chat_pb.ChatMessage, profile: DialectProfile) -> Json:
    role = _ROLES.get(message.role, "user")
    if role == "developer" and not profile.developer_role:
        role = "system"
    rendered: Json = {"role": role, "content": _content(message.content, profile)}
    if message.HasField("name"):
        rendered["name"] = message.name
    if role == "tool":
        rendered["tool_call_id"] = plain_id(message.tool_call_id)
    elif role == "assistant":
        _add_assistant_fields(rendered, message, profile)
    return rendered


def _add_assistant_fields(
    rendered: Json, message: chat_pb.ChatMessage, profile: DialectProfile
) -> None:
    if message.tool_calls:
        rendered["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    if message.HasField("function_call"):
        call = message.function_call
        rendered["function_call"] = {"name": call.name, "arguments": call.arguments}
    if message.HasField("refusal"):
        if profile.refusals:
            rendered["refusal"] = message.refusal
        elif rendered["content"] is None:
            rendered["content"] = message.refusal
    if message.audio_id:
        rendered["audio"] = {"id": message.audio_id}
    if message.HasField("reasoning_content") and profile.reasoning_message_field:
        rendered[profile.reasoning_message_field] = message.reasoning_content


def _content(content: chat_pb.ChatContent, profile: DialectProfile) -> str | list[Json] | None:
    kind = content.WhichOneof("kind")
    if kind == "text":
        return content.text
    if kind is None:
        return None
    return [_part(part, profile) for part in content.parts.parts]


def _part(part: chat_pb.ChatContentPart, profile: DialectProfile) -> Json:
    rendered = _part_body(part, profile)
    if part.HasField("prompt_cache_breakpoint") and profile.cache_breakpoints:
        point = part.prompt_cache_breakpoint
        rendered["prompt_cache_breakpoint"] = {"mode": point.mode} | (
            {"ttl": point.ttl} if point.HasField("ttl") else {}
        )
    return rendered


def _part_body(part: chat_pb.ChatContentPart, profile: DialectProfile) -> Json:
    match part.WhichOneof("kind"):
        case "refusal":
            if profile.refusals:
                return {"type": "refusal", "refusal": part.refusal}
            return {"type": "text", "text": part.refusal}
        case "image":
            image = part.image
            detail = {"detail": image.detail} if image.HasField("detail") else {}
            return {"type": "image_url", "image_url": {"url": image.url, **detail}}
        case "input_audio":
            data = base64.b64encode(part.input_audio.data).decode("ascii")
            return {
                "type": "input_audio",
                "input_audio": {"data": data, "format": part.input_audio.format},
            }
        case "file":
            named = {"filename": part.file.filename} if part.file.HasField("filename") else {}
            return {"type": "file", "file": {"file_data": part.file.file_data, **named}}
        case _:
            return {"type": "text", "text": part.text}


def _tool_call(call: chat_pb.ChatToolCall) -> Json:
    if call.kind == chat_pb.CHAT_TOOL_KIND_CUSTOM:
        payload = {"name": call.name, "input": call.arguments}
        return {"id": plain_id(call.id), "type": "custom", "custom": payload}
    payload = {"name": call.name, "arguments": call.arguments}
    return {"id": plain_id(call.id), "type": "function", "function": payload}


def _tools(tools: Any) -> list[Json]:
    return [_tool(tool) for tool in tools]


def _tool(tool: chat_pb.ChatTool) -> Json:
    if tool.WhichOneof("kind") == "custom":
        custom: Json = {"name": tool.custom.name}
        if tool.custom.HasField("description"):
            custom["description"] = tool.custom.description
        if tool.custom.HasField("grammar"):
            grammar = tool.custom.grammar
            custom["format"] = {
                "type": "grammar",
                "grammar": {"definition": grammar.definition, "syntax": grammar.syntax},
            }
        return {"type": "custom", "custom": custom}
    return {"type": "function", "function": _function(tool.function)}


def _function(function: chat_pb.ChatFunction) -> Json:
    rendered: Json = {"name": function.name}
    if function.HasField("description"):
        rendered["description"] = function.description
    if function.parameters_json:
        rendered["parameters"] = _decode_object(function.parameters_json)
    if function.HasField("strict"):
        rendered["strict"] = function.strict
    return rendered


def _tool_choice(choice: chat_pb.ChatToolChoice) -> str | Json:
    match choice.WhichOneof("kind"):
        case "function_name":
            return {"type": "function", "function": {"name": choice.function_name}}
        case "custom_name":
            return {"type": "custom", "custom": {"name": choice.custom_name}}
        case "allowed_tools":
            tools = [_tool_reference(tool) for tool in choice.allowed_tools.tools]
            allowed = {"mode": choice.allowed_tools.mode, "tools": tools}
            return {"type": "allowed_tools", "allowed_tools": allowed}
        case _:
            return choice.mode or "auto"


def _tool_reference(tool: chat_pb.ChatToolReference) -> Json:
    kind = "custom" if tool.kind == chat_pb.CHAT_TOOL_KIND_CUSTOM else "function"
    return {"type": kind, kind: {"name": tool.name}}


def _function_choice(choice: chat_pb.ChatFunctionChoice) -> str | Json:
    if choice.WhichOneof("kind") == "name":
        return {"name": choice.name}
    return choice.mode or "auto"


def _response_format(wanted: chat_pb.ChatResponseFormat) -> Json:
    if wanted.WhichOneof("kind") == "json_object":
        return {"type": "json_object"}
    schema: Json = {"name": wanted.json_schema.name}
    if wanted.json_schema.HasField("description"):
        schema["description"] = wanted.json_schema.description
    if wanted.json_schema.schema_json:
        schema["schema"] = _decode_object(wanted.json_schema.schema_json)
    if wanted.json_schema.HasField("strict"):
        schema["strict"] = wanted.json_schema.strict
    return {"type": "json_schema", "json_schema": schema}


def _audio(audio: chat_pb.ChatAudioParams) -> Json:
    voice: str | Json = audio.voice_name
    if audio.WhichOneof("voice") == "voice_id":
        voice = {"id": audio.voice_id}
    return {"format": audio.format, "voice": voice}


def _prompt_cache_options(options: chat_pb.ChatPromptCacheOptions) -> Json:
    return {field.name: value for field, value in options.ListFields()}


def _moderation(moderation: chat_pb.ChatModerationParams) -> Json:
    policy: Json = {}
    if moderation.HasField("input_mode"):
        policy["input"] = {"mode": moderation.input_mode}
    if moderation.HasField("output_mode"):
        policy["output"] = {"mode": moderation.output_mode}
    return {"model": moderation.model} | ({"policy": policy} if policy else {})


Renderer = Callable[[Any], tuple[str, Any]]


def _as(key: str, convert: Callable[[Any], Any] | None = None) -> Renderer:
    """Make the row of a field that goes upstream under ``key``."""
    if convert is None:
        return lambda value: (key, value)
    return lambda value: (key, convert(value))


_RENDERERS: Final[dict[str, Renderer]] = {
    "temperature": _as("temperature"),
    "top_p": _as("top_p"),
    "frequency_penalty": _as("frequency_penalty"),
    "presence_penalty": _as("presence_penalty"),
    "logit_bias": _as("logit_bias", dict),
    "logprobs": _as("logprobs"),
    "top_logprobs": _as("top_logprobs"),
    "choice_count": _as("n"),
    "seed": _as("seed"),
    "stop_sequences": _as("stop", list),
    "tools": _as("tools", _tools),
    "tool_choice": _as("tool_choice", _tool_choice),
    "parallel_tool_calls": _as("parallel_tool_calls"),
    "functions": _as("functions", lambda functions: [_function(item) for item in functions]),
    "function_choice": _as("function_call", _function_choice),
    "response_format": _as("response_format", _response_format),
    "reasoning_effort": _as("reasoning_effort"),
    "verbosity": _as("verbosity"),
    "modalities": _as("modalities", list),
    "audio": _as("audio", _audio),
    "store": _as("store"),
    "metadata": _as("metadata", dict),
    "safety_identifier": _as("safety_identifier"),
    "prompt_cache_key": _as("prompt_cache_key"),
    "prompt_cache_options": _as("prompt_cache_options", _prompt_cache_options),
    "prompt_cache_retention": _as("prompt_cache_retention"),
    "user": _as("user"),
    "moderation": _as("moderation", _moderation),
}
RENDERED_FIELDS: Final = frozenset(_RENDERERS)
"""The ``ChatCompletionParams`` fields that have a place in the body, if the profile has them."""
