"""``truncation: "auto"`` where the provider's own count says what is too long, too."""

from typing import Any

import openai
import pytest

from tests.support.books import Books, Customer
from tests.support.response_shapes import check_events

# Its context is small.
MODEL = "LiquidAI/LFM2-24B-A2B"
QUESTION = "Say hello in 20 words."


def conversation(turns: int) -> list[dict[str, Any]]:
    return [
        *(
            {"role": role, "content": f"{number} " + "word " * 500}
            for number in range(turns)
            for role in ("user", "assistant")
        ),
        {"role": "user", "content": QUESTION},
    ]


def charged(books: Books, customer: Customer) -> int:
    microcredits: int = books.balance(customer).charged_microcredits
    return microcredits


# Both too long by the least that it can be, and too long by the provider's count alone.
@pytest.mark.parametrize("turns", [100, 33])
async def test_conversation_of_any_length_is_answered_and_paid_for_once(
    responder: openai.AsyncOpenAI, books: Books, customer: Customer, turns: int
) -> None:
    asked: dict[str, Any] = {"model": MODEL, "input": conversation(turns)}
    with pytest.raises(openai.BadRequestError) as refused:
        await responder.responses.create(**asked, max_output_tokens=200)
    assert refused.value.code == "context_length_exceeded"
    assert charged(books, customer) == 0
    keyed: Any = asked | {"max_output_tokens": 200, "truncation": "auto"}
    headers = {"Idempotency-Key": f"{turns} turns"}
    made = await responder.responses.create(**keyed, extra_headers=headers)
    assert (made.truncation, made.status) == ("auto", "completed")
    assert made.usage
    cost = round(made.usage.model_extra["cost"] * 1_000_000)
    assert charged(books, customer) == cost > 0
    again = await responder.responses.create(**keyed, extra_headers=headers)
    assert again.id == made.id
    assert charged(books, customer) == cost
    kept = await responder.responses.retrieve(made.id)
    assert kept.truncation == "auto"
    items = await responder.responses.input_items.list(made.id, limit=100)
    assert len(items.data) == min(100, 2 * turns + 1), "all of it is kept"


async def test_stream_count_and_estimate_leave_out_the_same(
    responder: openai.AsyncOpenAI,
) -> None:
    asked: dict[str, Any] = {"model": MODEL, "input": conversation(100), "truncation": "auto"}
    async with responder.responses.with_streaming_response.create(
        **asked, stream=True, max_output_tokens=200
    ) as raw:
        events = check_events(await raw.read())
    final = events[-1].response
    assert (final.status, final.truncation) == ("completed", "auto")
    counted = await responder.responses.input_tokens.count(**asked)
    estimate: Any = await responder.post(
        "/estimate", body=asked | {"max_output_tokens": 200}, cast_to=object
    )
    assert estimate["endpoint"] == "/v1/responses"
    assert estimate["input_tokens"] == counted.input_tokens >= final.usage.input_tokens > 0
    assert estimate["max_cost"] >= final.usage.model_extra["cost"]


@pytest.mark.parametrize("stream", [False, True])
async def test_single_turn_that_is_too_long_is_refused_as_before(
    responder: openai.AsyncOpenAI, stream: bool
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await responder.responses.create(
            model=MODEL, input="word " * 200_000, truncation="auto", stream=stream
        )
    assert refused.value.code == "context_length_exceeded"
