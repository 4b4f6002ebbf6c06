"""The process ends while calls are under way: what is settled, voided, and told."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.support.chat import ChatRig
from tests.support.fake_provider import Answer, Script, batch, story
from tests.support.turns import eventually, turns
from tests.unit.server.chat.test_complete import PRICE
from tests.unit.server.chat.test_stream_ends import PIECES, expected_charge, slow_story
from tokensmith_server.billing.commands import AttemptState, HoldState, Outcome
from tokensmith_server.errors import ShuttingDown, StreamInterrupted


async def test_whole_answer_is_voided_and_its_listener_told(rig: ChatRig) -> None:
    rig.provider.queue(Answer(gate=asyncio.Event()))
    listening = asyncio.ensure_future(rig.complete())
    await eventually(lambda: rig.provider.running)
    assert await rig.parts.supervisor.drain(0.0) == 1
    with pytest.raises(ShuttingDown):
        await listening
    record = await rig.record()
    assert (record.state, record.error_reason) == (HoldState.VOIDED, "SHUTTING_DOWN")
    assert record.attempts[0].state is AttemptState.UNKNOWN


async def test_whole_answer_that_comes_in_time_is_waited_for(rig: ChatRig) -> None:
    gate = asyncio.Event()
    rig.provider.queue(Answer(gate=gate))
    listening = asyncio.ensure_future(rig.complete())
    await eventually(lambda: rig.provider.running)
    draining = asyncio.ensure_future(rig.parts.supervisor.drain(30.0))
    await turns()
    gate.set()
    assert await draining == 0
    assert (await listening).charge.charged_microcredits == PRICE


@pytest.mark.parametrize("ask", [ChatRig.complete, ChatRig.stream])
async def test_call_whose_hold_is_being_placed_is_voided_and_not_sent(
    rig: ChatRig, ask: Callable[[ChatRig], Coroutine[Any, Any, object]]
) -> None:
    rig.store.hold_gate = asyncio.Event()
    listening = asyncio.ensure_future(ask(rig))
    await turns()
    draining = asyncio.ensure_future(rig.parts.supervisor.drain(0.0))
    await turns()
    rig.store.hold_gate.set()
    await draining
    with pytest.raises(ShuttingDown):
        await listening
    assert (await rig.record()).error_reason == "SHUTTING_DOWN"
    assert rig.provider.calls == []


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_retry_that_waits_for_its_first_call_is_told_and_buys_nothing(
    rig: ChatRig, *, elsewhere: bool
) -> None:
    rig.provider.queue(Answer(gate=asyncio.Event()))
    first = asyncio.ensure_future(rig.complete(retry_count=0))
    await eventually(lambda: rig.provider.running)
    service = type(rig.service)(rig.parts) if elsewhere else rig.service
    retry = asyncio.ensure_future(service.complete(rig.request(retry_count=1)))
    await turns()
    await rig.parts.supervisor.drain(0.0)
    for listening in (first, retry):
        with pytest.raises(ShuttingDown):
            await listening
    assert (await rig.record()).error_reason == "SHUTTING_DOWN"


async def test_stream_is_charged_for_what_came(rig: ChatRig) -> None:
    rig.provider.queue(Script([batch(PIECES[0]), asyncio.Event()]))
    messages = rig.service.stream(rig.request())
    await anext(messages)
    await rig.parts.supervisor.drain(0.0)
    with pytest.raises(StreamInterrupted) as caught:
        await anext(messages)
    record = await rig.record()
    assert (record.outcome, record.charged_microcredits) == (Outcome.TRUNCATED, expected_charge(1))
    assert caught.value.charged_microcredits == record.charged_microcredits
    assert rig.provider.streams[0].closed


async def test_stream_that_has_not_begun_is_voided(rig: ChatRig) -> None:
    script, _ = slow_story(1)
    rig.provider.queue(script)
    listening = asyncio.ensure_future(anext(rig.service.stream(rig.request())))
    await eventually(lambda: rig.provider.calls)
    await turns()
    await rig.parts.supervisor.drain(0.0)
    with pytest.raises(ShuttingDown):
        await listening
    assert (await rig.record()).error_reason == "SHUTTING_DOWN"


async def test_stream_whose_settlement_hangs_leaves_nobody_waiting(
    rig: ChatRig,
) -> None:
    rig.open_holds = 1
    rig.store.settle_gate = asyncio.Event()
    rig.provider.queue(story("Hi"))
    listening = asyncio.ensure_future(rig.stream())
    await eventually(lambda: rig.provider.streams and rig.provider.streams[0].closed)
    await turns()
    await rig.parts.supervisor.drain(0.0, settling_seconds=0.0)
    with pytest.raises(ShuttingDown):
        await listening


async def test_ledger_that_is_away_leaves_the_hold_to_the_sweeper(
    rig: ChatRig,
) -> None:
    rig.open_holds = 1
    rig.store.losses = ["settle"]
    rig.provider.queue(Script([batch(PIECES[0]), asyncio.Event()]))
    messages = rig.service.stream(rig.request())
    await anext(messages)
    await rig.parts.supervisor.drain(0.0)
    with pytest.raises(ShuttingDown):
        await anext(messages)


async def test_stream_that_settles_is_waited_for(rig: ChatRig) -> None:
    rig.store.settle_gate = asyncio.Event()
    rig.provider.queue(story("Hi"))
    listening = asyncio.ensure_future(rig.stream())
    await eventually(lambda: rig.provider.streams and rig.provider.streams[0].closed)
    await turns()
    draining = asyncio.ensure_future(rig.parts.supervisor.drain(0.0))
    await turns()
    rig.store.settle_gate.set()
    assert await draining == 0
    assert (await listening)[-1].HasField("usage")
    assert (await rig.record()).outcome is Outcome.DELIVERED
