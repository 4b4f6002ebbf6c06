"""Whether somebody goes by what health says, for whom a process that goes down gives notice."""

import asyncio
from typing import Any

import pytest
from grpc_health.v1 import health_pb2

from tests.support.turns import turns
from tokensmith_server.rpc.server import Health

ASKING = health_pb2.HealthCheckRequest()


class Context:
    async def write(self, message: Any) -> None:
        pass


async def test_health_that_nobody_asks_for_is_not_watched() -> None:
    health = Health(())
    await health.set_serving(True)
    assert not health.is_watched()


async def test_health_that_is_asked_for_is_watched_for_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    health = Health(())
    await health.servicer.Check(ASKING, Context())
    assert health.is_watched()
    loop = asyncio.get_running_loop()
    later = loop.time() + 61.0
    monkeypatch.setattr(loop, "time", lambda: later)
    assert not health.is_watched()
    monkeypatch.undo()


async def test_health_is_watched_for_as_long_as_somebody_does() -> None:
    health = Health(())
    watching = asyncio.create_task(health.servicer.Watch(ASKING, Context()))
    await turns()
    assert health.is_watched()
    watching.cancel()
    await asyncio.wait((watching,))
    assert not health.is_watched()
