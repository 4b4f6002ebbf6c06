"""The engines that the contract suite runs on: one entry each.

A factory opens a ledger without accounts, and closes it after the test. Where several processes
may write, it opens several stores on one database.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tests.support import postgres as postgres_databases
from tests.support import sqlite as sqlite_databases
from tests.support.clock import FakeClock
from tests.support.ledger import START_TIME, LedgerUnderTest, price_of
from tokensmith_server.billing.memory import MemoryLedgerStore
from tokensmith_server.storage.storage import open_storage

Engine = Callable[[], AbstractAsyncContextManager[LedgerUnderTest]]


@asynccontextmanager
async def memory() -> AsyncIterator[LedgerUnderTest]:
    yield LedgerUnderTest([MemoryLedgerStore(price=price_of)])


@asynccontextmanager
async def sqlite() -> AsyncIterator[LedgerUnderTest]:
    with sqlite_databases.fresh_database() as url:
        clock = FakeClock(START_TIME)
        async with open_storage(
            url, owner="test", clock=clock, server=False, price=price_of
        ) as store:
            yield LedgerUnderTest([store], clock)


@asynccontextmanager
async def postgres() -> AsyncIterator[LedgerUnderTest]:
    """Two writers on one database, as two server processes have."""
    with postgres_databases.fresh_database() as url:
        clock = FakeClock(START_TIME)
        async with (
            open_storage(url, owner="one", clock=clock, server=False, price=price_of) as one,
            open_storage(url, owner="two", clock=clock, server=False, price=price_of) as two,
        ):
            yield LedgerUnderTest([one, two], clock)


ENGINES: dict[str, Engine] = {"memory": memory, "sqlite": sqlite, "postgres": postgres}
