"""A whole answer: what is held, sent, settled, logged and told."""

import asyncio

import pytest

from tests.support.chat import ChatRig, open_chat, params
from tests.support.fake_provider import Answer, failure
from tests.support.turns import eventually
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import usage_pb2
from tokensmith_server.billing.commands import AttemptState, ExpireHold, HoldState, Outcome
from tokensmith_server.billing.errors import InsufficientCredits, LedgerUnavailable
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.catalog.model import Route
from tokensmith_server.chat.call import SETTLING_SECONDS
from tokensmith_server.chat.parts import ChatLimits
from tokensmith_server.errors import UpstreamUnavailable
from tokensmith_server.providers.base import (
    NOTHING_RECALLED,
    ErrorKind,
    Phase,
    RecalledInput,
)

# 10 input tokens at 1,500 and 5 output tokens at 9,000 micro-credits.
PRICE = 10 * 1_500 + 5 * 9_000


async def test_hold_is_durable_before_the_provider_is_asked_and_settled_before_the_answer(
    rig: ChatRig,
) -> None:
    await rig.complete()
    assert rig.journal == ["held", "sent to openai", "settled"]


async def test_answer_is_charged_its_exact_price_and_the_rest_is_released(rig: ChatRig) -> None:
    before = await rig.balance()
    answer = await rig.complete()
    after = await rig.balance()
    charge = answer.charge
    assert charge.charged_microcredits == PRICE
    assert charge.held_microcredits > PRICE
    assert charge.balance_microcredits == before.available_microcredits - PRICE
    assert charge.outcome == usage_pb2.OUTCOME_DELIVERED
    assert charge.catalog_version == rig.parts.catalog.version
    assert not charge.replayed
    assert (after.held_microcredits, after.charged_microcredits) == (0, PRICE)


async def test_answer_carries_our_id_time_model_and_usage(rig: ChatRig) -> None:
    completion = (await rig.complete()).completion
    assert completion.id == "chatcmpl-00000001"
    assert completion.model == "gpt-5.4-mini"
    assert completion.create_time.seconds == 1_800_000_000
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (10, 5)
    assert not completion.usage.estimated


async def test_request_log_has_usage_finish_and_the_attempt(rig: ChatRig) -> None:
    await rig.complete()
    record = await rig.record()
    assert (record.state, record.outcome) == (HoldState.SETTLED, Outcome.DELIVERED)
    assert (record.finish_reason, record.usage) == ("stop", TokenUsage(10, 5))
    (attempt,) = record.attempts
    assert (attempt.state, attempt.http_status) == (AttemptState.ANSWERED, 200)
    assert attempt.upstream_request_id == "upstream-1"
    assert attempt.returned_model == "returned-model"


async def test_receipt_says_what_was_held_charged_and_left(rig: ChatRig) -> None:
    request = rig.request()
    answer = await rig.service.complete(request)
    assert request.receipt.held_microcredits == answer.charge.held_microcredits
    assert request.receipt.charged_microcredits == PRICE
    assert request.receipt.balance_microcredits == answer.charge.balance_microcredits


async def test_cap_sent_upstream_is_what_was_held_for(rig: ChatRig) -> None:
    await rig.complete(params(max_output_tokens=77))
    assert rig.provider.calls[0].output_cap_tokens == 77
    await rig.complete()
    assert rig.provider.calls[1].output_cap_tokens == 16_384


async def test_short_balance_lowers_the_cap() -> None:
    async with open_chat(microcredits=2_000 * 9_000) as rig:
        await rig.complete()
        assert 1_024 <= rig.provider.calls[0].output_cap_tokens < 2_000


async def test_balance_below_the_floor_is_refused_unsent() -> None:
    async with open_chat(microcredits=1_000 * 9_000) as rig:
        request = rig.request()
        with pytest.raises(InsufficientCredits):
            await rig.service.complete(request)
        assert rig.provider.calls == []
        assert request.receipt.balance_microcredits == 1_000 * 9_000


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(text=""), Outcome.EMPTY),
        (Answer(finish_reason=chat_pb.FINISH_REASON_CONTENT_FILTER), Outcome.BLOCKED),
        (Answer(completion=chat_pb.ChatCompletion()), Outcome.EMPTY),
    ],
)
async def test_empty_and_filtered_answers_are_free(
    rig: ChatRig, answer: Answer, outcome: Outcome
) -> None:
    rig.provider.queue(answer)
    charge = (await rig.complete()).charge
    record = await rig.record()
    assert (charge.charged_microcredits, charge.HasField("charged_microcredits")) == (0, True)
    assert (record.outcome, record.charged_microcredits) == (outcome, 0)
    assert record.usage == TokenUsage(10, 5)


