"""The steps of going down, in their order, and what each of them waits for."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from tests.support.turns import eventually, turns
from tokensmith_server.app import ServerApp
from tokensmith_server.going_down import go_down

NEVER_SECONDS = 3_600.0


@dataclass
class FakeListener:
    steps: list[str]
    open_requests: asyncio.Event = field(default_factory=asyncio.Event)

    def refuse_new_calls(self) -> None:
        self.steps.append("listener refuses")

    def close(self) -> None:
        self.steps.append("listener closes")

    async def idle(self) -> None:
        await self.open_requests.wait()

    async def stop(self) -> None:
        self.steps.append("listener stops")


@dataclass
class Settings:
    drain_seconds: float = NEVER_SECONDS
    notice_seconds: float = NEVER_SECONDS


@dataclass
class FakeApp:
    """An app with one call, which ends when it is told."""

    steps: list[str] = field(default_factory=list)
    settings: Settings = field(default_factory=Settings)
    watched: bool = False
    call: asyncio.Event = field(default_factory=asyncio.Event)
    supervisor: tuple[()] = ()

    @property
    def health(self) -> Any:
        return self

    def is_watched(self) -> bool:
        return self.watched

    async def refuse_new_calls(self) -> None:
        self.steps.append("app refuses")

    async def calls_ended(self) -> None:
        await self.call.wait()

    async def cut_calls(self) -> None:
        self.steps.append("calls are cut")


class Going:
    """An app that goes down, with one listener that has nothing under way."""

    def __init__(self, **settings: float) -> None:
        self.app = FakeApp(settings=Settings(**settings))
        self.steps = self.app.steps
        self.listener = FakeListener(self.steps)
        self.listener.open_requests.set()
        self.at_once = asyncio.Event()

    def begin(self) -> "asyncio.Task[None]":
        app = cast("ServerApp", self.app)
        return asyncio.create_task(go_down(app, (self.listener,), self.at_once))


LAST = ["calls are cut", "listener stops"]


async def test_process_that_nobody_watches_ends_with_its_last_call() -> None:
    going = Going()
    done = going.begin()
    await turns()
    assert going.steps == ["app refuses", "listener refuses"]
    going.app.call.set()
    await done
    assert going.steps[2:] == LAST


async def test_process_that_is_watched_gives_notice_though_no_call_is_left() -> None:
    going = Going()
    going.app.watched = True
    going.app.call.set()
    done = going.begin()
    await turns()
    assert not done.done()
    going.at_once.set()
    await done


async def test_process_that_has_given_notice_listens_no_more_and_lets_calls_end() -> None:
    going = Going(notice_seconds=0.0)
    done = going.begin()
    await eventually(lambda: "listener closes" in going.steps)
    assert not done.done()
    going.app.call.set()
    await done
    assert going.steps[-2:] == LAST


async def test_requests_of_a_listener_are_waited_for_too() -> None:
    going = Going()
    going.listener.open_requests.clear()
    going.app.call.set()
    done = going.begin()
    await turns()
    assert not done.done()
    going.listener.open_requests.set()
    await done


async def test_calls_are_cut_before_listeners_end_when_the_grace_is_over() -> None:
    going = Going(drain_seconds=0.0)
    await going.begin()
    assert going.steps[-2:] == LAST


async def test_nothing_is_waited_for_once_all_is_to_end_at_once() -> None:
    going = Going()
    going.app.watched = True
    done = going.begin()
    await turns()
    going.at_once.set()
    await done
    assert going.steps[-2:] == LAST
