"""From the contract's chat params back to OpenAI's JSON, written apart from the bridge."""

import base64
from typing import Any

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat

ROLES = {
    chat.CHAT_ROLE_DEVELOPER: "developer",
    chat.CHAT_ROLE_SYSTEM: "system",
    chat.CHAT_ROLE_USER: "user",
    chat.CHAT_ROLE_ASSISTANT: "assistant",
    chat.CHAT_ROLE_TOOL: "tool",
    chat.CHAT_ROLE_FUNCTION: "function",
}
SAME = (
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "logprobs",
    "top_logprobs",
    "seed",
    "parallel_tool_calls",
    "reasoning_effort",
    "verbosity",
    "service_tier",
    "store",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "user",
)


def request_from_params(params: chat.ChatCompletionParams) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": params.model,
        "messages": [_message(message) for message in params.messages],
    }
    request |= _set_fields(params, *SAME)
    for field, name in (("max_output_tokens", "max_completion_tokens"), ("choice_count", "n")):
        if params.HasField(field):
            request[name] = getattr(params, field)
    for field, name in (("stop_sequences", "stop"), ("modalities", "modalities")):
        if getattr(params, field):
            request[name] = list(getattr(params, field))
    for name in ("logit_bias", "metadata"):
        if getattr(params, name):
            request[name] = dict(getattr(params, name))
    if params.tools:
        request["tools"] = [_tool(tool) for tool in params.tools]
    if params.functions:
        request["functions"] = [_function(function) for function in params.functions]
    for name, render in _OBJECTS.items():
        field = {"function_call": "function_choice"}.get(name, name)
        if params.HasField(field):
            request[name] = render(getattr(params, field))
    return request


def _set_fields(message: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(message, name) for name in names if message.HasField(name)}


def _message(message: chat.ChatMessage) -> dict[str, Any]:
    rendered: dict[str, Any] = {"role": ROLES[message.role]}
    rendered |= _set_fields(message, "name", "refusal", "reasoning_content")
    if message.HasField("content"):
        rendered["content"] = _content(message.content)
    elif message.role == chat.CHAT_ROLE_FUNCTION:
        rendered["content"] = None
    if message.role == chat.CHAT_ROLE_TOOL:
        rendered["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        rendered["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    if message.HasField("function_call"):
        call = message.function_call
        rendered["function_call"] = {"name": call.name, "arguments": call.arguments}
    if message.audio_id:
        rendered["audio"] = {"id": message.audio_id}
    return rendered


def _tool_call(call: chat.ChatToolCall) -> dict[str, Any]:
    if call.kind == chat.CHAT_TOOL_KIND_FUNCTION:
        function = {"name": call.name, "arguments": call.arguments}
        return {"id": call.id, "type": "function", "function": function}
    return {
        "id": call.id,
        "type": "custom",
        "custom": {"name": call.name, "input": call.arguments},
    }


def _content(content: chat.ChatContent) -> Any:
    if content.WhichOneof("kind") == "text":
        return content.text
    return [_part(part) for part in content.parts.parts]


def _part(part: chat.ChatContentPart) -> dict[str, Any]:
    kind = part.WhichOneof("kind")
    rendered: dict[str, Any]
    match kind:
        case "text" | "refusal":
            rendered = {"type": kind, kind: getattr(part, kind)}
        case "image":
            image = {"url": part.image.url} | _set_fields(part.image, "detail")
            rendered = {"type": "image_url", "image_url": image}
        case "input_audio":
            data = base64.b64encode(part.input_audio.data).decode()
            rendered = {
                "type": "input_audio",
                "input_audio": {"data": data, "format": part.input_audio.format},
            }
        case _:
            file = _set_fields(part.file, "file_id", "file_data", "filename")
            rendered = {"type": "file", "file": file}
    if part.HasField("prompt_cache_breakpoint"):
        mark = part.prompt_cache_breakpoint
        rendered["prompt_cache_breakpoint"] = {"mode": mark.mode} | _set_fields(mark, "ttl")
    return rendered


def _function(function: chat.ChatFunction) -> dict[str, Any]:
    rendered = {"name": function.name} | _set_fields(function, "description", "strict")
    if function.parameters_json:
        rendered["parameters"] = msgspec.json.decode(function.parameters_json)
    return rendered


def _tool(tool: chat.ChatTool) -> dict[str, Any]:
    if tool.WhichOneof("kind") == "function":
        return {"type": "function", "function": _function(tool.function)}
    custom = {"name": tool.custom.name} | _set_fields(tool.custom, "description")
    if tool.custom.HasField("grammar"):
        grammar = tool.custom.grammar
        custom["format"] = {
            "type": "grammar",
            "grammar": {"definition": grammar.definition, "syntax": grammar.syntax},
        }
    return {"type": "custom", "custom": custom}


def _tool_choice(choice: chat.ChatToolChoice) -> Any:
    match choice.WhichOneof("kind"):
        case "mode":
            return choice.mode
        case "function_name":
            return {"type": "function", "function": {"name": choice.function_name}}
        case "custom_name":
            return {"type": "custom", "custom": {"name": choice.custom_name}}
    kinds = {chat.CHAT_TOOL_KIND_FUNCTION: "function", chat.CHAT_TOOL_KIND_CUSTOM: "custom"}
    tools = [
        {"type": kinds[tool.kind], kinds[tool.kind]: {"name": tool.name}}
        for tool in choice.allowed_tools.tools
    ]
    allowed = {"mode": choice.allowed_tools.mode, "tools": tools}
    return {"type": "allowed_tools", "allowed_tools": allowed}


def _function_choice(choice: chat.ChatFunctionChoice) -> Any:
    return choice.mode if choice.WhichOneof("kind") == "mode" else {"name": choice.name}


def _response_format(shape: chat.ChatResponseFormat) -> dict[str, Any]:
    kind = shape.WhichOneof("kind")
    if kind != "json_schema":
        return {"type": kind}
    schema = {"name": shape.json_schema.name}
    schema |= _set_fields(shape.json_schema, "description", "strict")
    if shape.json_schema.schema_json:
        schema["schema"] = msgspec.json.decode(shape.json_schema.schema_json)
    return {"type": kind, "json_schema": schema}


def _audio(audio: chat.ChatAudioParams) -> dict[str, Any]:
    named = audio.WhichOneof("voice") == "voice_name"
    return {
        "format": audio.format,
        "voice": audio.voice_name if named else {"id": audio.voice_id},
    }


def _web_search(options: chat.ChatWebSearchOptions) -> dict[str, Any]:
    rendered = _set_fields(options, "search_context_size")
    if options.HasField("user_location"):
        where = _set_fields(options.user_location, "city", "country", "region", "timezone")
        rendered["user_location"] = {"type": "approximate", "approximate": where}
    return rendered


def _moderation(moderation: chat.ChatModerationParams) -> dict[str, Any]:
    rendered: dict[str, Any] = {"model": moderation.model}
    policy = {
        side: {"mode": getattr(moderation, f"{side}_mode")}
        for side in ("input", "output")
        if moderation.HasField(f"{side}_mode")
    }
    return rendered | ({"policy": policy} if policy else {})


_OBJECTS: dict[str, Any] = {
    "tool_choice": _tool_choice,
    "function_call": _function_choice,
    "response_format": _response_format,
    "audio": _audio,
    "prediction": lambda content: {"type": "content", "content": _content(content)},
    "prompt_cache_options": lambda options: _set_fields(options, "mode", "ttl"),
    "web_search_options": _web_search,
    "moderation": _moderation,
}
