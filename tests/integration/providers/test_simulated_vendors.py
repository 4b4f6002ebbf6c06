"""The adapters against the simulator: answers, usage, and every fault in its place."""

from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.providers.conftest import KEYS, Upstream, finish_of, text_of
from tests.unit.server.providers.chats import function_tool, said
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.loader import load_catalog
from tokensmith_server.providers.base import (
    ChatBatch,
    ChatStream,
    ErrorKind,
    Phase,
    ProviderError,
    Timeouts,
)

VENDORS = ("openai", "xai", "together")
CHAT_VENDORS = frozenset(VENDORS)
SOLD = [
    (model.provider, model.id)
    for model in load_catalog().values()
    if model.text is not None and model.provider in CHAT_VENDORS
]


@pytest.mark.parametrize(("vendor", "model_id"), SOLD)
async def test_every_sold_model_answers_alike_whole_and_streamed(
    upstream: Upstream, vendor: str, model_id: str
) -> None:
    whole = await upstream.complete(vendor, model_id=model_id)
    streamed = await upstream.stream(vendor, model_id=model_id)
    assert text_of(whole)
    assert streamed.text == text_of(whole)
    assert streamed.usage == whole.usage
    assert streamed.finish_reason == finish_of(whole) == chat_pb.FINISH_REASON_STOP


@pytest.mark.parametrize("vendor", VENDORS)
async def test_usage_is_what_the_vendor_bills(upstream: Upstream, vendor: str) -> None:
    result = await upstream.complete(vendor, "[[sim:cached=5 words=30]] Say much.")
    [entry] = await upstream.simulator.wait_done(1)
    assert result.usage is not None
    assert entry.billed_usage == {
        "prompt_tokens": result.usage.input_tokens,
        "output_tokens": result.usage.output_tokens,
    }
    assert result.usage.cached_input_tokens == 5
    assert result.facts.upstream_request_id == entry.request_id


async def test_upstream_gets_the_cap_and_the_upstream_id(upstream: Upstream) -> None:
    await upstream.complete("together", model_id="OpenAI/gpt-oss-20B", cap=123)
    assert upstream.sent_body()["model"] == "openai/gpt-oss-20b"
    assert upstream.sent_body()["max_tokens"] == 123


async def test_returned_model_is_a_fact(upstream: Upstream) -> None:
    call = upstream.call("openai")
    opened = await upstream.providers["openai"].stream_chat(call)
    assert opened.facts.returned_model == "gpt-5.4-mini-2026-03-17"
    await opened.aclose()


TOOL = function_tool(
    description="finds",
    parameters_json='{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}',
)
TOOL_FIELDS: dict[str, Any] = {
    "tools": [TOOL],
    "tool_choice": chat_pb.ChatToolChoice(mode="required"),
}


@pytest.mark.parametrize("vendor", VENDORS)
async def test_tool_call_and_its_result(upstream: Upstream, vendor: str) -> None:
    whole = await upstream.complete(vendor, "Weather?", **TOOL_FIELDS)
    streamed = await upstream.stream(vendor, "Weather?", **TOOL_FIELDS)
    message = whole.completion.choices[0].message
    assert finish_of(whole) == streamed.finish_reason == chat_pb.FINISH_REASON_TOOL_CALLS
    assert not message.HasField("content")
    [call] = message.tool_calls
    parts = [p for b in streamed.batches for d in b.deltas for p in d.tool_calls]
    assert "".join(part.arguments for part in parts) == call.arguments
    assert "".join(part.name for part in parts) == call.name == "look_up"
    answer = said("sunny", chat_pb.CHAT_ROLE_TOOL)
    answer.tool_call_id = call.id
    asked = chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_ASSISTANT, tool_calls=[call])
    messages = [said("Weather?"), asked, answer]
    assert text_of(await upstream.complete(vendor, messages=messages, tools=[TOOL]))


@pytest.mark.parametrize("vendor", VENDORS)
async def test_several_choices(upstream: Upstream, vendor: str) -> None:
    whole = await upstream.complete(vendor, choice_count=3)
    streamed = await upstream.stream(vendor, choice_count=3)
    assert len(whole.completion.choices) == 3
    for choice in whole.completion.choices:
        deltas = [d for b in streamed.batches for d in b.deltas if d.choice_index == choice.index]
        text = "".join(piece for delta in deltas for piece in delta.content_pieces)
        assert text == choice.message.content
    assert streamed.usage == whole.usage


