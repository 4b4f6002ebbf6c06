"""The Gemini adapter on a simulator, for its tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.integration.providers.conftest import Streamed, Upstream
from tokensmith_server.providers.base import ChatResult, ProviderSettings
from tokensmith_server.providers.gemini.provider import NAME, create
from tokensmith_server.providers.http import create_session
from tokensmith_simulator.testing import running_simulator

KEY = "AIzaSyQw9zRt5yUi1oPa7sDf3gHj6kL"
PRO, FLASH = "gemini-3.1-pro", "gemini-3-flash"
MODELS = (PRO, FLASH)
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg"
    "=="
)


@asynccontextmanager
async def gemini_upstream() -> AsyncIterator[Upstream]:
    async with running_simulator() as simulator, create_session() as session:
        provider = create(ProviderSettings(KEY, simulator.gemini_base_url), session)
        yield Upstream(simulator, {NAME: provider})
        simulator.release()


async def complete(upstream: Upstream, *args: Any, **fields: Any) -> ChatResult:
    return await upstream.complete(NAME, *args, **{"model_id": FLASH, **fields})


async def stream(upstream: Upstream, *args: Any, **fields: Any) -> Streamed:
    return await upstream.stream(NAME, *args, **{"model_id": FLASH, **fields})
