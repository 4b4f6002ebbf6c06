"""Streams that end early: the listener leaves, or the provider breaks off."""

import asyncio

import pytest

from tests.support.chat import ChatRig, open_chat, params
from tests.support.fake_provider import Script, batch, ending, failure, story
from tests.support.turns import eventually, turns
from tests.unit.server.chat.test_complete import PRICE
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.commands import AttemptState, HoldState, Outcome
from tokensmith_server.billing.errors import LedgerUnavailable
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.catalog.model import Route
from tokensmith_server.chat.facts import delivered_bytes
from tokensmith_server.chat.parts import ChatLimits
from tokensmith_server.errors import (
    ContentRefused,
    StreamInterrupted,
    UpstreamUnavailable,
)
from tokensmith_server.providers.base import ChatBatch, ErrorKind, Phase

# 50 bytes each, so 10 tokens in the low estimate.
PIECES = ["x" * 50] * 6


def slow_story(count: int) -> tuple[Script, list[asyncio.Event]]:
    """A stream whose every piece waits for its own event."""
    gates = [asyncio.Event() for _ in range(count)]
    steps: list[ChatBatch | asyncio.Event | BaseException] = []
    for gate in gates:
        steps += [gate, batch("x" * 50)]
    return Script([*steps, *ending()]), gates


def expected_charge(pieces: int) -> int:
    """The low estimate of so many pieces: of the prompt, and ten tokens for each piece."""
    input_tokens = params().messages[0].ByteSize() // 5
    return input_tokens * 1_500 + pieces * 10 * 9_000 if pieces else 0


@pytest.mark.parametrize("taken", range(1, 7))
async def test_listener_that_leaves_after_k_messages_pays_for_them_alone(
    rig: ChatRig, taken: int
) -> None:
    script, gates = slow_story(6)
    rig.provider.queue(script)
    messages = rig.service.stream(rig.request())
    for gate in gates[:taken]:
        gate.set()
        await anext(messages)
    await messages.aclose()
    await rig.idle()
    record = await rig.record()
    assert (record.state, record.outcome) == (HoldState.SETTLED, Outcome.ABANDONED)
    assert record.charged_microcredits == expected_charge(taken)
    assert record.usage_estimated
    assert (record.attempts[0].state, record.attempts[0].error) == (
        AttemptState.UNKNOWN,
        "client_gone",
    )
    assert rig.provider.streams[0].closed
    assert rig.provider.streams[0].given == taken


@pytest.mark.parametrize("taken", range(1, 7))
async def test_what_lay_unread_when_the_listener_left_is_not_charged(
    rig: ChatRig, taken: int
) -> None:
    rig.provider.queue(Script([*(batch(text) for text in PIECES), asyncio.Event()]))
    messages = rig.service.stream(rig.request())
    for _ in range(taken):
        await anext(messages)
    await eventually(lambda: rig.provider.streams[0].given == 6)
    await turns()
    await messages.aclose()
    await rig.idle()
    assert (await rig.record()).charged_microcredits == expected_charge(taken)


async def test_message_that_waited_for_room_when_the_listener_left_is_not_charged() -> None:
    async with open_chat(limits=ChatLimits(mailbox_messages=1)) as rig:
        rig.provider.queue(Script([*(batch(text) for text in PIECES), asyncio.Event()]))
        messages = rig.service.stream(rig.request())
        await anext(messages)
        await eventually(lambda: rig.provider.streams[0].given == 3)
        await turns()
        await messages.aclose()
        await rig.idle()
        assert (await rig.record()).charged_microcredits == expected_charge(1)


async def test_listener_that_leaves_before_the_first_byte_pays_nothing(rig: ChatRig) -> None:
    script, _ = slow_story(1)
    rig.provider.queue(script)
    listening = asyncio.ensure_future(rig.stream())
    await eventually(lambda: rig.provider.calls)
    await turns()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    await rig.idle()
    record = await rig.record()
    assert (record.state, record.outcome) == (HoldState.VOIDED, Outcome.ABANDONED)
    assert rig.provider.cancelled == 1


