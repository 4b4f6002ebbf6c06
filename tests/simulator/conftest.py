from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.simulator.wire import Caller
from tokensmith_simulator.testing import RunningSimulator, running_simulator


@pytest.fixture
async def simulator() -> AsyncIterator[RunningSimulator]:
    async with running_simulator() as running:
        yield running


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
