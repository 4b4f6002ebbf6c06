"""What an operator is told of a database in trouble: which one, and why; never its password."""

from pathlib import Path

import psycopg
import pytest
import structlog
from pysqlite3 import dbapi2

from tests.integration.storage.test_disk_full import no_room_beyond
from tests.support import postgres, sqlite
from tests.support.clock import FakeClock
from tokensmith_server.billing.errors import LedgerUnavailable
from tokensmith_server.storage import migrate
from tokensmith_server.storage.address import parse_database_url
from tokensmith_server.storage.causes import cause_of, connection_cause, place_of
from tokensmith_server.storage.errors import StorageError
from tokensmith_server.storage.storage import open_storage


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("sqlite:////data/x.db", "the SQLite database /data/x.db"),
        ("postgresql://u:hunter2@h:5433/d", "the PostgreSQL database d at h:5433"),
        ("postgresql://u@a,b/d", "the PostgreSQL database d at a:5432, b:5432"),
        ("postgresql://u@h", "the PostgreSQL database u at h:5432"),
        ("postgresql:///d?host=/run/pg", "the PostgreSQL database d at /run/pg:5432"),
    ],
)
def test_place_is_a_file_or_a_host_with_port_and_name(
    url: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGHOST", "PGPORT", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)
    assert place_of(parse_database_url(url)) == place


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter@2@h/d",
        "postgresql://u:hunter/2@h/d",
        "postgresql://u:hunter%2@h/d",
        "postgresql://h:70000/d",
        "postgresql://h/d?nothing=hunter2",
        "u:hunter2@h/d",
        "hunter2",
    ],
)
def test_url_that_would_be_taken_apart_wrongly_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(StorageError) as refusal:
        parse_database_url(url)
    assert "hunter" not in str(refusal.value)


def test_advice_of_the_driver_is_left_out() -> None:
    text = "connection failed: server on h, port 1: refused\n\tIs it running?\nFATAL:  no\n"
    assert connection_cause(text) == "server on h, port 1: refused; FATAL:  no"


def test_nobody_listens() -> None:
    url = "postgresql://u:hunter2@127.0.0.1:1/none"
    for look in (migrate.current_revision, migrate.upgrade):
        with pytest.raises(StorageError) as refusal:
            look(url)
        said = str(refusal.value)
        assert "database none at 127.0.0.1:1: " in said
        assert "Connection refused" in said
        assert "hunter2" not in said
        assert "\n" not in said


def test_database_that_the_server_does_not_have() -> None:
    url = postgres.database_url(postgres.shared_server_url(), "nowhere")
    with pytest.raises(StorageError, match='database "nowhere" does not exist'):
        migrate.current_revision(url)


async def test_ledgers_own_connection_says_the_same() -> None:
    url = "postgresql://u:hunter2@127.0.0.1:1/none"
    with pytest.raises(LedgerUnavailable, match=r"port 1 failed: Connection refused$") as refusal:
        async with open_storage(url, owner="x", clock=FakeClock(), server=False):
            pass
    assert "hunter2" not in str(refusal.value)


def test_statement_that_fails_has_its_sqlstate() -> None:
    with postgres.empty_database() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE accounts (nothing text)")
        with pytest.raises(StorageError, match=r"SQLSTATE 42P07, DuplicateTable"):
            migrate.upgrade(url)


def test_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir or Madam, " * 100, encoding="ascii")
    for look in (migrate.current_revision, migrate.upgrade):
        with pytest.raises(StorageError) as refusal:
            look(f"sqlite:///{path}")
        assert f"database {path}: SQLITE_NOTADB, the file is no SQLite" in str(refusal.value)


@pytest.mark.parametrize(
    ("below", "code"),
    [("file/x.db", r"EEXIST, .*/file\)$"), (".", "EISDIR"), ("x" * 300, "ENAMETOOLONG")],
)
def test_file_that_cannot_be_made(tmp_path: Path, below: str, code: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=code):
        migrate.upgrade(f"sqlite:///{tmp_path / below}")


def test_code_that_has_no_words_is_told_alone() -> None:
    error = dbapi2.OperationalError("near secret")
    assert cause_of(error) == "OperationalError"
    error.sqlite_errorname = "SQLITE_IOERR_WRITE"
    assert cause_of(error) == "SQLITE_IOERR_WRITE, the disk failed"
    error.sqlite_errorname = "SQLITE_ERROR"
    assert cause_of(error) == "SQLITE_ERROR"


async def test_full_disk_is_named_to_callers_and_in_the_log() -> None:
    with sqlite.fresh_database() as url:
        log = Path(f"{parse_database_url(url).sqlite_path}-wal")
        async with open_storage(url, owner="x", clock=FakeClock(), server=False) as store:
            await store.create_account("first", "first", 0.0)
            with (
                structlog.testing.capture_logs() as lines,
                no_room_beyond(log, 0),
                pytest.raises(LedgerUnavailable, match="SQLITE_"),
            ):
                await store.create_account("second", "second", 0.0)
    (line,) = lines
    assert line["event"] == "storage.failed"
    assert line["cause"].startswith("SQLITE_")
