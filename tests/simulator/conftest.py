from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import aiohttp
import pytest

from tests.simulator.wire import AnthropicCaller, Caller, GeminiCaller
from tokensmith_simulator.testing import RunningSimulator, running_simulator


@pytest.fixture
async def simulator() -> AsyncIterator[RunningSimulator]:
    async with running_simulator() as running:
        yield running


@pytest.fixture
def sync_simulator() -> Iterator[RunningSimulator]:
    """A simulator on a loop of its own, for clients that block."""
    with asyncio.Runner() as runner, ExitStack() as stack:
        stop, started = asyncio.Event(), threading.Event()
        running: list[RunningSimulator] = []

        async def serve() -> None:
            async with running_simulator() as served:
                running.append(served)
                started.set()
                await stop.wait()

        thread = threading.Thread(target=lambda: runner.run(serve()))
        thread.start()
        stack.callback(thread.join)
        stack.callback(lambda: runner.get_loop().call_soon_threadsafe(stop.set))
        started.wait()
        yield running[0]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def openai_api(simulator: RunningSimulator, session: aiohttp.ClientSession) -> Caller:
    return Caller(session, simulator.openai_base_url)


@pytest.fixture
def xai_api(simulator: RunningSimulator, session: aiohttp.ClientSession) -> Caller:
    return Caller(session, simulator.xai_base_url)


@pytest.fixture
def together_api(simulator: RunningSimulator, session: aiohttp.ClientSession) -> Caller:
    return Caller(session, simulator.together_base_url + "/v1")


@pytest.fixture
def anthropic_api(simulator: RunningSimulator, session: aiohttp.ClientSession) -> AnthropicCaller:
    return AnthropicCaller(session, simulator.anthropic_base_url)


@pytest.fixture
def gemini_api(simulator: RunningSimulator, session: aiohttp.ClientSession) -> GeminiCaller:
    return GeminiCaller(session, simulator.gemini_base_url)
