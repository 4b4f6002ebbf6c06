"""What Together refuses in a chat completion request, for the models that it serves here.

Fields are those of Together's OpenAPI document, plus `stream_options`, which its own guides use.
"""

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
    string_map,
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
    image_base=0,
    image_tile=400,
    image_tile_pixels=560,
    image_tile_limit=4,
)
_REASONING_TOKENS: Final = {"low": 24, "medium": 64, "high": 160}

_MESSAGES: Final = shapes.messages(
    system=shapes.SYSTEM_MESSAGE,
    user=shapes.message(
        shapes.parts(text=shapes.TEXT_PART, image_url=shapes.IMAGE_PART), "content"
    ),
    assistant=shapes.message(
        optional(shapes.parts(text=shapes.TEXT_PART)),
        reasoning=optional(string()),
        reasoning_content=optional(string()),
        tool_calls=optional(array(tagged("type", {"function": shapes.TOOL_CALL}))),
        function_call=optional(shapes.FUNCTION_CALL),
    ),
    tool=shapes.TOOL_MESSAGE,
    function=shapes.FUNCTION_MESSAGE,
)
_REGEX_FORMAT: Final = structure(
    {"type": anything, "pattern": string(least=1)}, required=["pattern"]
)
_FIELDS: Final[dict[str, Check]] = {
    "model": string(),
    "messages": _MESSAGES,
    "stream": optional(boolean),
    "stream_options": optional(structure({"include_usage": boolean})),
    "max_tokens": optional(integer(1)),
    "temperature": optional(number(0, 2)),
    "top_p": optional(number(0, 1)),
    "top_k": optional(integer()),
    "min_p": optional(number(0, 1)),
    "repetition_penalty": optional(number()),
    "presence_penalty": optional(number(-2, 2)),
    "frequency_penalty": optional(number(-2, 2)),
    "logit_bias": optional(string_map(number())),
    "logprobs": optional(integer(0, 20)),
    "echo": optional(boolean),
    "n": optional(integer(1, 128)),
    "seed": optional(integer()),
    "stop": optional(array(string())),
    "context_length_exceeded_behavior": optional(one_of("error", "truncate")),
    "response_format": optional(
        tagged("type", {**shapes.RESPONSE_FORMATS, "regex": _REGEX_FORMAT})
    ),
    "tools": optional(array(tagged("type", {"function": shapes.FUNCTION_TOOL}), most=128)),
    "tool_choice": optional(
        either(
            "one of 'none', 'auto', 'required' or an object",
            string=one_of("none", "auto", "required"),
            object=tagged("type", {"function": shapes.NAMED_FUNCTION}),
        )
    ),
    "reasoning_effort": optional(one_of("low", "medium", "high")),
    "reasoning": optional(structure({"enabled": boolean})),
    "chat_template_kwargs": optional(string_map(anything)),
    "safety_model": optional(string()),
    "compliance": optional(one_of("hipaa")),
}
_CHECK_BODY: Final = structure(_FIELDS, required=["messages"])


def read_together_call(body: Any) -> ChatCall:
    """Check a request as Together does and return what it asks for.

    Raises:
        RefusalError: Together would refuse it; the first reason found.
    """
    model = _find_model(model_of(body))
    _CHECK_BODY(body, "")
    check_stream_options(body)
    _check_model_fields(body, model)
    check_tool_choice(body)
    check_conversation(body["messages"])
    check_assistant_content(body["messages"])
    check_images(body["messages"], vision=model.vision)
    prompt = count_prompt(body, TOKEN_RULES)
    limit = body.get("max_tokens")
    if body.get("context_length_exceeded_behavior") != "truncate":
        _check_size(model, prompt.total, limit)
    wanted = body.get("response_format") or {}
    return ChatCall(
        model=model,
        talk=talk_of(body["messages"]),
        prompt=prompt,
        stream=body.get("stream") is True,
        include_usage=True,
        choice_count=body.get("n") or 1,
        output_limit=limit,
        stops=stops_of(body),
        tools=tools_of(body),
        tool_mode=tool_mode_of(body),
        schema=schema_of(body),
        pattern=wanted.get("pattern"),
        reasoning_tokens=_reasoning_tokens(body, model),
        top_logprobs=body.get("logprobs") or None,
        seed=msgspec.json.encode([body["messages"], body.get("seed")]).decode(),
    )


def _find_model(model_id: str) -> ModelSpec:
    model = find_model("together", model_id)
    if model is None:
        raise RefusalError(
            f"Unable to access model {model_id}. Please visit https://api.together.ai/models to "
            "view the list of supported models.",
            status=404,
            code="model_not_available",
        )
    return model


def _check_model_fields(body: Body, model: ModelSpec) -> None:
    if body.get("reasoning_effort") is not None and not model.efforts:
        refuse(f"{model.id} does not support reasoning_effort.", "reasoning_effort")
    if body.get("reasoning") is not None and model.reasoning not in {"default_on", "default_off"}:
        refuse(f"{model.id} does not support switching its reasoning.", "reasoning")


def _reasoning_tokens(body: Body, model: ModelSpec) -> int:
    switch = (body.get("reasoning") or {}).get("enabled")
    template = (body.get("chat_template_kwargs") or {}).get("thinking")
    asked = switch if switch is not None else template
    thinks = {
        "never": False,
        "effort": False,
        "always": True,
        "default_on": asked is not False,
        "default_off": asked is True,
    }[model.reasoning]
    return _REASONING_TOKENS[body.get("reasoning_effort") or "medium"] if thinks else 0


def _check_size(model: ModelSpec, prompt_tokens: int, limit: int | None) -> None:
    """Together answers 403, not 400, when prompt and allowance do not fit the context."""
    wanted = prompt_tokens + (limit or 1)
    if wanted > model.context_tokens:
        raise RefusalError(
            f"This model's maximum context length is {model.context_tokens} tokens. However, you "
            f"requested {wanted} tokens ({prompt_tokens} in the messages, {limit or 1} in the "
            "completion). Please reduce the length of the messages or completion.",
            status=403,
        )
