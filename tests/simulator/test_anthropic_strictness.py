"""What Anthropic's API refuses, and in which words."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.simulator.test_anthropic_sdk import HAIKU, OPUS, SONNET, WEATHER
from tests.simulator.wire import PNG, AnthropicCaller, user

CHAT: dict[str, Any] = {"model": SONNET, "max_tokens": 200, "messages": user("Describe tea")}
CALLED: Any = {
    "type": "tool_use",
    "id": "toolu_1",
    "name": "get_weather",
    "input": {"city": "Oslo"},
}
RESULT: Any = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"}
ADAPTIVE: dict[str, Any] = {"max_tokens": 4000, "thinking": {"type": "adaptive"}}
MANUAL: dict[str, Any] = {
    "max_tokens": 4000,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
}
OBJECT: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


def said(role: str, *blocks: Any) -> Any:
    return {"role": role, "content": list(blocks)}


def text(words: str) -> Any:
    return {"type": "text", "text": words}


def schema(**changes: Any) -> Any:
    return {"output_config": {"format": {"type": "json_schema", "schema": OBJECT | changes}}}


def half_of_the_limit(name: str) -> Any:
    optional = {f"p{number}": {"type": "string"} for number in range(12)}
    taken = {"type": "object", "properties": optional, "additionalProperties": False}
    return {"name": name, "strict": True, "input_schema": taken}


def picture(**source: Any) -> Any:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png"} | source}
    return {"messages": [said("user", image, text("What?"))]}


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("unknown field", {"foo": 1}, "foo: Extra inputs are not permitted"),
    ("no max_tokens", {"max_tokens": None}, "max_tokens: Input should be a valid integer"),
    ("OpenAI's field", {"n": 2}, "n: Extra inputs are not permitted"),
    ("old format field", {"output_format": {}}, "output_format: Extra inputs are not permitted"),
    ("hot", {"temperature": 1.5}, "temperature: Input should be less than or equal to 1"),
    ("both", {"temperature": 1, "top_p": 0.9}, "`temperature` and `top_p` cannot both"),
    ("sampling on opus", {"model": OPUS, "temperature": 0.5}, "`temperature` is deprecated"),
    ("top_k on opus", {"model": OPUS, "top_k": 5}, "`top_k` is deprecated"),
    ("too long", {"max_tokens": 128_001}, "max_tokens: 128001 > 128000, which is the maximum"),
    ("blank stop", {"stop_sequences": [" "]}, "each stop sequence must contain non-whitespace"),
    ("stop as a string", {"stop_sequences": "x"}, "stop_sequences: Input should be a valid list"),
    ("system role", {"messages": [said("system", text("x"))]}, 'Unexpected role "system"'),
    ("tool role", {"messages": [said("tool", text("x"))]}, "Input should be 'user' or 'assistant'"),
    ("no messages", {"messages": []}, "messages: List should have at least 1 item"),
    ("assistant first", {"messages": [said("assistant", text("x"))]}, "first message must use"),
    ("empty text", {"messages": [said("user", text(""))]}, "text content blocks must be non-empty"),
    ("blank text", {"messages": user("  ")}, "must contain non-whitespace text"),
    ("empty content", {"messages": user("")}, "all messages must have non-empty content"),
    ("empty system", {"system": [text("")]}, "system: text content blocks must be non-empty"),
    ("odd block", {"messages": [said("user", {"type": "image_url"})]}, "does not match any of"),
    (
        "unknown field in a block",
        {"messages": [said("user", text("x") | {"detail": "low"})]},
        "messages.0.content.0.text.detail: Extra inputs are not permitted",
    ),
    (
        "prefill",
        {"messages": [*user("Hi"), said("assistant", text("So"))]},
        "does not support assistant message prefill",
    ),
    (
        "blank at the end of a prefill",
        {"model": HAIKU, "messages": [*user("Hi"), said("assistant", text("So "))]},
        "final assistant content cannot end with trailing whitespace",
    ),
    # Thinking and effort
    ("adaptive on haiku", {"model": HAIKU, **ADAPTIVE}, "adaptive thinking is not supported"),
    ("manual on opus", {"model": OPUS, **MANUAL}, '"thinking.type.enabled" is not supported'),
    (
        "small budget",
        {"thinking": {"type": "enabled", "budget_tokens": 100}},
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    (
        "budget above max_tokens",
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        "`max_tokens` must be greater than `thinking.budget_tokens`",
    ),
    (
        "display of nothing",
        {"thinking": {"type": "disabled", "display": "omitted"}},
        "thinking.disabled.display: Extra inputs are not permitted",
    ),
    ("warm thinking", {**ADAPTIVE, "temperature": 0.5}, "may only be set to 1 when thinking"),
    ("top_k thinking", {**ADAPTIVE, "top_k": 5}, "`top_k` must be unset when thinking"),
    ("top_p thinking", {**ADAPTIVE, "top_p": 0.5}, "`top_p` must be greater than or equal to 0.95"),
    (
        "forced tool in manual thinking",
        {**MANUAL, "tools": [WEATHER], "tool_choice": {"type": "any"}},
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    (
        "effort on haiku",
        {"model": HAIKU, "output_config": {"effort": "low"}},
        "This model does not support the effort parameter.",
    ),
    ("xhigh on sonnet", {"output_config": {"effort": "xhigh"}}, "effort level 'xhigh'"),
    ("unknown effort", {"output_config": {"effort": "none"}}, "output_config.effort: Input should"),
    # Tools
    ("choice without tools", {"tool_choice": {"type": "auto"}}, "only be specified while"),
    (
        "unknown tool",
        {"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "x"}},
        "Tool 'x' not found in provided tools",
    ),
    (
        "parallel with none",
        {"tools": [WEATHER], "tool_choice": {"type": "none", "disable_parallel_tool_use": True}},
        "tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted",
    ),
    (
        "OpenAI's tool",
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        "tools.0: Input tag 'function'",
    ),
    ("twice", {"tools": [WEATHER, WEATHER]}, "Tool names must be unique"),
    (
        "bad name",
        {"tools": [WEATHER | {"name": "get.weather"}]},
        "tools.0.custom.name: String should match pattern",
    ),
    (
        "no schema type",
        {"tools": [WEATHER | {"input_schema": {}}]},
        "tools.0.custom.input_schema.type: Field required",
    ),
    (
        "bad schema",
        {"tools": [WEATHER | {"input_schema": {"type": "object", "properties": {"a": 5}}}]},
        "JSON schema is invalid",
    ),
    (
        "union at the top",
        {"tools": [WEATHER | {"input_schema": {"type": "object", "anyOf": []}}]},
        "does not support oneOf, allOf, or anyOf at the top level",
    ),
    (
        "strict without closing",
        {"tools": [WEATHER | {"strict": True}]},
        "'additionalProperties' must be explicitly set to false",
    ),
    (
        "optional parameters of two strict tools",
        {"tools": [half_of_the_limit("f"), half_of_the_limit("g"), half_of_the_limit("h")]},
        "Too many optional parameters: 36 > 24",
    ),
    # Structured output
    ("open object", schema(additionalProperties=True), "must be explicitly set to false"),
    (
        "bounds",
        schema(properties={"a": {"type": "integer", "minimum": 1}}),
        "output_config.format.schema: For 'integer' type, property 'minimum' is not supported",
    ),
    (
        "length",
        schema(properties={"a": {"type": "string", "maxLength": 3}}),
        "property 'maxLength' is not supported",
    ),
    (
        "long list",
        schema(properties={"a": {"type": "array", "items": {"type": "string"}, "minItems": 2}}),
        "'minItems' values other than 0 or 1",
    ),
    (
        "recursion",
        schema(
            properties={"a": {"$ref": "#/$defs/n"}},
            **{"$defs": {"n": OBJECT | {"properties": {"a": {"$ref": "#/$defs/n"}}}}},
        ),
        "Recursive schemas are not supported",
    ),
    # Pictures
    ("not base64", picture(data="data:image/png;base64,AAAA"), "Invalid base64 data"),
    ("not a picture", picture(data="AAAA"), "Could not process image"),
    ("another type", picture(data=PNG, media_type="image/jpeg"), "appears to be a image/png"),
    ("unknown type", picture(data=PNG, media_type="image/bmp"), "media_type: Input should be"),
    (
        "plain http",
        {
            "messages": [
                said(
                    "user",
                    {"type": "image", "source": {"type": "url", "url": "http://x.org/a.png"}},
                )
            ]
        },
        "Only HTTPS URLs are supported.",
    ),
]


@pytest.mark.parametrize(
    ("changes", "words"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
async def test_refused_with_anthropics_words(
    anthropic_api: AnthropicCaller, changes: dict[str, Any], words: str
) -> None:
    answered = await anthropic_api.chat(**(CHAT | changes))
    assert answered.status == 400
    assert answered.body["type"] == "error"
    assert answered.body["error"]["type"] == "invalid_request_error"
    assert answered.body["request_id"] == answered.headers["request-id"]
    assert words in answered.body["error"]["message"]


def conversation(*messages: Any) -> dict[str, Any]:
    return CHAT | {"tools": [WEATHER], "messages": [*user("Weather?"), *messages]}


ORDERS: list[tuple[str, list[Any], str | None]] = [
    ("in order", [said("assistant", CALLED), said("user", RESULT, text("So?"))], None),
    (
        "result in text's place",
        [said("assistant", CALLED), said("user", text("So?"), RESULT)],
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after",
    ),
    (
        "unanswered",
        [said("assistant", CALLED), *user("Never mind")],
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after",
    ),
    ("unanswered at the end", [said("assistant", CALLED)], "messages.1: `tool_use` ids were"),
    (
        "results in two messages",
        [
            said("assistant", CALLED, CALLED | {"id": "toolu_2"}),
            said("user", RESULT),
            said("user", RESULT | {"tool_use_id": "toolu_2"}),
        ],
        "immediately after: toolu_2",
    ),
    ("orphan", [said("user", RESULT)], "unexpected `tool_use_id` found in `tool_result` blocks"),
    (
        "answered twice",
        [said("assistant", CALLED), said("user", RESULT, RESULT)],
        "each tool_use must have a single result",
    ),
    (
        "same id twice",
        [said("assistant", CALLED, CALLED), said("user", RESULT)],
        "`tool_use` ids must be unique",
    ),
    ("call by the user", [said("user", CALLED)], "can only be in `assistant` messages"),
    ("result by the assistant", [said("assistant", RESULT)], "can only be in `user` messages"),
    ("same role twice", [*user("Hello?"), *user("Hello?")], None),
]


@pytest.mark.parametrize(("messages", "words"), [o[1:] for o in ORDERS], ids=[o[0] for o in ORDERS])
async def test_tool_calls_are_answered_at_once(
    anthropic_api: AnthropicCaller, messages: list[Any], words: str | None
) -> None:
    answered = await anthropic_api.chat(**conversation(*messages))
    assert answered.status == (400 if words else 200)
    assert (words or "") in answered.raw.decode()


async def thought(api: AnthropicCaller, model: str = SONNET, **changes: Any) -> list[Any]:
    """A turn of thinking and a tool call, as the API gave it."""
    asked = CHAT | ADAPTIVE | {"model": model, "messages": user("Weather in Oslo?")} | changes
    answered = await api.chat(**asked, tools=[WEATHER])
    assert answered.status == 200
    content: list[Any] = answered.body["content"]
    return content


async def go_on(api: AnthropicCaller, content: list[Any], **changes: Any) -> str:
    """Bring the tool's result; return the error, or nothing."""
    call_id = content[-1]["id"]
    messages = [
        *user("Weather in Oslo?"),
        said("assistant", *content),
        said("user", RESULT | {"tool_use_id": call_id}),
    ]
    asked = CHAT | ADAPTIVE | {"messages": messages, "tools": [WEATHER]} | changes
    answered = await api.chat(**asked)
    return "" if answered.status == 200 else str(answered.body["error"]["message"])