@pytest.mark.parametrize("vendor", ["openai", "together"])
async def test_logprobs_in_either_shape(upstream: Upstream, vendor: str) -> None:
    fields = {"logprobs": True, "top_logprobs": 2}
    whole = await upstream.complete(vendor, **fields)
    streamed = await upstream.stream(vendor, **fields)
    tokens = whole.completion.choices[0].logprobs.content
    assert "".join(token.token for token in tokens) == text_of(whole)
    assert all(len(token.top_logprobs) == 2 for token in tokens)
    pieces = [t for b in streamed.batches for d in b.deltas for t in d.logprobs.content]
    assert "".join(token.token for token in pieces) == text_of(whole)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_schema_stop_and_sampling_are_understood(upstream: Upstream, vendor: str) -> None:
    schema = chat_pb.ChatJsonSchemaFormat(
        name="s",
        schema_json=(
            '{"type":"object","properties":{"a":{"type":"integer"}},'
            '"required":["a"],"additionalProperties":false}'
        ),
        strict=True,
    )
    result = await upstream.complete(
        vendor,
        response_format=chat_pb.ChatResponseFormat(json_schema=schema),
        temperature=0.5,
        top_p=0.9,
        seed=7,
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        store=False,
        messages=[said("Be brief.", chat_pb.CHAT_ROLE_DEVELOPER), said("Numbers, please.")],
    )
    assert text_of(result).startswith("{")


@pytest.mark.parametrize("vendor", VENDORS)
async def test_cap_cuts_and_says_so(upstream: Upstream, vendor: str) -> None:
    streamed = await upstream.stream(vendor, "[[sim:words=500]] Talk.", cap=90)
    assert streamed.finish_reason == chat_pb.FINISH_REASON_LENGTH


async def test_unread_stream_is_cut_upstream(upstream: Upstream) -> None:
    opened = await upstream.providers["openai"].stream_chat(
        upstream.call("openai", "[[sim:words=400 pace=20]] Talk.")
    )
    await opened.aclose()
    await opened.aclose()
    [entry] = await upstream.simulator.wait_done(1)
    assert entry.client_hung_up


@dataclass(frozen=True)
class Fate:
    """What a fault must become."""

    kind: ErrorKind
    phase: Phase = Phase.ANSWERED
    may_have_run: bool = False


K = ErrorKind
QUIET = Timeouts(first_byte_seconds=0.1, idle_seconds=0.1, total_seconds=30)
BEFORE: dict[str, Fate] = {
    "rate_limit": Fate(K.RATE_LIMITED),
    "insufficient_quota": Fate(K.OPERATOR_CREDIT),
    "payment_required": Fate(K.OPERATOR_CREDIT),
    "server_error": Fate(K.OVERLOADED, may_have_run=True),
    "overloaded": Fate(K.OVERLOADED),
    "timeout": Fate(K.TIMEOUT, may_have_run=True),
    "bad_gateway_html": Fate(K.OVERLOADED, may_have_run=True),
    "invalid_key": Fate(K.OPERATOR_AUTH),
    "forbidden": Fate(K.OPERATOR_AUTH),
    "moderation_block": Fate(K.CONTENT_REFUSED),
    "hang": Fate(K.TIMEOUT, Phase.SENT, may_have_run=True),
    "slow_first_byte": Fate(K.TIMEOUT, Phase.SENT, may_have_run=True),
    "reset_before_first_byte": Fate(K.CONNECTION, Phase.SENT, may_have_run=True),
    "json_error_200": Fate(K.OVERLOADED, may_have_run=True),
}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("fault", BEFORE)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_fault_before_the_answer(
    upstream: Upstream, vendor: str, fault: str, *, streamed: bool
) -> None:
    upstream.simulator.inject(fault)
    call = upstream.stream if streamed else upstream.complete
    with capture_logs() as logs, pytest.raises(ProviderError) as caught:
        await call(vendor, timeouts=QUIET)
    error = caught.value
    assert Fate(error.kind, error.phase, error.may_have_run) == BEFORE[fault]
    [line] = logs
    assert (line["event"], line["provider"]) == ("upstream_call_failed", vendor)
    assert (line["kind"], line["phase"]) == (error.kind.value, error.phase.value)
    assert_reveals_nothing(f"{error} {error.code} {error.param} {logs}", KEYS[vendor])


def assert_reveals_nothing(text: str, key: str) -> None:
    assert not [key[i : i + 8] for i in range(len(key) - 7) if key[i : i + 8] in text]
    assert "127.0.0.1" not in text
    assert "http://" not in text


@pytest.mark.parametrize("vendor", VENDORS)
async def test_malformed_answer(upstream: Upstream, vendor: str) -> None:
    upstream.simulator.inject("malformed_json")
    with pytest.raises(ProviderError) as caught:
        await upstream.complete(vendor)
    assert caught.value.kind is K.MALFORMED_RESPONSE
    assert caught.value.phase is Phase.ANSWERED


async def collect(stream: ChatStream, batches: list[ChatBatch]) -> None:
    async for batch in stream:
        batches.append(batch)  # noqa: PERF401 - an error must leave what came before it


