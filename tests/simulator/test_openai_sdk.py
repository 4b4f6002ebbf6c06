"""The official SDK as the judge of the OpenAI dialect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal

import msgspec
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.simulator.wire import KEY, WEATHER, user
from tokensmith_simulator.testing import RunningSimulator

MODEL = "gpt-5.4-mini"


@pytest.fixture
async def client(simulator: RunningSimulator) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        api_key=KEY, base_url=simulator.openai_base_url, max_retries=0
    ) as opened:
        yield opened


async def test_unary_chat_answers_and_counts(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Describe lighthouses in 40 words"}]
    )
    assert answer.model == "gpt-5.4-mini-2026-03-17"
    choice = answer.choices[0]
    assert choice.finish_reason == "stop"
    assert choice.message.content
    assert len(choice.message.content.split()) == 40
    assert "lighthouses" in choice.message.content
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id is not None


async def test_sync_client_works(simulator: RunningSimulator) -> None:
    def call() -> str | None:
        with OpenAI(api_key=KEY, base_url=simulator.openai_base_url) as sync_client:
            answer = sync_client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "Say hello"}]
            )
            return answer.choices[0].message.content

    assert await asyncio.to_thread(call)


async def test_stream_adds_up_to_the_unary_answer(client: AsyncOpenAI) -> None:
    messages: Any = user("Describe tea in 30 words")
    unary = await client.chat.completions.create(model=MODEL, messages=messages)
    stream = await client.chat.completions.create(
        model=MODEL, messages=messages, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == unary.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage == unary.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1


async def test_tool_round_trip(client: AsyncOpenAI) -> None:
    messages: list[Any] = user("What is the weather in Paris and London?")
    tools: Any = [WEATHER]
    first = await client.chat.completions.create(model=MODEL, messages=messages, tools=tools)
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    assert message.content is None
    calls: list[Any] = list(message.tool_calls or [])
    cities = [msgspec.json.decode(call.function.arguments)["city"] for call in calls]
    assert cities == ["Paris", "London"]
    messages.append(message.model_dump(exclude_none=True, exclude={"annotations"}))
    for call in calls:
        result = '{"temperature": 21, "sky": "clear"}'
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    second = await client.chat.completions.create(model=MODEL, messages=messages, tools=tools)
    assert second.choices[0].finish_reason == "stop"
    assert "get_weather, temperature is 21" in (second.choices[0].message.content or "")


async def test_streamed_tool_call_accumulates(client: AsyncOpenAI) -> None:
    async with client.chat.completions.stream(
        model=MODEL,
        messages=user("Weather in Oslo?"),
        tools=[WEATHER],
    ) as stream:
        final = await stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert msgspec.json.decode(calls[0].function.arguments)["city"] == "Oslo"
    assert final.choices[0].finish_reason == "tool_calls"


async def test_parallel_tool_calls_off_means_one_call(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=user("Weather in Paris and London?"),
        tools=[WEATHER],
        parallel_tool_calls=False,
    )
    assert len(answer.choices[0].message.tool_calls or []) == 1


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("required", "get_weather"),
        ({"type": "function", "function": {"name": "add"}}, "add"),
        ("none", None),
        ("auto", None),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "add"}}],
                },
            },
            "add",
        ),
    ],
)
async def test_tool_choice_is_obeyed(client: AsyncOpenAI, choice: Any, called: str | None) -> None:
    add: Any = {"type": "function", "function": {"name": "add"}}
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=user("Good morning"),
        tools=[WEATHER, add],
        tool_choice=choice,
    )
    calls: list[Any] = list(answer.choices[0].message.tool_calls or [])
    assert [call.function.name for call in calls] == ([called] if called else [])


async def test_custom_tool_gets_plain_input(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=user("Run some code about primes"),
        tools=[{"type": "custom", "custom": {"name": "code_runner"}}],
        tool_choice="required",
    )
    call: Any = (answer.choices[0].message.tool_calls or [])[0]
    assert call.type == "custom"
    assert "primes" in call.custom.input


async def test_deprecated_functions_answer_with_function_call(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=user("Weather in Rome?"),
        functions=[WEATHER["function"]],
    )
    assert answer.choices[0].finish_reason == "function_call"
    assert answer.choices[0].message.function_call is not None


class Recipe(BaseModel):
    name: str
    servings: int
    difficulty: Literal["easy", "hard"]
    steps: list[str]
    note: str | None


async def test_parse_returns_the_model(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.parse(
        model=MODEL,
        messages=user("A recipe for onion soup"),
        response_format=Recipe,
    )
    assert isinstance(answer.choices[0].message.parsed, Recipe)


async def test_parse_raises_when_the_answer_is_cut(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        await client.chat.completions.parse(
            model=MODEL,
            messages=user("A recipe for onion soup"),
            response_format=Recipe,
            max_completion_tokens=4,
        )


async def test_json_object_is_json(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=user("Answer in JSON: what is tea?"),
        response_format={"type": "json_object"},
    )
    assert isinstance(msgspec.json.decode(answer.choices[0].message.content or ""), dict)


async def test_limit_cuts_with_finish_length(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=user("Write 500 words about the sea"),
        max_completion_tokens=20,
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 20


async def test_stop_sequence_ends_before_it(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=user("Describe tea"),
        stop=["tea", "xyz"],
    )
    assert answer.choices[0].finish_reason == "stop"
    assert "tea" not in (answer.choices[0].message.content or "")


async def test_n_choices_differ_and_are_all_billed(client: AsyncOpenAI) -> None:
    one = await client.chat.completions.create(model=MODEL, messages=user("Describe tea"))
    three = await client.chat.completions.create(
        model=MODEL,
        messages=user("Describe tea"),
        n=3,
    )
    assert len({choice.message.content for choice in three.choices}) == 3
    assert [choice.index for choice in three.choices] == [0, 1, 2]
    assert one.usage is not None
    assert three.usage is not None
    assert three.usage.completion_tokens > 2 * one.usage.completion_tokens


async def test_logprobs_cover_every_token(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=user("Describe tea"),
        logprobs=True,
        top_logprobs=2,
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert "".join(entry.token for entry in logprobs.content) == answer.choices[0].message.content
    assert all(len(entry.top_logprobs) == 2 for entry in logprobs.content)
    assert answer.usage is not None
    assert len(logprobs.content) == answer.usage.completion_tokens


async def test_reasoning_is_inside_completion_tokens_and_the_limit(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=user("Describe tea"),
        reasoning_effort="high",
        max_completion_tokens=100,
    )
    usage = answer.usage
    assert usage is not None
    assert usage.completion_tokens == 100
    assert usage.completion_tokens_details is not None
    assert usage.completion_tokens_details.reasoning_tokens == 100
    assert answer.choices[0].finish_reason == "length"
    assert answer.choices[0].message.content == ""


async def test_vision_parts_are_counted(client: AsyncOpenAI) -> None:
    picture: Any = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
    ]
    plain = await client.chat.completions.create(model=MODEL, messages=user("What is this?"))
    seen = await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": picture}]
    )
    assert plain.usage is not None
    assert seen.usage is not None
    assert seen.usage.prompt_tokens - plain.usage.prompt_tokens == 70 + 4 * 140


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError),
        ({"messages": []}, openai.BadRequestError),
        ({"max_tokens": 5}, openai.BadRequestError),
        ({"extra_body": {"frobnicate": 1}}, openai.BadRequestError),
    ],
)
async def test_refusals_raise_the_right_exception(
    client: AsyncOpenAI, fields: dict[str, Any], error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error):
        await client.chat.completions.create(**{"model": MODEL, "messages": user("Hi"), **fields})


async def test_wrong_key_raises_authentication_error(simulator: RunningSimulator) -> None:
    async with AsyncOpenAI(api_key="sk-wrong", base_url=simulator.openai_base_url) as stranger:
        with pytest.raises(openai.AuthenticationError):
            await stranger.models.list()


async def test_models_are_listed_and_found(client: AsyncOpenAI) -> None:
    listed = [model.id async for model in await client.models.list()]
    assert listed == ["gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano"]
    assert (await client.models.retrieve("gpt-5.4")).owned_by == "system"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("gpt-9")


async def test_rate_limit_is_retried_by_the_sdk(simulator: RunningSimulator) -> None:
    simulator.inject("rate_limit", retry_after_seconds=0.001)
    async with AsyncOpenAI(api_key=KEY, base_url=simulator.openai_base_url) as retrying:
        answer = await retrying.chat.completions.create(
            model=MODEL,
            messages=user("Hi"),
        )
    assert answer.choices
    assert [entry.status for entry in simulator.journal.entries()] == [429, 200]


async def test_error_frame_in_mid_stream_raises_api_error(
    client: AsyncOpenAI, simulator: RunningSimulator
) -> None:
    simulator.inject("error_mid_stream", message="it broke")
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=user("Hi"),
        stream=True,
    )
    with pytest.raises(openai.APIError, match="it broke"):
        async for _ in stream:
            pass
