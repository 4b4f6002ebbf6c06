"""Bringing a database to the schema of this code. Safe to start many times at once."""

import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tokensmith_server.storage.address import DatabaseAddress, parse_database_url
from tokensmith_server.storage.causes import cause_of, place_of
from tokensmith_server.storage.engine import create_engine, create_looking_engine
from tokensmith_server.storage.errors import StorageError

# Any fixed number will do; it only has to be this product's own.
_ADVISORY_LOCK = 7_046_029_254_386_353_131


def migrations_path() -> Path:
    """Where the revisions are: inside an installed package, else at the root of the checkout.

    Raises:
        StorageError: neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "_migrations", package.parents[1] / "migrations"):
        if (candidate / "env.py").is_file():
            return candidate
    raise StorageError("the migrations are missing from this installation")


def upgrade(database_url: str) -> str:
    """Apply every missing revision in one transaction; return the revision reached.

    Several processes may call this at once: on PostgreSQL they queue on an advisory lock, on
    SQLite on the file's write lock, and all but the first find nothing to do.

    Raises:
        StorageError: the database can't be made, reached or migrated, or a newer version has
            migrated it.
    """
    address = parse_database_url(database_url)
    if address.sqlite_path is not None:
        _create_private(address.sqlite_path)
    config = _config()
    engine = create_engine(database_url)
    try:
        with engine.begin() as connection:
            if not address.is_sqlite:
                connection.execute(text("SET LOCAL lock_timeout = '60s'"))
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK}
                )
            _refuse_newer(address, _revision_in(connection))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise StorageError(f"cannot migrate {place_of(address)}: {cause_of(error)}") from error
    finally:
        engine.dispose()
    return head_revision()


def _create_private(path: Path) -> None:
    """Make the file, and its folder, for their owner alone; what is there keeps its mode.

    SQLite gives its log and its index the file's own mode.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StorageError(f"cannot make the SQLite database {path}: {cause_of(error)}") from error


def head_revision() -> str:
    """The newest revision that this code knows."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise StorageError("there are no migrations")
    return head


def current_revision(database_url: str) -> str | None:
    """The revision that the database is at; ``None`` when it was never migrated.

    Raises:
        StorageError: the database cannot be reached.
    """
    address = parse_database_url(database_url)
    if not exists(address):
        return None
    engine = create_looking_engine(database_url)
    try:
        with engine.connect() as connection:
            return _revision_in(connection)
    except DBAPIError as error:
        raise StorageError(f"cannot read {place_of(address)}: {cause_of(error)}") from error
    finally:
        engine.dispose()


def exists(address: DatabaseAddress) -> bool:
    """Whether there is a file; a PostgreSQL database is there as far as can be seen from here.

    Raises:
        StorageError: its folder can't be looked into.
    """
    if address.sqlite_path is None:
        return True
    try:
        return address.sqlite_path.exists()
    except OSError as error:
        raise StorageError(f"cannot read {place_of(address)}: {cause_of(error)}") from error


def is_current(database_url: str) -> bool:
    """Whether the database is at this code's revision.

    Raises:
        StorageError: the database cannot be reached.
    """
    return current_revision(database_url) == head_revision()


def require_current(database_url: str, *, or_newer: bool = False) -> None:
    """Make sure that the database is there and at this code's revision; nothing is changed.

    ``or_newer`` takes it too where a newer version has migrated it, as servers must that start
    while others are upgraded, or rolled back: each revision works with the code before it.

    Raises:
        StorageError: it isn't; says what to do.
    """
    address = parse_database_url(database_url)
    if not exists(address):
        raise StorageError(
            f"there is no SQLite database {address.sqlite_path}: `tokensmith migrate` makes it, as"
            " `tokensmith up` does; TOKENSMITH_DATABASE_URL or TOKENSMITH_DATA_DIR names another"
        )
    revision = current_revision(database_url)
    if revision == head_revision() or (or_newer and _is_newer(revision)):
        return
    _refuse_newer(address, revision)
    state = "holds no tables of TokenSmith" if revision is None else f"is at revision {revision}"
    raise StorageError(
        f"{place_of(address)} {state}, and this version needs revision {head_revision()}: run"
        " `tokensmith migrate` (`tokensmith up` migrates by itself)"
    )


def _refuse_newer(address: DatabaseAddress, revision: str | None) -> None:
    if _is_newer(revision):
        raise StorageError(
            f"{place_of(address)} is at revision {revision}, which this version does not know"
            f" (its newest is {head_revision()}): a newer version has migrated it, run that one"
        )


def _is_newer(revision: str | None) -> bool:
    """Whether this code does not know it."""
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    return revision is not None and revision not in known


def _revision_in(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    # A percent sign starts an interpolation in the configuration's own syntax.
    config.set_main_option("script_location", str(migrations_path()).replace("%", "%%"))
    return config
