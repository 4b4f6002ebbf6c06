"""The stores as a command sees them: opened beside a running gateway, closed after one use."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from tokensmith_server.app import price_of
from tokensmith_server.clock import SystemClock
from tokensmith_server.config import ServerSettings
from tokensmith_server.storage import migrate
from tokensmith_server.storage.storage import SQLStore, open_storage

T = TypeVar("T")


def with_store(work: Callable[[SQLStore], Awaitable[T]]) -> T:
    """Run ``work`` on the database that the environment names, migrated first if need be.

    Raises:
        StorageError, LedgerUnavailable: the database can't be used.
    """
    database_url = ServerSettings().database
    if not migrate.is_current(database_url):
        migrate.upgrade(database_url)
    return asyncio.run(_run(database_url, work))


async def _run(database_url: str, work: Callable[[SQLStore], Awaitable[T]]) -> T:
    async with open_storage(
        database_url, owner="command-line", clock=SystemClock(), server=False, price=price_of
    ) as store:
        return await work(store)


def iso_time(seconds: float | None) -> str | None:
    """A time for people and programs: ISO 8601 in UTC, to the second."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
