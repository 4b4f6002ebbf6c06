"""Which call runs is known, not told by the clock: it may jump, and money does not notice."""

import asyncio

import pytest

from tests.support.chat import open_chat
from tests.support.fake_provider import Answer, failure
from tests.support.turns import eventually
from tokensmith_server.billing.commands import HoldState
from tokensmith_server.errors import CallError
from tokensmith_server.providers.base import ErrorKind

HOUR_SECONDS = 3_600.0


@pytest.mark.parametrize("jump", [HOUR_SECONDS, -HOUR_SECONDS])
async def test_settlement_is_tried_on_while_the_ledger_is_away_though_the_clock_jumps(
    jump: float,
) -> None:
    async with open_chat() as rig:
        gate = asyncio.Event()
        rig.provider.queue(Answer(gate=gate))
        rig.store.losses += ["settle"] * 3
        call = asyncio.ensure_future(rig.complete())
        await eventually(lambda: rig.provider.running == 1)
        rig.clock.jump(jump)
        gate.set()
        assert (await call).charge.charged_microcredits > 0
        assert (await rig.record()).state is HoldState.SETTLED


async def test_hold_is_owned_from_before_it_is_placed_until_its_call_has_ended() -> None:
    async with open_chat() as rig:
        supervisor, gate = rig.parts.supervisor, asyncio.Event()
        rig.store.hold_gate = gate
        call = asyncio.ensure_future(rig.complete())
        await eventually(lambda: len(supervisor.holds) == 1)
        assert not await rig.records()
        gate.set()
        await call
        await rig.idle()
        assert supervisor.holds == set()


async def test_hold_is_owned_while_its_voiding_is_tried_again() -> None:
    async with open_chat() as rig:
        supervisor = rig.parts.supervisor
        owned: list[bool] = []

        async def sleep(seconds: float) -> None:
            owned.append(bool(supervisor.holds))
            rig.clock.advance(seconds)
            await asyncio.sleep(0)

        rig.service._settler.sleep = sleep
        rig.provider.queue(failure(ErrorKind.INVALID_REQUEST))
        rig.store.losses += ["void"] * 3
        with pytest.raises(CallError):
            await rig.complete()
        await rig.idle()
        assert owned == [True, True]
        assert (await rig.record()).state is HoldState.VOIDED
