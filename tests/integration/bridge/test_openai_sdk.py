"""The official OpenAI client, unchanged, is the judge of what the bridge says."""

import asyncio
import threading
from typing import Any

import grpc
import openai
import pytest
from pydantic import BaseModel

from tests.integration.bridge import answers
from tests.integration.bridge.answers import CHARGED
from tests.integration.bridge.conftest import RunningBridge, StartBridge
from tests.integration.bridge.fake_server import KEY, fail, fail_model_not_found
from tokensmith.v1 import chat_service_pb2 as chat

MESSAGES: Any = [{"role": "user", "content": "Say hello."}]


async def test_a_completion_is_typed_and_priced(bridge: RunningBridge) -> None:
    async with bridge.openai() as client:
        raw = await client.chat.completions.with_raw_response.create(
            model="gpt-5.4", messages=MESSAGES, max_tokens=50
        )
    answer = raw.parse()
    assert answer.choices[0].message.content == "Hello there."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 21
    assert answer.usage.model_extra == {"cost": CHARGED / 1_000_000}
    assert raw.headers["x-credits-held"] == "2"
    assert raw.headers["x-credits-charged"] == "0.123456"
    assert raw.headers["x-credits-balance"] == "4.876544"
    assert raw.headers["x-ratelimit-remaining-requests"] == "29999"
    assert int(raw.headers["openai-processing-ms"]) >= 0
    assert answer._request_id == raw.headers["x-request-id"]
    assert bridge.server.last().request.params.max_output_tokens == 50


async def test_the_sync_client_works_too(bridge: RunningBridge) -> None:
    def ask() -> str | None:
        with openai.OpenAI(base_url=f"{bridge.url}/v1", api_key=KEY) as client:
            answer = client.chat.completions.create(model="gpt-5.4", messages=MESSAGES)
            streamed = client.chat.completions.create(
                model="gpt-5.4", messages=MESSAGES, stream=True
            )
            text = "".join(chunk.choices[0].delta.content or "" for chunk in streamed)
        assert threading.current_thread() is not threading.main_thread()
        assert text == "Hello there."
        return answer.choices[0].message.content

    assert await asyncio.to_thread(ask) == "Hello there."


