"""What happens after a try failed: again, elsewhere, or an error; one charge whatever the tries."""

import pytest

from tests.support.chat import TWO_ROUTES, ChatRig, open_chat, params
from tests.support.fake_provider import Answer, failure
from tests.unit.server.chat.test_complete import PRICE, Late
from tokensmith_server.billing.commands import AttemptState, HoldState, Outcome
from tokensmith_server.errors import (
    CallError,
    ContentRefused,
    ContextLengthExceeded,
    DeadlineExceeded,
    UnsupportedField,
    UpstreamInvalidResponse,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from tokensmith_server.providers.base import ErrorKind, Phase


@pytest.mark.parametrize(
    ("kind", "error", "reason"),
    [
        (ErrorKind.INVALID_REQUEST, UpstreamRejected, "UPSTREAM_REJECTED"),
        (ErrorKind.CONTEXT_LENGTH, ContextLengthExceeded, "CONTEXT_LENGTH_EXCEEDED"),
        (ErrorKind.CONTENT_REFUSED, ContentRefused, "CONTENT_REFUSED"),
        (ErrorKind.RATE_LIMITED, UpstreamRateLimited, "UPSTREAM_RATE_LIMITED"),
        (ErrorKind.OVERLOADED, UpstreamUnavailable, "UPSTREAM_UNAVAILABLE"),
        (ErrorKind.TIMEOUT, UpstreamTimeout, "UPSTREAM_TIMEOUT"),
        (ErrorKind.CONNECTION, UpstreamUnavailable, "UPSTREAM_UNAVAILABLE"),
        (ErrorKind.MODEL_UNAVAILABLE, UpstreamUnavailable, "UPSTREAM_UNAVAILABLE"),
        (ErrorKind.OPERATOR_AUTH, UpstreamUnavailable, "UPSTREAM_UNAVAILABLE"),
        (ErrorKind.OPERATOR_CREDIT, UpstreamUnavailable, "UPSTREAM_UNAVAILABLE"),
        (ErrorKind.MALFORMED_RESPONSE, UpstreamInvalidResponse, "UPSTREAM_INVALID_RESPONSE"),
        (ErrorKind.UNKNOWN, UpstreamUnavailable, "UPSTREAM_UNAVAILABLE"),
    ],
)
async def test_each_kind_of_failure_is_its_own_refusal_and_free(
    rig: ChatRig, kind: ErrorKind, error: type[CallError], reason: str
) -> None:
    rig.provider.queue(*[failure(kind, http_status=418)] * 5)
    with pytest.raises(error):
        await rig.complete()
    record = await rig.record()
    blocked = kind is ErrorKind.CONTENT_REFUSED
    assert record.outcome is (Outcome.BLOCKED if blocked else Outcome.FAILED)
    assert (record.state, record.error_reason) == (HoldState.VOIDED, reason)
    assert (record.attempts[-1].error, record.attempts[-1].http_status) == (kind.value, 418)
    assert (await rig.balance()).charged_microcredits == 0


def test_every_kind_of_failure_is_in_the_table_above() -> None:
    marks = test_each_kind_of_failure_is_its_own_refusal_and_free.pytestmark  # type: ignore[attr-defined]
    assert {row[0] for row in marks[0].args[1]} == set(ErrorKind)


@pytest.mark.parametrize(
    ("phase", "may_have_run", "state"),
    [
        (Phase.CONNECT, False, AttemptState.FAILED),
        (Phase.SENT, False, AttemptState.FAILED),
        (Phase.SENT, True, AttemptState.UNKNOWN),
        (Phase.ANSWERED, True, AttemptState.FAILED),
    ],
)
async def test_only_a_try_whose_outcome_nobody_knows_is_unknown(
    rig: ChatRig, phase: Phase, may_have_run: bool, state: AttemptState
) -> None:
    rig.provider.queue(failure(ErrorKind.TIMEOUT, phase, may_have_run=may_have_run))
    with pytest.raises(UpstreamTimeout):
        await rig.complete()
    assert (await rig.record()).attempts[0].state is state


async def test_operator_trouble_is_never_named_to_the_client(rig: ChatRig) -> None:
    rig.provider.queue(failure(ErrorKind.OPERATOR_CREDIT))
    with pytest.raises(UpstreamUnavailable) as caught:
        await rig.complete()
    assert "operator" not in str(caught.value)
    assert "openai" not in str(caught.value)


async def test_overload_is_tried_again_after_a_jittered_pause(rig: ChatRig) -> None:
    rig.provider.queue(failure())
    assert (await rig.complete()).charge.charged_microcredits == PRICE
    assert rig.pauses == [0.125]
    states = [attempt.state for attempt in (await rig.record()).attempts]
    assert states == [AttemptState.FAILED, AttemptState.ANSWERED]


async def test_next_try_is_durable_before_it_is_sent(two: ChatRig) -> None:
    two.provider.queue(failure(), failure())
    await two.complete()
    assert two.journal == [
        "held",
        "sent to openai",
        "next_attempt",
        "sent to openai",
        "next_attempt",
        "sent to xai",
        "settled",
    ]
    attempts = (await two.record()).attempts
    assert [(a.number, a.provider, a.upstream_model) for a in attempts] == [
        (1, "openai", "first"),
        (2, "openai", "first"),
        (3, "xai", "second"),
    ]


async def test_whatever_the_tries_there_is_one_charge(two: ChatRig) -> None:
    two.provider.queue(failure(), failure())
    two.providers["xai"].queue(failure())
    await two.complete()
    assert (await two.balance()).charged_microcredits == PRICE


async def test_tries_are_bounded_in_all(two: ChatRig) -> None:
    two.provider.queue(*[failure()] * 9)
    two.providers["xai"].queue(*[failure()] * 9)
    with pytest.raises(UpstreamUnavailable):
        await two.complete()
    assert [len(two.provider.calls), len(two.providers["xai"].calls)] == [2, 2]


async def test_short_retry_after_is_waited_for_on_the_only_route(rig: ChatRig) -> None:
    rig.provider.queue(failure(ErrorKind.RATE_LIMITED, retry_after_seconds=3.0))
    await rig.complete()
    assert rig.pauses == [3.125]


async def test_long_retry_after_comes_back_to_the_client(rig: ChatRig) -> None:
    rig.provider.queue(failure(ErrorKind.RATE_LIMITED, retry_after_seconds=30.0))
    with pytest.raises(UpstreamRateLimited) as caught:
        await rig.complete()
    assert caught.value.retry_after_seconds == 30.0
    assert rig.pauses == []


async def test_rate_limited_route_is_left_for_the_next_at_once(two: ChatRig) -> None:
    two.provider.queue(failure(ErrorKind.RATE_LIMITED, retry_after_seconds=1.0))
    await two.complete()
    assert two.pauses == []
    assert len(two.providers["xai"].calls) == 1


async def test_pause_beyond_the_deadline_is_not_begun(rig: ChatRig) -> None:
    rig.provider.queue(failure(ErrorKind.RATE_LIMITED, retry_after_seconds=3.0))
    with pytest.raises(UpstreamRateLimited):
        await rig.complete(remaining_seconds=3.0)
    assert rig.pauses == []


async def test_no_route_is_tried_once_the_deadline_has_passed(two: ChatRig) -> None:
    two.provider.queue(Late(two, 10.0, failure(ErrorKind.TIMEOUT, Phase.SENT)))
    with pytest.raises(DeadlineExceeded):
        await two.complete(remaining_seconds=10.0)
    assert two.providers["xai"].calls == []


async def test_refused_request_is_not_tried_elsewhere(two: ChatRig) -> None:
    two.provider.queue(failure(ErrorKind.INVALID_REQUEST, param="messages[0].content"))
    with pytest.raises(UpstreamRejected) as caught:
        await two.complete()
    assert caught.value.param == "messages[0].content"
    assert two.providers["xai"].calls == []


async def test_try_that_cannot_be_made_durable_is_not_sent(rig: ChatRig) -> None:
    rig.provider.queue(failure())
    rig.store.losses = ["next_attempt"]
    with pytest.raises(UpstreamUnavailable):
        await rig.complete()
    assert len(rig.provider.calls) == 1
    assert (await rig.record()).state is HoldState.VOIDED


async def test_route_that_cannot_do_what_is_asked_is_passed_over(two: ChatRig) -> None:
    two.provider.refusal = failure(ErrorKind.INVALID_REQUEST, param="seed", allowed="leave it out")
    await two.complete(params(seed=7))
    assert [len(two.provider.calls), len(two.providers["xai"].calls)] == [0, 1]


async def test_what_no_route_can_do_is_refused_in_the_first_ones_words(two: ChatRig) -> None:
    for provider in two.providers.values():
        provider.refusal = failure(ErrorKind.INVALID_REQUEST, param=f"seed of {provider.name}")
    with pytest.raises(UnsupportedField) as caught:
        await two.complete(params(seed=7))
    assert (caught.value.param, caught.value.model) == ("seed of openai", "gpt-5.4-mini")
    assert await two.records() == []


async def test_what_may_be_sent_instead_reaches_the_client(rig: ChatRig) -> None:
    rig.provider.refusal = failure(ErrorKind.INVALID_REQUEST, param="seed", allowed="leave it out")
    with pytest.raises(UnsupportedField) as caught:
        await rig.complete(params(seed=7))
    assert caught.value.allowed == "leave it out"


async def test_provider_that_is_not_set_up_is_no_route() -> None:
    async with open_chat(routes=TWO_ROUTES, credentials=["xai"]) as rig:
        await rig.complete()
        assert len(rig.providers["xai"].calls) == 1
    async with open_chat(routes=TWO_ROUTES, credentials=["gemini"]) as rig:
        with pytest.raises(UpstreamUnavailable, match="set up"):
            await rig.complete()


async def test_first_byte_of_the_last_try_is_measured_from_its_own_sending(two: ChatRig) -> None:
    two.provider.queue(Late(two, 40.0, failure(ErrorKind.TIMEOUT, Phase.SENT)))

    class Slow(Answer):
        def result(self) -> object:  # type: ignore[override]
            two.clock.advance(2.0)
            return super().result()

    two.providers["xai"].queue(Slow())
    await two.complete()
    assert (await two.record()).attempts[1].first_byte_seconds == 2.0
