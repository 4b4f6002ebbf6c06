"""The gRPC server on the network: limits, keepalive, health, and, in development, reflection."""

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from tokensmith_server.rpc.decoding import MESSAGE_BYTES_MAX, RequestReader
from tokensmith_server.rpc.interceptors import AuthLayer
from tokensmith_server.rpc.layer import LayerStack

# What the transport itself cuts off; it knows no reasons. Ours are given from MESSAGE_BYTES_MAX on.
_TRANSPORT_MESSAGE_BYTES_MAX = MESSAGE_BYTES_MAX + 8 * 1024 * 1024
_STREAMS_PER_CONNECTION_MAX = 1_000
_METADATA_BYTES_MAX = 16 * 1024
# Whoever asks for health asks more often than this.
_WATCHED_SECONDS = 60.0


def build_network_server(layers: LayerStack, *, share_port: bool) -> grpc.aio.Server:
    """A server without services and without a port yet.

    ``share_port`` lets several processes listen on the same address; without it a second one is
    refused instead of quietly taking half of the calls.
    """
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", _TRANSPORT_MESSAGE_BYTES_MAX),
        ("grpc.max_send_message_length", _TRANSPORT_MESSAGE_BYTES_MAX),
        ("grpc.max_metadata_size", _METADATA_BYTES_MAX),
        ("grpc.max_concurrent_streams", _STREAMS_PER_CONNECTION_MAX),
        ("grpc.so_reuseport", int(share_port)),
        # Clients may ping every 30 seconds; we ping silent ones and drop the dead.
        ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 30_000),
        ("grpc.keepalive_time_ms", 120_000),
        ("grpc.keepalive_timeout_ms", 20_000),
    ]
    reader = RequestReader(layers.get(AuthLayer).remembers)
    return grpc.aio.server(interceptors=(layers, reader), options=options)


class _NotingServicer(HealthServicer):
    """Notes who asks, besides answering."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_at = -math.inf
        self.watchers = 0

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.asked_at = asyncio.get_running_loop().time()
        return await super().Check(request, context)

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802
        self.watchers += 1
        try:
            await super().Watch(request, context)
        finally:
            self.watchers -= 1


class Health:
    """``grpc.health.v1`` for the whole server and for each service.

    Serving is a process that is open and whose ledger answers.
    """

    def __init__(self, services: Sequence[str]) -> None:
        self._services = ("", *services)
        self._open = False
        self._ledger_answers = True
        self.servicer = _NotingServicer()

    def add_to(self, server: Any) -> None:
        """Register the health service."""
        health_pb2_grpc.add_HealthServicer_to_server(self.servicer, server)

    async def set_serving(self, serving: bool) -> None:
        """Say whether the process takes calls at all: it is open, and not going down."""
        self._open = serving
        await self._publish()

    async def set_ledger_answers(self, answers: bool) -> None:
        """Say whether the ledger answers; without it every call is refused."""
        self._ledger_answers = answers
        await self._publish()

    def is_watched(self) -> bool:
        """Whether somebody, most likely a balancer, goes by what is said here."""
        silent_seconds = asyncio.get_running_loop().time() - self.servicer.asked_at
        return self.servicer.watchers > 0 or silent_seconds < _WATCHED_SECONDS

    async def _publish(self) -> None:
        status = (
            health_pb2.HealthCheckResponse.SERVING
            if self._open and self._ledger_answers
            else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for service in self._services:
            await self.servicer.set(service, status)


def enable_reflection(server: grpc.aio.Server, services: Sequence[str]) -> None:
    """Let tools ask the server for its contract."""
    reflection.enable_server_reflection(
        (
            *services,
            health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,
            reflection.SERVICE_NAME,
        ),
        server,
    )
