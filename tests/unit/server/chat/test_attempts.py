"""What happens after a try failed: again, elsewhere, or an error; one charge whatever the tries."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.chat import ChatRig, open_chat, params
from tests.support.fake_provider import Answer, Script, batch, failure
from tests.unit.server.chat.test_complete import PRICE, Late
from tokensmith_server.billing.commands import AttemptState, HoldState, Outcome
from tokensmith_server.catalog.model import Route
from tokensmith_server.errors import (
    CallError,
    ContentRefused,
    ContextLengthExceeded,
    DeadlineExceeded,
    StreamInterrupted,
    UnsupportedField,
    UpstreamInvalidResponse,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError

TWO_ROUTES = (Route("openai", "first"), Route("xai", "second"))


@pytest.fixture
async def two() -> AsyncIterator[ChatRig]:
    """A model that two providers serve."""
    async with open_chat(routes=TWO_ROUTES) as rig:
        yield rig


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


async def test_broken_route_is_left_out_until_it_is_probed(two: ChatRig) -> None:
    two.provider.queue(*[failure(ErrorKind.MALFORMED_RESPONSE)] * 5)
    for _ in range(6):
        await two.complete()
    assert len(two.provider.calls) == 5
    two.clock.advance(5.0)
    await two.complete()
    await two.complete()
    assert len(two.provider.calls) == 7


async def test_failed_probe_keeps_the_route_out_for_twice_as_long(two: ChatRig) -> None:
    two.provider.queue(*[failure(ErrorKind.MALFORMED_RESPONSE)] * 6)
    for _ in range(5):
        await two.complete()
    two.clock.advance(5.0)
    await two.complete()
    two.clock.advance(9.9)
    await two.complete()
    assert len(two.provider.calls) == 6
    two.clock.advance(0.1)
    await two.complete()
    assert len(two.provider.calls) == 7


async def test_call_without_a_fit_route_is_refused_unheld_with_the_time_to_wait(
    rig: ChatRig,
) -> None:
    rig.provider.queue(*[failure(ErrorKind.MALFORMED_RESPONSE)] * 5)
    for _ in range(5):
        with pytest.raises(UpstreamInvalidResponse):
            await rig.complete()
    with pytest.raises(UpstreamUnavailable) as caught:
        await rig.complete()
    assert caught.value.retry_after_seconds == 5.0
    assert len(await rig.records()) == 5


async def test_call_while_the_provider_asks_to_slow_down_is_told_so_and_for_how_long(
    rig: ChatRig,
) -> None:
    rig.provider.queue(failure(ErrorKind.RATE_LIMITED, retry_after_seconds=100.0))
    for waited_seconds in (0.0, 30.0):
        rig.clock.advance(waited_seconds)
        with pytest.raises(UpstreamRateLimited) as caught:
            await rig.complete()
        assert caught.value.retry_after_seconds == 100.0 - waited_seconds
    assert len(rig.provider.calls) == 1


async def test_limit_of_one_route_is_not_what_is_said_while_another_is_down(two: ChatRig) -> None:
    two.provider.queue(failure(ErrorKind.RATE_LIMITED, retry_after_seconds=100.0))
    two.providers["xai"].queue(failure(retry_after_seconds=100.0))
    with pytest.raises(UpstreamUnavailable):
        await two.complete()
    with pytest.raises(UpstreamUnavailable):
        await two.complete()


async def test_probe_that_could_not_be_paid_for_does_not_keep_the_route_out(rig: ChatRig) -> None:
    rig.provider.queue(*[failure(ErrorKind.MALFORMED_RESPONSE)] * 5)
    for _ in range(5):
        with pytest.raises(UpstreamInvalidResponse):
            await rig.complete()
    rig.clock.advance(5.0)
    rig.store.losses = ["hold"]
    with pytest.raises(Exception, match="switched off"):
        await rig.complete()
    await rig.complete()


async def test_hasty_callers_cannot_close_a_route_for_the_others(rig: ChatRig) -> None:
    for _ in range(10):
        rig.provider.queue(Late(rig, 0.1, failure(ErrorKind.TIMEOUT, Phase.SENT)))
        with pytest.raises(DeadlineExceeded):
            await rig.complete(remaining_seconds=0.1)
    await rig.complete()


async def test_route_that_keeps_patient_callers_waiting_is_left_out(rig: ChatRig) -> None:
    for _ in range(5):
        rig.provider.queue(Late(rig, 60.0, failure(ErrorKind.TIMEOUT, Phase.SENT)))
        with pytest.raises(UpstreamTimeout):
            await rig.complete()
    with pytest.raises(UpstreamUnavailable):
        await rig.complete()


@pytest.mark.parametrize(
    "error",
    [
        failure(ErrorKind.CONNECTION, Phase.STREAMING),
        failure(ErrorKind.TIMEOUT, Phase.STREAMING, code="idle_timeout"),
        failure(ErrorKind.OVERLOADED, Phase.STREAMING, http_status=200),
    ],
    ids=str,
)
async def test_route_whose_streams_break_off_in_their_middle_is_left_out(
    rig: ChatRig, error: ProviderError
) -> None:
    for _ in range(5):
        rig.provider.queue(Script([batch("Once"), error]))
        with pytest.raises(StreamInterrupted):
            await rig.stream()
    with pytest.raises(UpstreamUnavailable):
        await rig.stream()
    (state,) = (state for state in rig.parts.router.states if state.score.tries)
    assert (state.score.tries, state.score.failures) == (5, 5)


async def test_streams_that_end_well_in_between_keep_the_route(rig: ChatRig) -> None:
    for _ in range(4):
        for _ in range(3):
            rig.provider.queue(Script([batch("Once"), failure(ErrorKind.CONNECTION)]))
            with pytest.raises(StreamInterrupted):
                await rig.stream()
        await rig.stream()


async def test_callers_whose_time_ends_in_mid_stream_cannot_close_a_route(rig: ChatRig) -> None:
    for _ in range(10):
        late, gate = failure(ErrorKind.TIMEOUT, Phase.STREAMING, code="deadline"), asyncio.Event()
        rig.provider.queue(Script([batch("Once"), gate, late]))
        messages = rig.service.stream(rig.request(remaining_seconds=100.0))
        await anext(messages)
        rig.clock.advance(100.0)
        gate.set()
        with pytest.raises(StreamInterrupted):
            await anext(messages)
    await rig.complete()


@pytest.mark.parametrize(("waited_seconds", "blamed"), [(60.0, False), (300.0, True)])
async def test_whole_answer_may_take_its_time_before_it_is_the_routes_fault(
    rig: ChatRig, waited_seconds: float, *, blamed: bool
) -> None:
    for _ in range(5):
        rig.provider.queue(Late(rig, waited_seconds, failure(ErrorKind.TIMEOUT, Phase.SENT)))
        with pytest.raises(DeadlineExceeded):
            await rig.complete(remaining_seconds=waited_seconds)
    if blamed:
        with pytest.raises(UpstreamUnavailable):
            await rig.complete()
    else:
        await rig.complete()


async def test_providers_own_word_that_it_took_too_long_is_its_fault_at_once(rig: ChatRig) -> None:
    for _ in range(5):
        rig.provider.queue(failure(ErrorKind.TIMEOUT, http_status=504))
        with pytest.raises(UpstreamTimeout):
            await rig.complete()
    with pytest.raises(UpstreamUnavailable):
        await rig.complete()


async def test_bad_requests_do_not_count_against_the_route(rig: ChatRig) -> None:
    rig.provider.queue(*[failure(ErrorKind.INVALID_REQUEST)] * 10)
    for _ in range(10):
        with pytest.raises(UpstreamRejected):
            await rig.complete()
    await rig.complete()


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
