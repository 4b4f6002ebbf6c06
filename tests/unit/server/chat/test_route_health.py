"""What a route's outcomes do to the calls after them: it is left out, probed, and back again."""

import asyncio

import pytest

from tests.support.chat import ChatRig
from tests.support.fake_provider import Script, batch, failure
from tests.unit.server.chat.test_complete import Late
from tokensmith_server.errors import (
    DeadlineExceeded,
    StreamInterrupted,
    UpstreamInvalidResponse,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError


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
