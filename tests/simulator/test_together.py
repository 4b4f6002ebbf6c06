"""Together's own ways on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.wire import WEATHER, Answered, Caller, user

LLAMA = "meta-llama/Llama-3.3-70B-Instruct-Turbo"
OSS = "openai/gpt-oss-20b"


def refusal(answered: Answered) -> tuple[int, str | None, str | None]:
    assert set(answered.body) == {"id", "error"}
    error = answered.body["error"]
    assert error["message"]
    return answered.status, error["param"], error["code"]


async def test_unary_answer_has_together_shape(together_api: Caller) -> None:
    body = (await together_api.chat(model=LLAMA, messages=user("Describe tea"))).body
    assert body["prompt"] == []
    choice = body["choices"][0]
    assert choice["finish_reason"] == "eos"
    assert isinstance(choice["seed"], int)
    assert choice["message"]["tool_calls"] == []
    assert body["usage"]["cached_tokens"] == 0


async def test_reasoning_is_visible_and_inside_completion_tokens(together_api: Caller) -> None:
    body = (await together_api.chat(model=OSS, messages=user("Describe tea"))).body
    usage = body["usage"]
    assert body["choices"][0]["message"]["reasoning"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
    assert 0 < reasoning < usage["completion_tokens"]
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}


@pytest.mark.parametrize(
    ("model", "fields", "thinks"),
    [
        ("zai-org/GLM-5", {}, True),
        ("zai-org/GLM-5", {"reasoning": {"enabled": False}}, False),
        ("deepseek-ai/DeepSeek-V3.1", {}, False),
        ("deepseek-ai/DeepSeek-V3.1", {"reasoning": {"enabled": True}}, True),
        ("deepseek-ai/DeepSeek-V3.1", {"chat_template_kwargs": {"thinking": True}}, True),
        (LLAMA, {}, False),
    ],
)
async def test_hybrid_models_think_as_told(
    together_api: Caller, model: str, fields: dict[str, Any], thinks: bool
) -> None:
    body = (await together_api.chat(model=model, messages=user("Hi"), **fields)).body
    assert ("reasoning" in body["choices"][0]["message"]) is thinks


async def test_thinking_can_use_the_whole_allowance(together_api: Caller) -> None:
    body = (await together_api.chat(model=OSS, messages=user("Hi"), max_tokens=10)).body
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["choices"][0]["message"]["content"] == ""
    assert body["usage"]["completion_tokens"] == 10


async def test_stream_carries_usage_on_the_finish_chunk(together_api: Caller) -> None:
    answered = await together_api.chat(model=OSS, messages=user("Hi"), stream=True)
    *middle, last = answered.chunks
    assert all(chunk["usage"] is None for chunk in middle)
    assert all(chunk["choices"][0]["delta"]["role"] == "assistant" for chunk in middle)
    assert all("finish_reason" in chunk["choices"][0] for chunk in middle)
    assert middle[0]["choices"][0]["delta"]["reasoning"]
    assert last["choices"][0]["finish_reason"] == "eos"
    assert last["usage"]["total_tokens"] > 0


async def test_streamed_choices_share_one_usage(together_api: Caller) -> None:
    answered = await together_api.chat(model=LLAMA, messages=user("Hi"), stream=True, n=2)
    assert sum(chunk["usage"] is not None for chunk in answered.chunks) == 1
    assert answered.chunks[-1]["usage"] is not None


async def test_logprobs_are_parallel_lists(together_api: Caller) -> None:
    unary = await together_api.chat(model=LLAMA, messages=user("Hi"), logprobs=2)
    logprobs = unary.body["choices"][0]["logprobs"]
    assert "".join(logprobs["tokens"]) == unary.body["choices"][0]["message"]["content"]
    assert len(logprobs["tokens"]) == len(logprobs["token_logprobs"]) == len(logprobs["token_ids"])
    assert all(len(top) == 2 for top in logprobs["top_logprobs"])
    stream = await together_api.chat(model=LLAMA, messages=user("Hi"), logprobs=1, stream=True)
    assert isinstance(stream.chunks[0]["choices"][0]["logprobs"], float)


async def test_stop_sequence_finishes_with_stop(together_api: Caller) -> None:
    body = (await together_api.chat(model=LLAMA, messages=user("Describe tea"), stop=["tea"])).body
    assert body["choices"][0]["finish_reason"] == "stop"


async def test_tool_calls_carry_an_index(together_api: Caller) -> None:
    body = (
        await together_api.chat(model=LLAMA, messages=user("Weather in Oslo?"), tools=[WEATHER])
    ).body
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    assert body["choices"][0]["message"]["tool_calls"][0]["index"] == 0
    assert body["choices"][0]["message"]["content"] is None


async def test_regex_format_is_matched(together_api: Caller) -> None:
    wanted = {"type": "regex", "pattern": "(yes|no)!"}
    body = (await together_api.chat(model=LLAMA, messages=user("Hi"), response_format=wanted)).body
    assert body["choices"][0]["message"]["content"] in {"yes!", "no!"}


@pytest.mark.parametrize(
    ("model", "fields", "param"),
    [
        (LLAMA, {"max_completion_tokens": 5}, "max_completion_tokens"),
        (LLAMA, {"top_logprobs": 5}, "top_logprobs"),
        (LLAMA, {"logprobs": True}, "logprobs"),
        (LLAMA, {"stop": "x"}, "stop"),
        (LLAMA, {"metadata": {}}, "metadata"),
        (LLAMA, {"reasoning_effort": "low"}, "reasoning_effort"),
        (OSS, {"reasoning_effort": "none"}, "reasoning_effort"),
        (OSS, {"reasoning": {"enabled": False}}, "reasoning"),
    ],
)
async def test_field_is_refused_with_400(
    together_api: Caller, model: str, fields: dict[str, Any], param: str
) -> None:
    answered = await together_api.chat(model=model, messages=user("Hi"), **fields)
    assert refusal(answered)[:2] == (400, param)


async def test_image_to_a_model_that_cannot_see_is_400(together_api: Caller) -> None:
    parts = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    messages = [{"role": "user", "content": parts}]
    assert (await together_api.chat(model=LLAMA, messages=messages)).status == 400
    seen = await together_api.chat(model="google/gemma-4-31B-it", messages=messages)
    assert seen.status == 200


async def test_context_overflow_is_403_unless_truncation_is_asked_for(
    together_api: Caller,
) -> None:
    answered = await together_api.chat(model=LLAMA, messages=user("Hi"), max_tokens=131_072)
    assert refusal(answered) == (403, None, None)
    cut = await together_api.chat(
        model=LLAMA,
        messages=user("Hi"),
        max_tokens=131_072,
        context_length_exceeded_behavior="truncate",
    )
    assert cut.status == 200


async def test_price_list_spelling_of_an_id_is_unknown(together_api: Caller) -> None:
    answered = await together_api.chat(model="OpenAI/gpt-oss-20B", messages=user("Hi"))
    assert refusal(answered) == (404, None, "model_not_available")


async def test_models_are_a_bare_array(together_api: Caller) -> None:
    listed = (await together_api.send("GET", "/models")).body
    assert isinstance(listed, list)
    assert {"id", "context_length", "organization", "pricing"} <= set(listed[0])
    assert len(listed) == 18


async def test_wrong_key_is_401(together_api: Caller) -> None:
    answered = await together_api.chat(key="tk-wrong-abcdefghij", model=LLAMA, messages=user("Hi"))
    assert refusal(answered) == (401, None, "invalid_api_key")
