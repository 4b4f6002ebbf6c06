"""The official OpenAI client's ``responses``, unchanged, against ``tokensmith up``."""

import json
from typing import Any

import openai
import pytest

from tests.e2e.conftest import HELLO, MODEL
from tests.e2e.test_openai_sdk import Verdict, png_data_url
from tests.support.books import Books, Customer
from tests.support.processes import Gateway
from tests.support.response_shapes import check_events, check_response

# One of each provider; the last two show their reasoning.
MODELS = (
    MODEL,
    "grok-4.20-0309-non-reasoning",
    "openai/gpt-oss-120b",
    "claude-haiku-4-5",
    "gemini-3.1-pro",
)
CALLING_MODELS = tuple(model for model in MODELS if model != "openai/gpt-oss-120b")
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "strict": False,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


def cost_of(response: Any) -> int:
    """Micro-credits."""
    microcredits: int = round(response.usage.model_extra["cost"] * 1_000_000)
    return microcredits


@pytest.mark.parametrize("model", MODELS)
async def test_whole_response_is_typed_priced_and_kept(
    responder: openai.AsyncOpenAI, books: Books, customer: Customer, model: str
) -> None:
    raw = await responder.responses.with_raw_response.create(
        model=model, input=HELLO, instructions="Be kind.", metadata={"topic": "greeting"}
    )
    checked = check_response(raw.content)
    made = raw.parse()
    assert made.output_text
    assert (made.status, made.model, made.metadata) == ("completed", model, {"topic": "greeting"})
    assert made.usage is not None
    assert made.usage.total_tokens == made.usage.input_tokens + made.usage.output_tokens
    assert books.balance(customer).charged_microcredits == cost_of(made) > 0
    kept = await responder.responses.with_raw_response.retrieve(made.id)
    assert check_response(kept.content) == checked


@pytest.mark.parametrize("model", MODELS)
async def test_streamed_response_is_the_events_of_openai(
    responder: openai.AsyncOpenAI, gateway: Gateway, customer: Customer, books: Books, model: str
) -> None:
    async with responder.responses.with_streaming_response.create(
        model=model, input=HELLO, stream=True
    ) as raw:
        events = check_events(await raw.read())
    final = events[-1].response
    assert final.status == "completed"
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == final.output_text
    assert text
    assert books.balance(customer).charged_microcredits == cost_of(final) > 0
    kept = await responder.responses.with_raw_response.retrieve(final.id)
    assert check_response(kept.content) == final


async def test_shown_reasoning_is_text_or_on_request_a_summary(
    responder: openai.AsyncOpenAI,
) -> None:
    plain = await responder.responses.create(model="gemini-3.1-pro", input=HELLO)
    assert plain.output[0].type == "reasoning"
    assert plain.output[0].content
    assert plain.output[0].summary == []
    async with responder.responses.stream(
        model="gemini-3.1-pro", input=HELLO, reasoning={"effort": "low", "summary": "auto"}
    ) as stream:
        kinds = {event.type async for event in stream}
        final = await stream.get_final_response()
    assert "response.reasoning_summary_text.delta" in kinds
    assert final.output[0].type == "reasoning"
    assert final.output[0].summary[0].text
    assert final.usage is not None
    assert final.usage.output_tokens_details.reasoning_tokens > 0


