"""The product's own processes, as a person starts them: ``tokensmith up``, the simulator.

Every process gets free ports, an environment without leftovers, and a folder for what it prints.
A gateway has a pipe as standard input of its simulator and workers, so that nothing outlives a
test run that is killed.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.support.waiting import eventually
from tokensmith_gateway.whereabouts import Whereabouts, read_whereabouts

TOKENSMITH = str(Path(sys.executable).parent / "tokensmith")
START_SECONDS = 60.0
STOP_SECONDS = 40.0

# Recovery in moments instead of a minute, for tests that kill.
SHORT_WINDOWS: Mapping[str, str] = {
    "TOKENSMITH_RECONCILE_SECONDS": "1",
    "TOKENSMITH_OWNER_SILENT_SECONDS": "1",
    "TOKENSMITH_SWEEP_SECONDS": "0.2",
}


def environment(data_dir: Path, **variables: str) -> dict[str, str]:
    """What a gateway's process sees: this one's environment without our variables, and these."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TOKENSMITH_")}
    return kept | {
        "TOKENSMITH_DATA_DIR": str(data_dir),
        "TOKENSMITH_REST_LISTEN": "127.0.0.1:0",
        "TOKENSMITH_GRPC_LISTEN": "127.0.0.1:0",
        "TOKENSMITH_LOG_FORMAT": "json",
        **variables,
    }


@dataclass
class Gateway:
    """One ``tokensmith up`` and where it serves."""

    process: "subprocess.Popen[bytes]"
    data_dir: Path
    variables: dict[str, str]
    output: Path
    where: Whereabouts = field(init=False)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def base_url(self) -> str:
        return f"http://{self.where.rest}/v1"

    @property
    def database_url(self) -> str:
        given = self.variables.get("TOKENSMITH_DATABASE_URL")
        return given or f"sqlite:///{self.data_dir / 'tokensmith.db'}"

    @property
    def demo_key(self) -> str:
        return (self.data_dir / "demo.key").read_text(encoding="ascii").strip()

    def printed(self) -> str:
        """Everything that its processes wrote on standard output and error so far."""
        return "".join(
            path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(self.output.glob("*.std*"))
        )

    def wait_ready(self) -> None:
        """Wait until it serves.

        Raises:
            AssertionError: it ended before.
        """

        def look() -> Whereabouts | None:
            where = read_whereabouts(self.data_dir)
            if where is not None and where.pid == self.pid:
                return where
            assert self.process.poll() is None, self.printed()
            return None

        where = eventually(look, "the gateway serves", seconds=START_SECONDS)
        assert where is not None
        self.where = where

    def terminate(self) -> None:
        """Ask it to go down."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a chance to do anything, and wait for that."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def wait(self) -> int:
        """Wait until it has ended; its exit code."""
        return self.process.wait(STOP_SECONDS)

    def stop(self) -> int:
        """Go down in order; its exit code."""
        self.terminate()
        return self.wait()

    def cli(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run another ``tokensmith`` command beside it, on the same settings."""
        return run_cli(*arguments, env=environment(self.data_dir, **(self.variables | variables)))

    def cli_json(self, *arguments: str) -> Any:
        """What a command prints with ``--json``."""
        done = self.cli(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return msgspec.json.decode(done.stdout)


def run_cli(*arguments: str, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a ``tokensmith`` command to its end."""
    return subprocess.run(
        [TOKENSMITH, *arguments],
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def start_gateway(data_dir: Path, *arguments: str, **variables: str) -> Gateway:
    """Begin a ``tokensmith up``; ``wait_ready`` waits for it. The caller ends it."""
    output = data_dir.parent / f"{data_dir.name}-output"
    output.mkdir(parents=True, exist_ok=True)
    number = len(list(output.iterdir()))
    with (
        (output / f"{number:03d}.stdout").open("wb") as stdout,
        (output / f"{number:03d}.stderr").open("wb") as stderr,
    ):
        process = subprocess.Popen(
            [TOKENSMITH, "up", *arguments],
            env=environment(data_dir, **variables),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    return Gateway(process, data_dir, variables, output)


@contextmanager
def running_gateway(data_dir: Path, *arguments: str, **variables: str) -> Iterator[Gateway]:
    """A gateway that serves; whatever is left of it is killed in the end."""
    gateway = start_gateway(data_dir, *arguments, **variables)
    try:
        gateway.wait_ready()
        yield gateway
    finally:
        if gateway.process.poll() is None:
            gateway.terminate()
            try:
                gateway.wait()
            except subprocess.TimeoutExpired:
                gateway.kill()


class Simulator:
    """The upstream simulator as a process of its own, which outlives the gateways of a test."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self._http = httpx.Client(base_url=origin, timeout=10.0, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def inject(self, kind: str, **fields: Any) -> None:
        """Queue a fault; see the simulator's README."""
        self._http.post("/_control/faults", json={"kind": kind, **fields}).raise_for_status()

    def release(self) -> None:
        """Let requests that hang or stall carry on."""
        self._http.post("/_control/release").raise_for_status()

    def calls(self, marker: str) -> list[dict[str, Any]]:
        """The journal's entries of requests whose body has ``marker`` in it, oldest first."""
        entries = self._http.get("/_control/journal").raise_for_status().json()["entries"]
        return [entry for entry in entries if marker in msgspec.json.encode(entry["body"]).decode()]

    def wait_for_call(self, marker: str) -> dict[str, Any]:
        """Wait until the first such request has arrived."""
        return eventually(lambda: self.calls(marker), f"a call with {marker!r} upstream")[0]

    def recover(self) -> None:
        """Forget faults, and let what hangs carry on."""
        self._http.delete("/_control/faults").raise_for_status()
        self.release()

    def reset(self) -> None:
        """Forget faults, pace and journal."""
        for path in ("faults", "pace", "journal"):
            self._http.delete(f"/_control/{path}").raise_for_status()


@contextmanager
def running_simulator_process(arguments: Sequence[str] = ()) -> Iterator[Simulator]:
    """A simulator process that serves."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tokensmith_simulator", "--listen", "127.0.0.1:0"),
            *("--until-stdin-closes", *arguments),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        ready = msgspec.json.decode(process.stdout.readline())
        simulator = Simulator(ready["origin"])
        try:
            yield simulator
        finally:
            simulator.close()
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(STOP_SECONDS)


def descendants(pid: int) -> set[int]:
    """The process ids below one, at any depth (Linux)."""
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            children = {int(child) for child in task.read_text().split()}
            waiting.extend(children - found)
            found |= children
    return found


def is_running(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be reaped does not (Linux)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rpartition(")")[2].split()[0] != "Z"
