"""The Anthropic adapter pointed at a simulator, for its tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.integration.providers.conftest import Streamed, Upstream
from tokensmith_server.providers.anthropic.provider import create
from tokensmith_server.providers.base import ProviderSettings
from tokensmith_server.providers.http import create_session
from tokensmith_simulator.testing import running_simulator

VENDOR = "anthropic"
KEY = "sk-ant-Qw9zRt5yUi1oPa7sDf"
OPUS, SONNET, HAIKU = MODELS = ("claude-opus-4-7", "claude-sonnet-4-6", "claude-haiku-4-5")


@asynccontextmanager
async def anthropic_upstream() -> AsyncIterator[Upstream]:
    async with running_simulator() as simulator, create_session() as session:
        settings = ProviderSettings(KEY, simulator.anthropic_base_url)
        yield Upstream(simulator, {VENDOR: create(settings, session)})
        simulator.release()


async def complete(upstream: Upstream, *args: Any, model_id: str = SONNET, **fields: Any) -> Any:
    return await upstream.complete(VENDOR, *args, model_id=model_id, **fields)


async def stream(upstream: Upstream, *args: Any, model_id: str = SONNET, **fields: Any) -> Streamed:
    return await upstream.stream(VENDOR, *args, model_id=model_id, **fields)
