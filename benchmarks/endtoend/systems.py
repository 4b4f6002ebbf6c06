"""The systems that are measured: how each is started, paid for and stopped.

Every gateway runs as an operator runs it: by the ``tokensmith`` command, with its default settings,
logging JSON lines to a file. Only what one key may ask in a minute is raised, since a benchmark's
key asks more.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.endtoend import funding
from benchmarks.endtoend.messages import MODEL
from benchmarks.endtoend.procfs import listening_port, on_cpus, split_cpus
from tests.support.postgres import PostgresServer
from tokensmith_gateway.whereabouts import read_whereabouts
from tokensmith_server.storage import migrate

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_ANY_PORT = "127.0.0.1:0"
_SYSTEM_CPUS, OTHER_CPUS = split_cpus()


@dataclass(frozen=True, slots=True)
class System:
    """A running system. Its CPU time is that of both groups; its memory that of the first."""

    name: str
    port: int
    pids: tuple[int, ...]
    database_pids: tuple[int, ...] = ()
    keys: tuple[str, ...] = ("none",)
    database_url: str | None = None
    model: str = MODEL


Opener = Callable[[int, int], AbstractContextManager[System]]
"""Starts a system, given the upstream's port and how many accounts to make."""


@contextmanager
def upstream() -> Iterator[int]:
    """The mock upstream, on the CPU of the load; its port."""
    command = (sys.executable, "-m", "benchmarks.endtoend.upstream")
    with on_cpus(OTHER_CPUS):
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def bare(upstream_port: int, _: int) -> Iterator[System]:
    """The bare proxy."""
    origin = f"http://127.0.0.1:{upstream_port}"
    command = (sys.executable, "-m", "benchmarks.endtoend.bare_proxy", origin)
    with (
        tempfile.TemporaryDirectory(prefix="tokensmith-bench-") as folder,
        _process(command, dict(os.environ), Path(folder)) as process,
    ):
        yield System("bare", _port_of(process), (process.pid,))


@contextmanager
def all_in_one_sqlite(upstream_port: int, accounts: int) -> Iterator[System]:
    """``tokensmith up`` with its default database."""
    with _sqlite() as (folder, url), _all_in_one(folder, url, upstream_port) as (port, pid):
        yield System("sqlite", port, (pid,), (), funding.accounts_with_keys(url, accounts), url)


@contextmanager
def all_in_one_postgres(upstream_port: int, accounts: int) -> Iterator[System]:
    """``tokensmith up`` with a PostgreSQL of its own, whose CPU time counts."""
    with (
        tempfile.TemporaryDirectory(prefix="tokensmith-bench-") as folder,
        _postgres() as (url, database_pid),
        _all_in_one(Path(folder), url, upstream_port) as (port, pid),
    ):
        keys = funding.accounts_with_keys(url, accounts)
        yield System("postgres", port, (pid,), (database_pid,), keys, url)


@contextmanager
def split_sqlite(upstream_port: int, accounts: int) -> Iterator[System]:
    """``tokensmith server`` and ``tokensmith bridge``, with gRPC between them."""
    with _sqlite() as (folder, url), _split(folder, url, upstream_port) as (port, pids):
        yield System("split", port, pids, (), funding.accounts_with_keys(url, accounts), url)


@contextmanager
def split_postgres(upstream_port: int, accounts: int) -> Iterator[System]:
    """The same with PostgreSQL."""
    with (
        tempfile.TemporaryDirectory(prefix="tokensmith-bench-") as folder,
        _postgres() as (url, database_pid),
        _split(Path(folder), url, upstream_port) as (port, pids),
    ):
        keys = funding.accounts_with_keys(url, accounts)
        yield System("split-postgres", port, pids, (database_pid,), keys, url)


OPENERS: Mapping[str, Opener] = {
    "bare": bare,
    "sqlite": all_in_one_sqlite,
    "postgres": all_in_one_postgres,
    "split": split_sqlite,
    "split-postgres": split_postgres,
}


@contextmanager
def _sqlite() -> Iterator[tuple[Path, str]]:
    with tempfile.TemporaryDirectory(prefix="tokensmith-bench-") as folder:
        url = f"sqlite:///{folder}/tokensmith.db"
        migrate.upgrade(url)
        yield Path(folder), url


