"""Signals that end a process, as the server and a bridge of its own hear them."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from tests.support.turns import eventually
from tokensmith_bridge.signals import StopSignals as BridgeSignals
from tokensmith_server.signals import StopSignals as ServerSignals

NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
Kind = type[ServerSignals] | type[BridgeSignals]


@pytest.fixture(autouse=True)
def handlers_stay() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(params=[ServerSignals, BridgeSignals], ids=["server", "bridge"])
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.mark.parametrize("number", NUMBERS[:3])
async def test_signal_is_the_first_step(kind: Kind, number: signal.Signals) -> None:
    signals = kind()
    os.kill(os.getpid(), number)
    await eventually(signals.stop.is_set)
    assert not signals.at_once.is_set()


def hear_twice(
    signals: ServerSignals | BridgeSignals, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    loop = asyncio.get_running_loop()
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now)
    signals.heard()
    monkeypatch.setattr(loop, "time", lambda: now + seconds)
    signals.heard()
    monkeypatch.undo()


async def test_another_signal_is_the_second_step(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals = kind()
    hear_twice(signals, monkeypatch, 0.3)
    assert signals.at_once.is_set()


async def test_one_stop_that_comes_twice_is_one(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals = kind()
    hear_twice(signals, monkeypatch, 0.2)
    assert signals.stop.is_set()
    assert not signals.at_once.is_set()


async def test_worker_leaves_the_second_step_to_its_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signals = ServerSignals(hurries=False)
    hear_twice(signals, monkeypatch, 5.0)
    assert not signals.at_once.is_set()
    os.kill(os.getpid(), signal.SIGQUIT)
    await eventually(signals.at_once.is_set)


async def test_hangup_that_is_ignored_stays_so(kind: Kind) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    kind()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
