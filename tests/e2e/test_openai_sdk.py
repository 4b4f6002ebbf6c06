"""The official OpenAI client, unchanged, against ``tokensmith up``."""

import base64
import json
import struct
import zlib
from typing import Any, Literal

import openai
import pytest
from openai.types.chat import (
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)
from pydantic import BaseModel

from tests.support.books import Books, Customer
from tests.support.processes import Gateway

MODEL = "gpt-5.4-nano"
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello in 20 words."}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class Verdict(BaseModel):
    label: Literal["good", "bad"]
    reasons: list[str]
    score: int


def cost(completion: Any) -> float:
    found: float = completion.usage.model_extra["cost"]
    return found


def png_data_url(side: int = 8) -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + b"\xff\0\0" * side for _ in range(side))
    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def test_whole_answer_is_charged_at_the_list_price(
    client: openai.OpenAI, books: Books, customer: Customer
) -> None:
    model = client.models.retrieve(MODEL)
    assert model.model_extra is not None
    price = model.model_extra["pricing"]

    completion = client.chat.completions.create(model=MODEL, messages=HELLO)

    assert completion.choices[0].message.content
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    microcredits = (
        completion.usage.prompt_tokens * price["input"]
        + completion.usage.completion_tokens * price["output"]
    )
    assert round(cost(completion) * 1_000_000) == microcredits
    balance = books.balance(customer)
    assert balance.charged_microcredits == microcredits
    assert balance.available_microcredits == customer.granted_microcredits - microcredits
    assert balance.held_microcredits == 0


def test_stream_is_the_whole_answer_in_pieces(
    client: openai.OpenAI, books: Books, customer: Customer
) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=HELLO)

    chunks = list(
        client.chat.completions.create(
            model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert cost(chunks[-1]) == cost(whole)
    assert books.balance(customer).charged_microcredits == round(cost(whole) * 2_000_000)


def test_stream_without_usage_asked_has_its_price_beside_the_finish_reason(
    client: openai.OpenAI, books: Books, customer: Customer
) -> None:
    chunks = list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
    assert all(chunk.choices for chunk in chunks), "some clients fail on a chunk without choices"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert books.balance(customer).charged_microcredits == round(cost(chunks[-1]) * 1_000_000) > 0


async def test_async_client_completes_and_streams(gateway: Gateway, customer: Customer) -> None:
    async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key=customer.key) as client:
        whole = await client.chat.completions.create(model=MODEL, messages=HELLO)
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        async with client.chat.completions.stream(model=MODEL, messages=HELLO) as events:
            final = await events.get_final_completion()
    assert "".join(pieces) == whole.choices[0].message.content
    assert final.choices[0].message.content == whole.choices[0].message.content


@pytest.mark.parametrize("model", [MODEL, "grok-4.20-0309-non-reasoning", "openai/gpt-oss-120b"])
def test_every_vendor_of_the_dialect_answers(client: openai.OpenAI, model: str) -> None:
    whole = client.chat.completions.create(model=model, messages=HELLO)
    assert whole.choices[0].message.content
    assert whole.model == model
    assert cost(whole) > 0


def test_tools_are_called_answered_and_used(client: openai.OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Bern?"}]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert first.choices[0].finish_reason == "tool_calls"
    calls = first.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "function"
    assert isinstance(json.loads(calls[0].function.arguments)["city"], str)

    said = first.choices[0].message.model_dump(
        exclude_none=True, include={"role", "content", "tool_calls"}
    )
    messages.append(said)
    messages.append({"role": "tool", "tool_call_id": calls[0].id, "content": "Sunny, 21 degrees"})
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert second.choices[0].message.content
    assert second.choices[0].finish_reason == "stop"


def test_streamed_tool_calls_are_put_together_by_the_sdk(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model=MODEL,
        messages=[{"role": "user", "content": "What is the weather in Bern?"}],
        tools=[WEATHER],
        tool_choice="required",
    ) as events:
        final = events.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert calls
    assert "city" in json.loads(calls[0].function.arguments)


def test_parse_fills_a_pydantic_model(client: openai.OpenAI) -> None:
    parsed = client.chat.completions.parse(
        model=MODEL,
        messages=[{"role": "user", "content": "Judge this tea."}],
        response_format=Verdict,
    )
    verdict = parsed.choices[0].message.parsed
    assert isinstance(verdict, Verdict)
    assert verdict.label in ("good", "bad")


def test_image_parts_are_taken_and_priced(client: openai.OpenAI) -> None:
    def ask(parts: list[Any]) -> Any:
        messages: list[Any] = [{"role": "user", "content": parts}]
        return client.chat.completions.create(model=MODEL, messages=messages)

    text = {"type": "text", "text": "What is in this picture?"}
    image = {"type": "image_url", "image_url": {"url": png_data_url(), "detail": "low"}}
    without = ask([text])
    seen = ask([text, image])
    assert seen.choices[0].message.content
    assert seen.usage.prompt_tokens > without.usage.prompt_tokens


def test_several_choices_are_asked_for_and_paid(client: openai.OpenAI) -> None:
    one = client.chat.completions.create(model=MODEL, messages=HELLO)
    three = client.chat.completions.create(model=MODEL, messages=HELLO, n=3)
    assert [choice.index for choice in three.choices] == [0, 1, 2]
    assert all(choice.message.content for choice in three.choices)
    assert cost(three) > cost(one)


def test_logprobs_are_passed_on(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model="gpt-5.4",
        messages=HELLO,
        reasoning_effort="none",
        logprobs=True,
        top_logprobs=2,
    )
    logprobs = completion.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content
    assert len(logprobs.content[0].top_logprobs) == 2
    assert logprobs.content[0].logprob <= 0


def test_models_are_listed_and_found_by_ids_with_slashes(client: openai.OpenAI) -> None:
    listed = [model.id for model in client.models.list()]
    assert len(listed) == len(set(listed)) == 53
    for model in ("gpt-5.4-nano", "openai/gpt-oss-120b"):
        assert model in listed
        assert client.models.retrieve(model).id == model


def test_alias_is_served_and_charged_as_its_model(
    client: openai.OpenAI, books: Books, customer: Customer
) -> None:
    alias = "claude-haiku-4-5-20251001"
    assert client.models.retrieve(alias).id == "claude-haiku-4-5"
    completion = client.chat.completions.create(model=alias, messages=HELLO)
    assert completion.model == alias
    (record,) = books.requests(customer)
    assert record.model == "claude-haiku-4-5"
    assert record.charged_microcredits == round(cost(completion) * 1_000_000)
