"""Every fault of the simulator against the Anthropic adapter, whole and streamed."""

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from tests.integration.providers.claude import (
    HAIKU,
    KEY,
    SONNET,
    VENDOR,
    anthropic_upstream,
    complete,
    stream,
)
from tests.integration.providers.conftest import Upstream, finish_of, text_of
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import Route
from tokensmith_server.providers.base import (
    ChatBatch,
    ChatCall,
    ChatStream,
    ErrorKind,
    Phase,
    ProviderError,
    Timeouts,
)

K = ErrorKind
QUICK = Timeouts(connect_seconds=0.05, first_byte_seconds=0.05, idle_seconds=0.2)
QUIET = Timeouts(idle_seconds=0.2)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with anthropic_upstream() as upstream:
        yield upstream


BEFORE = {
    "rate_limit": (K.RATE_LIMITED, Phase.ANSWERED, 429),
    "insufficient_quota": (K.OPERATOR_CREDIT, Phase.ANSWERED, 400),
    "payment_required": (K.OPERATOR_CREDIT, Phase.ANSWERED, 402),
    "server_error": (K.OVERLOADED, Phase.ANSWERED, 500),
    "overloaded": (K.OVERLOADED, Phase.ANSWERED, 529),
    "timeout": (K.TIMEOUT, Phase.ANSWERED, 504),
    "bad_gateway_html": (K.OVERLOADED, Phase.ANSWERED, 502),
    "invalid_key": (K.OPERATOR_AUTH, Phase.ANSWERED, 401),
    "forbidden": (K.OPERATOR_AUTH, Phase.ANSWERED, 403),
    "reset_before_first_byte": (K.CONNECTION, Phase.SENT, None),
    "hang": (K.TIMEOUT, Phase.SENT, None),
    "json_error_200": (K.OVERLOADED, Phase.ANSWERED, 200),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", BEFORE)
async def test_fault_before_the_answer(upstream: Upstream, fault: str, *, streamed: bool) -> None:
    upstream.simulator.inject(fault)
    ask = stream if streamed else complete
    timeouts = QUICK if fault == "hang" else None
    with pytest.raises(ProviderError) as caught:
        await ask(upstream, timeouts=timeouts)
    error = caught.value
    assert (error.kind, error.phase, error.http_status) == BEFORE[fault]
    assert KEY not in repr(vars(error))


async def test_retry_after_is_passed_on(upstream: Upstream) -> None:
    upstream.simulator.inject("rate_limit", retry_after_seconds=1.5)
    with pytest.raises(ProviderError) as caught:
        await complete(upstream)
    assert caught.value.retry_after_seconds == 1.5
    assert caught.value.upstream_request_id


MID_STREAM = {
    "reset_mid_stream": K.CONNECTION,
    "truncated_stream": K.CONNECTION,
    "stall_mid_stream": K.TIMEOUT,
    "error_mid_stream": K.OVERLOADED,
    "malformed_json": K.MALFORMED_RESPONSE,
}


async def collect(opened: ChatStream, batches: list[ChatBatch]) -> None:
    async for batch in opened:
        batches.append(batch)  # noqa: PERF401 - what came before a failure counts


@pytest.mark.parametrize("fault", MID_STREAM)
async def test_fault_in_mid_stream_comes_after_what_was_delivered(
    upstream: Upstream, fault: str
) -> None:
    upstream.simulator.inject(fault, after_chunks=4)
    upstream.simulator.set_pace(chunk_delay_ms=1)
    opened = await upstream.providers[VENDOR].stream_chat(
        upstream.call(VENDOR, "[[sim:words=60]] Talk.", model_id=SONNET, timeouts=QUIET)
    )
    batches: list[ChatBatch] = []
    with pytest.raises(ProviderError) as caught:
        await collect(opened, batches)
    error = caught.value
    assert (error.kind, error.phase) == (MID_STREAM[fault], Phase.STREAMING)
    assert error.may_have_run
    assert error.upstream_request_id
    assert any(d.content_pieces for batch in batches for d in batch.deltas)
    await opened.aclose()
    with pytest.raises(ProviderError):
        await anext(aiter(opened))


async def test_error_before_any_content_fails_the_opening(upstream: Upstream) -> None:
    upstream.simulator.inject("error_mid_stream", after_chunks=0)
    with pytest.raises(ProviderError) as caught:
        await upstream.providers[VENDOR].stream_chat(upstream.call(VENDOR, model_id=SONNET))
    assert caught.value.kind is K.OVERLOADED
    assert caught.value.phase is Phase.ANSWERED


@pytest.mark.parametrize(
    "fault", ["missing_usage", "negative_usage", "huge_usage", "inconsistent_usage"]
)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_answer_with_unusable_usage_is_delivered_without_it(
    upstream: Upstream, fault: str, *, streamed: bool
) -> None:
    upstream.simulator.inject(fault)
    with capture_logs() as logs:
        if streamed:
            answer = await stream(upstream)
            usage, text = answer.usage, answer.text
        else:
            result = await complete(upstream)
            usage, text = result.usage, text_of(result)
    assert usage is None
    assert text
    told = [line["event"] for line in logs]
    assert told == ([] if fault == "missing_usage" else ["upstream_usage_unusable"])


async def test_refused_prompts_and_cut_answers_are_filtered(upstream: Upstream) -> None:
    filtered = chat_pb.FINISH_REASON_CONTENT_FILTER
    upstream.simulator.inject("moderation_block")
    blocked = await complete(upstream)
    assert (text_of(blocked), finish_of(blocked)) == ("", filtered)
    assert blocked.completion.choices[0].message.refusal
    upstream.simulator.inject("content_filter", after_chunks=2)
    cut = await stream(upstream)
    assert cut.text
    assert cut.finish_reason == filtered


async def test_empty_answers_are_answers(upstream: Upstream) -> None:
    upstream.simulator.inject("empty_content")
    empty = await complete(upstream)
    assert (text_of(empty), finish_of(empty)) == ("", chat_pb.FINISH_REASON_STOP)
    upstream.simulator.inject("empty_content")
    assert (await stream(upstream)).text == ""


async def test_context_overflow_is_the_clients(upstream: Upstream) -> None:
    with pytest.raises(ProviderError) as caught:
        await complete(upstream, "word " * 400_000, model_id=HAIKU)
    assert caught.value.kind is K.CONTEXT_LENGTH
    assert not caught.value.may_have_run


async def test_clients_mistake_names_the_field_in_plain_words(upstream: Upstream) -> None:
    call = upstream.call(VENDOR, model_id=SONNET, temperature=7.0)
    with pytest.raises(ProviderError) as caught:
        await upstream.providers[VENDOR].complete_chat(call)
    assert (caught.value.kind, caught.value.param) == (K.INVALID_REQUEST, "temperature")


async def test_unknown_upstream_model_is_unavailable(upstream: Upstream) -> None:
    call = upstream.call(VENDOR, model_id=SONNET)
    gone = ChatCall(call.params, call.model, Route(VENDOR, "no-such-model"), 10)
    with pytest.raises(ProviderError) as caught:
        await upstream.providers[VENDOR].complete_chat(gone)
    assert caught.value.kind is K.MODEL_UNAVAILABLE


async def test_unread_stream_is_cut_upstream(upstream: Upstream) -> None:
    upstream.simulator.set_pace(chunk_delay_ms=5)
    call = upstream.call(VENDOR, "[[sim:words=500]] Talk.", model_id=SONNET)
    opened = await upstream.providers[VENDOR].stream_chat(call)
    await opened.aclose()
    await opened.aclose()
    [entry] = await upstream.simulator.wait_done(1)
    assert entry.outcome == "client_gone"
