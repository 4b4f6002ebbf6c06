"""Clocks that differ between hosts, or jump: no call that runs is given away, none charged twice.

Whole servers on real databases, each with a clock of its own that the test turns. What the sweepers
of an hour do is done here round by round.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from tests.integration.server.rig import KEY, SECRET
from tests.support import postgres, sqlite
from tests.support.chat import params
from tests.support.clock import FakeClock
from tests.support.fake_provider import FakeChatProvider, Script, batch, ending
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import chat_service_pb2_grpc, usage_pb2
from tokensmith_gateway.inprocess import InProcessChannel, InProcessServer
from tokensmith_server.app import ServerApp, open_app
from tokensmith_server.billing.commands import GrantCredits, HoldState, Outcome
from tokensmith_server.billing.keys import hash_api_key
from tokensmith_server.billing.store import ApiKey, RequestRecord
from tokensmith_server.config import ServerSettings

HOUR_SECONDS = 3_600.0
GRANTED = 1_000_000_000
# Of the servers' own rounds, which find nothing to do here: no test waits for them.
SWEEP_SECONDS = 60.0


@dataclass
class Host:
    """One server with the clock of its host."""

    app: ServerApp
    clock: FakeClock
    provider: FakeChatProvider
    channel: InProcessChannel

    async def rounds(self, count: int) -> int:
        """Beat and sweep so often, as time passes; how many holds were resolved."""
        resolved = 0
        for _ in range(count):
            self.clock.advance(SWEEP_SECONDS)
            await self.app.sweeper.beat()
            resolved += await self.app.sweeper.sweep()
        return resolved

    def stream(self) -> Any:
        stub: Any = chat_service_pb2_grpc.ChatServiceStub(self.channel)
        request = chat_pb.StreamChatCompletionRequest(params=params())
        return stub.StreamChatCompletion(request, metadata=(KEY,), timeout=HOUR_SECONDS)

    async def record(self) -> RequestRecord:
        """The only call in the request log."""
        (only,) = await self.app.store.list_requests("account-1", limit=9)
        return only


@asynccontextmanager
async def open_host(url: str, data_dir: Path, *, ahead_seconds: float = 0.0) -> AsyncIterator[Host]:
    settings = ServerSettings(
        data_dir=data_dir,
        database_url=url,
        sweep_seconds=SWEEP_SECONDS,
        owner_silent_seconds=5 * SWEEP_SECONDS,
    )
    clock, provider = FakeClock(), FakeChatProvider()
    clock.jump(ahead_seconds)
    async with open_app(settings, clock=clock, providers={"openai": provider}) as app:
        server = InProcessServer((app.layers,))
        app.add_to(server)
        await server.start()
        channel = InProcessChannel(server)
        try:
            yield Host(app, clock, provider, channel)
        finally:
            await channel.close()
            await server.stop(None)


async def open_account(host: Host) -> None:
    store, now = host.app.store, host.clock.now()
    await store.create_account("account-1", "demo", now)
    await store.grant_credits(GrantCredits("grant-1", "account-1", GRANTED, "for the test", now))
    key = ApiKey("key-1", "account-1", "k", SECRET[-4:], now, None, None, None)
    await store.create_key(key, hash_api_key(SECRET))


@contextmanager
def database(engine: str) -> Iterator[str]:
    fresh = sqlite.fresh_database if engine == "sqlite" else postgres.fresh_database
    with fresh() as url:
        yield url


async def begin(host: Host) -> tuple[Any, asyncio.Event]:
    """A stream whose first text is here, and what lets it go on."""
    gate = asyncio.Event()
    host.provider.queue(Script([batch("Hel"), gate, batch("lo"), *ending()]))
    call = host.stream()
    await call.read()
    return call, gate


async def finish(call: Any, gate: asyncio.Event) -> usage_pb2.Charge:
    """Let the stream come to its end; the charge that it was told."""
    gate.set()
    last = None
    while (message := await call.read()) is not grpc.aio.EOF:
        last = message
    assert last is not None
    charge: usage_pb2.Charge = last.charge
    return charge


@pytest.mark.parametrize("ahead_seconds", [30.0, HOUR_SECONDS, -HOUR_SECONDS])
async def test_server_whose_clock_differs_leaves_the_calls_of_another_alone(
    tmp_path: Path, ahead_seconds: float
) -> None:
    async with AsyncExitStack() as stack:
        url = stack.enter_context(database("postgres"))
        one = await stack.enter_async_context(open_host(url, tmp_path))
        two = await stack.enter_async_context(open_host(url, tmp_path, ahead_seconds=ahead_seconds))
        await open_account(one)
        call, gate = await begin(one)
        for _ in range(10):
            assert await one.rounds(1) == 0
            assert await two.rounds(1) == 0
        charge = await finish(call, gate)
        assert charge.charged_microcredits > 0
        record = await two.record()
        assert (record.state, record.outcome) == (HoldState.SETTLED, Outcome.DELIVERED)
        assert (await one.app.store.audit(now=one.clock.now())).clean


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
@pytest.mark.parametrize("jump_seconds", [HOUR_SECONDS, -HOUR_SECONDS, 400 * 86_400.0])
async def test_clock_that_jumps_in_mid_stream_costs_nobody_anything(
    tmp_path: Path, engine: str, jump_seconds: float
) -> None:
    with database(engine) as url:
        async with open_host(url, tmp_path) as host:
            await open_account(host)
            call, gate = await begin(host)
            host.clock.jump(jump_seconds)
            assert await host.rounds(10) == 0
            charge = await finish(call, gate)
            assert charge.charged_microcredits > 0
            assert (await host.record()).charged_microcredits == charge.charged_microcredits


async def test_server_that_stops_beating_loses_its_calls_by_any_clock(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        url = stack.enter_context(database("postgres"))
        one = await stack.enter_async_context(open_host(url, tmp_path))
        two = await stack.enter_async_context(open_host(url, tmp_path, ahead_seconds=-HOUR_SECONDS))
        await open_account(one)
        call, gate = await begin(one)
        assert await two.rounds(5) == 0
        assert await two.rounds(3) == 1
        assert (await finish(call, gate)).charged_microcredits == 0
        record = await one.record()
        assert (record.state, record.outcome) == (HoldState.VOIDED, Outcome.UNKNOWN)
        assert (await one.app.store.audit(now=one.clock.now())).clean
