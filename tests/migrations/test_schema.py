"""The migrations make what the tables say, on both engines, however many start at once."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from tests.support import postgres
from tokensmith_server.storage import migrate, tables
from tokensmith_server.storage.engine import create_engine
from tokensmith_server.storage.errors import StorageError

assert tables.AccountRow.metadata is SQLModel.metadata


@contextmanager
def _empty_sqlite() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'new folder' / 'tokensmith.db'}"


@pytest.fixture(params=[_empty_sqlite, postgres.empty_database], ids=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with request.param() as url:
        yield url


@pytest.fixture
def migrated(empty_url: str) -> Iterator[sqlalchemy.Engine]:
    migrate.upgrade(empty_url)
    engine = create_engine(empty_url)
    yield engine
    engine.dispose()


def test_upgrade_from_nothing_makes_the_tables(migrated: sqlalchemy.Engine) -> None:
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_check_constraints_are_the_tables_own(migrated: sqlalchemy.Engine) -> None:
    found = sqlalchemy.inspect(migrated)
    for table in SQLModel.metadata.sorted_tables:
        declared = {
            constraint.name
            for constraint in table.constraints
            if isinstance(constraint, sqlalchemy.CheckConstraint)
        }
        assert {check["name"] for check in found.get_check_constraints(table.name)} == declared


def test_database_is_current_once_upgraded(empty_url: str) -> None:
    assert migrate.current_revision(empty_url) is None
    assert not migrate.is_current(empty_url)
    assert migrate.upgrade(empty_url) == migrate.head_revision()
    assert migrate.is_current(empty_url)
    migrate.require_current(empty_url)


def test_database_that_was_never_migrated_is_refused_with_what_to_do(empty_url: str) -> None:
    with pytest.raises(StorageError, match="`tokensmith migrate`"):
        migrate.require_current(empty_url)


def test_older_schema_is_refused_with_what_to_do(empty_url: str) -> None:
    _migrated_to(empty_url, "0001")
    for or_newer in (False, True):
        with pytest.raises(StorageError, match=r"is at revision 0001.*run `tokensmith migrate`"):
            migrate.require_current(empty_url, or_newer=or_newer)
    migrate.upgrade(empty_url)
    migrate.require_current(empty_url)


def test_newer_schema_is_refused_and_left_alone(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    _call_it(empty_url, "9999")
    for start in (migrate.require_current, migrate.upgrade):
        with pytest.raises(StorageError, match=r"9999.*newer version"):
            start(empty_url)
    migrate.require_current(empty_url, or_newer=True)
    assert migrate.current_revision(empty_url) == "9999"


def _migrated_to(url: str, revision: str) -> None:
    """As the code left it whose newest revision was this one."""
    with pytest.MonkeyPatch.context() as earlier:
        run = command.upgrade
        earlier.setattr(command, "upgrade", lambda config, _: run(config, revision))
        migrate.upgrade(url)


def _call_it(url: str, revision: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text("UPDATE alembic_version SET version_num = :revision"),
            {"revision": revision},
        )
    engine.dispose()


def test_upgrade_repeated_changes_nothing(empty_url: str) -> None:
    assert migrate.upgrade(empty_url) == migrate.upgrade(empty_url)


def test_many_processes_may_upgrade_at_once(empty_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        revisions = list(threads.map(_upgrade_in_a_process, [empty_url] * 4))
    assert revisions == [migrate.head_revision()] * 4


def _upgrade_in_a_process(url: str) -> str:
    program = (
        "import sys; from tokensmith_server.storage import migrate;"
        " print(migrate.upgrade(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, url], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_unreachable_database_is_named_without_its_password() -> None:
    url = "postgresql://someone:secret@127.0.0.1:1/nowhere"
    with pytest.raises(StorageError) as refusal:
        migrate.upgrade(url)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("change", ["UPDATE entries SET kind = 'void'", "DELETE FROM entries"])
def test_entries_are_append_only(migrated: sqlalchemy.Engine, change: str) -> None:
    with migrated.begin() as connection:
        connection.execute(
            sqlalchemy.text(
                "INSERT INTO entries (account_id, sequence, kind, available_delta_microcredits,"
                " held_delta_microcredits, charged_delta_microcredits,"
                " granted_delta_microcredits, created_time_microseconds)"
                " VALUES ('a', 1, 'grant', 5, 0, 0, 5, 0)"
            )
        )
    with pytest.raises(DBAPIError, match="append-only"), migrated.begin() as connection:
        connection.execute(sqlalchemy.text(change))


def test_entries_cannot_be_truncated(migrated: sqlalchemy.Engine) -> None:
    if migrated.dialect.name == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(DBAPIError, match="append-only"), migrated.begin() as connection:
        connection.execute(sqlalchemy.text("TRUNCATE entries"))


@pytest.mark.parametrize(
    "row",
    ["'a', 'n', 0, -1, 0, 0, -1, 0", "'a', 'n', 0, 1, -1, 0, 0, 0", "'a', 'n', 0, 5, 0, 0, 4, 0"],
    ids=["available below zero", "held below zero", "not conserved"],
)
def test_database_refuses_an_impossible_balance(migrated: sqlalchemy.Engine, row: str) -> None:
    with pytest.raises(DBAPIError), migrated.begin() as connection:
        connection.execute(sqlalchemy.text(f"INSERT INTO accounts VALUES ({row})"))


@pytest.mark.parametrize("phase", ["open", "end"])
def test_database_refuses_a_second_entry_of_a_phase(
    migrated: sqlalchemy.Engine, phase: str
) -> None:
    insert = sqlalchemy.text(
        "INSERT INTO entries VALUES ('a', :sequence, 'hold', 'h', :phase, -5, 5, 0, 0, 0, NULL)"
    )
    with migrated.begin() as connection:
        connection.execute(insert, {"sequence": 1, "phase": phase})
    with pytest.raises(DBAPIError), migrated.begin() as connection:
        connection.execute(insert, {"sequence": 2, "phase": phase})