async def test_thinking_comes_back_unmodified(anthropic_api: AnthropicCaller) -> None:
    content = await thought(anthropic_api)
    assert await go_on(anthropic_api, content) == ""
    assert await go_on(anthropic_api, content[1:]) == ""
    changed, unsigned, empty = (copy.deepcopy(content) for _ in range(3))
    changed[0]["thinking"] += "!"
    assert "cannot be modified" in await go_on(anthropic_api, changed)
    unsigned[0]["signature"] = "c2lnbmVk"
    assert "Invalid `signature` in `thinking` block" in await go_on(anthropic_api, unsigned)
    empty[0]["thinking"] = ""
    assert "cannot be modified" in await go_on(anthropic_api, empty)
    assert "Invalid `signature`" in await go_on(anthropic_api, content, model=OPUS)


async def test_omitted_thinking_has_a_signature_alone(anthropic_api: AnthropicCaller) -> None:
    content = await thought(anthropic_api, OPUS)
    assert content[0]["thinking"] == ""
    assert content[0]["signature"]
    assert await go_on(anthropic_api, content, model=OPUS) == ""


async def test_redacted_thinking_comes_back_too(anthropic_api: AnthropicCaller) -> None:
    told = user("Weather in Oslo? ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9")
    content = await thought(anthropic_api, messages=told)
    assert content[0].keys() == {"type", "data"}
    assert await go_on(anthropic_api, content) == ""
    content[0]["data"] = content[0]["data"][4:]
    assert "Invalid `data` in `redacted_thinking` block" in await go_on(anthropic_api, content)


async def test_manual_thinking_must_come_first(anthropic_api: AnthropicCaller) -> None:
    content = await thought(anthropic_api, HAIKU, **MANUAL)
    assert content[0]["type"] == "thinking"
    manual = {"model": HAIKU, **MANUAL}
    assert await go_on(anthropic_api, content, **manual) == ""
    problem = await go_on(anthropic_api, content[1:], **manual)
    assert problem.startswith("messages.1.content.0.type: Expected `thinking`")
