"""Opening databases: the SQLite library's soundness, connection settings."""

import fcntl
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pysqlite3 import dbapi2
from sqlalchemy import Engine, NullPool, event

from tokensmith_server.storage.address import parse_database_url
from tokensmith_server.storage.causes import cause_of
from tokensmith_server.storage.errors import StorageError

BUSY_TIMEOUT_SECONDS = 5.0
"""How long a SQLite statement waits for another writer of the file."""

LOCK_TIMEOUT_SECONDS = 3.0
"""How long a PostgreSQL statement waits for a row."""

STATEMENT_TIMEOUT_SECONDS = 5.0
"""How long a PostgreSQL statement of the hot path may run."""

_CONNECT_TIMEOUT_SECONDS = 5
_COLD_STATEMENT_TIMEOUT_SECONDS = 60.0
# One for each thread of the cold path, and one for beats (``sessions``).
_COLD_POOL_SIZE = 5
# A server that has vanished (a failover, a dead network) is noticed within a quarter of a minute;
# the kernel's defaults are hours, in which the thread that waits for it can do nothing else.
_VANISHED: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_PAGE_CACHE_KIBIBYTES = 32_768
_BUSY_PAUSE_SECONDS = 0.01

# The driver looks long for a way to adapt nulls and bytes before it takes them as they are,
# twenty times as long as binding them takes. An adapter that changes nothing ends the search.
dbapi2.register_adapter(type(None), lambda value: value)
dbapi2.register_adapter(bytes, bytes)


def check_sqlite_version(version: str) -> None:
    """Refuse a SQLite library with the WAL-reset bug, which can lose commits of a busy file.

    Present from 3.7.0 to 3.51.2; fixed in 3.51.3, 3.50.7 and 3.44.6; 3.52.0 was withdrawn
    (https://sqlite.org/wal.html, "The WAL-reset bug").

    Raises:
        StorageError: for an unsound version.
    """
    number = tuple(int(part) for part in version.split("."))
    sound = (
        (number >= (3, 51, 3) and number != (3, 52, 0))
        or (3, 50, 7) <= number < (3, 51)
        or (3, 44, 6) <= number < (3, 45)
    )
    if not sound:
        raise StorageError(
            f"SQLite {version} has the WAL-reset bug and can lose committed data; install the"
            " pysqlite3 wheel, which brings 3.51.3 or newer"
        )


def connect_sqlite(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a connection with the settings that the ledger's promises need.

    Transactions are the caller's business (no implicit BEGIN). May be used from any one thread
    at a time.

    Raises:
        StorageError: the SQLite library is unsound.
        sqlite3.Error: (as ``pysqlite3.dbapi2.Error``) the file cannot be opened.
    """
    check_sqlite_version(dbapi2.sqlite_version)
    connection: sqlite3.Connection = dbapi2.connect(
        str(path),
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    configure_sqlite(connection, read_only=read_only)
    return connection


def configure_sqlite(connection: Any, *, read_only: bool = False) -> None:
    """Set durability: a commit returns once the write-ahead log is on the disk."""
    cursor = connection.cursor()
    _begin_log(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA cache_size=-{_PAGE_CACHE_KIBIBYTES}")
    cursor.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_SECONDS * 1000)}")
    if read_only:
        cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def _begin_log(cursor: Any) -> None:
    """Turn the file to its write-ahead log, for which SQLite itself does not wait.

    It fails at once where two connections do so to a new file at the same moment.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except dbapi2.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_PAUSE_SECONDS)
        else:
            return


def create_engine(database_url: str, *, read_only: bool = False) -> Engine:
    """An engine for the cold path: small pool, bounded waits, explicit transactions.

    On SQLite a writing transaction begins IMMEDIATE, since a deferred one that turns to writing
    fails at once when another writer came between (the busy time-out is not honoured then).

    Raises:
        StorageError: the address or the SQLite library is unfit.
    """
    address = parse_database_url(database_url)
    if address.sqlite_path is not None:
        return _create_sqlite_engine(address.sqlite_path, read_only=read_only)
    return sqlalchemy.create_engine(
        "postgresql+psycopg://",
        pool_size=_COLD_POOL_SIZE,
        max_overflow=0,
        pool_pre_ping=True,
        pool_recycle=1800,
        # Taken apart by libpq, as the hot path's: SQLAlchemy reads some addresses differently.
        connect_args=_VANISHED
        | conninfo_to_dict(address.postgres_conninfo or "")
        | {
            "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
            "application_name": "tokensmith",
            "options": postgres_options(_COLD_STATEMENT_TIMEOUT_SECONDS),
        },
    )


def create_looking_engine(database_url: str) -> Engine:
    """An engine that changes nothing, for one look at a database that may be anybody's.

    Raises:
        StorageError: the address is unfit.
    """
    path = parse_database_url(database_url).sqlite_path
    if path is None:
        return create_engine(database_url)
    # "rw" makes no file, and whoever leaves last removes the log; with "ro" it would stay behind.
    uri = f"file:{quote(str(path))}?mode=rw"
    return sqlalchemy.create_engine(
        "sqlite://",
        module=dbapi2,
        poolclass=NullPool,
        creator=lambda: dbapi2.connect(uri, uri=True, timeout=BUSY_TIMEOUT_SECONDS),
    )


def postgres_options(statement_timeout_seconds: float) -> str:
    """Session settings that bound every wait on the server's side."""
    lock_timeout_seconds = min(LOCK_TIMEOUT_SECONDS, statement_timeout_seconds)
    return (
        f"-c lock_timeout={int(lock_timeout_seconds * 1000)}"
        f" -c statement_timeout={int(statement_timeout_seconds * 1000)}"
        f" -c idle_in_transaction_session_timeout={int(statement_timeout_seconds * 1000)}"
        " -c synchronous_commit=on"
    )


def hot_path_conninfo(conninfo: str, statement_timeout_seconds: float) -> str:
    """The connection string with the settings of the writer's session and the callers' look-up."""
    return make_conninfo(
        conninfo,
        connect_timeout=_CONNECT_TIMEOUT_SECONDS,
        application_name="tokensmith-ledger",
        client_encoding="utf8",
        options=postgres_options(statement_timeout_seconds),
    )


def _create_sqlite_engine(path: Path, *, read_only: bool) -> Engine:
    check_sqlite_version(dbapi2.sqlite_version)
    engine = sqlalchemy.create_engine(
        f"sqlite:///{path}",
        module=dbapi2,
        pool_size=_COLD_POOL_SIZE,
        max_overflow=0,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )
    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        configure_sqlite(connection, read_only=read_only)

    @event.listens_for(engine, "begin")
    def _begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


class ServerLock:
    """Keeps a second server off a SQLite file: a lock that the kernel drops when we die.

    The command line does not take it, so that it works beside a running gateway.
    """

    def __init__(self, database_path: Path) -> None:
        self._path = Path(f"{database_path}.lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            StorageError: another server has it, and the message names its process; or the file
                can't be made.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(
                f"cannot lock the SQLite database: {self._path}: {cause_of(error)}"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StorageError(
                f"another server (process {holder}) already uses this database; SQLite serves one"
                " server process, use PostgreSQL for several"
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode("ascii"))
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock up. The file stays, since removing it would race with the next server."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None
