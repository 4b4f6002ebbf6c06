"""TokenSmith in each of its shapes, as processes: all in one, workers, server and bridge apart."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.support.processes import (
    START_SECONDS,
    STOP_SECONDS,
    TOKENSMITH,
    Gateway,
    environment,
    run_cli,
    running_gateway,
)
from tests.support.waiting import eventually


@dataclass(frozen=True)
class Installation:
    """Where it serves, and the processes that can be told to go down."""

    base_url: str
    grpc: str
    database_url: str
    data_dir: Path
    server: "subprocess.Popen[bytes]"
    bridge: "subprocess.Popen[bytes]"
    printed: Callable[[], str]

    @property
    def ready_url(self) -> str:
        return f"{self.base_url.removesuffix('/v1')}/readyz"


def ended(process: "subprocess.Popen[bytes]") -> int:
    """Wait until a process has ended; its exit code."""
    return process.wait(STOP_SECONDS)


@contextmanager
def running_installation(
    data_dir: Path, arguments: Sequence[str], variables: dict[str, str]
) -> Iterator[Installation]:
    """A gateway that serves: ``tokensmith up`` with these arguments."""
    with running_gateway(data_dir, *arguments, **variables) as gateway:
        yield _all_in_one(gateway, gateway.printed)


@contextmanager
def running_apart(data_dir: Path, variables: dict[str, str]) -> Iterator[Installation]:
    """A server and a bridge in front of it, each a process of its own."""
    data_dir.mkdir(parents=True, exist_ok=True)
    env = environment(data_dir, **variables)
    migrated = run_cli("migrate", env=env)
    assert migrated.returncode == 0, migrated.stderr
    with ExitStack() as stack:
        server, server_log = stack.enter_context(_running("server", data_dir, env))
        grpc = eventually(
            lambda: _grpc_address(server_log), "the server serves", seconds=START_SECONDS
        )
        bridge, bridge_log = stack.enter_context(
            _running("bridge", data_dir, env | {"TOKENSMITH_GRPC_TARGET": grpc})
        )
        port = eventually(
            lambda: _rest_port(bridge_log), "the bridge serves", seconds=START_SECONDS
        )
        given = variables.get("TOKENSMITH_DATABASE_URL")
        yield Installation(
            base_url=f"http://127.0.0.1:{port}/v1",
            grpc=grpc,
            database_url=given or f"sqlite:///{data_dir / 'tokensmith.db'}",
            data_dir=data_dir,
            server=server,
            bridge=bridge,
            printed=lambda: server_log.read_text() + bridge_log.read_text(),
        )


@contextmanager
def _running(
    command: str, data_dir: Path, env: dict[str, str]
) -> "Iterator[tuple[subprocess.Popen[bytes], Path]]":
    path = data_dir.parent / f"{command}.stderr"
    with path.open("wb") as log:
        process = subprocess.Popen(
            [TOKENSMITH, command], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield process, path
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(STOP_SECONDS)


def _grpc_address(log: Path) -> str:
    for line in log.read_text().splitlines():
        if line.startswith("gRPC on "):
            return line.removeprefix("gRPC on ")
    return ""


def _rest_port(log: Path) -> int:
    for line in log.read_text().splitlines():
        if '"listening"' in line:
            port: int = msgspec.json.decode(line)["port"]
            return port
    return 0


# Becomes the head of a session whose terminal is standard input, and then another program.
_ON_TERMINAL = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " os.execv(sys.argv[1], sys.argv[1:])"
)


@contextmanager
def running_on_a_terminal(
    data_dir: Path, variables: dict[str, str]
) -> Iterator[tuple[Installation, Callable[[], None]]]:
    """``tokensmith up`` on a terminal of its own, and what closes that."""
    held, terminal = os.openpty()
    open_ends = [held]

    def close_terminal() -> None:
        os.close(open_ends.pop())

    try:
        process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, TOKENSMITH, "up"],
            # Nobody reads the terminal, which holds a few lines.
            env=environment(data_dir, TOKENSMITH_LOG_LEVEL="warning", **variables),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
    finally:
        os.close(terminal)
    gateway = Gateway(process, data_dir, variables, data_dir)
    try:
        gateway.wait_ready()
        yield _all_in_one(gateway, str), close_terminal
    finally:
        if process.poll() is None:
            gateway.kill()
        if open_ends:
            close_terminal()


def _all_in_one(gateway: Gateway, printed: Callable[[], str]) -> Installation:
    return Installation(
        base_url=gateway.base_url,
        grpc=gateway.where.grpc,
        database_url=gateway.database_url,
        data_dir=gateway.data_dir,
        server=gateway.process,
        bridge=gateway.process,
        printed=printed,
    )
