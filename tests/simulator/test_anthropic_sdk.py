"""The official SDK as the judge of the Messages API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic
from pydantic import BaseModel

from tests.simulator.wire import KEY, PNG, user
from tokensmith_simulator.testing import RunningSimulator

OPUS, SONNET, HAIKU = "claude-opus-4-7", "claude-sonnet-4-6", "claude-haiku-4-5"
WEATHER: Any = {
    "name": "get_weather",
    "description": "Current weather of a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}},
        "required": ["city"],
    },
}
PAUSE: Any = {"name": "pause", "input_schema": {"type": "object", "properties": {}}}


class Tea(BaseModel):
    name: str
    grams: int
    kinds: list[str]


@pytest.fixture
async def client(simulator: RunningSimulator) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(
        api_key=KEY, base_url=simulator.anthropic_base_url, max_retries=0
    ) as opened:
        yield opened


async def test_message_answers_and_counts(client: AsyncAnthropic) -> None:
    message = await client.messages.create(
        model=SONNET, max_tokens=500, messages=user("Describe lighthouses in 40 words")
    )
    (block,) = message.content
    assert block.type == "text"
    assert len(block.text.split()) == 40
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)
    assert message.usage.input_tokens > 10
    assert message.usage.output_tokens > 40
    assert message._request_id is not None


async def test_system_prompt_that_asks_for_a_json_object_is_obeyed(client: AsyncAnthropic) -> None:
    message = await client.messages.create(
        model=SONNET,
        max_tokens=500,
        system="Answer with one JSON object.",
        messages=user("Describe lighthouses"),
    )
    (block,) = message.content
    assert block.type == "text"
    assert isinstance(json.loads(block.text), dict)


def test_sync_client_streams(sync_simulator: RunningSimulator) -> None:
    with (
        Anthropic(api_key=KEY, base_url=sync_simulator.anthropic_base_url) as client,
        client.messages.stream(model=HAIKU, max_tokens=99, messages=user("Say hello")) as stream,
    ):
        text = "".join(stream.text_stream)
        assert stream.get_final_text() == text
    assert text


async def test_stream_adds_up_to_the_whole_message(client: AsyncAnthropic) -> None:
    asked: dict[str, Any] = {
        "model": SONNET,
        "max_tokens": 4000,
        "messages": user("Describe tea in 30 words"),
        "thinking": {"type": "adaptive"},
    }
    whole = await client.messages.create(**asked)
    async with client.messages.stream(**asked) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_message()
    assert [block.to_dict() for block in final.content] == [
        block.to_dict() for block in whole.content
    ]
    assert final.usage == whole.usage
    assert final.stop_reason == whole.stop_reason
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert "thinking" in kinds


async def test_tools_run_in_a_loop_with_signed_thinking(client: AsyncAnthropic) -> None:
    asked: dict[str, Any] = {
        "model": OPUS,
        "max_tokens": 4000,
        "tools": [WEATHER],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "low"},
    }
    messages: list[Any] = user("What is the weather in Paris and London?")
    first = await client.messages.create(messages=messages, **asked)
    assert first.stop_reason == "tool_use"
    assert [block.type for block in first.content] == ["thinking", "text", "tool_use", "tool_use"]
    calls = [block for block in first.content if block.type == "tool_use"]
    assert [call.input["city"] for call in calls] == ["Paris", "London"]
    messages.append(first.to_param())
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": '{"sky": "clear"}'}
        for call in calls
    ]
    messages.append({"role": "user", "content": results})
    second = await client.messages.create(messages=messages, **asked)
    assert second.stop_reason == "end_turn"
    assert "get_weather, sky is clear" in second.content[-1].text


async def test_the_sdks_own_tool_runner_ends(client: AsyncAnthropic) -> None:
    asked_for: list[str] = []

    @anthropic.beta_async_tool
    async def get_weather(city: str) -> str:
        """Look the weather up.

        Args:
            city: Where.
        """
        asked_for.append(city)
        return "rain"

    runner = client.beta.messages.tool_runner(
        model=SONNET, max_tokens=900, messages=user("Weather in Oslo?"), tools=[get_weather]
    )
    last = await runner.until_done()
    assert asked_for == ["Oslo"]
    assert last.stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ({"type": "any"}, ["get_weather"]),
        ({"type": "tool", "name": "pause"}, ["pause"]),
        ({"type": "none"}, []),
        ({"type": "auto"}, []),
    ],
)
async def test_tool_choice_is_obeyed(
    client: AsyncAnthropic, choice: Any, called: list[str]
) -> None:
    async with client.messages.stream(
        model=SONNET,
        max_tokens=400,
        messages=user("Good morning"),
        tools=[WEATHER, PAUSE],
        tool_choice=choice,
    ) as stream:
        message = await stream.get_final_message()
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [call.name for call in calls] == called
    assert all(call.input == {} for call in calls if call.name == "pause")


async def test_parallel_tool_use_can_be_switched_off(client: AsyncAnthropic) -> None:
    message = await client.messages.create(
        model=SONNET,
        max_tokens=400,
        messages=user("Weather in Paris and London?"),
        tools=[WEATHER],
        tool_choice={"type": "auto", "disable_parallel_tool_use": True},
    )
    assert sum(block.type == "tool_use" for block in message.content) == 1


async def test_structured_output_is_parsed(client: AsyncAnthropic) -> None:
    message = await client.messages.parse(
        model=HAIKU, max_tokens=500, messages=user("A tea, please"), output_format=Tea
    )
    assert isinstance(message.parsed_output, Tea)


async def test_pictures_and_documents_are_seen_and_counted(client: AsyncAnthropic) -> None:
    picture: Any = {"type": "base64", "media_type": "image/png", "data": PNG}
    content: Any = [
        {"type": "image", "source": picture},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/cat.png"}},
        {
            "type": "document",
            "title": "Notes",
            "source": {"type": "text", "media_type": "text/plain", "data": "tea " * 50},
        },
        {"type": "text", "text": "What is this?"},
    ]
    message = await client.messages.create(
        model=SONNET, max_tokens=99, messages=[{"role": "user", "content": content}]
    )
    assert message.usage.input_tokens > 1_400


async def test_count_tokens_is_what_the_message_costs(client: AsyncAnthropic) -> None:
    asked: Any = {"system": "Be brief", "messages": user("Hi"), "tools": [WEATHER]}
    counts = {}
    for model in (OPUS, SONNET):
        counted = await client.messages.count_tokens(model=model, **asked)
        message = await client.messages.create(model=model, max_tokens=50, **asked)
        assert counted.input_tokens == message.usage.input_tokens
        counts[model] = counted.input_tokens
    assert counts[OPUS] > counts[SONNET]


async def test_models_say_what_they_can(client: AsyncAnthropic) -> None:
    models = {model.id: model async for model in client.models.list()}
    assert set(models) == {OPUS, SONNET, "claude-haiku-4-5-20251001"}
    haiku = await client.models.retrieve(HAIKU)
    assert haiku == models["claude-haiku-4-5-20251001"]
    assert haiku.capabilities is not None
    assert not haiku.capabilities.effort.supported


@pytest.mark.parametrize(
    ("kind", "error", "name"),
    [
        ("rate_limit", anthropic.RateLimitError, "rate_limit_error"),
        ("insufficient_quota", anthropic.BadRequestError, "invalid_request_error"),
        ("payment_required", anthropic.PaymentRequiredError, "billing_error"),
        ("server_error", anthropic.InternalServerError, "api_error"),
        ("overloaded", anthropic.OverloadedError, "overloaded_error"),
        ("timeout", anthropic.GatewayTimeoutError, "timeout_error"),
        ("invalid_key", anthropic.AuthenticationError, "authentication_error"),
        ("forbidden", anthropic.PermissionDeniedError, "permission_error"),
    ],
)
async def test_errors_are_the_sdks_own(
    simulator: RunningSimulator,
    client: AsyncAnthropic,
    kind: str,
    error: type[anthropic.APIStatusError],
    name: str,
) -> None:
    simulator.inject(kind, retry_after_seconds=7)
    with pytest.raises(error) as caught:
        await client.messages.create(model=SONNET, max_tokens=9, messages=user("Hi"))
    assert caught.value.type == name
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.request_id


async def test_unknown_model_and_wrong_key(
    simulator: RunningSimulator, client: AsyncAnthropic
) -> None:
    with pytest.raises(anthropic.NotFoundError, match="model: claude-2"):
        await client.messages.create(model="claude-2", max_tokens=9, messages=user("Hi"))
    stranger = client.copy(api_key="wrong")
    with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
        await stranger.messages.create(model=SONNET, max_tokens=9, messages=user("Hi"))


async def test_error_in_mid_stream_is_raised(
    simulator: RunningSimulator, client: AsyncAnthropic
) -> None:
    simulator.inject("error_mid_stream", after_chunks=4)
    stream = await client.messages.create(
        model=SONNET, max_tokens=99, messages=user("Describe tea"), stream=True
    )
    with pytest.raises(anthropic.APIStatusError, match="Overloaded") as caught:
        async for _ in stream:
            pass
    assert caught.value.type == "overloaded_error"


async def test_overload_is_retried_by_the_sdk(
    simulator: RunningSimulator, client: AsyncAnthropic
) -> None:
    simulator.inject("overloaded", retry_after_seconds=0.001)
    message = await client.with_options(max_retries=1).messages.create(
        model=SONNET, max_tokens=9, messages=user("Hi")
    )
    assert message.content
    assert [entry.status for entry in simulator.journal.entries()] == [529, 200]


async def test_refusals_before_and_in_the_middle_of_an_answer(
    simulator: RunningSimulator, client: AsyncAnthropic
) -> None:
    simulator.inject("moderation_block", code="bio")
    simulator.inject("content_filter", after_chunks=3)
    asked: dict[str, Any] = {"model": SONNET, "max_tokens": 99, "messages": user("Hi")}
    before = await client.messages.create(**asked)
    assert (before.stop_reason, before.content) == ("refusal", [])
    assert before.stop_details is not None
    assert before.stop_details.category == "bio"
    async with client.messages.stream(**asked) as stream:
        middle = await stream.get_final_message()
    assert middle.stop_reason == "refusal"
    assert middle.usage.output_tokens == 3
    billed = [entry.billed_usage for entry in simulator.journal.entries()]
    assert billed[0] == {"prompt_tokens": 0, "output_tokens": 0}
    assert billed[1] is not None
    assert billed[1]["output_tokens"] == 3


async def test_two_callers_at_once_do_not_mix(client: AsyncAnthropic) -> None:
    words = ("tea", "coffee", "cocoa", "water")
    asked: list[Any] = [user(f"Describe {word} in 12 words") for word in words]
    told = await asyncio.gather(
        *(client.messages.create(model=SONNET, max_tokens=99, messages=each) for each in asked)
    )
    for word, message in zip(words, told, strict=True):
        assert word in message.content[0].text.lower()  # type: ignore[union-attr]