MID_STREAM: dict[str, ErrorKind] = {
    "reset_mid_stream": K.CONNECTION,
    "truncated_stream": K.CONNECTION,
    "stall_mid_stream": K.TIMEOUT,
    "error_mid_stream": K.OVERLOADED,
    "malformed_json": K.MALFORMED_RESPONSE,
}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("fault", MID_STREAM)
async def test_fault_in_mid_stream_comes_after_what_was_delivered(
    upstream: Upstream, vendor: str, fault: str
) -> None:
    upstream.simulator.inject(fault, after_chunks=4)
    upstream.simulator.set_pace(chunk_delay_ms=1)
    opened = await upstream.providers[vendor].stream_chat(
        upstream.call(vendor, "[[sim:words=60]] Talk.", timeouts=QUIET)
    )
    batches: list[ChatBatch] = []
    with pytest.raises(ProviderError) as caught:
        await collect(opened, batches)
    error = caught.value
    assert (error.kind, error.phase) == (MID_STREAM[fault], Phase.STREAMING)
    assert error.may_have_run
    assert error.upstream_request_id
    deltas = [delta for batch in batches for delta in batch.deltas]
    assert any(delta.content_pieces or delta.reasoning_content for delta in deltas)
    await opened.aclose()
    with pytest.raises(ProviderError):
        await anext(aiter(opened))


@pytest.mark.parametrize("vendor", VENDORS)
async def test_retry_after_is_passed_on(upstream: Upstream, vendor: str) -> None:
    upstream.simulator.inject("rate_limit", retry_after_seconds=1.5)
    with pytest.raises(ProviderError) as caught:
        await upstream.complete(vendor)
    assert caught.value.retry_after_seconds == 1.5
    assert caught.value.upstream_request_id


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    "fault", ["missing_usage", "negative_usage", "huge_usage", "inconsistent_usage"]
)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_answer_with_unusable_usage_is_delivered_without_it(
    upstream: Upstream, vendor: str, fault: str, *, streamed: bool
) -> None:
    upstream.simulator.inject(fault)
    with capture_logs() as logs:
        if streamed:
            answer = await upstream.stream(vendor)
            usage, text = answer.usage, answer.text
        else:
            result = await upstream.complete(vendor)
            usage, text = result.usage, text_of(result)
    assert usage is None
    assert text
    told = [line["event"] for line in logs]
    assert told == ([] if fault == "missing_usage" else ["upstream_usage_unusable"])


@pytest.mark.parametrize("vendor", VENDORS)
async def test_empty_and_filtered_answers_are_answers(upstream: Upstream, vendor: str) -> None:
    upstream.simulator.inject("empty_content")
    empty = await upstream.complete(vendor)
    assert (text_of(empty), finish_of(empty)) == ("", chat_pb.FINISH_REASON_STOP)
    upstream.simulator.inject("empty_content")
    assert (await upstream.stream(vendor)).text == ""
    upstream.simulator.inject("content_filter", after_chunks=2)
    filtered = await upstream.stream(vendor)
    if vendor != "together":  # Its finish reasons have no such word.
        assert filtered.finish_reason == chat_pb.FINISH_REASON_CONTENT_FILTER


@pytest.mark.parametrize(
    ("vendor", "model_id", "words"),
    [("openai", "gpt-5.4-mini", 500_000), ("together", "google/gemma-3n-E4B-it", 50_000)],
)
async def test_context_overflow_is_the_clients(
    upstream: Upstream, vendor: str, model_id: str, words: int
) -> None:
    with pytest.raises(ProviderError) as caught:
        await upstream.complete(vendor, "word " * words, model_id=model_id)
    assert caught.value.kind is K.CONTEXT_LENGTH
    assert not caught.value.may_have_run


@pytest.mark.parametrize("vendor", VENDORS)
async def test_clients_mistake_names_the_field_in_plain_words(
    upstream: Upstream, vendor: str
) -> None:
    call = upstream.call(vendor, temperature=7.0)
    with pytest.raises(ProviderError) as caught:
        await upstream.providers[vendor].complete_chat(call)
    assert caught.value.kind is K.INVALID_REQUEST
    assert "temperature" in caught.value.message
    assert_reveals_nothing(caught.value.message, KEYS[vendor])


async def test_unknown_upstream_model_is_unavailable(upstream: Upstream) -> None:
    upstream.simulator.inject("rate_limit", model="something-else")  # Strikes nothing.
    for vendor in VENDORS:
        call = upstream.call(vendor)
        gone = type(call.route)(vendor, "no-such-model")
        with pytest.raises(ProviderError) as caught:
            await upstream.providers[vendor].complete_chat(
                type(call)(call.params, call.model, gone, 10)
            )
        assert caught.value.kind is K.MODEL_UNAVAILABLE
