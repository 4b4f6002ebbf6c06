"""xAI's own ways on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.wire import WEATHER, Answered, Caller, user

REASONING = "grok-4.20-0309-reasoning"
PLAIN = "grok-4.20-0309-non-reasoning"
BAD_ARGUMENT = "Client specified an invalid argument"


def refusal(answered: Answered) -> tuple[int, str]:
    assert set(answered.body) == {"code", "error"}
    assert isinstance(answered.body["error"], str)
    return answered.status, answered.body["code"]


async def test_usage_counts_reasoning_beside_completion(xai_api: Caller) -> None:
    answered = await xai_api.chat(model=REASONING, messages=user("Describe tea"))
    usage = answered.body["usage"]
    reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
    assert reasoning > 0
    parts = usage["prompt_tokens"] + usage["completion_tokens"] + reasoning
    assert usage["total_tokens"] == parts
    assert usage["prompt_tokens_details"]["text_tokens"] == usage["prompt_tokens"]
    output = usage["completion_tokens"] + reasoning
    assert usage["cost_in_usd_ticks"] == usage["prompt_tokens"] * 20_000 + output * 60_000
    assert usage["num_sources_used"] == 0


async def test_limit_does_not_bound_reasoning(xai_api: Caller) -> None:
    answered = await xai_api.chat(
        model=REASONING, messages=user("Describe tea"), max_completion_tokens=5
    )
    usage = answered.body["usage"]
    assert usage["completion_tokens"] == 5
    assert usage["completion_tokens_details"]["reasoning_tokens"] > 5
    assert answered.body["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("stream", [False, True])
async def test_logprobs_are_shown_by_the_older_model_and_ignored_by_the_newer(
    xai_api: Caller, stream: bool
) -> None:
    asked: dict[str, Any] = {"logprobs": True, "top_logprobs": 2, "stream": stream}
    for model, shown in (("grok-4-1-fast-reasoning", True), (PLAIN, False)):
        answered = await xai_api.chat(model=model, messages=user("Describe tea"), **asked)
        entries = [
            chunk["choices"][0] for chunk in (answered.chunks if stream else [answered.body])
        ]
        assert any("logprobs" in entry for entry in entries) is shown


async def test_stream_omits_keys_and_ends_with_usage(xai_api: Caller) -> None:
    answered = await xai_api.chat(
        model=PLAIN,
        messages=user("Describe tea"),
        stream=True,
        stream_options={"include_usage": True},
    )
    first, *_, finish, last = answered.chunks
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert first["choices"][0]["delta"]["content"]
    assert set(first["choices"][0]) == {"index", "delta"}
    assert finish["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] > 0
    assert all("usage" not in chunk for chunk in answered.chunks[:-1])


async def test_tool_call_arrives_whole_in_one_delta(xai_api: Caller) -> None:
    answered = await xai_api.chat(
        model=PLAIN, messages=user("Weather in Oslo?"), tools=[WEATHER], stream=True
    )
    calling, finish = answered.chunks
    (call,) = calling["choices"][0]["delta"]["tool_calls"]
    assert call["index"] == 0
    assert call["id"]
    assert '"city":"Oslo"' in call["function"]["arguments"]
    assert finish["choices"][0]["finish_reason"] == "tool_calls"


async def test_tool_call_leaves_content_empty_not_null(xai_api: Caller) -> None:
    answered = await xai_api.chat(model=PLAIN, messages=user("Weather in Oslo?"), tools=[WEATHER])
    message = answered.body["choices"][0]["message"]
    assert message["content"] == ""
    assert len(message["tool_calls"]) == 1


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (REASONING, {"reasoning_effort": "low"}),
        (REASONING, {"reasoning_effort": "none"}),
        (PLAIN, {"reasoning_effort": "low"}),
        ("grok-4-1-fast-reasoning", {"reasoning_effort": "high"}),
        (REASONING, {"stop": ["x"]}),
        (REASONING, {"presence_penalty": 0.5}),
        (REASONING, {"frequency_penalty": 0}),
        (PLAIN, {"logit_bias": {"1": 2}}),
        (PLAIN, {"search_parameters": {"mode": "on"}}),
        (PLAIN, {"verbosity": "low"}),
        (PLAIN, {"store": True}),
        (PLAIN, {"stream_options": {"include_usage": True}}),
        (PLAIN, {"tools": [{"type": "custom", "custom": {"name": "x"}}]}),
    ],
)
async def test_argument_is_refused_with_400(
    xai_api: Caller, model: str, fields: dict[str, Any]
) -> None:
    answered = await xai_api.chat(model=model, messages=user("Hi"), **fields)
    assert refusal(answered) == (400, BAD_ARGUMENT)


@pytest.mark.parametrize("fields", [{"stop": ["x"]}, {"presence_penalty": 1}, {"logprobs": True}])
async def test_plain_model_takes_sampling_fields(xai_api: Caller, fields: dict[str, Any]) -> None:
    assert (await xai_api.chat(model=PLAIN, messages=user("Hi"), **fields)).status == 200


@pytest.mark.parametrize("fields", [{"temperature": "hot"}, {"messages": [{"role": "user"}]}])
async def test_field_of_wrong_format_is_422(xai_api: Caller, fields: dict[str, Any]) -> None:
    answered = await xai_api.chat(**{"model": PLAIN, "messages": user("Hi"), **fields})
    assert refusal(answered)[0] == 422


async def test_wrong_key_is_400_and_missing_key_401(xai_api: Caller) -> None:
    wrong = await xai_api.chat(key="xai-wrong-abcdefghijkl", model=PLAIN, messages=user("Hi"))
    assert refusal(wrong) == (400, BAD_ARGUMENT)
    assert "xai-wron" in wrong.body["error"]
    missing = await xai_api.chat(key="", model=PLAIN, messages=user("Hi"))
    assert refusal(missing)[0] == 401


async def test_unknown_model_is_404_and_empty_body_415(xai_api: Caller) -> None:
    unknown = await xai_api.chat(model="grok-1", messages=user("Hi"))
    assert refusal(unknown)[0] == 404
    empty = await xai_api.send("POST", "/chat/completions")
    assert refusal(empty)[0] == 415


async def test_models_are_listed(xai_api: Caller) -> None:
    listed = (await xai_api.send("GET", "/models")).body
    assert [model["id"] for model in listed["data"]] == [
        REASONING,
        PLAIN,
        "grok-4-1-fast-reasoning",
    ]
