"""A SQLite file that cannot grow: nothing is acknowledged, nothing is lost, and it passes."""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import sqlite
from tests.support.clock import FakeClock
from tests.support.ledger import LedgerUnderTest, price_of
from tokensmith_server.billing.commands import HoldPlaced
from tokensmith_server.billing.errors import LedgerUnavailable
from tokensmith_server.storage.address import parse_database_url
from tokensmith_server.storage.storage import open_storage


@contextmanager
def no_room_beyond(log: Path, byte_count: int) -> Iterator[None]:
    """For this process, writing this far past the log's end fails as on a full disk."""
    byte_count += log.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (byte_count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_full_disk_refuses_and_recovers() -> None:
    with sqlite.fresh_database() as url:
        clock = FakeClock()
        async with open_storage(
            url, owner="test", clock=clock, server=False, price=price_of
        ) as store:
            ledger = LedgerUnderTest([store], clock)
            account_id = await ledger.open_account(100_000)
            await ledger.hold(account_id, 100)
            log = Path(f"{parse_database_url(url).sqlite_path}-wal")
            commands = [ledger.command(account_id, 100) for _ in range(200)]
            with no_room_beyond(log, 8_192):
                answers = await asyncio.gather(
                    *map(store.place_hold, commands), return_exceptions=True
                )
            placed = [answer for answer in answers if isinstance(answer, HoldPlaced)]
            refused = [answer for answer in answers if isinstance(answer, LedgerUnavailable)]
            assert refused
            assert len(placed) + len(refused) == len(commands)
            # Exactly what was acknowledged is there, and there is room again.
            open_holds = await store.list_open_holds(account_id, limit=1_000)
            assert {record.hold_id for record in open_holds} >= {hold.hold_id for hold in placed}
            await ledger.hold(account_id, 100)
            assert len(await store.list_open_holds(account_id, limit=1_000)) == len(placed) + 2
            await ledger.assert_clean()


async def test_missing_file_is_unavailable(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'no folder' / 'tokensmith.db'}"
    with pytest.raises(LedgerUnavailable):
        async with open_storage(url, owner="test", clock=FakeClock(), server=False):
            pass
