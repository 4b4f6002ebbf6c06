"""What xAI refuses in a chat completion request, for the models that it sells here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.models import ModelSpec, find_model
from tokensmith_simulator.openai_chat import shapes
from tokensmith_simulator.openai_chat.call import (
    ChatCall,
    schema_of,
    stops_of,
    talk_of,
    tool_mode_of,
    tools_of,
)
from tokensmith_simulator.openai_chat.fields import (
    Check,
    anything,
    array,
    boolean,
    either,
    integer,
    number,
    one_of,
    optional,
    refuse,
    string,
    structure,
    tagged,
)
from tokensmith_simulator.openai_chat.rules import (
    check_assistant_content,
    check_conversation,
    check_images,
    check_stream_options,
    check_tool_choice,
    model_of,
)
from tokensmith_simulator.tokens import TokenRules, count_prompt

Body = Mapping[str, Any]

TOKEN_RULES: Final = TokenRules(
    per_request=4,
    per_message=4,
    per_tool=7,
    image_base=256,
    image_tile=256,
    image_tile_pixels=448,
    image_tile_limit=6,
)
_REASONING_TOKENS: Final = 96
_FORMAT_CODES: Final = frozenset({"invalid_type", "missing_required_parameter"})

_MESSAGES: Final = shapes.messages(
    developer=shapes.SYSTEM_MESSAGE,
    system=shapes.SYSTEM_MESSAGE,
    user=shapes.message(
        shapes.parts(text=shapes.TEXT_PART, image_url=shapes.IMAGE_PART), "content"
    ),
    assistant=shapes.message(
        optional(shapes.parts(text=shapes.TEXT_PART)),
        refusal=optional(string()),
        reasoning_content=optional(string()),
        tool_calls=optional(array(tagged("type", {"function": shapes.TOOL_CALL}))),
    ),
    tool=shapes.TOOL_MESSAGE,
)
_FIELDS: Final[dict[str, Check]] = {
    "model": string(),
    "messages": _MESSAGES,
    "stream": optional(boolean),
    "stream_options": optional(structure({"include_usage": boolean})),
    "max_completion_tokens": optional(integer(1)),
    "max_tokens": optional(integer(1)),
    "temperature": optional(number(0, 2)),
    "top_p": optional(number(0, 1)),
    "frequency_penalty": optional(number(-2, 2)),
    "presence_penalty": optional(number(-2, 2)),
    "logit_bias": optional(anything),
    "logprobs": optional(boolean),
    "top_logprobs": optional(integer(0, 8)),
    "n": optional(integer(1, 128)),
    "seed": optional(integer()),
    "stop": optional(array(string(least=1), most=4)),
    "tools": optional(array(tagged("type", {"function": shapes.FUNCTION_TOOL}), most=128)),
    "tool_choice": optional(
        either(
            "one of 'none', 'auto', 'required' or an object",
            string=one_of("none", "auto", "required"),
            object=tagged("type", {"function": shapes.NAMED_FUNCTION}),
        )
    ),
    "parallel_tool_calls": optional(boolean),
    "response_format": optional(tagged("type", shapes.RESPONSE_FORMATS)),
    "reasoning_effort": optional(one_of("none", "low", "medium", "high", "xhigh")),
    "search_parameters": optional(anything),
    "web_search_options": optional(anything),
    "deferred": optional(boolean),
    "service_tier": optional(one_of("default", "priority")),
    "prompt_cache_key": optional(string()),
    "user": optional(string()),
}
_CHECK_BODY: Final = structure(_FIELDS, required=["messages"])


def read_xai_call(body: Any) -> ChatCall:
    """Check a request as xAI does and return what it asks for.

    Raises:
        RefusalError: xAI would refuse it; the first reason found.
    """
    try:
        model = _find_model(model_of(body))
        _CHECK_BODY(body, "")
    except RefusalError as error:
        if error.code in _FORMAT_CODES:
            error.status = 422
        raise
    check_stream_options(body)
    _check_model_fields(body, model)
    check_tool_choice(body)
    check_conversation(body["messages"])
    check_assistant_content(body["messages"])
    check_images(body["messages"], vision=model.vision)
    prompt = count_prompt(body, TOKEN_RULES)
    if prompt.total > model.context_tokens:
        refuse(
            f"This model's maximum prompt length is {model.context_tokens} but the request "
            f"contains {prompt.total} tokens.",
            "messages",
        )
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return ChatCall(
        model=model,
        talk=talk_of(body["messages"]),
        prompt=prompt,
        stream=body.get("stream") is True,
        include_usage=(body.get("stream_options") or {}).get("include_usage", False),
        choice_count=body.get("n") or 1,
        output_limit=limit,
        stops=stops_of(body),
        tools=tools_of(body),
        tool_mode=tool_mode_of(body),
        parallel_tools=body.get("parallel_tool_calls") is not False,
        schema=schema_of(body),
        reasoning_tokens=_REASONING_TOKENS if model.reasoning == "always" else 0,
        reasoning_within_limit=False,
        top_logprobs=_top_logprobs(body, model),
        seed=msgspec.json.encode([body["messages"], body.get("seed")]).decode(),
    )


def _find_model(model_id: str) -> ModelSpec:
    model = find_model("xai", model_id)
    if model is None:
        raise RefusalError(
            f"The model {model_id} does not exist or your team 5imu1a70-0000 does not have access "
            "to it. If you believe this is a mistake, please contact support.",
            status=404,
            code="model_not_found",
        )
    return model


def _check_model_fields(body: Body, model: ModelSpec) -> None:
    if body.get("reasoning_effort") is not None and not model.efforts:
        refuse(f"Model {model.id} does not support parameter reasoningEffort.", "reasoning_effort")
    if model.reasoning != "never":
        for field in ("presence_penalty", "frequency_penalty", "stop"):
            if body.get(field) is not None:
                refuse(f"Model {model.id} does not support parameter {_camel(field)}.", field)
    if body.get("logit_bias") is not None:
        refuse("Argument not supported: logit_bias", "logit_bias")
    if body.get("search_parameters") is not None:
        refuse(
            "Live search is deprecated. Please switch to the Agent Tools API.",
            "search_parameters",
        )
    if body.get("deferred"):
        refuse("Deferred completions are not served by this simulator.", "deferred")


def _top_logprobs(body: Body, model: ModelSpec) -> int | None:
    """Return how many alternatives to show; grok-4.20 ignores the wish without a word."""
    if not body.get("logprobs") or model.id.startswith("grok-4.20"):
        return None
    return body.get("top_logprobs") or 0


def _camel(field: str) -> str:
    first, *rest = field.split("_")
    return first + "".join(word.title() for word in rest)
