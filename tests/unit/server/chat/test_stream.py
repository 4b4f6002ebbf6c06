"""A streamed answer that goes well: its messages, its money, its keeping."""

import asyncio

import pytest

from tests.support.chat import ChatRig, open_chat, params
from tests.support.fake_provider import Answer, Script, batch, ending, failure, piece, story
from tests.support.turns import turns
from tests.unit.server.chat.test_complete import PRICE
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import usage_pb2
from tokensmith_server.billing.commands import AttemptState, HoldState, Outcome
from tokensmith_server.billing.errors import IdempotencyInProgress, InsufficientCredits
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.errors import ModelNotFound, UpstreamUnavailable
from tokensmith_server.providers.base import ChatBatch, ErrorKind


def text_of(messages: list[chat_pb.StreamChatCompletionResponse]) -> str:
    return "".join(
        "".join(delta.content_pieces) for message in messages for delta in message.deltas
    )


async def test_first_message_has_start_and_what_is_held_last_has_usage_and_charge(
    rig: ChatRig,
) -> None:
    rig.provider.queue(story("Hel", "lo"))
    messages = await rig.stream()
    first, last = messages[0], messages[-1]
    assert (first.start.id, first.start.model) == ("chatcmpl-00000001", "gpt-5.4-mini")
    assert first.start.create_time.seconds == 1_800_000_000
    assert first.charge.held_microcredits > PRICE
    assert not first.charge.HasField("charged_microcredits")
    assert last.charge.charged_microcredits == PRICE
    assert last.charge.outcome == usage_pb2.OUTCOME_DELIVERED
    assert last.charge.balance_microcredits == (await rig.balance()).available_microcredits
    assert (last.usage.input_tokens, last.usage.output_tokens) == (10, 5)
    assert last.service_tier == "default"
    for message in messages[1:]:
        assert not message.HasField("start")
    for message in messages[1:-1]:
        assert not message.HasField("charge")
        assert not message.HasField("usage")
    assert text_of(messages) == "Hello"


async def test_one_batch_is_one_message_and_usage_alone_is_none(rig: ChatRig) -> None:
    rig.provider.queue(Script([batch("a", "b", "c"), batch("d", "e"), *ending()]))
    messages = await rig.stream()
    assert [len(message.deltas) for message in messages] == [3, 2, 1, 0]
    assert text_of(messages) == "abcde"


async def test_first_message_is_there_before_the_provider_is_done(rig: ChatRig) -> None:
    gate = asyncio.Event()
    rig.provider.queue(Script([batch("Hel"), gate, batch("lo"), *ending()]))
    messages = rig.service.stream(rig.request())
    assert text_of([await anext(messages)]) == "Hel"
    gate.set()
    assert text_of([message async for message in messages]) == "lo"


async def test_last_message_waits_for_the_settlement(rig: ChatRig) -> None:
    rig.store.settle_gate = asyncio.Event()
    rig.provider.queue(story("Hi"))
    messages = rig.service.stream(rig.request())
    for _ in range(2):
        assert not (await anext(messages)).charge.HasField("charged_microcredits")
    last = asyncio.ensure_future(anext(messages))
    await turns(50)
    assert not last.done()
    rig.store.settle_gate.set()
    assert (await last).charge.charged_microcredits == PRICE
    with pytest.raises(StopAsyncIteration):
        await anext(messages)


async def test_hold_is_durable_before_the_provider_is_asked(rig: ChatRig) -> None:
    await rig.stream()
    assert rig.journal == ["held", "sent to openai", "settled"]


async def test_request_log_of_a_stream(rig: ChatRig) -> None:
    await rig.stream()
    record = await rig.record()
    assert record.stream
    assert (record.outcome, record.finish_reason) == (Outcome.DELIVERED, "stop")
    assert record.attempts[0].state is AttemptState.ANSWERED
    assert rig.provider.streams[0].closed


async def test_stream_is_closed_and_settled_even_when_its_closing_fails(rig: ChatRig) -> None:
    rig.provider.failing_close = True
    assert (await rig.stream())[-1].charge.charged_microcredits == PRICE


