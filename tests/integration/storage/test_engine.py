"""Addresses, the SQLite library's soundness, and the one server of a file."""

from pathlib import Path

import pytest
from pysqlite3 import dbapi2

from tests.support import sqlite
from tests.support.clock import FakeClock
from tests.support.ledger import LedgerUnderTest
from tokensmith_server.billing.errors import LedgerUnavailable
from tokensmith_server.storage.address import parse_database_url
from tokensmith_server.storage.engine import (
    ServerLock,
    check_sqlite_version,
    configure_sqlite,
    connect_sqlite,
)
from tokensmith_server.storage.errors import StorageError
from tokensmith_server.storage.storage import open_storage


@pytest.mark.parametrize(
    "version", ["3.51.3", "3.51.4", "3.53.4", "3.52.1", "3.50.7", "3.50.9", "3.44.6", "3.44.7"]
)
def test_sound_sqlite_is_taken(version: str) -> None:
    check_sqlite_version(version)


@pytest.mark.parametrize(
    "version",
    ["3.7.0", "3.40.1", "3.44.5", "3.45.0", "3.49.2", "3.50.6", "3.51.0", "3.51.2", "3.52.0"],
)
def test_sqlite_with_the_wal_reset_bug_is_refused(version: str) -> None:
    with pytest.raises(StorageError, match="WAL-reset"):
        check_sqlite_version(version)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///relative/x.db", "relative/x.db"),
        ("sqlite:////absolute/x.db", "/absolute/x.db"),
        ("sqlite:////a%20b/x.db", "/a b/x.db"),
    ],
)
def test_sqlite_url_names_a_file(url: str, path: str) -> None:
    assert parse_database_url(url).sqlite_path == Path(path)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgres_url_is_read_in_every_common_spelling(scheme: str) -> None:
    address = parse_database_url(f"{scheme}://u:p@h:5433/d?sslmode=require")
    assert address.postgres_conninfo == "postgresql://u:p@h:5433/d?sslmode=require"


@pytest.mark.parametrize("url", ["mysql://h/d", "sqlite://", "sqlite:///:memory:", "x.db", ""])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(StorageError):
        parse_database_url(url)


def test_connection_is_durable() -> None:
    with sqlite.fresh_database() as url:
        path = parse_database_url(url).sqlite_path
        assert path is not None
        connection = connect_sqlite(path)
        settings = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
        connection.close()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


class _Busy:
    """A cursor whose file others turn to its log at the same moment, twice."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def cursor(self) -> "_Busy":
        return self

    def execute(self, statement: str) -> None:
        self.told.append(statement)
        if len(self.told) <= 2:
            error = dbapi2.OperationalError("database is locked")
            error.sqlite_errorname = "SQLITE_BUSY"
            raise error

    def close(self) -> None:
        pass


def test_first_starts_at_the_same_moment_wait_for_each_other() -> None:
    busy = _Busy()
    configure_sqlite(busy)
    assert busy.told[:4] == ["PRAGMA journal_mode=WAL"] * 3 + ["PRAGMA synchronous=FULL"]


async def test_second_server_on_a_file_is_refused_and_told_by_whom() -> None:
    with sqlite.fresh_database() as url:
        clock = FakeClock()
        async with open_storage(url, owner="one", clock=clock, server=True):
            with pytest.raises(StorageError, match=r"process \d+"):
                async with open_storage(url, owner="two", clock=clock, server=True):
                    pass
        # The first is gone, so the place is free.
        async with open_storage(url, owner="two", clock=clock, server=True):
            pass


async def test_command_line_works_beside_a_server() -> None:
    with sqlite.fresh_database() as url:
        clock = FakeClock()
        async with (
            open_storage(url, owner="server", clock=clock, server=True) as server,
            open_storage(url, owner="cli", clock=clock, server=False) as command_line,
        ):
            await command_line.create_account("a", "acme", 0.0)
            assert (await server.get_account("acme")).account_id == "a"


async def test_server_on_a_file_knows_that_every_other_process_has_ended() -> None:
    with sqlite.fresh_database() as url:
        clock = FakeClock()
        async with open_storage(url, owner="killed", clock=clock, server=False) as store:
            ledger = LedgerUnderTest([store], clock)
            await store.beat("killed")
            await ledger.hold(await ledger.open_account(100), owner="killed")
        async with open_storage(url, owner="next", clock=clock, server=True) as store:
            assert await store.list_hold_owners() == {"killed": None}


def test_lock_is_free_after_release(tmp_path: Path) -> None:
    first, second = ServerLock(tmp_path / "x.db"), ServerLock(tmp_path / "x.db")
    first.acquire()
    with pytest.raises(StorageError):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


async def test_unreachable_database_is_unavailable() -> None:
    url = "postgresql://someone:secret@127.0.0.1:1/nowhere"
    with pytest.raises(LedgerUnavailable) as refusal:
        async with open_storage(url, owner="x", clock=FakeClock(), server=False):
            pass
    assert "secret" not in str(refusal.value)
