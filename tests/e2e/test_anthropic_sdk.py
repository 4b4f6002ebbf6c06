"""The official Anthropic client, unchanged, against ``tokensmith up``: every provider's models."""

import base64
from typing import Any, Literal

import anthropic
import httpx
import pytest
from anthropic import beta_tool
from pydantic import BaseModel

from tests.e2e.test_openai_sdk import png_data_url
from tests.support.anthropic_shapes import (
    content_of,
    frames_of,
    judged_events,
    judged_message,
    judged_model,
)
from tests.support.books import Books, Customer
from tests.support.processes import Gateway

SONNET, HAIKU, OPUS = CLAUDES = ("claude-sonnet-4-6", "claude-haiku-4-5", "claude-opus-4-7")
OTHERS = (
    "gpt-5.4-nano",
    "grok-4.20-0309-reasoning",
    "gemini-3-flash",
    "zai-org/GLM-5.1",
)
MODELS = (*CLAUDES, *OTHERS)
HELLO: list[Any] = [{"role": "user", "content": "Say hello in 20 words."}]
WEATHER: Any = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
# As an agent sends it: thinking wanted of every model, cache marks, an edit of the context.
AGENT: dict[str, Any] = {
    "max_tokens": 32_000,
    "system": [
        {"type": "text", "text": "You are a helper.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Use tools."},
    ],
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "high"},
    "metadata": {"user_id": '{"device_id":"' + "d" * 200 + '"}'},
    "extra_body": {
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    },
    "extra_headers": {"anthropic-beta": "context-management-2025-06-27,some-beta-of-tomorrow"},
}


class Verdict(BaseModel):
    label: Literal["good", "bad"]
    reasons: list[str]
    score: int


def cost_of(usage: Any) -> float:
    cost: float = usage.model_extra["cost"]
    return cost


@pytest.mark.parametrize("model", MODELS)
def test_whole_answer_is_charged_at_its_tokens(
    claude: anthropic.Anthropic, books: Books, customer: Customer, model: str
) -> None:
    raw = claude.messages.with_raw_response.create(model=model, max_tokens=900, messages=HELLO)
    message = judged_message(raw.read())
    assert message.id.startswith("msg_")
    assert message.model == model
    assert message.stop_reason == "end_turn"
    assert message.content[-1].type == "text"
    (record,) = books.requests(customer)
    assert round(cost_of(message.usage) * 1_000_000) == record.charged_microcredits > 0
    assert float(raw.headers["x-credits-charged"]) == cost_of(message.usage)
    assert raw.headers["request-id"] == raw.headers["x-request-id"] == record.request_id


