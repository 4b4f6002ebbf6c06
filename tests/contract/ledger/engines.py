"""The engines that the contract suite runs on: one entry each.

A factory opens a ledger without accounts, and closes it after the test. Where several processes
may write, it opens several stores on one database.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tests.support.ledger import LedgerUnderTest, price_of
from tokensmith_server.billing.memory import MemoryLedgerStore

Engine = Callable[[], AbstractAsyncContextManager[LedgerUnderTest]]


@asynccontextmanager
async def memory() -> AsyncIterator[LedgerUnderTest]:
    yield LedgerUnderTest([MemoryLedgerStore(price=price_of)])


ENGINES: dict[str, Engine] = {"memory": memory}
