"""``tokensmith up``: everything a newcomer or a single machine needs, in the foreground.

Migrates, starts the simulator for the providers that have no key, makes the demo account on an
empty database, and serves: in this process, or in several that share the ports.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog

from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.metrics_listener import serve_metrics
from tokensmith_gateway.all_in_one import Addresses, Running, serve_until_stopped
from tokensmith_gateway.banner import banner
from tokensmith_gateway.children import Child, ChildFailed, start_child
from tokensmith_gateway.demo import ensure_demo
from tokensmith_gateway.environment import (
    Environment,
    check_listeners,
    check_providers,
    read_server,
)
from tokensmith_gateway.ports import shared_address
from tokensmith_gateway.settings import GatewaySettings
from tokensmith_gateway.whereabouts import Whereabouts, announced
from tokensmith_server.clock import SystemClock
from tokensmith_server.config import ServerSettings
from tokensmith_server.signals import StopSignals
from tokensmith_server.storage import migrate
from tokensmith_server.storage.address import parse_database_url
from tokensmith_server.storage.causes import cause_of
from tokensmith_server.storage.engine import ServerLock
from tokensmith_server.storage.errors import StorageError
from tokensmith_server.storage.storage import open_storage

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class UpSettings:
    """The three sets of settings of an all-in-one installation."""

    gateway: GatewaySettings
    server: ServerSettings
    bridge: BridgeSettings

    @classmethod
    def from_environment(cls, *, workers: int | None = None) -> "UpSettings":
        """Read the environment; ``workers`` goes before what it says.

        Raises:
            SettingsError: variables are not valid, each or together; lists every problem.
        """
        environment = Environment()
        given = {} if workers is None else {"workers": workers}
        gateway = environment.read(GatewaySettings, **given)
        server = read_server(environment)
        bridge = environment.read(BridgeSettings)
        check_providers(environment, server)
        check_listeners(
            environment,
            {
                "REST_LISTEN": bridge.rest_listen,
                "GRPC_LISTEN": server.grpc_listen,
                "METRICS_LISTEN": bridge.metrics_listen,
            },
        )
        if gateway.workers > 1 and server.database.startswith("sqlite"):
            environment.note(
                "WORKERS",
                f"{gateway.workers} workers need PostgreSQL, since SQLite has one server process:"
                " set TOKENSMITH_DATABASE_URL=postgresql://...",
            )
        environment.require_valid()
        return cls(gateway, server, bridge)


async def up(settings: UpSettings) -> None:
    """Serve until a signal comes.

    Raises:
        StorageError: the database or the data directory can't be used.
        ChildFailed: the simulator or a worker did not start, or workers keep ending.
        OSError: an address is taken.
    """
    _make_data_dir(settings.server.data_dir)
    _migrate(settings.server.database)
    async with AsyncExitStack() as stack:
        server_settings = await _with_simulator(settings.server, stack)
        secret = await _demo_key(settings)
        announcement = stack.enter_context(announced(settings.server.data_dir))
        signals = StopSignals()

        def announce(addresses: Addresses) -> None:
            public_url = settings.gateway.public_url or f"http://{addresses.rest}"
            announcement.publish(
                Whereabouts(
                    pid=os.getpid(),
                    rest=addresses.rest,
                    grpc=addresses.grpc,
                    public_url=public_url,
                    simulator=server_settings.simulator_url or None,
                )
            )
            sys.stdout.write(banner(public_url, addresses.grpc, secret, server_settings))
            sys.stdout.flush()

        if settings.gateway.workers > 1:
            await _serve_with_workers(settings, server_settings, signals, announce)
            return
        await stack.enter_async_context(serve_metrics(settings.bridge.metrics_listen))

        def ready(process: Running) -> None:
            announce(process.addresses)

        await serve_until_stopped(server_settings, settings.bridge, signals, ready=ready)


def _make_data_dir(path: Path) -> None:
    """Make the folder for its owner alone, if it is not there.

    Raises:
        StorageError: it can't be made, or nothing can be written into it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise StorageError(
            f"cannot use the data directory {path} (TOKENSMITH_DATA_DIR): {cause_of(error)}"
        ) from error


def _migrate(database_url: str) -> None:
    """Bring the database to our schema, but not under a server that uses the SQLite file.

    Raises:
        StorageError: it can't be, or another server has the file.
    """
    address = parse_database_url(database_url)
    with ExitStack() as held:
        if address.sqlite_path is not None and migrate.exists(address):
            lock = ServerLock(address.sqlite_path)
            lock.acquire()
            held.callback(lock.release)
        migrate.upgrade(database_url)


