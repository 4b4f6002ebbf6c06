"""What is wrong with a database, in words for its operator: where it is, and why it failed.

Names a file, a host, a port, the engine's own code. Never a password, and never the text that an
engine has for a statement, since that may carry rows.
"""

import errno
import os
from itertools import zip_longest
from typing import Final

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.exc import DBAPIError

from tokensmith_server.storage.address import DatabaseAddress
from tokensmith_server.storage.errors import DatabaseTrouble

# By SQLite's primary result code (https://sqlite.org/rescode.html).
_SQLITE_WORDS: Final = {
    "SQLITE_BUSY": "somebody else has locked it",
    "SQLITE_CANTOPEN": "it can't be opened",
    "SQLITE_CORRUPT": "the file is damaged",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "the disk failed",
    "SQLITE_NOTADB": "the file is no SQLite database",
    "SQLITE_PERM": "it may not be used",
    "SQLITE_READONLY": "it can't be written",
}


def place_of(address: DatabaseAddress) -> str:
    """Which database it is: a file's path, or a host with its port and the database's name."""
    if address.postgres_conninfo is None:
        return f"the SQLite database {address.sqlite_path}"
    given = conninfo_to_dict(address.postgres_conninfo)
    usual = {
        option.keyword.decode(): option.val.decode()
        for option in pq.Conninfo.get_defaults()
        if option.val is not None
    }
    hosts = str(given.get("host") or usual.get("host") or "this machine").split(",")
    ports = str(given.get("port") or "").split(",")
    places = ", ".join(
        f"{host}:{port or usual.get('port')}"
        for host, port in zip_longest(hosts, ports[: len(hosts)])
    )
    name = given.get("dbname") or usual.get("dbname") or given.get("user") or usual.get("user")
    return f"the PostgreSQL database {name} at {places}"


def cause_of(error: BaseException) -> str:
    """The engine's code for what failed, or why there is no connection at all."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    if name := getattr(error, "sqlite_errorname", None):
        words = _SQLITE_WORDS.get("_".join(name.split("_")[:2]))
        return f"{name}, {words}" if words else str(name)
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return f"SQLSTATE {error.sqlstate}, {type(error).__name__}"
    if isinstance(error, psycopg.OperationalError):
        return connection_cause(str(error))
    if isinstance(error, DatabaseTrouble):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        where = f" ({error.filename})" if error.filename else ""
        code = errno.errorcode.get(error.errno, error.errno)
        return f"{code}, {os.strerror(error.errno)}{where}"
    return type(error).__name__


def connection_cause(text: str) -> str:
    """What libpq says of a connection that it did not get, on one line and without its advice.

    They name hosts, users and databases, and no password.
    """
    lines = [line.strip() for line in text.splitlines() if not line.startswith("\t")]
    words = "; ".join(filter(None, lines))
    for wrapping in ("connection failed: ", "connection is bad: "):
        words = words.removeprefix(wrapping)
    return words or "no connection"
