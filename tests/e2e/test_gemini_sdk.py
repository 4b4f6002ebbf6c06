"""Gemini models through the official OpenAI client, unchanged: tools in a loop, JSON, refusals."""

from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.e2e.test_openai_sdk import WEATHER, Verdict, cost, png_data_url
from tests.support.books import Books, Customer

MODELS = ("gemini-3.1-pro", "gemini-3-flash")


@pytest.mark.parametrize("model", MODELS)
def test_a_tool_loop_in_which_the_client_knows_nothing_of_signatures(
    client: openai.OpenAI, model: str
) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Weather in Rome?"}]
    for _ in range(2):
        asked = client.chat.completions.create(
            model=model, messages=messages, tools=[WEATHER], tool_choice="required"
        )
        choice = asked.choices[0]
        assert choice.finish_reason == "tool_calls"
        assert choice.message.tool_calls
        # What the SDK has parsed goes back as it is.
        messages.append(choice.message.model_dump(exclude_none=True))  # type: ignore[arg-type]
        messages += [
            {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
            for call in choice.message.tool_calls
        ]
    answered = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    assert answered.choices[0].message.content
    assert cost(answered) > 0


def test_a_history_with_gemini_calls_goes_on_at_another_provider(client: openai.OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "Weather in Rome?"}]
    asked = client.chat.completions.create(
        model=MODELS[1], messages=messages, tools=[WEATHER], tool_choice="required"
    )
    message = asked.choices[0].message
    assert message.tool_calls
    calls = [call.model_dump() for call in message.tool_calls]
    messages.append({"role": "assistant", "tool_calls": calls})
    messages += [{"role": "tool", "tool_call_id": call["id"], "content": "sun"} for call in calls]
    for model in ("gpt-5.4-nano", "claude-haiku-4-5", "grok-4.20-0309-reasoning"):
        answer = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
        assert answer.choices[0].message.content


def test_a_stream_thinks_speaks_and_says_its_price(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model=MODELS[0],
            messages=[{"role": "user", "content": "Say hello."}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert any((delta.model_extra or {}).get("reasoning_content") for delta in deltas)
    assert "".join(delta.content or "" for delta in deltas)
    last = chunks[-1]
    assert last.usage is not None
    assert last.usage.completion_tokens_details is not None
    assert last.usage.completion_tokens_details.reasoning_tokens
    assert cost(last) > 0


def test_structured_output_and_an_image(client: openai.OpenAI) -> None:
    parsed = client.chat.completions.parse(
        model=MODELS[1],
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Judge this."},
                    {"type": "image_url", "image_url": {"url": png_data_url()}},
                ],
            }
        ],
        response_format=Verdict,
    )
    verdict = parsed.choices[0].message.parsed
    assert isinstance(verdict, Verdict)


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/a.png",
        "https://localhost/a.png",
        "http://example.com/a.png",
    ],
)
def test_a_hostile_image_address_is_a_400_that_costs_nothing(
    client: openai.OpenAI, customer: Customer, books: Books, url: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model=MODELS[1],
            messages=[
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}
            ],
        )
    assert refused.value.param == "messages[0].content[0].image_url.url"
    # Nothing was ever held.
    assert books.requests(customer) == []


def test_what_gemini_cannot_do_is_a_named_400(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model=MODELS[1], messages=[{"role": "user", "content": "Hi"}], n=2
        )
    assert refused.value.param == "n"