async def test_a_stream_with_usage_ends_with_a_usage_chunk(bridge: RunningBridge) -> None:
    async with bridge.openai() as client:
        stream = await client.chat.completions.create(
            model="gpt-5.4",
            messages=MESSAGES,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    assert stream.response.headers["x-credits-held"] == "2"
    assert "x-credits-charged" not in stream.response.headers
    assert chunks[0].choices[0].delta.role == "assistant"
    texts = [chunk.choices[0].delta.content for chunk in chunks[1:4]]
    assert texts == ["Hello", " there", "."]
    assert chunks[4].choices[0].finish_reason == "stop"
    assert chunks[4].choices[0].delta.model_dump(exclude_unset=True) == {}
    assert chunks[5].choices == []
    assert chunks[5].usage is not None
    assert chunks[5].usage.model_extra == {"cost": CHARGED / 1_000_000}
    assert all(chunk.usage is None for chunk in chunks[:5])


async def test_a_stream_without_usage_has_the_price_in_its_last_chunk(
    bridge: RunningBridge,
) -> None:
    async with bridge.openai() as client:
        stream = await client.chat.completions.create(
            model="gpt-5.4", messages=MESSAGES, stream=True
        )
        chunks = [chunk async for chunk in stream]
    assert all(chunk.choices for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.model_extra == {"cost": CHARGED / 1_000_000}


async def test_tools_go_in_and_calls_come_out(bridge: RunningBridge) -> None:
    async def complete(_request: Any, _context: Any) -> Any:
        call = chat.ChatToolCall(
            id="call_1",
            kind=chat.CHAT_TOOL_KIND_FUNCTION,
            name="get_weather",
            arguments='{"city":"Oslo"}',
        )
        return answers.completion(tool_calls=[call], finish_reason=chat.FINISH_REASON_TOOL_CALLS)

    bridge.server.complete = complete
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": schema}}]
    async with bridge.openai() as client:
        answer = await client.chat.completions.create(
            model="gpt-5.4", messages=MESSAGES, tools=tools, tool_choice="auto"
        )
        message = answer.choices[0].message
        assert message.content is None
        assert message.tool_calls is not None
        assert message.tool_calls[0].type == "function"
        assert message.tool_calls[0].function.arguments == '{"city":"Oslo"}'
        result: Any = {"role": "tool", "tool_call_id": "call_1", "content": "rain"}
        again: Any = [*MESSAGES, message, result]
        await client.chat.completions.create(model="gpt-5.4", messages=again, tools=tools)
    sent = bridge.server.last().request.params
    assert sent.messages[1].tool_calls[0].name == "get_weather"
    assert sent.messages[2].tool_call_id == "call_1"


async def test_streamed_tool_calls_add_up(bridge: RunningBridge) -> None:
    async def stream(_request: Any, _context: Any) -> Any:
        first = answers.first_message()
        del first.deltas[:]
        first.deltas.add(
            role=chat.CHAT_ROLE_ASSISTANT,
            tool_calls=[
                chat.ChatToolCallDelta(
                    index=0, id="call_1", kind=chat.CHAT_TOOL_KIND_FUNCTION, name="get_weather"
                )
            ],
        )
        yield first
        for piece in ('{"city":', '"Oslo"}'):
            message = chat.StreamChatCompletionResponse()
            message.deltas.add(tool_calls=[chat.ChatToolCallDelta(index=0, arguments=piece)])
            yield message
        for message in answers.last_messages(chat.FINISH_REASON_TOOL_CALLS):
            yield message

    bridge.server.stream = stream
    async with (
        bridge.openai() as client,
        client.chat.completions.stream(model="gpt-5.4", messages=MESSAGES) as events,
    ):
        final = await events.get_final_completion()
    assert final.choices[0].finish_reason == "tool_calls"
    assert final.choices[0].message.content is None
    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function.arguments == '{"city":"Oslo"}'


class City(BaseModel):
    name: str
    people: int


# The client warns about its own parsed answer when it is sent back.
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
async def test_parse_gives_the_schema_and_takes_the_answer_back(bridge: RunningBridge) -> None:
    async def complete(_request: Any, _context: Any) -> Any:
        return answers.completion(content='{"name":"Oslo","people":700000}')

    bridge.server.complete = complete
    async with bridge.openai() as client:
        answer = await client.chat.completions.parse(
            model="gpt-5.4", messages=MESSAGES, response_format=City
        )
        message = answer.choices[0].message
        assert message.parsed == City(name="Oslo", people=700_000)
        sent = bridge.server.last().request.params.response_format.json_schema
        assert sent.name == "City"
        assert sent.strict
        assert '"people"' in sent.schema_json
        again: Any = [*MESSAGES, message, {"role": "user", "content": "And Bergen?"}]
        await client.chat.completions.create(model="gpt-5.4", messages=again)
    assert bridge.server.last().request.params.messages[1].content.text.startswith('{"name"')


async def test_vision_parts_arrive(bridge: RunningBridge) -> None:
    parts: Any = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
    ]
    async with bridge.openai() as client:
        await client.chat.completions.create(
            model="gpt-5.4", messages=[{"role": "user", "content": parts}]
        )
    sent = bridge.server.last().request.params.messages[0].content.parts.parts
    assert sent[0].text == "What is this?"
    assert sent[1].image.url == "data:image/png;base64,AAAA"
    assert sent[1].image.detail == "low"


async def test_models_are_listed_over_pages_and_found_by_id(bridge: RunningBridge) -> None:
    async with bridge.openai() as client:
        listed = [model async for model in client.models.list()]
        one = await client.models.retrieve("Qwen/Qwen3")
    assert [model.id for model in listed] == ["gpt-5.4", "Qwen/Qwen3", "grok"]
    assert one.id == "Qwen/Qwen3"
    assert one.owned_by == "openai"
    assert one.model_extra is not None
    assert one.model_extra["pricing"] == {"unit": "1M tokens", "input": 2500, "output": 20_000}
    assert one.model_extra["context_length"] == 400_000
    assert one.model_extra["status"] == "deprecated"
    assert one.model_extra["parameter_schema"] == {"type": "object"}
    assert one.shutdown_date is not None


async def test_a_wrong_key_is_an_authentication_error(bridge: RunningBridge) -> None:
    async with bridge.openai(api_key="pk_live_bad") as client:
        with pytest.raises(openai.AuthenticationError) as raised:
            await client.chat.completions.create(model="gpt-5.4", messages=MESSAGES)
    assert raised.value.code == "invalid_api_key"
    assert raised.value.request_id is not None
    assert raised.value.request_id.startswith("req_")


async def test_an_unknown_model_is_not_found_and_near_ones_are_named(
    bridge: RunningBridge,
) -> None:
    async def complete(request: Any, context: Any) -> Any:
        return await fail_model_not_found(context, request.params.model, "gpt-5.4,gpt-5.4-mini")

    bridge.server.complete = complete
    async with bridge.openai() as client:
        with pytest.raises(openai.NotFoundError) as raised:
            await client.chat.completions.create(model="gpt5.4", messages=MESSAGES)
    assert raised.value.code == "model_not_found"
    assert "`gpt-5.4` or `gpt-5.4-mini`" in str(raised.value)


async def test_no_credit_is_said_in_credits_and_not_retried(bridge: RunningBridge) -> None:
    async def complete(_request: Any, context: Any) -> Any:
        await fail(
            context,
            grpc.StatusCode.FAILED_PRECONDITION,
            "INSUFFICIENT_CREDITS",
            "no",
            facts={"required_microcredits": "5000000", "available_microcredits": "120"},
            trailing=(("x-balance-microcredits", "120"),),
        )

    bridge.server.complete = complete
    async with bridge.openai(max_retries=2) as client:
        with pytest.raises(openai.APIStatusError) as raised:
            await client.chat.completions.create(model="gpt-5.4", messages=MESSAGES)
    error = raised.value
    assert error.status_code == 402
    assert error.code == "insufficient_credits"
    assert "at least 5 credits and 0.00012 are available" in str(error)
    assert error.response.headers["x-should-retry"] == "false"
    assert error.response.headers["x-credits-balance"] == "0.00012"
    assert error.response.headers["x-credits-charged"] == "0"
    assert len(bridge.server.received) == 1


async def test_a_rate_limit_is_retried_after_the_time_that_is_said(
    bridge: RunningBridge,
) -> None:
    async def complete(_request: Any, context: Any) -> Any:
        if len(bridge.server.received) == 1:
            await fail(
                context,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "RATE_LIMIT_EXCEEDED",
                "Too many requests.",
                retry_after_ms=1,
            )
        return answers.completion()

    bridge.server.complete = complete
    async with bridge.openai(max_retries=1) as client:
        await client.chat.completions.create(model="gpt-5.4", messages=MESSAGES)
    assert [call.metadata.get("x-stainless-retry-count") for call in bridge.server.received] == [
        "0",
        "1",
    ]


async def test_an_oversize_body_is_refused_with_our_words(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(body_bytes_max=1000)
    async with bridge.openai() as client:
        with pytest.raises(openai.APIStatusError) as raised:
            await client.chat.completions.create(
                model="gpt-5.4", messages=[{"role": "user", "content": "x" * 1_000_000}]
            )
    assert raised.value.status_code == 413
    assert raised.value.code == "payload_too_large"


async def test_a_malformed_request_names_the_field(bridge: RunningBridge) -> None:
    async with bridge.openai() as client:
        with pytest.raises(openai.BadRequestError) as unknown:
            await client.chat.completions.create(
                model="gpt-5.4", messages=MESSAGES, extra_body={"top_k": 4}
            )
        bad: Any = [{"role": "user", "content": 3}]
        with pytest.raises(openai.BadRequestError) as wrong:
            await client.chat.completions.create(model="gpt-5.4", messages=bad)
    assert (unknown.value.code, unknown.value.param) == ("unknown_parameter", "top_k")
    assert (wrong.value.code, wrong.value.param) == ("invalid_type", "messages[0].content")
    assert wrong.value.response.headers["x-credits-balance"] == "5"
    assert [call.method for call in bridge.server.received] == ["GetBalance", "GetBalance"]


async def test_a_stream_that_fails_midway_raises_with_the_message(bridge: RunningBridge) -> None:
    async def stream(_request: Any, context: Any) -> Any:
        yield answers.first_message()
        yield answers.pieces(["Hel"])
        await fail(
            context,
            grpc.StatusCode.UNAVAILABLE,
            "STREAM_INTERRUPTED",
            "The provider broke off.",
            trailing=(("x-charged-microcredits", "3200"),),
        )

    bridge.server.stream = stream
    texts: list[str | None] = []
    async with bridge.openai() as client:
        chunks = await client.chat.completions.create(
            model="gpt-5.4", messages=MESSAGES, stream=True
        )
        with pytest.raises(openai.APIError) as raised:
            await _collect(chunks, texts)
    assert texts == ["", "Hel"]
    assert raised.value.code == "stream_interrupted"
    assert raised.value.message == "The provider broke off."
    assert raised.value.body is not None
    assert raised.value.body["charged"] == 0.0032  # type: ignore[index]


async def _collect(chunks: Any, texts: list[str | None]) -> None:
    async for chunk in chunks:
        texts.append(chunk.choices[0].delta.content)  # noqa: PERF401 - what came stays on failure


async def test_a_stream_that_fails_before_it_begins_is_a_status(bridge: RunningBridge) -> None:
    async def stream(request: Any, context: Any) -> Any:
        await fail_model_not_found(context, request.params.model)
        yield answers.first_message()

    bridge.server.stream = stream
    async with bridge.openai() as client:
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="no", messages=MESSAGES, stream=True)
