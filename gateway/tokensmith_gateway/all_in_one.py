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
import structlog
import uvloop

from tokensmith_bridge.app import build_app, start_listener
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.metrics_listener import serve_metrics
from tokensmith_gateway.children import stdin_closed
from tokensmith_gateway.inprocess import InProcessChannel, InProcessServer
from tokensmith_server.app import ServerApp, open_app
from tokensmith_server.config import ServerSettings
from tokensmith_server.logs import configure_logs
from tokensmith_server.serve import drain, freeze_collector, listen, stop_on_signals

_log = structlog.get_logger(__name__)


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
    server_settings: ServerSettings, bridge_settings: BridgeSettings, *, share_ports: bool = False
) -> AsyncIterator[Running]:
    """Open everything; on leaving, drain: no new calls, running ones end, then all is closed.

    Raises:
        OSError: an address is taken.
        StorageError, LedgerUnavailable, CatalogError: as ``open_app``.
    """
    async with open_app(server_settings) as app, AsyncExitStack() as servers:
        network, grpc_port = await listen(app, share_port=share_ports)
        servers.push_async_callback(drain, app, network)
        within = InProcessServer(interceptors=(app.layers,))
        app.add_to(within)
        await within.start()
        servers.push_async_callback(_stop_within, within, app)
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
                    grpc=_with_port(server_settings.grpc_listen, grpc_port),
                ),
            )
        finally:
            _log.info("draining", calls=len(app.supervisor))
            await app.refuse_new_calls()
            # Both at once: each waits for its own calls, and the grace is one.
            await asyncio.gather(bridge.stop(), drain(app, network))


async def _stop_within(server: InProcessServer, app: ServerApp) -> None:
    await server.stop(app.drain_seconds_left())


def _with_port(listen_address: str, port: int) -> str:
    return f"{listen_address.rpartition(':')[0]}:{port}"


async def serve_until_stopped(
    server_settings: ServerSettings,
    bridge_settings: BridgeSettings,
    *,
    ready: Callable[[Running], None],
    share_ports: bool = False,
    also_stop: Callable[[], "asyncio.Future[None]"] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT comes, or until what ``also_stop`` starts is done."""
    stop = stop_on_signals()
    async with running(server_settings, bridge_settings, share_ports=share_ports) as process:
        freeze_collector()
        ready(process)
        watcher = also_stop() if also_stop is not None else None
        if watcher is not None:
            watcher.add_done_callback(lambda _: stop.set())
        await stop.wait()
        if watcher is not None:
            watcher.cancel()


async def _serve_as_worker() -> None:
    bridge_settings = BridgeSettings()

    def ready(process: Running) -> None:
        line = {"rest": process.addresses.rest, "grpc": process.addresses.grpc}
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        sys.stdout.flush()

    async with serve_metrics(bridge_settings.metrics_listen):
        await serve_until_stopped(
            ServerSettings(),
            bridge_settings,
            ready=ready,
            share_ports=True,
            also_stop=lambda: asyncio.ensure_future(stdin_closed()),
        )


def main() -> None:
    """Run one worker of ``tokensmith up --workers N``."""
    settings = ServerSettings()
    configure_logs(settings.log_format, settings.log_level)
    uvloop.run(_serve_as_worker())


if __name__ == "__main__":
    main()