async def test_listener_may_leave_at_any_turn_of_the_loop() -> None:
    """From the first step to the last: the hold is resolved and nothing goes on upstream."""
    for turn in range(60):
        async with open_chat() as rig:
            rig.provider.queue(story(*PIECES))
            task = asyncio.ensure_future(rig.stream())
            await turns(turn)
            task.cancel()
            await asyncio.wait((task,))
            await rig.idle()
            for stream in rig.provider.streams:
                assert stream.closed
            for record in await rig.records():
                assert record.charged_microcredits <= PRICE + expected_charge(6)


async def test_listener_that_leaves_while_the_hold_is_placed_leaves_none(rig: ChatRig) -> None:
    listening = asyncio.ensure_future(rig.stream())
    await asyncio.sleep(0)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    await rig.idle()
    assert [record.state for record in await rig.records()] in ([], [HoldState.VOIDED])
    assert rig.provider.calls == []


async def test_call_of_a_key_whose_listener_leaves_while_the_hold_is_placed_is_not_begun(
    rig: ChatRig,
) -> None:
    rig.store.hold_gate = asyncio.Event()
    messages = rig.service.stream(rig.request(idempotency_key="k"))
    await turns()
    await messages.aclose()
    rig.store.hold_gate.set()
    await rig.idle()
    assert (await rig.record()).state is HoldState.VOIDED
    assert rig.provider.calls == []


async def test_listener_that_leaves_twice_has_left_once(rig: ChatRig) -> None:
    """A second interruption would pass for the end of the process."""
    rig.provider.queue(Script([batch("Hi"), asyncio.Event()]))
    messages = rig.service.stream(rig.request())
    await anext(messages)
    await messages.aclose()
    await messages.aclose()
    await rig.idle()
    assert (await rig.record()).outcome is Outcome.ABANDONED


async def test_stream_that_was_complete_when_the_listener_left_is_charged_in_full(
    rig: ChatRig,
) -> None:
    rig.provider.queue(story(*PIECES))
    messages = rig.service.stream(rig.request())
    await anext(messages)
    await rig.idle()
    await messages.aclose()
    assert (await rig.record()).charged_microcredits == PRICE


async def test_running_usage_is_the_price_of_an_abandoned_stream(rig: ChatRig) -> None:
    gate = asyncio.Event()
    rig.provider.queue(Script([batch("Hi", usage=TokenUsage(10, 2)), gate, *ending()]))
    messages = rig.service.stream(rig.request())
    await anext(messages)
    await messages.aclose()
    await rig.idle()
    record = await rig.record()
    assert (record.charged_microcredits, record.usage_estimated) == (10 * 1_500 + 2 * 9_000, False)


@pytest.mark.parametrize("break_off", [True, False])
async def test_input_that_the_provider_told_is_charged_however_the_stream_ends(
    rig: ChatRig, break_off: bool
) -> None:
    """Else whoever leaves just before the end has pictures and documents for nothing."""
    told = batch("x" * 50, input_usage=TokenUsage(100, 0, cached_input_tokens=0))
    broken = failure(ErrorKind.CONNECTION, Phase.STREAMING)
    rig.provider.queue(Script([told, broken if break_off else asyncio.Event()]))
    messages = rig.service.stream(rig.request())
    await anext(messages)
    if break_off:
        with pytest.raises(StreamInterrupted):
            await anext(messages)
    await messages.aclose()
    await rig.idle()
    record = await rig.record()
    assert (record.charged_microcredits, record.usage_estimated) == (100 * 1_500 + 90_000, True)


async def test_input_that_cannot_be_true_is_counted_by_us(rig: ChatRig) -> None:
    told = batch("x" * 50, input_usage=TokenUsage(10_000_000, 0))
    rig.provider.queue(Script([told, asyncio.Event()]))
    messages = rig.service.stream(rig.request())
    await anext(messages)
    await messages.aclose()
    await rig.idle()
    assert (await rig.record()).charged_microcredits == expected_charge(1)


