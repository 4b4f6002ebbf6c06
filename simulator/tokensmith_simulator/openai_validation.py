"""What OpenAI refuses in a chat completion request, for the models that it sells here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.models import ModelSpec, find_model
from tokensmith_simulator.openai_chat.call import (
    ChatCall,
    schema_of,
    stops_of,
    talk_of,
    text_of,
    tool_mode_of,
    tools_of,
)
from tokensmith_simulator.openai_chat.fields import refuse
from tokensmith_simulator.openai_chat.rules import (
    check_assistant_content,
    check_conversation,
    check_images,
    check_stream_options,
    check_tool_choice,
    model_of,
)
from tokensmith_simulator.openai_fields import CHECK_BODY
from tokensmith_simulator.openai_schema import find_schema_problem
from tokensmith_simulator.tokens import TokenRules, count_prompt

Body = Mapping[str, Any]

TOKEN_RULES: Final = TokenRules(
    per_request=3,
    per_message=4,
    per_tool=7,
    image_base=70,
    image_tile=140,
    image_tile_pixels=512,
    image_tile_limit=8,
)
_REASONING_TOKENS: Final = {"none": 0, "low": 32, "medium": 96, "high": 256, "xhigh": 512}


def read_openai_call(body: Any) -> ChatCall:
    """Check a request as OpenAI does and return what it asks for.

    Raises:
        RefusalError: OpenAI would refuse it; the first reason found.
    """
    model = _find_model(model_of(body))
    CHECK_BODY(body, "")
    check_stream_options(body)
    _check_model_fields(body, model)
    _check_reasoning(body, model)
    _check_tools(body)
    _check_response_format(body)
    _check_messages(body, model)
    prompt = count_prompt(body, TOKEN_RULES)
    limit = body.get("max_completion_tokens")
    _check_size(model, prompt.total, limit)
    options = body.get("stream_options") or {}
    return ChatCall(
        model=model,
        talk=talk_of(body["messages"]),
        prompt=prompt,
        stream=body.get("stream") is True,
        include_usage=options.get("include_usage", False),
        obfuscate=options.get("include_obfuscation", True),
        choice_count=body.get("n") or 1,
        output_limit=limit,
        stops=stops_of(body),
        tools=tools_of(body),
        tool_mode=tool_mode_of(body),
        parallel_tools=body.get("parallel_tool_calls", True) and "functions" not in body,
        legacy_functions="functions" in body,
        schema=schema_of(body),
        reasoning_tokens=_REASONING_TOKENS[body.get("reasoning_effort") or "none"],
        verbosity=body.get("verbosity"),
        top_logprobs=(body.get("top_logprobs") or 0) if body.get("logprobs") else None,
        service_tier=_served_tier(body.get("service_tier")),
        seed=msgspec.json.encode([body["messages"], body.get("seed")]).decode(),
    )


def _find_model(model_id: str) -> ModelSpec:
    model = find_model("openai", model_id)
    if model is None:
        raise RefusalError(
            f"The model `{model_id}` does not exist or you do not have access to it.",
            status=404,
            code="model_not_found",
        )
    return model


def _served_tier(asked: str | None) -> str:
    if asked == "flex":
        return "flex"
    return "priority" if asked in {"priority", "fast"} else "default"


def _check_model_fields(body: Body, model: ModelSpec) -> None:
    if body.get("max_tokens") is not None:
        refuse(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        )
    for field in ("audio", "web_search_options", "prompt_cache_options"):
        if body.get(field) is not None:
            _refuse_field(field)
    if "audio" in (body.get("modalities") or ()):
        refuse(
            "Invalid value: 'audio'. This model does not support the requested output modality.",
            "modalities",
            "unsupported_value",
        )
    effort = body.get("reasoning_effort")
    if effort is not None and effort not in model.efforts:
        supported = ", ".join(f"'{value}'" for value in model.efforts)
        refuse(
            f"Unsupported value: 'reasoning_effort' does not support '{effort}' with this model. "
            f"Supported values are: {supported}.",
            "reasoning_effort",
            "unsupported_value",
        )
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        refuse(
            "Invalid parameter: 'top_logprobs' is only allowed when 'logprobs' is true.",
            "top_logprobs",
        )


def _refuse_field(field: str) -> None:
    refuse(
        f"Unsupported parameter: '{field}' is not supported with this model.",
        field,
        "unsupported_parameter",
    )


def _check_reasoning(body: Body, model: ModelSpec) -> None:
    """With an effort other than none there are no sampling fields and no function tools."""
    if (body.get("reasoning_effort") or "none") == "none":
        return
    for field in ("temperature", "top_p", "logprobs", "top_logprobs"):
        if body.get(field) not in (None, False):
            _refuse_field(field)
    kinds = {tool["type"] for tool in body.get("tools") or ()}
    if "function" in kinds or body.get("functions"):
        refuse(
            f"Function tools with reasoning_effort are not supported for {model.id} in "
            "/v1/chat/completions. Please use /v1/responses instead.",
            "reasoning_effort",
        )


def _check_tools(body: Body) -> None:
    check_tool_choice(body)
    if body.get("functions") and body.get("tools"):
        refuse("Only one of 'tools' and 'functions' may be specified.", "functions")
    if body.get("function_call") is not None and not body.get("functions"):
        refuse(
            "Invalid value for 'function_call': 'function_call' is only allowed when 'functions' "
            "are specified.",
            "function_call",
        )
    for index, tool in enumerate(body.get("tools") or ()):
        if tool["type"] == "function":
            _check_function(tool["function"], f"tools[{index}].function.parameters")
    for index, function in enumerate(body.get("functions") or ()):
        _check_function(function, f"functions[{index}].parameters")


def _check_function(function: Body, where: str) -> None:
    parameters = function.get("parameters")
    if parameters is None:
        return
    problem = find_schema_problem(parameters, strict=bool(function.get("strict")))
    if problem:
        refuse(
            f"Invalid schema for function '{function['name']}': {problem}",
            where,
            "invalid_function_parameters",
        )


def _check_response_format(body: Body) -> None:
    wanted = body.get("response_format") or {"type": "text"}
    if wanted["type"] == "json_object":
        said = " ".join(text_of(message.get("content")) for message in body["messages"])
        if "json" not in said.lower():
            refuse(
                "'messages' must contain the word 'json' in some form, to use 'response_format' "
                "of type 'json_object'.",
                "messages",
            )
    if wanted["type"] != "json_schema":
        return
    described = wanted["json_schema"]
    if "schema" not in described:
        refuse(
            "Missing required parameter: 'response_format.json_schema.schema'.",
            "response_format.json_schema.schema",
            "missing_required_parameter",
        )
    if described.get("strict"):
        problem = find_schema_problem(described["schema"], strict=True)
        if problem:
            refuse(
                f"Invalid schema for response_format '{described['name']}': {problem}",
                "response_format",
            )


def _check_messages(body: Body, model: ModelSpec) -> None:
    messages = body["messages"]
    check_conversation(messages)
    check_assistant_content(messages)
    check_images(messages, vision=model.vision)
    for index, message in enumerate(messages):
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if part["type"] == "input_audio":
                refuse(
                    "Invalid content type. input_audio is not supported by this model.",
                    f"messages[{index}].content",
                )
            if part["type"] == "file" and "file_data" not in part["file"]:
                refuse(
                    "Invalid file: no such file, or 'file_data' is missing.",
                    f"messages[{index}].content",
                )


def _check_size(model: ModelSpec, prompt_tokens: int, limit: int | None) -> None:
    if limit is not None and limit > model.output_limit_tokens:
        refuse(
            f"max_tokens is too large: {limit}. This model supports at most "
            f"{model.output_limit_tokens} completion tokens, whereas you provided {limit}.",
            "max_completion_tokens",
            "invalid_value",
        )
    if prompt_tokens > model.context_tokens:
        refuse(
            f"This model's maximum context length is {model.context_tokens} tokens. However, your "
            f"messages resulted in {prompt_tokens} tokens. Please reduce the length of the "
            "messages.",
            "messages",
            "context_length_exceeded",
        )
