"""The engines that the suite runs on. One entry each: stores on one database."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tests.support import postgres as postgres_databases
from tests.support import sqlite as sqlite_databases
from tests.support.clock import FakeClock
from tokensmith_server.responses.memory import MemoryResponseStore
from tokensmith_server.responses.store import ResponseStore
from tokensmith_server.storage.storage import open_storage

Engine = Callable[[], AbstractAsyncContextManager[Sequence[ResponseStore]]]


@asynccontextmanager
async def memory() -> AsyncIterator[Sequence[ResponseStore]]:
    yield [MemoryResponseStore()]


@asynccontextmanager
async def sqlite() -> AsyncIterator[Sequence[ResponseStore]]:
    with sqlite_databases.fresh_database() as url:
        async with open_storage(url, owner="test", clock=FakeClock(), server=False) as store:
            yield [store]


@asynccontextmanager
async def postgres() -> AsyncIterator[Sequence[ResponseStore]]:
    """Two processes' stores on one database."""
    with postgres_databases.fresh_database() as url:
        async with (
            open_storage(url, owner="one", clock=FakeClock(), server=False) as one,
            open_storage(url, owner="two", clock=FakeClock(), server=False) as two,
        ):
            yield [one, two]


ENGINES: dict[str, Engine] = {"memory": memory, "sqlite": sqlite, "postgres": postgres}
