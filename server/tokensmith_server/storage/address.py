"""Where a database is: what its URL says, read once for every driver."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tokensmith_server.storage.errors import StorageError


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where the data is: a SQLite file, or a PostgreSQL connection string for libpq."""

    sqlite_path: Path | None
    postgres_conninfo: str | None

    @property
    def is_sqlite(self) -> bool:
        """A file on this machine, with one server process."""
        return self.sqlite_path is not None


def parse_database_url(database_url: str) -> DatabaseAddress:
    """Read ``sqlite:///path`` or ``postgresql://...`` (also ``postgres://``).

    Raises:
        StorageError: for any other scheme, for SQLite without a file, and for what libpq would
            not take apart as it was meant; says what is allowed, and repeats nothing of it.
    """
    scheme, separator, rest = database_url.partition("://")
    scheme = scheme.partition("+")[0]
    if separator and scheme == "sqlite":
        path = unquote(rest.removeprefix("/").partition("?")[0])
        if not path or path == ":memory:" or "\0" in path:
            raise StorageError("a SQLite database needs a file: sqlite:///path/to/tokensmith.db")
        return DatabaseAddress(Path(path), None)
    if separator and scheme in {"postgresql", "postgres"}:
        conninfo = f"postgresql://{rest}"
        if not _is_readable(conninfo):
            raise StorageError(
                "not a PostgreSQL address: write postgresql://user:password@host:port/database,"
                " with /, @, : and % in a user or password as %2F, %40, %3A and %25"
            )
        return DatabaseAddress(None, conninfo)
    raise StorageError(
        "unknown kind of database: use sqlite or postgresql (sqlite:///path, postgresql://host)"
    )


def _is_readable(conninfo: str) -> bool:
    """Whether libpq reads it, and finds no part of a password in hosts and ports."""
    try:
        parts = conninfo_to_dict(conninfo)
    except psycopg.Error:
        return False
    ports = filter(None, str(parts.get("port", "")).split(","))
    return "@" not in str(parts.get("host", "")) and all(
        port.isascii() and port.isdigit() and 0 < int(port) < 65_536 for port in ports
    )