@pytest.mark.parametrize("model", MODELS)
def test_stream_is_the_same_as_text_and_as_message(claude: anthropic.Anthropic, model: str) -> None:
    with claude.messages.stream(model=model, max_tokens=900, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text
    assert message.content[-1].type == "text"
    assert message.content[-1].text == text
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0


@pytest.mark.parametrize("model", MODELS)
def test_every_event_is_one_of_anthropics(gateway: Gateway, customer: Customer, model: str) -> None:
    body = {
        "model": model,
        "max_tokens": 3000,
        "stream": True,
        "messages": [{"role": "user", "content": "Weather in Rome?"}],
        "tools": [WEATHER],
        "thinking": {"type": "adaptive"},
    }
    answer = httpx.post(
        f"{gateway.base_url}/messages", json=body, headers={"x-api-key": customer.key}
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = judged_events(answer.content)
    assert frames_of(answer.content)[1][0] == "ping"
    assert events[-2].type == "message_delta"
    assert events[-2].delta.stop_reason == "tool_use"
    assert cost_of(events[-2].usage) > 0


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_tool_loop_as_an_agent_runs_it(
    claude: anthropic.Anthropic, model: str, *, streamed: bool
) -> None:
    messages: list[Any] = [{"role": "user", "content": "Weather in Rome and Oslo?"}]
    called = 0
    for _ in range(4):
        if streamed:
            with claude.messages.stream(
                model=model, messages=messages, tools=[WEATHER], **AGENT
            ) as stream:
                message: Any = stream.get_final_message()
        else:
            # The SDK itself wants long answers streamed.
            fields = AGENT | {"max_tokens": 20_000}
            message = claude.messages.create(
                model=model, messages=messages, tools=[WEATHER], **fields
            )
        messages.append(message.to_param())
        calls = [block for block in message.content if block.type == "tool_use"]
        if message.stop_reason != "tool_use":
            break
        assert all(isinstance(call.input, dict) for call in calls)
        called += len(calls)
        results = [
            {
                "type": "tool_result",
                "tool_use_id": call.id,
                "content": [{"type": "text", "text": "sunny"}],
            }
            for call in calls
        ]
        messages.append({"role": "user", "content": [*results, {"type": "text", "text": "And?"}]})
    assert called
    assert message.stop_reason == "end_turn"


@pytest.mark.parametrize("model", CLAUDES)
@pytest.mark.parametrize("display", ["summarized", "omitted"])
def test_signed_thinking_comes_back_whole(
    claude: anthropic.Anthropic, model: str, display: Any
) -> None:
    messages: list[Any] = [{"role": "user", "content": "Use your tools: weather in Rome?"}]
    thinking: Any = {"type": "enabled", "budget_tokens": 2000, "display": display}
    asked: dict[str, Any] = {"max_tokens": 4000, "tools": [WEATHER], "thinking": thinking}
    message = claude.messages.create(model=model, messages=messages, **asked)
    first = message.content[0]
    assert first.type == "thinking"
    assert first.signature.startswith(f"{model}:")
    assert bool(first.thinking) == (display == "summarized")
    call = message.content[-1]
    assert call.type == "tool_use"
    messages.append({"role": "assistant", "content": message.content})
    messages.append(
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}],
        }
    )
    # The simulator takes thinking back only under the signature that it gave.
    assert claude.messages.create(model=model, messages=messages, **asked).content
    for other in (*CLAUDES, "gemini-3-flash"):
        assert claude.messages.create(model=other, messages=messages, **asked).content


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", [SONNET, "gpt-5.4-nano", "gemini-3-flash"])
def test_a_repeat_under_one_key_is_the_first_answer(
    gateway: Gateway, books: Books, customer: Customer, model: str, *, streamed: bool
) -> None:
    body = {
        "model": model,
        "max_tokens": 3000,
        "stream": streamed,
        "messages": [{"role": "user", "content": "Weather in Rome?"}],
        "tools": [WEATHER],
        "thinking": {"type": "adaptive"},
    }
    headers = {"x-api-key": customer.key, "Idempotency-Key": f"once-{model}-{streamed}"}
    answers = [
        httpx.post(f"{gateway.base_url}/messages", json=body, headers=headers) for _ in range(2)
    ]
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, "true"]
    first, second = (
        content_of(answer.content) if streamed else answer.json()["content"] for answer in answers
    )
    assert first == second
    assert len(books.requests(customer)) == 1


def test_tool_runner_goes_on_without_threads(claude: anthropic.Anthropic) -> None:
    asked: list[str] = []

    @beta_tool
    def get_weather(city: str) -> str:
        """Weather of a city.

        Args:
            city: Its name.
        """
        asked.append(city)
        return "sunny"

    runner = claude.beta.messages.tool_runner(
        model=SONNET,
        max_tokens=2000,
        tools=[get_weather],
        messages=[{"role": "user", "content": "Weather in Rome?"}],
    )
    last = runner.until_done()
    assert asked
    assert last.stop_reason == "end_turn"


@pytest.mark.parametrize("model", MODELS)
def test_forced_tool_and_one_at_a_time(claude: anthropic.Anthropic, model: str) -> None:
    forced = claude.messages.create(
        model=model,
        max_tokens=2000,
        messages=HELLO,
        tools=[WEATHER],
        tool_choice={"type": "tool", "name": "get_weather"},
    )
    assert [block.name for block in forced.content if block.type == "tool_use"] == ["get_weather"]
    none = claude.messages.create(
        model=model,
        max_tokens=2000,
        messages=HELLO,
        tools=[WEATHER],
        tool_choice={"type": "none"},
    )
    assert none.stop_reason == "end_turn"


