"""Refuses, before anything is held, what a model cannot do according to the catalog. Pure.

It knows our parameters and no vendor's wire format, so every chat adapter shares it. Parameter
names in errors are those of OpenAI's REST fields, whichever way the call came in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import Capabilities, ModelSpec, ReasoningEffort, Support
from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError

_PARAMS: Final = {
    "max_output_tokens": "max_completion_tokens",
    "choice_count": "n",
    "stop_sequences": "stop",
    "function_choice": "function_call",
}


def param_of(field: str) -> str:
    """Return the REST name of a ``ChatCompletionParams`` field."""
    return _PARAMS.get(field, field)


def refuse(message: str, param: str, *, allowed: str = "", value: bool = False) -> NoReturn:
    """Refuse a setting. ``value`` says that the field itself is supported.

    Raises:
        ProviderError: always; kind INVALID_REQUEST.
    """
    raise ProviderError(
        ErrorKind.INVALID_REQUEST,
        message,
        phase=Phase.CONNECT,
        param=param,
        allowed=allowed,
        code="unsupported_value" if value else "unsupported_parameter",
    )


_NEUTRAL: Final[dict[str, Callable[[Any], bool]]] = {
    "choice_count": lambda value: bool(value == 1),
    "frequency_penalty": lambda value: bool(value == 0),
    "presence_penalty": lambda value: bool(value == 0),
    "logprobs": lambda value: not value,
    "parallel_tool_calls": bool,
    "modalities": lambda value: list(value) == ["text"],
    "response_format": lambda value: value.WhichOneof("kind") in (None, "text"),
}


def is_neutral(field: str, value: Any) -> bool:
    """Whether a setting asks for what every provider does anyway; such ones are never sent."""
    neutral = _NEUTRAL.get(field)
    return neutral is not None and neutral(value)


@dataclass(frozen=True, slots=True)
class _Context:
    model: str
    capabilities: Capabilities
    params: chat_pb.ChatCompletionParams
    effort: str | None

    @property
    def reasons(self) -> bool:
        """Whether the call asks for reasoning, itself or by the model's default."""
        return self.effort != ReasoningEffort.NONE


def check_capabilities(params: chat_pb.ChatCompletionParams, model: ModelSpec) -> None:
    """Check every setting and content part against what the catalog says of the model.

    Raises:
        ProviderError: kind INVALID_REQUEST with ``param`` and what is allowed.
    """
    if model.text is None:
        refuse(f"`{model.id}` is not a chat model.", "model")
    capabilities = model.text.capabilities
    effort: str | None = capabilities.default_reasoning_effort
    if params.HasField("reasoning_effort"):
        effort = params.reasoning_effort
    context = _Context(model.id, capabilities, params, effort)
    for descriptor, value in params.ListFields():
        rule = _RULES.get(descriptor.name)
        if rule is not None and not is_neutral(descriptor.name, value):
            rule(context, value)


def _need(context: _Context, support: Support, param: str) -> None:
    if support is Support.YES:
        return
    if support is Support.NO:
        refuse(f"`{context.model}` does not take `{param}`.", param, allowed="leave it out")
    if context.reasons:
        refuse(
            f'`{context.model}` takes `{param}` only with `reasoning_effort` "none".',
            param,
            allowed="reasoning_effort none",
        )


def _supported(capability: str, param: str) -> Callable[[_Context, Any], None]:
    """Make the rule of a parameter that one ``Support`` decides."""

    def check(context: _Context, value: Any) -> None:
        _need(context, getattr(context.capabilities, capability), param)

    return check


def _check_top_p(context: _Context, value: float) -> None:
    _need(context, context.capabilities.top_p, "top_p")
    if context.params.HasField("temperature") and not context.capabilities.temperature_with_top_p:
        refuse(
            f"`{context.model}` does not take `temperature` and `top_p` together.",
            "top_p",
            allowed="one of temperature and top_p",
        )


def _check_top_logprobs(context: _Context, value: int) -> None:
    _need(context, context.capabilities.logprobs, "top_logprobs")
    most = context.capabilities.top_logprobs_max
    if value > most:
        refuse(
            f"`top_logprobs` of `{context.model}` is at most {most}.",
            "top_logprobs",
            allowed=f"0 to {most}",
            value=True,
        )


def _check_choice_count(context: _Context, value: int) -> None:
    most = context.capabilities.n_max
    if value > most:
        refuse(
            f"`{context.model}` makes at most {most} choice{'s' * (most > 1)} a call.",
            "n",
            allowed="1" if most == 1 else f"1 to {most}",
            value=True,
        )


