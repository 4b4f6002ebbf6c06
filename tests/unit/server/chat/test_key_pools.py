"""Several keys at a provider, several routes in a group: who serves, and who is left alone."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, MutableMapping
from itertools import count
from typing import Any

import pytest

from tests.support.chat import ChatRig, open_chat
from tests.support.fake_provider import USAGE, Script, batch, failure
from tests.unit.server.chat.test_complete import PRICE
from tokensmith_server.billing.commands import AttemptState
from tokensmith_server.catalog.model import Route
from tokensmith_server.errors import UpstreamRateLimited, UpstreamUnavailable
from tokensmith_server.providers.base import ErrorKind, Phase

ROUTE = (Route("openai", "first"),)
KEYS = ["openai#1", "openai#2"]


@pytest.fixture
async def pool() -> AsyncIterator[ChatRig]:
    """One route with two keys."""
    async with open_chat(routes=ROUTE, credentials=KEYS) as rig:
        yield rig


def served(rig: ChatRig) -> list[int]:
    """How many calls went out with each key."""
    return [len(rig.providers[key].calls) for key in KEYS]


@pytest.mark.parametrize("kind", [ErrorKind.OPERATOR_AUTH, ErrorKind.OPERATOR_CREDIT])
async def test_other_key_serves_when_one_is_refused_and_the_client_sees_nothing(
    pool: ChatRig, kind: ErrorKind, logged: list[MutableMapping[str, Any]]
) -> None:
    pool.providers["openai#1"].queue(failure(kind, http_status=402))
    for _ in range(3):
        assert (await pool.complete()).charge.charged_microcredits == PRICE
    assert served(pool) == [1, 3]
    assert pool.pauses == []
    attempts = (await pool.records())[0].attempts
    assert [(one.credential, one.state, one.error) for one in attempts] == [
        ("openai#1", AttemptState.FAILED, kind.value),
        ("openai#2", AttemptState.ANSWERED, None),
    ]
    alerts = [line for line in logged if line["event"] == "upstream.operator_trouble"]
    assert [(line["log_level"], line["credential"], line["kind"]) for line in alerts] == [
        ("error", "openai#1", kind.value)
    ]


async def test_key_that_was_out_is_probed_and_comes_back(pool: ChatRig) -> None:
    pool.providers["openai#1"].queue(failure(ErrorKind.OPERATOR_CREDIT))
    await pool.complete()
    pool.clock.advance(60.0)
    for _ in range(2):
        await pool.complete()
    assert served(pool) == [2, 2]


async def test_rate_limited_key_cools_while_the_other_serves(pool: ChatRig) -> None:
    limited = failure(ErrorKind.RATE_LIMITED, retry_after_seconds=30.0)
    pool.providers["openai#1"].queue(limited)
    for _ in range(4):
        await pool.complete()
    assert served(pool) == [1, 4]
    assert pool.pauses == []
    pool.clock.advance(30.0)
    await pool.complete()
    assert served(pool) == [2, 4]


async def test_route_is_out_once_all_its_keys_are_and_says_when_the_first_is_back(
    pool: ChatRig,
) -> None:
    pool.providers["openai#1"].queue(failure(ErrorKind.RATE_LIMITED, retry_after_seconds=30.0))
    pool.providers["openai#2"].queue(failure(ErrorKind.OPERATOR_AUTH))
    with pytest.raises(UpstreamUnavailable) as caught:
        await pool.complete()
    assert caught.value.retry_after_seconds == 30.0
    # What is back first is what only asks to slow down.
    with pytest.raises(UpstreamRateLimited) as limited:
        await pool.complete()
    assert limited.value.retry_after_seconds == 30.0
    assert served(pool) == [1, 1]


async def test_lone_key_that_is_refused_says_how_long_it_stays_out() -> None:
    async with open_chat(routes=ROUTE) as rig:
        rig.provider.queue(failure(ErrorKind.OPERATOR_AUTH))
        with pytest.raises(UpstreamUnavailable) as caught:
            await rig.complete()
        assert caught.value.retry_after_seconds == 60.0


async def test_what_one_key_was_told_is_not_handed_on_while_another_is_fit(pool: ChatRig) -> None:
    limited = failure(ErrorKind.RATE_LIMITED, retry_after_seconds=30.0)
    pool.providers["openai#1"].queue(limited)
    pool.providers["openai#2"].queue(
        failure(ErrorKind.RATE_LIMITED), failure(ErrorKind.RATE_LIMITED)
    )
    with pytest.raises(UpstreamRateLimited) as caught:
        await pool.complete()
    assert caught.value.retry_after_seconds is None


async def test_streams_keep_their_key_busy_until_they_end(pool: ChatRig) -> None:
    pool.providers["openai#1"].queue(Script([batch("a"), asyncio.Event()]))
    listening = pool.service.stream(pool.request())
    await anext(listening)
    await pool.complete()
    busy = pool.parts.router.credentials["openai"]
    assert [one.in_flight for one in busy] == [1, 0]
    await listening.aclose()
    await pool.idle()
    assert [one.in_flight for one in busy] == [0, 0]


async def test_group_shares_calls_by_weight_and_the_rest_is_for_failover() -> None:
    routes = (
        Route("openai", "a", order=1, weight=3),
        Route("xai", "b", order=1, weight=1),
        Route("together", "c", order=2),
    )
    turns = count()
    async with open_chat(routes=routes, draw=lambda: next(turns) % 20 / 20) as rig:
        for _ in range(20):
            await rig.complete()
        calls = Counter({name: len(one.calls) for name, one in rig.providers.items()})
        assert +calls == {"openai": 15, "xai": 5}


async def test_retry_budget_keeps_an_outage_from_being_doubled() -> None:
    async with open_chat(routes=ROUTE) as rig:
        rig.provider.queue(*[failure(ErrorKind.CONNECTION)] * 1_000)
        (breaker,) = (s.breaker for s in rig.parts.router.states if s.route in ROUTE)
        for _ in range(100):
            with pytest.raises(UpstreamUnavailable):
                await rig.complete()
            # The breaker alone would end the storm; the budget must as well.
            later = rig.clock.monotonic() + 1_000.0
            breaker.succeeded(later, later)
        assert 100 < len(rig.provider.calls) <= 100 + 10 + 20 + 5


async def test_budget_of_one_provider_does_not_keep_a_call_from_the_next() -> None:
    async with open_chat(routes=(*ROUTE, Route("xai", "b"))) as rig:
        budget = rig.parts.router.budget("openai")
        while budget.allows(rig.clock.monotonic()):
            budget.repeated(rig.clock.monotonic())
        rig.provider.queue(failure())
        assert (await rig.complete()).charge.charged_microcredits == PRICE
        assert [len(rig.provider.calls), len(rig.providers["xai"].calls)] == [1, 1]


async def test_provider_that_says_not_to_retry_is_left_for_the_next_route() -> None:
    async with open_chat(routes=(*ROUTE, Route("xai", "b"))) as rig:
        rig.provider.queue(failure(should_retry=False))
        await rig.complete()
        assert [len(rig.provider.calls), len(rig.providers["xai"].calls)] == [1, 1]


async def test_each_try_says_what_it_may_have_cost_the_house() -> None:
    async with open_chat(routes=(*ROUTE, Route("xai", "b"))) as rig:
        rig.provider.queue(
            failure(ErrorKind.CONNECTION, Phase.SENT, may_have_run=True),
            failure(may_have_run=False),
        )
        rig.providers["xai"].queue(failure(may_have_run=True, usage=USAGE))
        answer = await rig.complete()
        record = await rig.record()
        held = answer.charge.held_microcredits
        costs = [attempt.house_cost_microcredits for attempt in record.attempts]
        assert costs == [held, 0, PRICE, None]
        assert answer.charge.charged_microcredits == PRICE