async def test_refusals_come_before_any_message(rig: ChatRig) -> None:
    with pytest.raises(ModelNotFound):
        await anext(rig.service.stream(rig.request(params(model="gpt5.4-mini"))))
    assert rig.provider.calls == []


async def test_stream_that_nobody_can_pay_for_has_no_message() -> None:
    async with open_chat(microcredits=5) as rig:
        with pytest.raises(InsufficientCredits):
            await anext(rig.service.stream(rig.request()))
        assert rig.provider.calls == []


async def test_failure_before_the_first_batch_fails_over_and_is_charged_once(
    rig: ChatRig,
) -> None:
    rig.provider.queue(failure(), story("Hi"))
    messages = await rig.stream()
    assert messages[-1].charge.charged_microcredits == PRICE
    states = [attempt.state for attempt in (await rig.record()).attempts]
    assert states == [AttemptState.FAILED, AttemptState.ANSWERED]


async def test_failure_of_every_try_is_an_error_and_no_message(rig: ChatRig) -> None:
    rig.provider.queue(failure(), failure())
    messages = rig.service.stream(rig.request())
    with pytest.raises(UpstreamUnavailable):
        await anext(messages)
    record = await rig.record()
    assert (record.state, record.error_reason) == (HoldState.VOIDED, "UPSTREAM_UNAVAILABLE")


async def test_stream_of_reasoning_that_was_shown_is_an_answer(rig: ChatRig) -> None:
    thought = ChatBatch([chat_pb.ChatCompletionDelta(reasoning_content="Hm")])
    rig.provider.queue(Script([thought, *ending()]))
    charge = (await rig.stream())[-1].charge
    assert charge.charged_microcredits == PRICE
    assert charge.outcome == usage_pb2.OUTCOME_DELIVERED


@pytest.mark.parametrize(
    "script",
    [
        Script([]),
        Script(ending()),
        Script([batch(""), *ending()]),
    ],
)
async def test_stream_without_worth_is_free_with_a_proper_first_and_last_message(
    rig: ChatRig, script: Script
) -> None:
    rig.provider.queue(script)
    messages = await rig.stream()
    assert messages[0].start.id
    assert messages[0].charge.held_microcredits > 0
    assert messages[-1].HasField("usage")
    assert messages[-1].charge.HasField("charged_microcredits")
    assert messages[-1].charge.charged_microcredits == 0
    assert messages[-1].charge.outcome == usage_pb2.OUTCOME_EMPTY
    assert (await rig.record()).outcome is Outcome.EMPTY


async def test_stream_that_ends_filtered_is_free(rig: ChatRig) -> None:
    rig.provider.queue(Script([batch("Hi"), *ending(chat_pb.FINISH_REASON_CONTENT_FILTER)]))
    last = (await rig.stream())[-1]
    assert last.charge.outcome == usage_pb2.OUTCOME_BLOCKED
    assert last.charge.charged_microcredits == 0
    assert (await rig.record()).finish_reason == "content_filter"


async def test_one_filtered_choice_of_two_is_still_an_answer(rig: ChatRig) -> None:
    filtered = chat_pb.ChatCompletionDelta(
        choice_index=1, finish_reason=chat_pb.FINISH_REASON_CONTENT_FILTER
    )
    rig.provider.queue(Script([batch("Hi"), ChatBatch([filtered]), *ending()]))
    assert (await rig.stream(params(choice_count=2)))[-1].charge.charged_microcredits == PRICE


@pytest.mark.parametrize("usage", [None, TokenUsage(10_000_000, 5)])
async def test_missing_or_impossible_usage_is_replaced_by_a_low_estimate(
    rig: ChatRig, usage: TokenUsage | None
) -> None:
    rig.provider.queue(story("x" * 50, "x" * 50, usage=usage))
    last = (await rig.stream())[-1]
    assert (last.usage.estimated, last.usage.output_tokens) == (True, 20)
    assert (await rig.record()).usage_estimated