async def test_reasoning_that_was_shown_is_an_answer(rig: ChatRig) -> None:
    """Else a low limit would buy any amount of it for nothing."""
    completion = chat_pb.ChatCompletion()
    completion.choices.add().message.reasoning_content = "Hmm."
    rig.provider.queue(Answer(completion=completion))
    assert (await rig.complete()).charge.charged_microcredits == PRICE
    assert (await rig.record()).outcome is Outcome.DELIVERED


@pytest.mark.parametrize("usage", [None, TokenUsage(10_000_000, 5), TokenUsage(1, 900_000_000)])
async def test_missing_or_impossible_usage_is_replaced_by_a_low_estimate(
    rig: ChatRig, usage: TokenUsage | None
) -> None:
    rig.provider.queue(Answer(text="x" * 100, usage=usage))
    answer = await rig.complete(params("y" * 100))
    assert answer.completion.usage.estimated
    assert answer.completion.usage.output_tokens == 20
    record = await rig.record()
    assert record.usage_estimated
    assert 0 < record.charged_microcredits <= record.held_microcredits


async def test_thinking_that_comes_back_with_its_tool_calls_is_billed_as_reported(
    rig: ChatRig,
) -> None:
    called = chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_ASSISTANT)
    called.tool_calls.add(
        id="toolu_1", kind=chat_pb.CHAT_TOOL_KIND_FUNCTION, name="look", arguments="{}"
    )
    told = chat_pb.ChatMessage(
        role=chat_pb.CHAT_ROLE_TOOL,
        content=chat_pb.ChatContent(text="It rains."),
        tool_call_id="toolu_1",
    )
    chat = params(model="claude-sonnet-4-6")
    chat.messages.extend([called, told])
    provider = rig.providers["anthropic"]
    provider.queue(Answer(text="Rain.", usage=TokenUsage(20_000, 10)))
    provider.recalls = RecalledInput(byte_count=60_000, token_count=19_500)
    answer = await rig.complete(chat)
    assert not answer.completion.usage.estimated
    assert answer.completion.usage.input_tokens == 20_000
    assert answer.charge.charged_microcredits <= answer.charge.held_microcredits
    # What was not recalled can't have been read.
    provider.queue(Answer(text="Rain.", usage=TokenUsage(20_000, 10)))
    provider.recalls = NOTHING_RECALLED
    assert (await rig.complete(chat)).completion.usage.estimated


async def test_document_of_many_pages_in_few_bytes_is_billed_as_reported(rig: ChatRig) -> None:
    chat = params()
    part = chat.messages[0].content.parts.parts.add()
    part.file.file_data = "A" * 4_000
    rig.provider.queue(Answer(usage=TokenUsage(200_000, 10)))
    answer = await rig.complete(chat)
    assert not answer.completion.usage.estimated
    assert answer.charge.charged_microcredits == 200_000 * 1_500 + 10 * 9_000


async def test_client_that_leaves_does_not_stop_the_call(rig: ChatRig) -> None:
    gate = asyncio.Event()
    rig.provider.queue(Answer(gate=gate))
    listening = asyncio.ensure_future(rig.complete())
    await eventually(lambda: rig.provider.running)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    gate.set()
    await rig.idle()
    record = await rig.record()
    assert (record.outcome, record.charged_microcredits) == (Outcome.DELIVERED, PRICE)


async def test_ledger_that_is_away_at_the_hold_sends_nothing(rig: ChatRig) -> None:
    rig.store.losses = ["hold"]
    with pytest.raises(LedgerUnavailable):
        await rig.complete()
    assert rig.provider.calls == []


async def test_settlement_is_tried_until_the_ledger_is_back(rig: ChatRig) -> None:
    rig.store.losses = ["settle"] * 3
    assert (await rig.complete()).charge.charged_microcredits == PRICE
    assert rig.pauses == [0.1, 0.2, 0.4]


async def test_settlement_that_stays_impossible_is_left_to_the_sweeper(rig: ChatRig) -> None:
    rig.open_holds = 1
    rig.store.losses = ["settle"] * 10_000
    with pytest.raises(LedgerUnavailable):
        await rig.complete()
    (hold,) = await rig.store.list_open_holds("account-1", limit=9)
    assert hold.expires_time - rig.clock.now() <= 2.0