async def test_stream_of_a_key_runs_to_its_end_without_a_listener(rig: ChatRig) -> None:
    gate = asyncio.Event()
    rig.provider.queue(Script([batch("Hel"), gate, batch("lo"), *ending()]))
    messages = rig.service.stream(rig.request(idempotency_key="k"))
    await anext(messages)
    await messages.aclose()
    gate.set()
    await rig.idle()
    (again,) = await rig.stream(idempotency_key="k")
    assert again.deltas[0].content_pieces == ["Hello"]
    assert (await rig.record()).charged_microcredits == PRICE


LAGGING = ChatLimits(mailbox_messages=2, slow_reader_seconds=0.001)


async def test_slow_reader_is_cut_off_with_the_charge_for_what_was_laid_out() -> None:
    async with open_chat(limits=LAGGING) as rig:
        rig.provider.queue(story(*PIECES))
        messages = rig.service.stream(rig.request())
        await anext(messages)
        await rig.idle()
        for _ in range(2):
            await anext(messages)
        with pytest.raises(StreamInterrupted) as caught:
            await anext(messages)
        record = await rig.record()
        assert (record.outcome, record.charged_microcredits) == (
            Outcome.ABANDONED,
            expected_charge(3),
        )
        assert caught.value.charged_microcredits == record.charged_microcredits
        assert rig.provider.streams[0].closed


async def test_slow_reader_with_a_key_loses_the_stream_but_not_the_answer() -> None:
    async with open_chat(limits=LAGGING) as rig:
        rig.provider.queue(story(*PIECES))
        messages = rig.service.stream(rig.request(idempotency_key="k"))
        await anext(messages)
        await rig.idle()
        with pytest.raises(StreamInterrupted) as caught:
            await anext(messages)
        assert caught.value.charged_microcredits == PRICE
        (again,) = await rig.stream(idempotency_key="k")
        assert again.deltas[0].content_pieces == ["".join(PIECES)]


async def test_reader_who_is_slow_only_at_the_end_still_gets_the_last_message() -> None:
    async with open_chat(limits=LAGGING) as rig:
        rig.provider.queue(story("Hi"))
        messages = rig.service.stream(rig.request())
        await anext(messages)
        await rig.idle()
        rest = [message async for message in messages]
        assert rest[-1].charge.charged_microcredits == PRICE


@pytest.mark.parametrize(
    "error",
    [
        failure(ErrorKind.CONNECTION, Phase.STREAMING),
        failure(ErrorKind.MALFORMED_RESPONSE, Phase.STREAMING),
        failure(ErrorKind.TIMEOUT, Phase.STREAMING),
        failure(ErrorKind.OVERLOADED, Phase.ANSWERED),
    ],
)
async def test_stream_that_breaks_off_is_charged_for_what_came_and_says_so(
    rig: ChatRig, error: BaseException
) -> None:
    rig.provider.queue(Script([batch(PIECES[0]), batch(PIECES[1]), error]))
    messages = rig.service.stream(rig.request())
    assert [len((await anext(messages)).deltas) for _ in range(2)] == [1, 1]
    with pytest.raises(StreamInterrupted) as caught:
        await anext(messages)
    record = await rig.record()
    assert (record.outcome, record.charged_microcredits) == (Outcome.TRUNCATED, expected_charge(2))
    assert caught.value.charged_microcredits == record.charged_microcredits
    assert record.attempts[0].state is AttemptState.FAILED
    assert rig.provider.streams[0].closed


async def test_broken_stream_whose_usage_is_known_is_priced_by_it(rig: ChatRig) -> None:
    error = failure(ErrorKind.OVERLOADED, Phase.STREAMING, usage=TokenUsage(10, 3))
    rig.provider.queue(Script([batch("Hi"), error]))
    with pytest.raises(StreamInterrupted):
        await rig.stream()
    assert (await rig.record()).charged_microcredits == 10 * 1_500 + 3 * 9_000


