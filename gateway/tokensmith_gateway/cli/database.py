"""The stores as a command sees them: opened beside a running gateway, closed after one use."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from tokensmith_gateway.environment import database_settings
from tokensmith_server.app import price_of
from tokensmith_server.billing.errors import LedgerUnavailable
from tokensmith_server.clock import SystemClock
from tokensmith_server.storage import migrate
from tokensmith_server.storage.address import parse_database_url
from tokensmith_server.storage.causes import place_of
from tokensmith_server.storage.errors import StorageError
from tokensmith_server.storage.storage import SQLStore, open_storage

T = TypeVar("T")


def with_store(work: Callable[[SQLStore], Awaitable[T]]) -> T:
    """Run ``work`` on the database that the environment names; none is made or migrated.

    Raises:
        SettingsError: the environment is not valid.
        StorageError: the database is not there, at another version's schema, or does not answer.
    """
    database_url = database_settings().database
    migrate.require_current(database_url)
    try:
        return asyncio.run(_run(database_url, work))
    except LedgerUnavailable as error:
        place = place_of(parse_database_url(database_url))
        raise StorageError(f"{place}: {error}") from error


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
