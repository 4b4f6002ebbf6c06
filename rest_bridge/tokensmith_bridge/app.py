"""Composition root of the bridge: an application on a channel, and a listener for it."""

import asyncio
import functools
import socket
from typing import Final

import grpc.aio
import structlog
from aiohttp import web
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy

from tokensmith_bridge.backend import Backend
from tokensmith_bridge.config import BridgeSettings, split_listen
from tokensmith_bridge.connection import ConnectionLimits, GuardedConnection
from tokensmith_bridge.middleware import Nowhere, Outermost, meet_expectation
from tokensmith_bridge.routes import endpoints

_log = structlog.get_logger("tokensmith.bridge")

_BACKLOG: Final = 1024


def build_app(settings: BridgeSettings, channel: grpc.aio.Channel) -> web.Application:
    """The bridge as an aiohttp application.

    Args:
        settings: limits and times.
        channel: to the server, over the network or within the process. The caller closes it, after
            the application has ended.
    """
    backend = Backend(channel)
    table = endpoints(backend, settings)
    outermost = Outermost(backend, key_check_seconds=settings.key_check_seconds)
    nowhere = Nowhere(table)
    app = web.Application()
    app.router.add_routes(
        [
            web.route(
                endpoint.method,
                endpoint.path,
                outermost.around(endpoint.name, endpoint.handler),
                expect_handler=meet_expectation,
            )
            for endpoint in table
        ]
    )
    # Last, since the first that matches answers.
    app.router.add_route(
        "*",
        "/{path:.*}",
        outermost.around(nowhere.route, nowhere.answer),
        expect_handler=meet_expectation,
    )
    return app


class BridgeListener:
    """An application that takes connections, guarded. Made by ``start_listener``."""

    def __init__(self, runner: web.AppRunner, server: asyncio.Server) -> None:
        self._runner = runner
        self._server = server
        # What the settings asked for, or what they got where they asked for any (0).
        self.port: int = server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Take no more connections, let requests run for ``drain_seconds``, and cut the rest."""
        self._server.close()
        await self._runner.cleanup()


async def start_listener(
    app: web.Application,
    settings: BridgeSettings,
    *,
    reuse_port: bool = False,
    sock: socket.socket | None = None,
) -> BridgeListener:
    """Serve ``app`` at ``settings.rest_listen``, or on a socket that is bound already.

    Raises:
        OSError: the address can't be had.
    """
    if HttpRequestParser is HttpRequestParserPy:
        # Most of HTTP's smuggling tricks were found to work on the fallback.
        _log.warning("aiohttp runs without its C parser")
    runner = web.AppRunner(
        app,
        # A client that goes away cancels its handler, and that the call to the server.
        handler_cancellation=True,
        shutdown_timeout=settings.drain_seconds,
    )
    await runner.setup()
    manager = runner.server
    assert manager is not None  # noqa: S101 - what setup() is for
    loop = asyncio.get_running_loop()
    connection = functools.partial(
        GuardedConnection,
        manager,
        limits=ConnectionLimits(
            connections_max=settings.connections_max,
            per_address_max=settings.connections_per_address_max,
        ),
        settings=settings,
        loop=loop,
        keepalive_timeout=settings.keepalive_seconds,
        lingering_time=settings.linger_seconds,
        max_line_size=settings.head_bytes_max,
        max_field_size=settings.head_bytes_max,
        # Compressed bodies are refused; nobody gets to inflate them before that.
        auto_decompress=False,
        access_log=None,
    )
    try:
        if sock is not None:
            server = await loop.create_server(connection, sock=sock, backlog=_BACKLOG)
        else:
            host, port = split_listen(settings.rest_listen)
            server = await loop.create_server(
                connection, host, port, reuse_port=reuse_port or None, backlog=_BACKLOG
            )
    except BaseException:
        await runner.cleanup()
        raise
    return BridgeListener(runner, server)
