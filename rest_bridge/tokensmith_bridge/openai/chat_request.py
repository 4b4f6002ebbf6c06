"""From OpenAI's chat request to the contract's.

The Struct has been checked field by field when it was decoded; what is checked here are the rules
between fields. Nothing is dropped but what ``schema.py`` says has no effect.
"""

import operator
from collections.abc import Callable
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.openai import schema
from tokensmith_bridge.openai.chat_messages import add_message
from tokensmith_bridge.openai.errors import BridgeReason, Refusal

# Fields that are the same on both sides, and those that have another name in the contract.
_SCALARS: Final = {
    "temperature": "temperature",
    "top_p": "top_p",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "logprobs": "logprobs",
    "top_logprobs": "top_logprobs",
    "n": "choice_count",
    "seed": "seed",
    "parallel_tool_calls": "parallel_tool_calls",
    "reasoning_effort": "reasoning_effort",
    "verbosity": "verbosity",
    "service_tier": "service_tier",
    "store": "store",
    "safety_identifier": "safety_identifier",
    "prompt_cache_key": "prompt_cache_key",
    "prompt_cache_retention": "prompt_cache_retention",
    "user": "user",
}
_get_scalars: Final = operator.attrgetter(*_SCALARS)


def fill_params(params: chat.ChatCompletionParams, request: schema.ChatRequest) -> None:
    """Write ``request`` into an empty ``params``.

    Raises:
        Refusal: two fields contradict each other, or one needs another.
    """
    params.model = request.model
    for index, message in enumerate(request.messages):
        add_message(params, message, index)
    for target, scalar in zip(_SCALARS.values(), _get_scalars(request), strict=True):
        if scalar is not None:
            setattr(params, target, scalar)
    limit = _output_limit(request)
    if limit is not None:
        params.max_output_tokens = limit
    if request.stop is not None:
        stop = request.stop
        params.stop_sequences.extend([stop] if isinstance(stop, str) else stop)
    if request.stream_options is not None and not request.stream:
        raise _invalid("stream_options", "'stream_options' is only allowed when 'stream' is true.")
    structured = _get_structured(request)
    if structured != _NOTHING_STRUCTURED:
        for fill, value in zip(_STRUCTURED.values(), structured, strict=True):
            if value is not None:
                fill(params, value)
    _check_rules(request)


def _output_limit(request: schema.ChatRequest) -> int | None:
    new, old = request.max_completion_tokens, request.max_tokens
    if new is not None and old is not None and new != old:
        raise _invalid(
            "max_tokens",
            "'max_tokens' and 'max_completion_tokens' are two names of one limit and differ here. "
            "Send one of them.",
        )
    return old if new is None else new


def _check_rules(request: schema.ChatRequest) -> None:
    if request.top_logprobs is not None and not request.logprobs:
        raise _invalid("top_logprobs", "'top_logprobs' needs 'logprobs' to be true.")
    if request.modalities and "audio" in request.modalities and request.audio is None:
        raise Refusal(
            BridgeReason.MISSING_PARAMETER,
            "Missing required parameter: 'audio'. It says how to speak."
            " 'modalities' asks for that.",
            param="audio",
        )


def _invalid(param: str, message: str) -> Refusal:
    return Refusal("INVALID_ARGUMENT", message, param=param)


# Settings that are objects. Each function writes one of them.


def _fill_logit_bias(params: chat.ChatCompletionParams, bias: dict[str, int]) -> None:
    params.logit_bias.update(bias)


def _fill_metadata(params: chat.ChatCompletionParams, metadata: dict[str, str]) -> None:
    params.metadata.update(metadata)


def _fill_modalities(params: chat.ChatCompletionParams, modalities: list[str]) -> None:
    params.modalities.extend(modalities)


def _fill_tools(
    params: chat.ChatCompletionParams, tools: list[schema.FunctionTool | schema.CustomTool]
) -> None:
    for tool in tools:
        added = params.tools.add()
        if isinstance(tool, schema.FunctionTool):
            _fill_function(added.function, tool.function)
            if tool.function.strict is not None:
                added.function.strict = tool.function.strict
        else:
            added.custom.name = tool.custom.name
            if tool.custom.description is not None:
                added.custom.description = tool.custom.description
            if isinstance(tool.custom.format, schema.GrammarInputFormat):
                added.custom.grammar.definition = tool.custom.format.grammar.definition
                added.custom.grammar.syntax = tool.custom.format.grammar.syntax


def _fill_functions(
    params: chat.ChatCompletionParams, functions: list[schema.DeprecatedFunction]
) -> None:
    for function in functions:
        _fill_function(params.functions.add(), function)


