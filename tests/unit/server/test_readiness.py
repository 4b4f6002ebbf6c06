"""Readiness follows the ledger: lost on proof, regained by itself, without flapping."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.clock import FakeClock
from tokensmith_server.billing.errors import LedgerUnavailable
from tokensmith_server.billing.memory import MemoryLedgerStore
from tokensmith_server.readiness import WELL_COUNT, Readiness, look_at

NEVER = 3_600.0
WELL, AWAY, BROKEN, HANGS = "well", "away", "broken", "hangs"


class Ledger:
    """Answers looks by a script, and well after it."""

    def __init__(self, *script: str) -> None:
        self._script: Iterator[str] = iter(script)
        self.looks = 0
        self.changed = asyncio.Event()

    async def look(self) -> None:
        self.looks += 1
        self.changed.set()
        match next(self._script, WELL):
            case "away":
                raise LedgerUnavailable("away")
            case "broken":
                raise RuntimeError("a defect")
            case "hangs":
                await asyncio.Event().wait()

    async def looked_at(self, times: int) -> None:
        while self.looks < times:
            self.changed.clear()
            await self.changed.wait()


class Told:
    """What was told, in order."""

    def __init__(self) -> None:
        self.words: list[bool] = []
        self.regained = asyncio.Event()

    async def tell(self, answers: bool) -> None:
        self.words.append(answers)
        if answers:
            self.regained.set()


def readiness(ledger: Ledger, told: Told, *, look_seconds: float = NEVER) -> Readiness:
    return Readiness(
        ledger.look,
        told.tell,
        look_seconds=look_seconds,
        again_seconds=0.0,
        patience_seconds=0.01,
    )


@pytest.mark.parametrize("trouble", [AWAY, BROKEN, HANGS])
async def test_calls_are_refused_from_a_failed_look_until_looks_go_well(trouble: str) -> None:
    ledger, told = Ledger(trouble, trouble), Told()
    watched = readiness(ledger, told)
    async with watched.watching():
        watched.suspect()
        await told.regained.wait()
    assert told.words == [False, True]
    assert ledger.looks == 2 + WELL_COUNT


async def test_single_good_look_between_bad_ones_regains_nothing() -> None:
    ledger, told = Ledger(AWAY, WELL, AWAY, WELL, AWAY), Told()
    watched = readiness(ledger, told)
    async with watched.watching():
        watched.suspect()
        await told.regained.wait()
    assert told.words == [False, True]
    assert ledger.looks == 5 + WELL_COUNT


async def test_suspicion_that_a_look_dispels_is_not_told() -> None:
    ledger, told = Ledger(), Told()
    watched = readiness(ledger, told)
    async with watched.watching():
        for times in (1, 2, 3):
            watched.suspect()
            await ledger.looked_at(times)
    assert told.words == []


async def test_nothing_is_looked_at_before_its_time_unless_suspected() -> None:
    ledger, told = Ledger(), Told()
    async with readiness(ledger, told).watching():
        for _ in range(5):
            await asyncio.sleep(0)
    assert ledger.looks == 0


async def test_ledger_that_goes_away_without_calls_is_noticed() -> None:
    ledger, told = Ledger(AWAY), Told()
    async with readiness(ledger, told, look_seconds=0.0).watching():
        await told.regained.wait()
    assert told.words == [False, True]


async def test_look_touches_the_ledger_and_changes_no_money() -> None:
    store, clock = MemoryLedgerStore(), FakeClock()
    await look_at(store, owner="process", clock=clock)()
    assert not await store.list_hold_owners()
