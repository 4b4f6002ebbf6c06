"""Runs a server process on the network: port, signals, drain."""

import asyncio
import gc
import signal
from collections.abc import Callable

import grpc.aio
import structlog
from prometheus_client import start_http_server

from tokensmith_server.app import SERVICES, ServerApp, open_app
from tokensmith_server.config import Profile, ServerSettings
from tokensmith_server.rpc.server import build_network_server, enable_reflection

_log = structlog.get_logger(__name__)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def freeze_collector() -> None:
    """Keep what start-up made out of the collector's sight; collect the rest rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def listen(app: ServerApp, *, share_port: bool) -> tuple[grpc.aio.Server, int]:
    """Open the gRPC port of an app; returns the server and the port it got.

    Raises:
        OSError: the address is taken or not ours.
    """
    server = build_network_server(app.layers, share_port=share_port)
    app.add_to(server)
    if app.settings.profile is Profile.DEVELOPMENT:
        enable_reflection(server, SERVICES)
    listen_address = app.settings.grpc_listen
    try:
        port = server.add_insecure_port(listen_address)
    except RuntimeError as error:
        # gRPC's own words name an environment variable of its own and not the reason.
        raise OSError(
            f"cannot listen on {listen_address} (TOKENSMITH_GRPC_LISTEN): the address is taken,"
            " or not one of this machine's"
        ) from error
    await server.start()
    return server, port


async def drain(app: ServerApp, server: grpc.aio.Server) -> None:
    """Refuse new calls, let the running ones end in their grace, cancel the rest."""
    await app.refuse_new_calls()
    await server.stop(app.drain_seconds_left())


async def serve(
    settings: ServerSettings, *, ready: Callable[[str], object], share_port: bool = False
) -> None:
    """Serve until a signal comes. ``ready`` gets the address once calls are taken."""
    async with open_app(settings) as app:
        server, port = await listen(app, share_port=share_port)
        if settings.metrics_listen:
            host, _, metrics_port = settings.metrics_listen.rpartition(":")
            start_http_server(int(metrics_port), host)
        stop = stop_on_signals()
        freeze_collector()
        host = settings.grpc_listen.rpartition(":")[0]
        ready(f"{host}:{port}")
        await stop.wait()
        _log.info("server.draining", calls=len(app.supervisor))
        await drain(app, server)