def _fill_function(
    added: chat.ChatFunction, function: schema.Function | schema.DeprecatedFunction
) -> None:
    added.name = function.name
    if function.description is not None:
        added.description = function.description
    if function.parameters is not None:
        added.parameters_json = _json_text(function.parameters)


def _json_text(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()


def _fill_tool_choice(params: chat.ChatCompletionParams, choice: schema.ToolChoice) -> None:
    added = params.tool_choice
    match choice:
        case str():
            added.mode = choice
        case schema.FunctionReference():
            added.function_name = choice.function.name
        case schema.CustomReference():
            added.custom_name = choice.custom.name
        case schema.AllowedToolsChoice():
            added.allowed_tools.mode = choice.allowed_tools.mode
            for tool in choice.allowed_tools.tools:
                if isinstance(tool, schema.FunctionReference):
                    added.allowed_tools.tools.add(
                        kind=chat.CHAT_TOOL_KIND_FUNCTION, name=tool.function.name
                    )
                else:
                    added.allowed_tools.tools.add(
                        kind=chat.CHAT_TOOL_KIND_CUSTOM, name=tool.custom.name
                    )


def _fill_function_choice(params: chat.ChatCompletionParams, choice: str | schema.Named) -> None:
    if isinstance(choice, str):
        params.function_choice.mode = choice
    else:
        params.function_choice.name = choice.name


def _fill_response_format(
    params: chat.ChatCompletionParams,
    shape: schema.TextFormat | schema.JSONObjectFormat | schema.JSONSchemaFormat,
) -> None:
    added = params.response_format
    match shape:
        case schema.TextFormat():
            added.text.SetInParent()
        case schema.JSONObjectFormat():
            added.json_object.SetInParent()
        case schema.JSONSchemaFormat(json_schema=described):
            added.json_schema.name = described.name
            if described.description is not None:
                added.json_schema.description = described.description
            if described.schema is not None:
                added.json_schema.schema_json = _json_text(described.schema)
            if described.strict is not None:
                added.json_schema.strict = described.strict


def _fill_audio(params: chat.ChatCompletionParams, audio: schema.Audio) -> None:
    params.audio.format = audio.format
    if isinstance(audio.voice, str):
        params.audio.voice_name = audio.voice
    else:
        params.audio.voice_id = audio.voice.id


def _fill_prediction(params: chat.ChatCompletionParams, prediction: schema.Prediction) -> None:
    if isinstance(prediction.content, str):
        params.prediction.text = prediction.content
        return
    for part in prediction.content:
        params.prediction.parts.parts.add(text=part.text)


def _fill_prompt_cache(
    params: chat.ChatCompletionParams, options: schema.PromptCacheOptions
) -> None:
    params.prompt_cache_options.SetInParent()
    if options.mode is not None:
        params.prompt_cache_options.mode = options.mode
    if options.ttl is not None:
        params.prompt_cache_options.ttl = options.ttl


def _fill_web_search(params: chat.ChatCompletionParams, options: schema.WebSearchOptions) -> None:
    added = params.web_search_options
    added.SetInParent()
    if options.search_context_size is not None:
        added.search_context_size = options.search_context_size
    if options.user_location is not None:
        added.user_location.SetInParent()
        for name in ("city", "country", "region", "timezone"):
            value = getattr(options.user_location.approximate, name)
            if value is not None:
                setattr(added.user_location, name, value)


def _fill_moderation(params: chat.ChatCompletionParams, moderation: schema.Moderation) -> None:
    params.moderation.model = moderation.model
    policy = moderation.policy
    if policy is not None and policy.input is not None:
        params.moderation.input_mode = policy.input.mode
    if policy is not None and policy.output is not None:
        params.moderation.output_mode = policy.output.mode


_STRUCTURED: Final[dict[str, Callable[[chat.ChatCompletionParams, Any], None]]] = {
    "tools": _fill_tools,
    "tool_choice": _fill_tool_choice,
    "response_format": _fill_response_format,
    "logit_bias": _fill_logit_bias,
    "metadata": _fill_metadata,
    "modalities": _fill_modalities,
    "audio": _fill_audio,
    "prediction": _fill_prediction,
    "functions": _fill_functions,
    "function_call": _fill_function_choice,
    "prompt_cache_options": _fill_prompt_cache,
    "web_search_options": _fill_web_search,
    "moderation": _fill_moderation,
}
_get_structured: Final = operator.attrgetter(*_STRUCTURED)
_NOTHING_STRUCTURED: Final = (None,) * len(_STRUCTURED)