@pytest.mark.parametrize("model", CALLING_MODELS)
async def test_tools_are_called_answered_and_used_over_kept_responses(
    responder: openai.AsyncOpenAI, model: str
) -> None:
    asked = await responder.responses.create(
        model=model, input="Weather in Bern?", tools=[WEATHER], tool_choice="required"
    )
    for _ in range(2):
        calls = [item for item in asked.output if item.type == "function_call"]
        assert calls
        assert isinstance(json.loads(calls[0].arguments)["city"], str)
        outputs: Any = [
            {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
            for call in calls
        ]
        previous = asked.id
        asked = await responder.responses.create(
            model=model,
            input=outputs,
            tools=[WEATHER],
            previous_response_id=previous,
            tool_choice="required" if _ == 0 else "none",
        )
    assert asked.output_text
    assert asked.previous_response_id == previous


@pytest.mark.parametrize("model", CALLING_MODELS)
async def test_tool_loop_that_the_client_keeps_itself(
    responder: openai.AsyncOpenAI, model: str
) -> None:
    history: list[Any] = [{"role": "user", "content": "Weather in Bern?"}]
    async with responder.responses.stream(
        model=model, input=history, tools=[WEATHER], tool_choice="required", store=False
    ) as stream:
        first = await stream.get_final_response()
    # What the SDK has parsed goes back as it is.
    history += first.output
    history += [
        {"type": "function_call_output", "call_id": item.call_id, "output": "sunny"}
        for item in first.output
        if item.type == "function_call"
    ]
    second = await responder.responses.create(
        model=model,
        input=history,
        tools=[WEATHER],
        store=False,
        include=["reasoning.encrypted_content"],
    )
    assert second.output_text or second.output


async def test_signed_thinking_goes_on_in_a_conversation(responder: openai.AsyncOpenAI) -> None:
    thinking: Any = {"model": "claude-haiku-4-5", "reasoning": {"effort": "low"}}
    first = await responder.responses.create(input="Weather in Bern?", tools=[WEATHER], **thinking)
    reasoning = first.output[0]
    assert reasoning.type == "reasoning"
    assert reasoning.encrypted_content
    outputs: Any = [
        {"type": "function_call_output", "call_id": item.call_id, "output": "sunny"}
        for item in first.output
        if item.type == "function_call"
    ]
    second = await responder.responses.create(
        input=[*outputs, {"role": "user", "content": "And tomorrow?"}],
        tools=[WEATHER],
        previous_response_id=first.id,
        **thinking,
    )
    assert second.status == "completed"
    elsewhere = await responder.responses.create(
        model=MODEL,
        input=[*outputs, {"role": "user", "content": "And tomorrow?"}],
        tools=[WEATHER],
        previous_response_id=first.id,
    )
    assert elsewhere.status == "completed"


async def test_items_may_be_referred_to(responder: openai.AsyncOpenAI) -> None:
    first = await responder.responses.create(
        model=MODEL, input="Weather in Bern?", tools=[WEATHER], tool_choice="required"
    )
    (call,) = (item for item in first.output if item.type == "function_call")
    assert call.id
    second = await responder.responses.create(
        model=MODEL,
        tools=[WEATHER],
        input=[
            {"role": "user", "content": "Weather in Bern?"},
            {"type": "item_reference", "id": call.id},
            {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"},
        ],
    )
    assert second.output_text
    with pytest.raises(openai.BadRequestError) as refused:
        await responder.responses.create(
            model=MODEL, input=[{"type": "item_reference", "id": "msg_1_0"}]
        )
    assert refused.value.param == "input[0].id"


@pytest.mark.parametrize("model", MODELS)
async def test_parse_fills_a_pydantic_model(responder: openai.AsyncOpenAI, model: str) -> None:
    parsed = await responder.responses.parse(
        model=model, input="Judge this tea.", text_format=Verdict
    )
    assert isinstance(parsed.output_parsed, Verdict)


async def test_streamed_parse_and_an_image(responder: openai.AsyncOpenAI) -> None:
    content: Any = [
        {"type": "input_text", "text": "Judge this."},
        {"type": "input_image", "image_url": png_data_url(), "detail": "low"},
    ]
    async with responder.responses.stream(
        model=MODEL, input=[{"role": "user", "content": content}], text_format=Verdict
    ) as stream:
        final = await stream.get_final_response()
    assert isinstance(final.output_parsed, Verdict)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "code_interpreter", "container": "c"}]}, "tools[0].type"),
        ({"tools": [{"type": "image_generation"}]}, "tools[0].type"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "tools[0].type"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice.type"),
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"include": ["file_search_call.results"]}, "include[0]"),
        ({"extra_body": {"max_tokens": 5}}, "max_tokens"),
        ({"extra_body": {"temprature": 0.5}}, "temprature"),
        ({"input": [{"type": "web_search_call", "id": "x"}]}, "input[0].type"),
        ({"reasoning": {"effort": "max"}, "model": "gemini-3-flash"}, "reasoning.effort"),
        (
            {
                "model": "gemini-3-flash",
                "input": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "input_image", "image_url": "https://[::1]/a.png"},
                        ],
                    }
                ],
            },
            "input[0].content[0].image_url",
        ),
    ],
)  # fmt: skip
async def test_what_is_not_served_is_refused_by_name_for_free(
    responder: openai.AsyncOpenAI,
    books: Books,
    customer: Customer,
    fields: dict[str, Any],
    param: str,
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await responder.responses.create(**({"model": MODEL, "input": HELLO} | fields))
    assert refused.value.param == param
    assert books.requests(customer) == []


async def test_answer_that_is_cut_at_its_limit_is_incomplete(responder: openai.AsyncOpenAI) -> None:
    whole = await responder.responses.create(model=MODEL, input=HELLO, max_output_tokens=16)
    stream = await responder.responses.create(
        model=MODEL, input=HELLO, max_output_tokens=16, stream=True
    )
    events = [event async for event in stream]
    assert events[-1].type == "response.incomplete"
    for response in (whole, events[-1].response):
        assert response.status == "incomplete"
        assert response.incomplete_details
        assert response.incomplete_details.reason == "max_output_tokens"
        assert response.usage
        assert cost_of(response) > 0


async def test_stream_that_breaks_off_fails_and_is_kept_as_it_was(
    responder: openai.AsyncOpenAI, books: Books, customer: Customer
) -> None:
    prompt = f"{HELLO} [[sim:fault=reset_mid_stream after=5 pace=5 reasoning=0]]"
    async with responder.responses.with_streaming_response.create(
        model=MODEL, input=prompt, stream=True
    ) as raw:
        events = check_events(await raw.read())
    error, final = events[-2], events[-1].response
    assert (error.type, error.code) == ("error", "stream_interrupted")
    assert (final.status, final.error.code) == ("failed", "server_error")
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == final.output_text
    assert text
    charged = books.balance(customer).charged_microcredits
    assert round(final.error.model_extra["charged"] * 1_000_000) == charged > 0
    assert (await responder.responses.retrieve(final.id)).output_text == text
    with pytest.raises(openai.BadRequestError, match="failed"):
        await responder.responses.create(model=MODEL, input="Go on.", previous_response_id=final.id)


async def test_empty_balance_is_refused(gateway: Gateway, books: Books) -> None:
    poor = books.customer(granted_microcredits=10)
    async with openai.AsyncOpenAI(
        base_url=gateway.base_url, api_key=poor.key, max_retries=0
    ) as client:
        for stream in (False, True):
            with pytest.raises(openai.APIStatusError) as refused:
                await client.responses.create(model=MODEL, input=HELLO, stream=stream)
            assert (refused.value.status_code, refused.value.code) == (402, "insufficient_credits")
