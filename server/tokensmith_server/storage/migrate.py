"""Bringing a database to the schema of this code. Safe to start many times at once."""

import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tokensmith_server.storage.engine import create_engine, parse_database_url
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
        StorageError: the database cannot be reached or migrated.
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
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise StorageError(f"cannot migrate the database: {type(error.orig).__name__}") from error
    finally:
        engine.dispose()
    return head_revision()


def _create_private(path: Path) -> None:
    """Make the file, and its folder, for their owner alone; what is there keeps its mode.

    SQLite gives its log and its index the file's own mode.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


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
    if address.sqlite_path is not None and not address.sqlite_path.exists():
        return None
    engine = create_engine(database_url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except DBAPIError as error:
        raise StorageError(f"cannot read the database: {type(error.orig).__name__}") from error
    finally:
        engine.dispose()


def is_current(database_url: str) -> bool:
    """Whether the database is at this code's revision.

    Raises:
        StorageError: the database cannot be reached.
    """
    return current_revision(database_url) == head_revision()


def _config() -> Config:
    config = Config()
    # A percent sign starts an interpolation in the configuration's own syntax.
    config.set_main_option("script_location", str(migrations_path()).replace("%", "%%"))
    return config