async def test_answer_after_the_hold_expired_is_free(rig: ChatRig) -> None:
    gate = asyncio.Event()
    rig.provider.queue(Answer(gate=gate))
    listening = asyncio.ensure_future(rig.complete())
    await eventually(lambda: rig.provider.running)
    rig.clock.advance(700.0)
    await rig.store.expire_hold(ExpireHold("hold_00000001", "account-1", rig.clock.now()))
    gate.set()
    answer = await listening
    assert answer.completion.choices[0].message.content == "Hello"
    assert answer.charge.charged_microcredits == 0
    assert (await rig.record()).state is HoldState.EXPIRED


async def test_failed_call_does_not_wait_for_a_ledger_that_is_away(rig: ChatRig) -> None:
    rig.provider.queue(failure(ErrorKind.OPERATOR_AUTH))
    rig.store.losses = ["void"] * 2
    with pytest.raises(UpstreamUnavailable):
        await rig.complete()
    await rig.idle()
    assert (await rig.record()).state is HoldState.VOIDED


async def test_defect_in_an_adapter_voids_and_is_no_secret_to_the_log(rig: ChatRig) -> None:
    rig.provider.queue(ZeroDivisionError("a defect"))
    with pytest.raises(ZeroDivisionError):
        await rig.complete()
    record = await rig.record()
    assert (record.state, record.error_reason) == (HoldState.VOIDED, "INTERNAL")
    assert record.attempts[0].state is AttemptState.UNKNOWN


async def test_answer_that_cannot_be_settled_for_a_defect_is_voided(
    rig: ChatRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("tokensmith_server.chat.completion.finish_reason_name", broken)
    with pytest.raises(ZeroDivisionError):
        await rig.complete()
    assert (await rig.record()).state is HoldState.VOIDED


async def test_time_limits_sent_upstream_are_what_is_left_of_the_callers() -> None:
    limits = ChatLimits(connect_seconds=3, first_byte_seconds=20, idle_seconds=7)
    routes = (Route("openai", "a"), Route("xai", "b"))
    async with open_chat(limits=limits, routes=routes) as rig:
        error = failure(ErrorKind.TIMEOUT, Phase.SENT)
        rig.provider.queue(Late(rig, 40.0, error))
        await rig.complete(remaining_seconds=100.0)
        first, second = rig.provider.calls[0].timeouts, rig.providers["xai"].calls[0].timeouts
        left = 100.0 - SETTLING_SECONDS
        assert (first.connect_seconds, first.first_byte_seconds, first.idle_seconds) == (3, left, 7)
        assert first.total_seconds == left
        assert second.total_seconds == pytest.approx(left - 40.0)


@pytest.mark.parametrize(
    ("remaining_seconds", "upstream_seconds"), [(0.5, 0.45), (2.0, 1.9), (9_999.0, 3_600.0)]
)
async def test_end_of_the_callers_time_is_kept_for_the_settlement(
    rig: ChatRig, remaining_seconds: float, upstream_seconds: float
) -> None:
    await rig.complete(remaining_seconds=remaining_seconds)
    assert rig.provider.calls[0].timeouts.total_seconds == pytest.approx(upstream_seconds)


class Late(Answer):
    """Fails after some time."""

    def __init__(self, rig: ChatRig, seconds: float, error: Exception) -> None:
        super().__init__()
        self._rig, self._seconds, self._error = rig, seconds, error

    def result(self) -> None:  # type: ignore[override]
        self._rig.clock.advance(self._seconds)
        raise self._error


async def test_parallel_calls_on_a_balance_worth_one_serve_exactly_one() -> None:
    probe = params("Hi", max_output_tokens=1_024)
    async with open_chat() as rich:
        worth = (await rich.complete(probe)).charge.held_microcredits
    async with open_chat(microcredits=worth) as rig:
        gate = asyncio.Event()
        rig.provider.queue(Answer(gate=gate))
        calls = [asyncio.ensure_future(rig.complete(probe)) for _ in range(300)]
        await eventually(lambda: sum(call.done() for call in calls) == 299)
        gate.set()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(end, InsufficientCredits) for end in ends) == 299
        assert len(rig.provider.calls) == 1
        assert (await rig.balance()).available_microcredits == worth - PRICE
