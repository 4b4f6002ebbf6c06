"""Tasks that outlive whoever started them, and the end of the process."""

import asyncio
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from tests.support.turns import turns
from tokensmith_server.supervisor import Supervisor


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with capture_logs():
        yield


async def test_task_outlives_its_listener() -> None:
    supervisor, gate, ends = Supervisor(), asyncio.Event(), list[str]()

    async def work() -> None:
        await gate.wait()
        ends.append("done")

    async def listen() -> None:
        await asyncio.shield(supervisor.spawn(work()))

    listening = asyncio.ensure_future(listen())
    await turns(3)
    listening.cancel()
    gate.set()
    assert await supervisor.drain(10.0) == 0
    assert ends == ["done"]
    assert len(supervisor) == 0


async def test_failure_that_nobody_reads_is_no_noise() -> None:
    supervisor = Supervisor()

    async def work() -> None:
        raise ZeroDivisionError

    supervisor.spawn(work())
    assert await supervisor.drain(10.0) == 0


async def test_what_is_not_done_in_time_is_cancelled_and_waited_for() -> None:
    supervisor, ends = Supervisor(), list[str]()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ends.append("cleaned up")

    supervisor.spawn(work())
    await turns(2)
    assert await supervisor.drain(0.0, settling_seconds=0.0) == 1
    assert ends == ["cleaned up"]


async def test_task_that_is_started_by_an_ending_one_is_waited_for_too() -> None:
    supervisor, gate, ends = Supervisor(), asyncio.Event(), list[str]()

    async def second() -> None:
        await asyncio.sleep(0)
        ends.append("second")

    async def first() -> None:
        await gate.wait()
        supervisor.spawn(second())

    supervisor.spawn(first())
    draining = asyncio.ensure_future(supervisor.drain(10.0))
    await turns(2)
    gate.set()
    assert await draining == 0
    assert ends == ["second"]


async def test_task_that_is_started_by_a_cancelled_one_is_cancelled_too() -> None:
    supervisor = Supervisor()

    async def second() -> None:
        await asyncio.Event().wait()

    async def first() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            supervisor.spawn(second())

    supervisor.spawn(first())
    await turns(2)
    assert await supervisor.drain(0.0, settling_seconds=0.0) == 2
    assert len(supervisor) == 0


async def test_nothing_to_wait_for_takes_no_time() -> None:
    assert await Supervisor().drain(1_000.0) == 0


async def test_what_waits_outside_is_cut_at_once_and_may_settle() -> None:
    supervisor, settled, ends = Supervisor(), asyncio.Event(), list[str]()

    async def call() -> None:
        try:
            with supervisor.cuttable():
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            await settled.wait()
            ends.append("settled")
            raise

    supervisor.spawn(call())
    await turns(2)
    cutting = asyncio.ensure_future(supervisor.cut(settling_seconds=30.0))
    await turns(2)
    settled.set()
    assert await cutting == 1
    assert ends == ["settled"]


async def test_what_settles_already_is_not_cut() -> None:
    supervisor, settled, ends = Supervisor(), asyncio.Event(), list[str]()

    async def call() -> None:
        with supervisor.cuttable():
            await asyncio.sleep(0)
        await settled.wait()
        ends.append("settled")

    supervisor.spawn(call())
    await turns(3)
    cutting = asyncio.ensure_future(supervisor.cut(settling_seconds=30.0))
    await turns(2)
    settled.set()
    assert await cutting == 0
    assert ends == ["settled"]


async def test_task_that_places_its_hold_when_all_are_cut_goes_no_further() -> None:
    supervisor, placed, ends = Supervisor(), asyncio.Event(), list[str]()

    async def call() -> None:
        await placed.wait()
        try:
            with supervisor.cuttable():
                ends.append("sent")
        except asyncio.CancelledError:
            ends.append("voided")
            raise

    task = supervisor.spawn(call())
    await turns(2)
    cutting = asyncio.ensure_future(supervisor.cut(settling_seconds=30.0))
    await turns(2)
    placed.set()
    await cutting
    assert ends == ["voided"]
    assert task.cancelled()


async def test_idle_is_when_no_task_is_left() -> None:
    supervisor, gate = Supervisor(), asyncio.Event()

    async def first() -> None:
        await gate.wait()
        supervisor.spawn(asyncio.sleep(0))

    supervisor.spawn(first())
    idle = asyncio.ensure_future(supervisor.idle())
    await turns(2)
    assert not idle.done()
    gate.set()
    await idle
    assert len(supervisor) == 0


async def test_hold_belongs_to_its_task_from_before_it_is_placed_until_the_task_ends() -> None:
    supervisor, gate = Supervisor(), asyncio.Event()

    async def work() -> None:
        supervisor.take_on("hold-1")
        supervisor.take_on("hold-2")
        await gate.wait()

    supervisor.spawn(work())
    supervisor.spawn(gate.wait())
    assert supervisor.holds == set()
    await turns(2)
    assert supervisor.holds == {"hold-2"}
    gate.set()
    await supervisor.drain(10.0)
    assert supervisor.holds == set()


async def test_hold_of_a_task_that_was_cancelled_belongs_to_nobody() -> None:
    supervisor = Supervisor()

    async def work() -> None:
        supervisor.take_on("hold-1")
        await asyncio.Event().wait()

    supervisor.spawn(work())
    await turns(2)
    await supervisor.drain(0.0, settling_seconds=0.0)
    assert supervisor.holds == set()