def test_tools_that_claude_knows_are_functions_to_others(claude: anthropic.Anthropic) -> None:
    for model in (SONNET, "gpt-5.4-nano"):
        message = claude.messages.create(
            model=model,
            max_tokens=2000,
            messages=[{"role": "user", "content": "List the files with bash."}],
            tools=[
                {"type": "bash_20250124", "name": "bash"},
                {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
            ],
            tool_choice={"type": "tool", "name": "bash"},
        )
        (call,) = [block for block in message.content if block.type == "tool_use"]
        assert call.name == "bash"


@pytest.mark.parametrize("model", [*CLAUDES, *OTHERS[:3]])
def test_images_in_messages_and_in_results(claude: anthropic.Anthropic, model: str) -> None:
    image: Any = {
        "type": "image",
        "source": {
            "type": "base64",
            "media_type": "image/png",
            "data": png_data_url().partition(",")[2],
        },
    }
    seen = claude.messages.create(
        model=model,
        max_tokens=900,
        messages=[{"role": "user", "content": [image, {"type": "text", "text": "What is it?"}]}],
    )
    assert seen.content
    read = claude.messages.create(
        model=model,
        max_tokens=900,
        tools=[WEATHER],
        messages=[
            {"role": "user", "content": "Look."},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {"city": "a"}},
                    {"type": "tool_use", "id": "t2", "name": "get_weather", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [image]},
                    {"type": "tool_result", "tool_use_id": "t2", "is_error": True},
                ],
            },
        ],
    )
    assert read.content


def test_documents(claude: anthropic.Anthropic) -> None:
    pdf = base64.b64encode(b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF").decode()
    for model, source in (
        (SONNET, {"type": "base64", "media_type": "application/pdf", "data": pdf}),
        (SONNET, {"type": "text", "media_type": "text/plain", "data": "A text."}),
        (OTHERS[1], {"type": "text", "media_type": "text/plain", "data": "A text."}),
    ):
        document: Any = {"type": "document", "source": source, "title": "T"}
        text: Any = {"type": "text", "text": "Sum it up."}
        message = claude.messages.create(
            model=model, max_tokens=900, messages=[{"role": "user", "content": [document, text]}]
        )
        assert message.content


@pytest.mark.parametrize("model", MODELS)
def test_structured_output(claude: anthropic.Anthropic, model: str) -> None:
    parsed = claude.messages.parse(
        model=model, max_tokens=2000, messages=HELLO, output_format=Verdict
    )
    assert isinstance(parsed.parsed_output, Verdict)


def test_stop_sequence_is_named_where_the_provider_says_it(claude: anthropic.Anthropic) -> None:
    message = claude.messages.create(
        model=SONNET, max_tokens=900, messages=HELLO, stop_sequences=["the"]
    )
    assert message.stop_reason == "stop_sequence"
    assert message.stop_sequence == "the"
    other = claude.messages.create(
        model="gpt-5.4-nano", max_tokens=900, messages=HELLO, stop_sequences=["the"]
    )
    assert other.stop_reason == "end_turn"
    with claude.messages.stream(
        model=SONNET, max_tokens=900, messages=HELLO, stop_sequences=["the"]
    ) as stream:
        assert stream.get_final_message().stop_sequence == "the"


@pytest.mark.parametrize("model", MODELS)
def test_a_limit_cuts_and_says_so(claude: anthropic.Anthropic, model: str) -> None:
    message = claude.messages.create(
        model=model,
        max_tokens=16,
        messages=[{"role": "user", "content": "[[sim:words=300]] Tell me."}],
        thinking={"type": "disabled"},
    )
    assert message.stop_reason == "max_tokens"
    assert not [block for block in message.content if block.type == "thinking"]


@pytest.mark.parametrize("model", MODELS)
def test_counting_is_free_and_high(
    claude: anthropic.Anthropic, books: Books, customer: Customer, model: str
) -> None:
    counted = claude.messages.count_tokens(
        model=model, messages=HELLO, system="Be brief.", tools=[WEATHER]
    )
    assert books.requests(customer) == []
    message = claude.messages.create(
        model=model, max_tokens=900, messages=HELLO, system="Be brief.", tools=[WEATHER]
    )
    assert counted.input_tokens >= message.usage.input_tokens


def test_cached_input_is_apart(claude: anthropic.Anthropic) -> None:
    message = claude.messages.create(
        model=SONNET,
        max_tokens=900,
        messages=[{"role": "user", "content": "[[sim:cached=16]] " + "Hello there. " * 40}],
    )
    usage = message.usage
    assert usage.cache_read_input_tokens == 16
    assert usage.input_tokens > 0


def test_models_are_listed_page_by_page(claude: anthropic.Anthropic, gateway: Gateway) -> None:
    page = claude.models.list(limit=7)
    assert len(page.data) == 7
    ids = [model.id for model in page]
    assert set(MODELS) <= set(ids)
    assert len(ids) == len(set(ids))
    raw = claude.models.with_raw_response.retrieve(SONNET)
    assert judged_model(raw.read()).max_tokens == 128_000