@contextmanager
def _postgres() -> Iterator[tuple[str, int]]:
    """A migrated database on a cluster of its own; its URL and the postmaster's process."""
    server = PostgresServer()
    try:
        with on_cpus(_SYSTEM_CPUS):
            server.create()
        migrate.upgrade(server.url)
        pid_file = server.folder / "data" / "postmaster.pid"
        yield server.url, int(pid_file.read_text().split()[0])
    finally:
        server.destroy()


@contextmanager
def _all_in_one(folder: Path, database_url: str, upstream_port: int) -> Iterator[tuple[int, int]]:
    environment = _environment(folder, database_url, upstream_port)
    with _process(_tokensmith("up"), environment, folder) as process:

        def rest_port() -> int | None:
            where = read_whereabouts(folder)
            return int(where.rest.rpartition(":")[2]) if where is not None else None

        yield _wait_for(rest_port, process), process.pid


@contextmanager
def _split(
    folder: Path, database_url: str, upstream_port: int
) -> Iterator[tuple[int, tuple[int, int]]]:
    environment = _environment(folder, database_url, upstream_port)
    with ExitStack() as stack:
        server = stack.enter_context(_process(_tokensmith("server"), environment, folder))
        environment["TOKENSMITH_GRPC_TARGET"] = f"127.0.0.1:{_port_of(server)}"
        bridge = stack.enter_context(_process(_tokensmith("bridge"), environment, folder))
        yield _port_of(bridge), (server.pid, bridge.pid)


def _tokensmith(command: str) -> tuple[str, ...]:
    return (str(Path(sys.executable).parent / "tokensmith"), command)


def _environment(folder: Path, database_url: str, upstream_port: int) -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("TOKENSMITH_")
    }
    return inherited | {
        "TOKENSMITH_DATA_DIR": str(folder),
        "TOKENSMITH_DATABASE_URL": database_url,
        "TOKENSMITH_REST_LISTEN": _ANY_PORT,
        "TOKENSMITH_GRPC_LISTEN": _ANY_PORT,
        "TOKENSMITH_OPENAI_BASE_URL": f"http://127.0.0.1:{upstream_port}/v1",
        "TOKENSMITH_OPENAI_API_KEY": "sk-upstream",
        "TOKENSMITH_ANTHROPIC_BASE_URL": f"http://127.0.0.1:{upstream_port}",
        "TOKENSMITH_ANTHROPIC_API_KEY": "sk-upstream",
        "TOKENSMITH_GEMINI_BASE_URL": f"http://127.0.0.1:{upstream_port}",
        "TOKENSMITH_GEMINI_API_KEY": "sk-upstream",
        # Not called; with keys of their own they need no simulator.
        "TOKENSMITH_XAI_API_KEY": "unused",
        "TOKENSMITH_TOGETHER_API_KEY": "unused",
        "TOKENSMITH_REQUESTS_PER_MINUTE": "1000000000",
        "TOKENSMITH_TOKENS_PER_MINUTE": "1000000000000",
    }


@contextmanager
def _process(
    command: tuple[str, ...], environment: dict[str, str], folder: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    log_path = folder / f"{command[-1]}.log" if len(command) == 2 else folder / "log"
    with log_path.open("wb") as log, on_cpus(_SYSTEM_CPUS):
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield process
    except BaseException:
        sys.stderr.write(log_path.read_bytes()[-4000:].decode(errors="replace"))
        raise
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port_of(process: "subprocess.Popen[bytes]") -> int:
    """The port that a process listens on, once it does."""
    return _wait_for(lambda: listening_port(process.pid), process)


def _wait_for(look: Callable[[], int | None], process: "subprocess.Popen[bytes]") -> int:
    """Wait until a process has its port.

    It takes any that is free and says which: one that was probed for beforehand may be somebody
    else's by the time that the process asks for it, and a stranger would be measured.

    Raises:
        ConnectionError: it has none in time, or has ended.
    """
    deadline = time.monotonic() + _START_SECONDS
    while (port := look()) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise ConnectionError(f"{process.args!r} does not listen, {process.returncode=}")
        time.sleep(0.05)
    return port
