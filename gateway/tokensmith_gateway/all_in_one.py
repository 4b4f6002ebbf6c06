"""One process that is both server and bridge, with no wire between them.

The bridge reaches the server through the in-process channel; outside callers reach the same
servicers over gRPC. ``python -m tokensmith_gateway.all_in_one`` is one worker of several that
share the ports.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import msgspec
import uvloop

from tokensmith_bridge.app import build_app, start_listener
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.metrics_listener import serve_metrics
from tokensmith_gateway.children import stdin_closed
from tokensmith_gateway.inprocess import InProcessChannel, InProcessServer
from tokensmith_server.app import ServerApp, open_app
from tokensmith_server.config import ServerSettings
from tokensmith_server.going_down import TELLING_SECONDS, go_down
from tokensmith_server.logs import configure_logs
from tokensmith_server.serve import freeze_collector, listen
from tokensmith_server.signals import StopSignals


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a process listens, ports filled in."""

    rest: str
    grpc: str


@dataclass(frozen=True, slots=True)
class Running:
    """An all-in-one process that takes calls."""

    app: ServerApp
    addresses: Addresses


@asynccontextmanager
async def running(
    server_settings: ServerSettings,
    bridge_settings: BridgeSettings,
    *,
    share_ports: bool = False,
    at_once: asyncio.Event | None = None,
) -> AsyncIterator[Running]:
    """Open everything; on leaving, go down: no new calls, running ones end, then all is closed.

    ``at_once`` cuts the grace of running calls short.

    Raises:
        OSError: an address is taken.
        StorageError, LedgerUnavailable, CatalogError: as ``open_app``.
    """
    async with open_app(server_settings) as app, AsyncExitStack() as servers:
        network = await listen(app, share_port=share_ports)
        servers.push_async_callback(network.stop)
        within = InProcessServer(interceptors=(app.layers,))
        app.add_to(within)
        await within.start()
        servers.push_async_callback(within.stop, TELLING_SECONDS)
        channel = InProcessChannel(within)
        servers.push_async_callback(channel.close)
        bridge = await start_listener(
            build_app(bridge_settings, channel), bridge_settings, reuse_port=share_ports
        )
        try:
            yield Running(
                app,
                Addresses(
                    rest=_with_port(bridge_settings.rest_listen, bridge.port),
                    grpc=_with_port(server_settings.grpc_listen, network.port),
                ),
            )
        finally:
            await go_down(app, (bridge, network), at_once or asyncio.Event())


def _with_port(listen_address: str, port: int) -> str:
    return f"{listen_address.rpartition(':')[0]}:{port}"


async def serve_until_stopped(
    server_settings: ServerSettings,
    bridge_settings: BridgeSettings,
    signals: StopSignals,
    *,
    ready: Callable[[Running], None],
    share_ports: bool = False,
) -> None:
    """Serve until ``signals`` say otherwise."""
    async with running(
        server_settings, bridge_settings, share_ports=share_ports, at_once=signals.at_once
    ) as process:
        freeze_collector()
        ready(process)
        await signals.stop.wait()


async def _serve_as_worker() -> None:
    bridge_settings = BridgeSettings()

    def ready(process: Running) -> None:
        line = {"rest": process.addresses.rest, "grpc": process.addresses.grpc}
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        sys.stdout.flush()

    # A second signal hurries the parent, which then sends this worker one that is both steps.
    signals = StopSignals(hurries=False)
    orphaned = asyncio.create_task(stdin_closed())
    orphaned.add_done_callback(lambda _: signals.stop.set())
    try:
        async with serve_metrics(bridge_settings.metrics_listen):
            await serve_until_stopped(
                ServerSettings(), bridge_settings, signals, ready=ready, share_ports=True
            )
    finally:
        orphaned.cancel()


def main() -> None:
    """Run one worker of ``tokensmith up --workers N``."""
    settings = ServerSettings()
    configure_logs(settings.log_format, settings.log_level)
    uvloop.run(_serve_as_worker())


if __name__ == "__main__":
    main()
