"""What every chat request must be, whatever the model: presence, ranges, lengths, references.

Only fields that are set are looked at, one small check each. What a model or provider does not
take is the adapter's to say. Errors name settings as OpenAI's JSON does, like all errors about
settings, and like the models' parameter schemas.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.errors import InvalidField

MESSAGES_MAX: Final = 4_096
PARTS_MAX: Final = 2_048
TOOLS_MAX: Final = 128
STOPS_MAX: Final = 4
CHOICES_MAX: Final = 128
LOGIT_BIAS_MAX: Final = 1_024
METADATA_MAX: Final = 16
DEPTH_MAX: Final = 100

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_TIERS = ("auto", "default", "flex", "scale", "priority", "fast")

Params = chat_pb.ChatCompletionParams
Check = Callable[[Params, Any], None]


def check_params(params: Params) -> None:
    """Check everything that does not depend on the model.

    Raises:
        InvalidField: the first field that is wrong, by its path, and what is allowed.
    """
    if not params.messages:
        raise InvalidField("messages", "There must be at least one message.")
    for descriptor, value in params.ListFields():
        check = _CHECKS.get(descriptor.name)
        if check is not None:
            check(params, value)


def _between(name: str, low: int, high: int) -> Check:
    def check(_: Params, value: float) -> None:
        # Written so that a NaN is refused too.
        if not low <= value <= high:
            allowed = f"{low} to {high}"
            raise InvalidField(name, f"`{name}` must be {allowed}.", allowed=allowed)

    return check


def _one_of(name: str, values: Sequence[str]) -> Check:
    def check(_: Params, value: str) -> None:
        if value not in values:
            allowed = ", ".join(values)
            raise InvalidField(name, f"`{name}` must be one of {allowed}.", allowed=allowed)

    return check


def _at_most(name: str, count_max: int) -> Check:
    def check(_: Params, value: Sequence[object]) -> None:
        if len(value) > count_max:
            raise InvalidField(
                name,
                f"`{name}` has {len(value)} elements; at most {count_max} are allowed.",
                allowed=f"at most {count_max}",
            )

    return check


def _text_at_most(name: str, length_max: int) -> Check:
    def check(_: Params, value: str) -> None:
        if len(value) > length_max:
            raise InvalidField(
                name,
                f"`{name}` has {len(value)} characters; at most {length_max} are allowed.",
                allowed=f"at most {length_max} characters",
            )

    return check


def _check_messages(_: Params, messages: Sequence[chat_pb.ChatMessage]) -> None:
    if len(messages) > MESSAGES_MAX:
        raise InvalidField("messages", f"At most {MESSAGES_MAX} messages are allowed.")
    for index, message in enumerate(messages):
        _check_message(f"messages[{index}]", message)


_ROLES: Final = {
    chat_pb.CHAT_ROLE_DEVELOPER: "developer",
    chat_pb.CHAT_ROLE_SYSTEM: "system",
    chat_pb.CHAT_ROLE_USER: "user",
    chat_pb.CHAT_ROLE_ASSISTANT: "assistant",
    chat_pb.CHAT_ROLE_TOOL: "tool",
    chat_pb.CHAT_ROLE_FUNCTION: "function",
}


def _check_message(path: str, message: chat_pb.ChatMessage) -> None:
    role = message.role
    if role not in _ROLES:
        raise InvalidField(
            f"{path}.role", "Every message needs a role.", allowed=", ".join(_ROLES.values())
        )
    if role == chat_pb.CHAT_ROLE_TOOL and not message.tool_call_id:
        raise InvalidField(
            f"{path}.tool_call_id", "A tool message must name the call that it answers."
        )
    kind = message.content.WhichOneof("kind")
    if kind is None:
        if not _speaks_without_content(message):
            raise InvalidField(f"{path}.content", "This message needs content.")
    elif kind == "parts":
        _check_parts(f"{path}.content", role, message.content.parts.parts)
    if message.HasField("function_call") and not message.function_call.name:
        raise InvalidField(f"{path}.function_call.name", "A function call needs a name.")
    for index, call in enumerate(message.tool_calls):
        if not call.id or not call.name:
            raise InvalidField(f"{path}.tool_calls[{index}]", "A tool call needs an id and a name.")


def _speaks_without_content(message: chat_pb.ChatMessage) -> bool:
    return message.role == chat_pb.CHAT_ROLE_ASSISTANT and bool(
        message.tool_calls
        or message.HasField("function_call")
        or message.HasField("refusal")
        or message.audio_id
    )


_PARTS_OF_ROLE = {
    chat_pb.CHAT_ROLE_USER: ("text", "image", "input_audio", "file"),
    chat_pb.CHAT_ROLE_ASSISTANT: ("text", "refusal"),
}


def _check_parts(
    path: str, role: chat_pb.ChatRole, parts: Sequence[chat_pb.ChatContentPart]
) -> None:
    if not 1 <= len(parts) <= PARTS_MAX:
        raise InvalidField(path, f"There must be 1 to {PARTS_MAX} parts.")
    allowed = _PARTS_OF_ROLE.get(role, ("text",))
    for index, part in enumerate(parts):
        kind = part.WhichOneof("kind")
        if kind not in allowed:
            raise InvalidField(
                f"{path}[{index}].type",
                f"This role does not take such a part; allowed are {', '.join(allowed)}.",
                allowed=", ".join(allowed),
            )
        if kind == "image":
            _check_image(f"{path}[{index}].image_url", part.image)
        elif kind == "input_audio":
            _check_input_audio(f"{path}[{index}].input_audio", part.input_audio)
        elif kind == "file" and not (part.file.file_data or part.file.file_id):
            raise InvalidField(f"{path}[{index}].file", "A file needs `file_data`.")


def _check_image(path: str, image: chat_pb.ChatImage) -> None:
    if not image.url.startswith(("http://", "https://", "data:image/")):
        raise InvalidField(
            f"{path}.url",
            "An image needs an http(s) address or a data URL of an image type.",
            allowed="https://..., data:image/png;base64,...",
        )
    if image.detail not in {"", "auto", "low", "high", "original"}:
        raise InvalidField(
            f"{path}.detail",
            "An image's detail must be auto, low, high or original.",
            allowed="auto, low, high, original",
        )


def _check_input_audio(path: str, audio: chat_pb.ChatInputAudio) -> None:
    if not audio.data:
        raise InvalidField(f"{path}.data", "The sound is missing.")
    if audio.format not in {"wav", "mp3"}:
        raise InvalidField(f"{path}.format", "Sound must be wav or mp3.", allowed="wav, mp3")


def _check_name(path: str, name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise InvalidField(
            path,
            "A name has 1 to 64 letters, digits, underscores and dashes.",
            allowed="^[A-Za-z0-9_-]{1,64}$",
        )


def _check_json_object(path: str, text: str) -> None:
    try:
        decoded = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, RecursionError):
        decoded = None
    if not isinstance(decoded, dict):
        raise InvalidField(path, "This must be a JSON Schema object.")
    # Whoever encodes the schema again stands deeper in the stack than we do here. Most have so few
    # brackets that there is nothing to measure.
    if text.count("{") + text.count("[") > DEPTH_MAX and _is_deeper(decoded, DEPTH_MAX):
        raise InvalidField(path, f"A schema may be nested {DEPTH_MAX} levels deep.")


def _is_deeper(decoded: Any, levels: int) -> bool:
    """Whether a JSON value is nested deeper than so many levels; walks level by level."""
    level = [decoded]
    for _ in range(levels):
        level = [
            inner
            for value in level
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _check_function(path: str, function: chat_pb.ChatFunction) -> None:
    _check_name(f"{path}.name", function.name)
    if function.parameters_json:
        _check_json_object(f"{path}.parameters", function.parameters_json)


_check_tool_count = _at_most("tools", TOOLS_MAX)
_check_function_count = _at_most("functions", TOOLS_MAX)


def _check_tools(params: Params, tools: Sequence[chat_pb.ChatTool]) -> None:
    _check_tool_count(params, tools)
    for index, tool in enumerate(tools):
        match tool.WhichOneof("kind"):
            case "function":
                _check_function(f"tools[{index}].function", tool.function)
            case "custom":
                _check_name(f"tools[{index}].custom.name", tool.custom.name)
            case _:
                raise InvalidField(f"tools[{index}]", "A tool must be a function or custom.")


def _check_functions(params: Params, functions: Sequence[chat_pb.ChatFunction]) -> None:
    _check_function_count(params, functions)
    for index, function in enumerate(functions):
        _check_function(f"functions[{index}]", function)


def _tool_names(params: Params) -> set[str]:
    return {
        tool.function.name if tool.HasField("function") else tool.custom.name
        for tool in params.tools
    }


def _check_tool_choice(params: Params, choice: chat_pb.ChatToolChoice) -> None:
    kind = choice.WhichOneof("kind")
    if kind is None:
        raise InvalidField("tool_choice", "`tool_choice` is empty.")
    if kind == "mode":
        _one_of("tool_choice", ("none", "auto", "required"))(params, choice.mode)
        if choice.mode == "required" and not params.tools:
            raise InvalidField("tool_choice", "`tool_choice` needs `tools`.")
        return
    if kind == "allowed_tools":
        names = {tool.name for tool in choice.allowed_tools.tools}
        _one_of("tool_choice.allowed_tools.mode", ("auto", "required"))(
            params, choice.allowed_tools.mode
        )
    else:
        names = {choice.function_name or choice.custom_name}
    for missing in sorted(names - _tool_names(params)):
        raise InvalidField("tool_choice", f"`tools` has no tool named {missing!r}.")


def _check_response_format(_: Params, response_format: chat_pb.ChatResponseFormat) -> None:
    if response_format.HasField("json_schema"):
        schema = response_format.json_schema
        _check_name("response_format.json_schema.name", schema.name)
        if schema.schema_json:
            _check_json_object("response_format.json_schema.schema", schema.schema_json)


def _check_function_choice(params: Params, choice: chat_pb.ChatFunctionChoice) -> None:
    if choice.WhichOneof("kind") != "name":
        _one_of("function_call", ("none", "auto"))(params, choice.mode)
    elif choice.name not in {function.name for function in params.functions}:
        raise InvalidField("function_call", f"`functions` has no function named {choice.name!r}.")


def _check_top_logprobs(params: Params, count: int) -> None:
    _between("top_logprobs", 0, 20)(params, count)
    if not params.logprobs:
        raise InvalidField("top_logprobs", "`top_logprobs` needs `logprobs`.")


def _check_logit_bias(params: Params, bias: dict[str, int]) -> None:
    if len(bias) > LOGIT_BIAS_MAX:
        raise InvalidField("logit_bias", f"At most {LOGIT_BIAS_MAX} entries are allowed.")
    for value in bias.values():
        _between("logit_bias", -100, 100)(params, value)


def _check_metadata(_: Params, metadata: dict[str, str]) -> None:
    if len(metadata) > METADATA_MAX:
        raise InvalidField("metadata", f"At most {METADATA_MAX} pairs are allowed.")
    for key, value in metadata.items():
        if len(key) > 64 or len(value) > 512:
            raise InvalidField(
                f"metadata.{key[:64]}", "Keys have at most 64 and values at most 512 characters."
            )


def _check_modalities(params: Params, modalities: Sequence[str]) -> None:
    for modality in modalities:
        _one_of("modalities", ("text", "audio"))(params, modality)
    if "audio" in modalities and not params.HasField("audio"):
        raise InvalidField("audio", "Answering in audio needs `audio`.")


_CHECKS: Final[dict[str, Check]] = {
    "messages": _check_messages,
    "max_output_tokens": _between("max_completion_tokens", 1, 2**31 - 1),
    "temperature": _between("temperature", 0, 2),
    "top_p": _between("top_p", 0, 1),
    "frequency_penalty": _between("frequency_penalty", -2, 2),
    "presence_penalty": _between("presence_penalty", -2, 2),
    "logit_bias": _check_logit_bias,
    "top_logprobs": _check_top_logprobs,
    "choice_count": _between("n", 1, CHOICES_MAX),
    "stop_sequences": _at_most("stop", STOPS_MAX),
    "tools": _check_tools,
    "tool_choice": _check_tool_choice,
    "functions": _check_functions,
    "function_choice": _check_function_choice,
    "response_format": _check_response_format,
    "reasoning_effort": _one_of("reasoning_effort", _EFFORTS),
    "verbosity": _one_of("verbosity", ("low", "medium", "high")),
    "modalities": _check_modalities,
    "service_tier": _one_of("service_tier", _TIERS),
    "metadata": _check_metadata,
    "safety_identifier": _text_at_most("safety_identifier", 128),
    "prompt_cache_retention": _one_of("prompt_cache_retention", ("in_memory", "24h")),
}