async def _with_simulator(settings: ServerSettings, stack: AsyncExitStack) -> ServerSettings:
    """The settings with a simulator for the providers that have no key of their own."""
    if settings.simulator_url or not settings.keyless:
        return settings
    simulator = await start_child(
        "upstream simulator",
        "tokensmith_simulator",
        ("--listen", "127.0.0.1:0", "--until-stdin-closes"),
    )
    stack.push_async_callback(simulator.stop)
    return settings.model_copy(update={"simulator_url": simulator.ready["origin"]})


async def _demo_key(settings: UpSettings) -> str | None:
    async with open_storage(
        settings.server.database, owner="up", clock=SystemClock(), server=False
    ) as store:
        return await ensure_demo(
            store, settings.server.data_dir, credits_granted=settings.gateway.demo_credits
        )


class _Workers:
    """The worker processes, each started again when it dies by itself."""

    def __init__(self, count: int, environment: dict[str, str], restarts_per_minute: int) -> None:
        self._count = count
        self._environment = environment
        self._restarts_per_minute = restarts_per_minute
        self._restarts: deque[float] = deque()
        self._children: dict[int, Child] = {}

    async def start(self) -> Addresses:
        """Start all; the addresses they share."""
        await asyncio.gather(*(self._start(number) for number in range(self._count)))
        ready = self._children[0].ready
        return Addresses(rest=ready["rest"], grpc=ready["grpc"])

    async def watch(self, number: int) -> None:
        """Start a worker again whenever it ends.

        Raises:
            ChildFailed: workers ended too often in a minute, or one does not start again.
        """
        while True:
            code = await self._children[number].wait()
            _log.error("worker.ended", worker=number, exit_code=code)
            now = time.monotonic()
            self._restarts.append(now)
            while self._restarts and self._restarts[0] < now - 60:
                self._restarts.popleft()
            if len(self._restarts) > self._restarts_per_minute:
                raise ChildFailed(
                    f"workers ended {len(self._restarts)} times within a minute; the last one with"
                    f" exit code {code}"
                )
            await self._start(number)

    async def stop(self, grace_seconds: float) -> None:
        """Drain all at once."""
        children = self._children.values()
        await asyncio.gather(*(child.stop(grace_seconds) for child in children))

    def hurry(self) -> None:
        """Have all end at once."""
        for child in self._children.values():
            child.hurry()

    async def _start(self, number: int) -> None:
        self._children[number] = await start_child(
            f"worker {number}", "tokensmith_gateway.all_in_one", (), self._environment
        )
        _log.info("worker.started", worker=number, pid=self._children[number].pid)


async def _serve_with_workers(
    settings: UpSettings,
    server_settings: ServerSettings,
    signals: StopSignals,
    announce: Callable[[Addresses], None],
) -> None:
    """Supervise the workers until a signal comes.

    Raises:
        ChildFailed: a worker did not start, or workers keep ending.
        OSError: an address is taken.
    """
    with (
        shared_address(settings.bridge.rest_listen, "TOKENSMITH_REST_LISTEN") as rest,
        shared_address(settings.server.grpc_listen, "TOKENSMITH_GRPC_LISTEN") as grpc,
    ):
        environment = dict(os.environ) | {
            "TOKENSMITH_SIMULATOR_URL": server_settings.simulator_url,
            "TOKENSMITH_REST_LISTEN": rest,
            "TOKENSMITH_GRPC_LISTEN": grpc,
        }
        count = settings.gateway.workers
        workers = _Workers(count, environment, settings.gateway.restarts_per_minute)
        stopped = asyncio.ensure_future(signals.stop.wait())
        hurried = asyncio.ensure_future(signals.at_once.wait())
        hurried.add_done_callback(lambda _: workers.hurry())
        try:
            announce(await workers.start())
            watches = [asyncio.ensure_future(workers.watch(number)) for number in range(count)]
            done, _ = await asyncio.wait((stopped, *watches), return_when=asyncio.FIRST_COMPLETED)
            for task in (stopped, *watches):
                task.cancel()
            for task in done - {stopped}:
                task.result()
        finally:
            # A worker keeps to its own grace; this is for one that does not end at all.
            await workers.stop(2 * settings.server.drain_seconds + 10)
            hurried.cancel()
