"""Domain to proto: everything that there is can be shown."""

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest

from tests.support.chat import BUILT_IN, open_chat
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import model_service_pb2 as model_pb
from tokensmith.v1 import usage_pb2
from tokensmith_server.billing.commands import AttemptState, Balance, HoldState, Outcome
from tokensmith_server.billing.convert import (
    balance_to_proto,
    request_to_proto,
    time_to_proto,
    usage_to_proto,
)
from tokensmith_server.billing.rates import ImageRate, SecondRate, TokenRate
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.catalog.convert import model_to_proto

TODAY = date(2026, 12, 1)


@pytest.mark.parametrize("model", BUILT_IN.values(), ids=lambda model: model.id)
def test_model_is_shown_with_its_rate_and_kind(model: Any) -> None:
    shown = model_to_proto(model, TODAY)
    assert (shown.id, shown.provider, shown.endpoint) == (model.id, model.provider, model.endpoint)
    assert shown.kind != model_pb.MODEL_KIND_UNSPECIFIED
    assert shown.lifecycle.status
    assert shown.owned_by
    match model.rate:
        case TokenRate():
            assert shown.token_rate.input_microcredits == model.rate.input_microcredits
            assert shown.token_rate.output_microcredits == model.rate.output_microcredits
            assert shown.context_tokens == model.context_tokens
            assert shown.HasField("text")
        case ImageRate():
            assert shown.image_rate.image_microcredits == model.rate.image_microcredits
            assert shown.HasField("image")
        case SecondRate():
            assert len(shown.second_rate.tiers) == len(model.rate.tiers)
            assert shown.HasField("video")


def test_there_are_53_models() -> None:
    assert len(BUILT_IN) == 53


def test_balance_is_shown_whole() -> None:
    shown = balance_to_proto(Balance(1, 2, 3, 6))
    assert (
        shown.available_microcredits,
        shown.held_microcredits,
        shown.charged_microcredits,
        shown.granted_microcredits,
    ) == (1, 2, 3, 6)


def test_every_detail_of_usage_is_shown_and_what_was_not_said_stays_unset() -> None:
    details = {field.name: 1 for field in fields(TokenUsage)} | {"input_tokens": 9}
    shown = usage_to_proto(TokenUsage(**(details | {"output_tokens": 9})), estimated=True)
    for name in details:
        assert getattr(shown, name) in {1, 9}
    assert shown.estimated
    plain = usage_to_proto(TokenUsage(1, 2), estimated=False)
    assert {field.name for field, _ in plain.ListFields()} == {"input_tokens", "output_tokens"}


def test_times_are_kept_to_the_microsecond() -> None:
    assert time_to_proto(1_800_000_000.123456).ToMicroseconds() == 1_800_000_000_123_456
    assert time_to_proto(0.0).ToMicroseconds() == 0


async def test_request_log_is_shown_whole() -> None:
    async with open_chat() as rig:
        await rig.complete()
        record = await rig.record()
    shown = request_to_proto(record)
    assert shown.kind == model_pb.MODEL_KIND_TEXT
    assert shown.outcome == usage_pb2.OUTCOME_DELIVERED
    assert shown.finish_reason == chat_pb.FINISH_REASON_STOP
    assert shown.hold.state == billing_pb.Hold.STATE_SETTLED
    assert shown.hold.charged_microcredits == record.charged_microcredits
    assert shown.attempts[0].state == billing_pb.Attempt.STATE_ANSWERED
    assert shown.attempts[0].HasField("first_byte_latency")


async def test_every_state_and_outcome_can_be_shown() -> None:
    async with open_chat() as rig:
        await rig.complete()
        record = await rig.record()
    for state in HoldState:
        shown = request_to_proto(replace(record, state=state))
        assert shown.hold.state
        assert shown.hold.HasField("charged_microcredits") == (state is not HoldState.HELD)
    for outcome in Outcome:
        assert request_to_proto(replace(record, outcome=outcome)).outcome
    for attempt_state in AttemptState:
        attempt = replace(record.attempts[0], state=attempt_state, ended_time=None)
        assert request_to_proto(replace(record, attempts=(attempt,))).attempts[0].state
    unknown = request_to_proto(replace(record, finish_reason="something new", kind="something"))
    assert unknown.finish_reason == chat_pb.FINISH_REASON_UNSPECIFIED
    running = replace(record, outcome=None, usage=None, finish_reason=None, resolved_time=None)
    assert not request_to_proto(running).HasField("usage")