@pytest.mark.parametrize("reasoning", ["", "Hmm"])
async def test_stream_that_breaks_off_before_an_answer_is_free_and_frees_its_key(
    rig: ChatRig, reasoning: str
) -> None:
    opening = chat_pb.ChatCompletionDelta(
        role=chat_pb.CHAT_ROLE_ASSISTANT, reasoning_content=reasoning
    )
    error = failure(ErrorKind.CONNECTION, Phase.STREAMING)
    rig.provider.queue(Script([ChatBatch([opening]), error]))
    with pytest.raises(StreamInterrupted) as caught:
        await rig.stream(idempotency_key="k")
    assert caught.value.charged_microcredits == 0
    assert (await rig.record()).state is HoldState.VOIDED
    assert not (await rig.complete(idempotency_key="k")).charge.replayed


async def test_stream_that_breaks_off_before_any_message_fails_plainly(rig: ChatRig) -> None:
    error = failure(ErrorKind.CONNECTION, Phase.STREAMING)
    gate = asyncio.Event()
    gate.set()
    rig.provider.queue(Script([ChatBatch([], usage=TokenUsage(1, 1)), error]))
    with pytest.raises((StreamInterrupted, UpstreamUnavailable)):
        await rig.stream()
    assert (await rig.record()).state is HoldState.VOIDED


async def test_broken_stream_is_not_tried_elsewhere() -> None:
    async with open_chat(routes=(Route("openai", "a"), Route("xai", "b"))) as rig:
        rig.provider.queue(Script([batch("Hi"), failure(ErrorKind.CONNECTION, Phase.STREAMING)]))
        with pytest.raises(StreamInterrupted):
            await rig.stream()
        assert rig.providers["xai"].calls == []


async def test_stream_that_is_blocked_on_the_way_is_free(rig: ChatRig) -> None:
    error = failure(ErrorKind.CONTENT_REFUSED, Phase.STREAMING)
    rig.provider.queue(Script([batch(PIECES[0]), error]))
    with pytest.raises(ContentRefused):
        await rig.stream()
    record = await rig.record()
    assert (record.outcome, record.charged_microcredits) == (Outcome.BLOCKED, 0)
    assert record.error_reason == "CONTENT_REFUSED"


async def test_defect_in_mid_stream_is_free(rig: ChatRig) -> None:
    rig.provider.queue(Script([batch(PIECES[0]), ZeroDivisionError("a defect")]))
    with pytest.raises(ZeroDivisionError):
        await rig.stream()
    assert (await rig.record()).state is HoldState.VOIDED


async def test_stream_that_cannot_be_settled_ends_in_an_error_and_is_left_to_the_sweeper(
    rig: ChatRig,
) -> None:
    rig.open_holds = 1
    rig.store.losses = ["settle"] * 10_000
    with pytest.raises(LedgerUnavailable):
        await rig.stream()


async def test_settlement_of_a_stream_is_tried_until_the_ledger_is_back(rig: ChatRig) -> None:
    rig.store.losses = ["settle"] * 3
    assert (await rig.stream())[-1].charge.charged_microcredits == PRICE


def test_bytes_that_count_are_those_a_provider_bills_as_output() -> None:
    delta = chat_pb.ChatCompletionDelta(
        content_pieces=["é", "b"],
        refusal="no",
        reasoning_content="hm",
        tool_calls=[chat_pb.ChatToolCallDelta(name="f", arguments="{}")],
        function_call=chat_pb.ChatFunctionCall(name="g", arguments="[]"),
        audio=chat_pb.ChatAudioDelta(transcript="la", data=b"not counted"),
    )
    assert delivered_bytes([delta]) == 3 + 2 + 2 + 3 + 3 + 2