async def test_sound_without_a_transcript_is_an_answer(rig: ChatRig) -> None:
    sound = chat_pb.ChatCompletionDelta(audio=chat_pb.ChatAudioDelta(data=b"..."))
    rig.provider.queue(Script([ChatBatch([sound]), *ending()]))
    assert (await rig.stream())[-1].charge.charged_microcredits == PRICE


async def test_stream_of_a_key_is_replayed_as_a_stream_with_everything_it_had(
    rig: ChatRig,
) -> None:
    call = chat_pb.ChatToolCallDelta(index=0, id="c1", name="f", arguments='{"a"')
    more = chat_pb.ChatToolCallDelta(index=0, arguments=":1}")
    rig.provider.queue(
        Script(
            [
                batch("Hel", system_fingerprint="fp"),
                ChatBatch([piece("lo", tool_calls=[call])]),
                ChatBatch([chat_pb.ChatCompletionDelta(tool_calls=[more])]),
                *ending(),
            ]
        )
    )
    first = await rig.stream(idempotency_key="k")
    (again,) = await rig.stream(idempotency_key="k")
    assert again.start == first[0].start
    assert again.start.system_fingerprint == "fp"
    assert again.service_tier == "default"
    assert again.usage == first[-1].usage
    assert again.deltas[0].content_pieces == ["Hello"]
    assert again.deltas[0].tool_calls[0].arguments == '{"a":1}'
    assert again.deltas[0].finish_reason == chat_pb.FINISH_REASON_STOP
    assert again.charge.replayed
    assert again.charge.charged_microcredits == PRICE
    whole = await rig.complete(idempotency_key="k")
    assert whole.completion.choices[0].message.content == "Hello"
    assert len(rig.provider.calls) == 1


@pytest.mark.parametrize("script", [Script([]), Script(ending())])
async def test_key_of_an_empty_stream_is_free_again(rig: ChatRig, script: Script) -> None:
    rig.provider.queue(script)
    first = await rig.stream(idempotency_key="k")
    assert first[-1].charge.outcome == usage_pb2.OUTCOME_EMPTY
    again = await rig.stream(idempotency_key="k")
    assert not again[-1].charge.replayed
    assert again[-1].charge.outcome == usage_pb2.OUTCOME_DELIVERED
    assert len(rig.provider.calls) == 2


async def test_key_of_a_running_stream_is_refused_for_now(rig: ChatRig) -> None:
    gate = asyncio.Event()
    rig.provider.queue(Script([batch("Hi"), gate, *ending()]))
    messages = rig.service.stream(rig.request(idempotency_key="k"))
    await anext(messages)
    with pytest.raises(IdempotencyInProgress):
        await rig.stream(idempotency_key="k")
    gate.set()
    async for _ in messages:
        pass


async def test_first_byte_limit_is_a_streams_own(rig: ChatRig) -> None:
    await rig.stream()
    limits = rig.provider.calls[0].timeouts
    assert (limits.first_byte_seconds, limits.total_seconds) == (120.0, 600.0)


async def test_whole_answers_and_streams_of_one_answer_cost_the_same(rig: ChatRig) -> None:
    rig.provider.queue(Answer("Hello"), story("Hel", "lo"))
    whole = await rig.complete()
    streamed = await rig.stream()
    assert whole.charge.charged_microcredits == streamed[-1].charge.charged_microcredits


async def test_upstream_defect_before_a_stream_voids(rig: ChatRig) -> None:
    rig.provider.queue(ZeroDivisionError("a defect"))
    with pytest.raises(ZeroDivisionError):
        await rig.stream()
    assert (await rig.record()).error_reason == "INTERNAL"


async def test_refused_content_is_blocked_and_free(rig: ChatRig) -> None:
    rig.provider.queue(failure(ErrorKind.CONTENT_REFUSED))
    with pytest.raises(Exception, match="not charged"):
        await rig.stream()
    assert (await rig.record()).outcome is Outcome.BLOCKED
