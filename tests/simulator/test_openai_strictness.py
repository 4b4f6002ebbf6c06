"""What api.openai.com refuses, with its statuses, codes and params."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.wire import WEATHER, Answered, Caller, user

MODEL = "gpt-5.4-mini"
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def strict_format(**schema: Any) -> dict[str, Any]:
    described = {"name": "answer", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": described}}


def function_tool(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": name, **fields}}]}


def refusal(answered: Answered) -> tuple[int, str | None, str | None]:
    error = answered.body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    return answered.status, error["param"], error["code"]


CASES: list[tuple[str, dict[str, Any], str | None, str | None]] = [
    ("unknown field", {"foo": 1}, "foo", "unknown_parameter"),
    (
        "unknown nested field",
        {"messages": [{"role": "user", "content": "Hi", "mood": "good"}]},
        "messages[0].mood",
        "unknown_parameter",
    ),
    ("wrong type", {"temperature": "hot"}, "temperature", "invalid_type"),
    ("boolean is not a number", {"n": True}, "n", "invalid_type"),
    ("decimal is not an integer", {"seed": 1.5}, "seed", "invalid_type"),
    ("temperature too high", {"temperature": 2.1}, "temperature", "decimal_above_max_value"),
    ("n too low", {"n": 0}, "n", "integer_below_min_value"),
    ("five stops", {"stop": list("abcde")}, "stop", "array_above_max_length"),
    ("no messages", {"messages": []}, "messages", "empty_array"),
    ("messages of another type", {"messages": "Hi"}, "messages", "invalid_type"),
    (
        "unknown role",
        {"messages": [{"role": "robot", "content": "Hi"}]},
        "messages[0].role",
        "invalid_value",
    ),
    (
        "no content",
        {"messages": [{"role": "user"}]},
        "messages[0].content",
        "missing_required_parameter",
    ),
    (
        "unknown part",
        {"messages": [{"role": "user", "content": [{"type": "smell"}]}]},
        "messages[0].content[0].type",
        "invalid_value",
    ),
    (
        "image in a system message",
        {
            "messages": [
                {
                    "role": "system",
                    "content": [{"type": "image_url", "image_url": {"url": "https://e.com/a"}}],
                }
            ]
        },
        "messages[0].content[0].type",
        "invalid_value",
    ),
    (
        "audio part",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_audio", "input_audio": {"data": "aa", "format": "wav"}}
                    ],
                }
            ]
        },
        "messages[0].content",
        None,
    ),
    ("max_tokens", {"max_tokens": 5}, "max_tokens", "unsupported_parameter"),
    ("huge limit", {"max_completion_tokens": 10**6}, "max_completion_tokens", "invalid_value"),
    ("stream options alone", {"stream_options": {"include_usage": True}}, "stream_options", None),
    ("top_logprobs alone", {"top_logprobs": 2}, "top_logprobs", None),
    ("effort unknown", {"reasoning_effort": "extreme"}, "reasoning_effort", "invalid_value"),
    (
        "effort unsupported",
        {"reasoning_effort": "minimal"},
        "reasoning_effort",
        "unsupported_value",
    ),
    (
        "temperature with effort",
        {"reasoning_effort": "low", "temperature": 0.5},
        "temperature",
        "unsupported_parameter",
    ),
    (
        "logprobs with effort",
        {"reasoning_effort": "low", "logprobs": True},
        "logprobs",
        "unsupported_parameter",
    ),
    (
        "function tools with effort",
        {"reasoning_effort": "low", "tools": [WEATHER]},
        "reasoning_effort",
        None,
    ),
    (
        "audio output",
        {"modalities": ["text", "audio"]},
        "modalities",
        "unsupported_value",
    ),
    ("web search", {"web_search_options": {}}, "web_search_options", "unsupported_parameter"),
    ("tool name", function_tool("get weather"), "tools[0].function.name", "invalid_value"),
    (
        "tool name too long",
        function_tool("x" * 65),
        "tools[0].function.name",
        "string_above_max_length",
    ),
    (
        "parameters that are no object",
        function_tool(parameters={"type": "string"}),
        "tools[0].function.parameters",
        "invalid_function_parameters",
    ),
    (
        "strict tool with optional property",
        function_tool(
            strict=True,
            parameters={
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "additionalProperties": False,
            },
        ),
        "tools[0].function.parameters",
        "invalid_function_parameters",
    ),
    (
        "parameters that are no schema",
        function_tool(
            strict=True,
            parameters={"type": "object", "additionalProperties": False, "properties": 7},
        ),
        "tools[0].function.parameters",
        "invalid_function_parameters",
    ),
    ("tool choice without tools", {"tool_choice": "auto"}, "tool_choice", None),
    (
        "tool choice of another tool",
        {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "g"}}},
        "tool_choice",
        None,
    ),
    ("parallel without tools", {"parallel_tool_calls": True}, "parallel_tool_calls", None),
    (
        "tool message out of the blue",
        {"messages": [*user("Hi"), {"role": "tool", "tool_call_id": "x", "content": "1"}]},
        "messages.[1].role",
        None,
    ),
    (
        "unanswered tool call",
        {"messages": [*user("Hi"), {"role": "assistant", "tool_calls": [CALL]}, *user("And?")]},
        "messages.[2].role",
        None,
    ),
    (
        "assistant who says nothing",
        {"messages": [*user("Hi"), {"role": "assistant", "content": None}]},
        "messages[1].content",
        None,
    ),
    (
        "bad image URL",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}],
                }
            ]
        },
        "messages[0].content.image_url",
        "invalid_image_url",
    ),
    (
        "JSON mode without the word",
        {"response_format": {"type": "json_object"}},
        "messages",
        None,
    ),
    (
        "strict schema, additional properties",
        strict_format(type="object", properties={}),
        "response_format",
        None,
    ),
    (
        "strict schema, root is not an object",
        strict_format(type="array", items={"type": "string"}),
        "response_format",
        None,
    ),
    (
        "strict schema, refused keyword",
        strict_format(
            type="object",
            properties={"a": {"type": "string", "default": "x"}},
            required=["a"],
            additionalProperties=False,
        ),
        "response_format",
        None,
    ),
    (
        "strict schema, deep inside",
        strict_format(
            type="object",
            properties={"a": {"type": "array", "items": {"type": "object", "properties": {}}}},
            required=["a"],
            additionalProperties=False,
        ),
        "response_format",
        None,
    ),
    (
        "metadata value too long",
        {"metadata": {"k": "v" * 513}},
        "metadata.k",
        "string_above_max_length",
    ),
    (
        "too much text",
        {"messages": user("中" * 400_001)},
        "messages",
        "context_length_exceeded",
    ),
]


@pytest.mark.parametrize(
    ("fields", "param", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
async def test_request_is_refused_with_400(
    openai_api: Caller, fields: dict[str, Any], param: str | None, code: str | None
) -> None:
    answered = await openai_api.chat(**{"model": MODEL, "messages": user("Hi"), **fields})
    assert refusal(answered) == (400, param, code)


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": None, "stop": None, "n": None, "stream": None},
        {"temperature": 0.2, "top_p": 0.9, "reasoning_effort": "none", "tools": [WEATHER]},
        {"reasoning_effort": "xhigh", "verbosity": "low", "service_tier": "fast"},
        {"metadata": {"a": "b"}, "store": True, "user": "u", "prompt_cache_key": "k"},
        {"messages": [{"role": "developer", "content": "Be brief"}, *user("Hi")]},
        {"prediction": {"type": "content", "content": "x"}, "logit_bias": {"1": -100}},
    ],
)
async def test_request_that_openai_takes_is_taken(
    openai_api: Caller, fields: dict[str, Any]
) -> None:
    answered = await openai_api.chat(**{"model": MODEL, "messages": user("Hi"), **fields})
    assert answered.status == 200


async def test_missing_model_is_400(openai_api: Caller) -> None:
    answered = await openai_api.chat(messages=user("Hi"))
    assert refusal(answered) == (400, None, None)


async def test_unknown_model_is_404(openai_api: Caller) -> None:
    answered = await openai_api.chat(model="gpt-9", messages=user("Hi"))
    assert refusal(answered) == (404, None, "model_not_found")


async def test_missing_key_is_401(openai_api: Caller) -> None:
    answered = await openai_api.chat(key="", model=MODEL, messages=user("Hi"))
    assert refusal(answered) == (401, None, None)


async def test_wrong_key_is_401_and_echoes_part_of_it(openai_api: Caller) -> None:
    key = "sk-wrong-abcdefghijklmnop"
    answered = await openai_api.chat(key=key, model=MODEL, messages=user("Hi"))
    assert refusal(answered) == (401, None, "invalid_api_key")
    assert key[:8] in answered.body["error"]["message"]
    assert key not in answered.body["error"]["message"]


@pytest.mark.parametrize("raw", [b"", b"{", b'{"a": NaN}', b"\xff"])
async def test_body_that_is_not_json_is_400(openai_api: Caller, raw: bytes) -> None:
    answered = await openai_api.send(
        "POST", "/chat/completions", data=raw, headers={"content-type": "application/json"}
    )
    assert refusal(answered) == (400, None, None)


async def test_body_that_is_not_an_object_is_400(openai_api: Caller) -> None:
    answered = await openai_api.send("POST", "/chat/completions", json=[1])
    assert answered.status == 400


async def test_form_body_is_415(openai_api: Caller) -> None:
    answered = await openai_api.send("POST", "/chat/completions", data={"a": "b"})
    assert answered.status == 415


async def test_unknown_path_is_404_in_the_same_shape(openai_api: Caller) -> None:
    answered = await openai_api.send("POST", "/frobnicate", json={})
    assert refusal(answered) == (404, None, None)


async def test_answer_carries_openai_headers(openai_api: Caller) -> None:
    answered = await openai_api.chat(model=MODEL, messages=user("Hi"))
    assert answered.headers["x-request-id"].startswith("req_")
    assert answered.headers["openai-version"] == "2020-10-01"
    assert answered.headers["x-ratelimit-remaining-requests"]


async def test_same_request_gets_the_same_answer(openai_api: Caller) -> None:
    first, second = [
        (await openai_api.chat(model=MODEL, messages=user("Describe tea"))).body for _ in range(2)
    ]
    assert first["choices"] == second["choices"]
    assert first["usage"] == second["usage"]
    assert first["id"] != second["id"]


async def test_stream_has_openai_shape(openai_api: Caller) -> None:
    answered = await openai_api.chat(model=MODEL, messages=user("Describe tea"), stream=True)
    assert answered.headers["content-type"].startswith("text/event-stream")
    first, *middle, last = answered.chunks
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in [first, *middle])
    assert last["choices"][0]["delta"] == {}
    assert last["choices"][0]["finish_reason"] == "stop"
    assert all("usage" not in chunk and chunk["obfuscation"] for chunk in answered.chunks)


async def test_obfuscation_can_be_turned_off(openai_api: Caller) -> None:
    answered = await openai_api.chat(
        model=MODEL,
        messages=user("Hi"),
        stream=True,
        stream_options={"include_obfuscation": False, "include_usage": True},
    )
    assert all("obfuscation" not in chunk for chunk in answered.chunks)
    *chunks, last = answered.chunks
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] > 0
    assert all(chunk["usage"] is None for chunk in chunks)


async def test_streamed_tool_call_comes_in_fragments(openai_api: Caller) -> None:
    answered = await openai_api.chat(
        model=MODEL, messages=user("Weather in Oslo?"), tools=[WEATHER], stream=True
    )
    deltas = [chunk["choices"][0]["delta"] for chunk in answered.chunks]
    fragments = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    first, *rest = fragments
    assert first["function"] == {"name": "get_weather", "arguments": ""}
    assert first["id"].startswith("call_")
    assert len(rest) > 1
    assert all(set(piece) == {"index", "function"} for piece in rest)
    assert all(set(piece["function"]) == {"arguments"} for piece in rest)


async def test_streamed_choices_interleave(openai_api: Caller) -> None:
    answered = await openai_api.chat(model=MODEL, messages=user("Hi"), stream=True, n=2)
    indexes = [chunk["choices"][0]["index"] for chunk in answered.chunks]
    assert indexes[:4] == [0, 1, 0, 1]
