"""Every test here runs over a network channel and over the in-process channel."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc
import grpc.aio
import pytest

from tests.contract.channel.rig import SERVICE, Register, Rig, eventually, open_rig

Connect = Callable[..., Awaitable[Rig]]


@pytest.fixture(params=["inprocess", "network"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def connect(kind: str) -> AsyncIterator[Connect]:
    """Opens rigs and closes them; then no task may be left of any call."""
    rigs: list[Rig] = []

    async def open_one(
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        register: Register | None = None,
        **handlers: Any,
    ) -> Rig:
        def add(server: grpc.aio.Server) -> None:
            server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(SERVICE, handlers),)
            )
            server.add_registered_method_handlers(SERVICE, handlers)

        rig = await open_rig(kind, register or add, interceptors)
        rigs.append(rig)
        return rig

    before = asyncio.all_tasks()
    yield open_one
    for rig in rigs:
        await rig.close()
    await eventually(lambda: asyncio.all_tasks() <= before | {asyncio.current_task()})
