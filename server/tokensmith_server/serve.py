"""Runs a server process on the network."""

import gc
from collections.abc import Callable

from prometheus_client import start_http_server

from tokensmith_server.app import SERVICES, ServerApp, open_app
from tokensmith_server.config import Profile, ServerSettings
from tokensmith_server.going_down import GRPCListener, go_down
from tokensmith_server.listen_address import require_free, split_listen
from tokensmith_server.rpc.server import build_network_server, enable_reflection
from tokensmith_server.signals import StopSignals


def freeze_collector() -> None:
    """Keep what start-up made out of the collector's sight; collect the rest rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def listen(app: ServerApp, *, share_port: bool) -> GRPCListener:
    """Open the gRPC port of an app.

    Raises:
        OSError: the address is taken or not ours; names the setting.
    """
    listen_address = app.settings.grpc_listen
    require_free(listen_address, "TOKENSMITH_GRPC_LISTEN", share_port=share_port)
    server = build_network_server(app.layers, share_port=share_port)
    app.add_to(server)
    if app.settings.profile is Profile.DEVELOPMENT:
        enable_reflection(server, SERVICES)
    try:
        port = server.add_insecure_port(listen_address)
    except RuntimeError as error:
        # Taken since we looked. gRPC's words name a variable of its own, and not the reason.
        raise OSError(
            f"cannot listen on {listen_address} (TOKENSMITH_GRPC_LISTEN): the address is taken,"
            " or not one of this machine's"
        ) from error
    await server.start()
    return GRPCListener(server, port)


async def serve(
    settings: ServerSettings, *, ready: Callable[[str], object], share_port: bool = False
) -> None:
    """Serve until a signal comes. ``ready`` gets the address once calls are taken.

    Raises:
        OSError: an address is taken or not ours; names the setting.
    """
    async with open_app(settings) as app:
        if settings.metrics_listen:
            _serve_metrics(settings.metrics_listen)
        listener = await listen(app, share_port=share_port)
        signals = StopSignals()
        freeze_collector()
        host = settings.grpc_listen.rpartition(":")[0]
        ready(f"{host}:{listener.port}")
        await signals.stop.wait()
        await go_down(app, (listener,), signals.at_once)


def _serve_metrics(listen_address: str) -> None:
    require_free(listen_address, "TOKENSMITH_METRICS_LISTEN", share_port=False)
    host, port = split_listen(listen_address)
    start_http_server(port, host or "0.0.0.0")  # noqa: S104 - what no host means elsewhere