def _check_effort(context: _Context, value: str) -> None:
    efforts = [effort.value for effort in context.capabilities.reasoning_efforts]
    if not efforts:
        refuse(
            f"`{context.model}` does not take `reasoning_effort`.",
            "reasoning_effort",
            allowed="leave it out",
        )
    if value not in efforts:
        allowed = ", ".join(efforts)
        refuse(
            f"`reasoning_effort` of `{context.model}` is one of: {allowed}.",
            "reasoning_effort",
            allowed=allowed,
            value=True,
        )


def _check_tools(context: _Context, tools: Any) -> None:
    for index, tool in enumerate(tools):
        if tool.WhichOneof("kind") == "custom":
            if not context.capabilities.custom_tools:
                refuse(
                    f"`{context.model}` takes no custom tools.",
                    f"tools[{index}].type",
                    allowed="function" if context.capabilities.tools else "",
                    value=True,
                )
        else:
            _check_functions(context, "tools")


def _check_legacy_functions(context: _Context, functions: Any) -> None:
    _check_functions(context, "functions")


def _check_functions(context: _Context, param: str) -> None:
    if not context.capabilities.tools:
        refuse(f"`{context.model}` does not call tools.", param, allowed="leave it out")
    if context.reasons and not context.capabilities.tools_with_reasoning:
        refuse(
            f'`{context.model}` calls function tools only with `reasoning_effort` "none".',
            "reasoning_effort",
            allowed="none",
            value=True,
        )


def _check_parallel_tool_calls(context: _Context, value: bool) -> None:
    if not context.capabilities.parallel_tool_calls:
        refuse(
            f"`{context.model}` can't be kept to one tool call a turn.",
            "parallel_tool_calls",
            allowed="true",
        )


def _check_response_format(context: _Context, value: chat_pb.ChatResponseFormat) -> None:
    kind = value.WhichOneof("kind")
    supported = {
        "json_object": context.capabilities.json_object,
        "json_schema": context.capabilities.json_schema,
    }
    if not supported.get(kind or "", True):
        allowed = ["text", *(name for name, does in supported.items() if does)]
        refuse(
            f"`{context.model}` does not take the response format `{kind}`.",
            "response_format.type",
            allowed=", ".join(allowed),
            value=True,
        )


def _check_modalities(context: _Context, value: Any) -> None:
    unknown = next((item for item in value if item not in ("text", "audio")), None)
    if unknown is not None or ("audio" in value and not context.capabilities.audio_output):
        allowed = "text, audio" if context.capabilities.audio_output else "text"
        refuse(
            f"`{context.model}` answers in: {allowed}.", "modalities", allowed=allowed, value=True
        )


def _check_audio(context: _Context, value: Any) -> None:
    if not context.capabilities.audio_output:
        refuse(f"`{context.model}` does not speak.", "audio", allowed="leave it out")


_PART_CAPABILITIES: Final = {
    "image": ("image_input", "image_url"),
    "input_audio": ("audio_input", "input_audio"),
    "file": ("file_input", "file"),
}


def _check_messages(context: _Context, messages: Any) -> None:
    for index, message in enumerate(messages):
        if message.content.WhichOneof("kind") == "parts":
            _check_parts(context, message.content.parts.parts, index)


def _check_parts(context: _Context, parts: Any, index: int) -> None:
    for place, part in enumerate(parts):
        capability, name = _PART_CAPABILITIES.get(part.WhichOneof("kind") or "", ("", ""))
        if capability and not getattr(context.capabilities, capability):
            refuse(
                f"`{context.model}` does not take `{name}` parts.",
                f"messages[{index}].content[{place}].type",
                allowed=_allowed_parts(context.capabilities),
                value=True,
            )


def _allowed_parts(capabilities: Capabilities) -> str:
    names = [
        name
        for capability, name in _PART_CAPABILITIES.values()
        if getattr(capabilities, capability)
    ]
    return ", ".join(["text", *names])


_RULES: Final[dict[str, Callable[[_Context, Any], None]]] = {
    "messages": _check_messages,
    "temperature": _supported("temperature", "temperature"),
    "top_p": _check_top_p,
    "frequency_penalty": _supported("penalties", "frequency_penalty"),
    "presence_penalty": _supported("penalties", "presence_penalty"),
    "logit_bias": _supported("logit_bias", "logit_bias"),
    "logprobs": _supported("logprobs", "logprobs"),
    "top_logprobs": _check_top_logprobs,
    "choice_count": _check_choice_count,
    "seed": _supported("seed", "seed"),
    "stop_sequences": _supported("stop", "stop"),
    "tools": _check_tools,
    "functions": _check_legacy_functions,
    "parallel_tool_calls": _check_parallel_tool_calls,
    "response_format": _check_response_format,
    "reasoning_effort": _check_effort,
    "verbosity": _supported("verbosity", "verbosity"),
    "modalities": _check_modalities,
    "audio": _check_audio,
}
