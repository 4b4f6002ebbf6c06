"""A running server's routes as its operator sees them: asked over gRPC, flattened to rows."""

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio
import msgspec

from tokensmith.v1 import admin_service_pb2 as admin_pb
from tokensmith.v1.admin_service_pb2_grpc import AdminServiceStub

_ASK_SECONDS = 5.0
_PAGE_SIZE = 200
_UNWELL = frozenset({"operator_auth", "operator_credit"})


class RouteRow(msgspec.Struct, frozen=True):
    """A route with one key, as a line.

    Attributes:
        route: Provider and upstream model.
        credential: The key's name.
        fit: Whether a try may be sent now.
        out_seconds: How long until one may be; none when it is fit.
        reason: Why not, in the attempts' words.
        probing: Whether the next try only shows whether it is well again.
        error_rate: Share of failures of late.
        first_byte_seconds: Of streams, of late.
        tries: Since the process began.
        failures: Of these.
        in_flight: Tries with the key that have not ended.
        models: What it serves, like ``gpt-5.4 (group 1, weight 3)``.
    """

    route: str
    credential: str
    fit: bool
    out_seconds: float | None
    reason: str | None
    probing: bool
    error_rate: float
    first_byte_seconds: float | None
    tries: int
    failures: int
    in_flight: int
    models: tuple[str, ...]

    @property
    def needs_operator(self) -> bool:
        """Whether the provider refuses the key, or its account there has no credit."""
        return self.reason in _UNWELL


class RouteReport(msgspec.Struct, frozen=True):
    """What one process says of its routes."""

    process: str
    rows: tuple[RouteRow, ...]


def ask_routes(target: str, token: str) -> RouteReport:
    """Ask the server at ``host:port``.

    Raises:
        OSError: it does not answer, or takes the token for none; says which.
    """
    try:
        return asyncio.run(_ask(target, token))
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            raise OSError(f"{target} does not take the operator's token") from None
        raise OSError(f"{target} does not answer ({error.code().name})") from None


async def _ask(target: str, token: str) -> RouteReport:
    metadata = (("authorization", f"Bearer {token}"),)
    rows: list[RouteRow] = []
    page = admin_pb.ListRoutesResponse()
    async with grpc.aio.insecure_channel(target) as channel:
        stub: Any = AdminServiceStub(channel)
        while True:
            request = admin_pb.ListRoutesRequest(
                page_size=_PAGE_SIZE, page_token=page.next_page_token
            )
            page = await stub.ListRoutes(request, metadata=metadata, timeout=_ASK_SECONDS)
            rows += rows_of(page.routes)
            if not page.next_page_token:
                return RouteReport(page.process, tuple(rows))


def rows_of(routes: Sequence[admin_pb.Route]) -> list[RouteRow]:
    """One row for each route and key."""
    return [_row(route, lane) for route in routes for lane in route.lanes]


def _row(route: admin_pb.Route, lane: admin_pb.Lane) -> RouteRow:
    breakers = (route.health, lane.health, lane.credential_health)
    # The longest wait decides, and says why.
    wait_seconds, reason = max(
        (_seconds(health, "wait") or 0.0, health.reason) for health in breakers
    )
    latency = _seconds(lane.health, "first_byte_latency")
    return RouteRow(
        route=route.name,
        credential=lane.credential,
        fit=wait_seconds == 0.0,
        out_seconds=wait_seconds or None,
        reason=reason or None,
        probing=any(
            health.breaker == admin_pb.RouteHealth.BREAKER_STATE_HALF_OPEN for health in breakers
        ),
        error_rate=lane.health.error_rate,
        first_byte_seconds=latency,
        tries=lane.health.try_count,
        failures=lane.health.failure_count,
        in_flight=lane.in_flight_count,
        models=tuple(
            f"{use.model} (group {use.group_number}, weight {use.weight})" for use in route.uses
        ),
    )


def _seconds(health: admin_pb.RouteHealth, field: str) -> float | None:
    if not health.HasField(field):
        return None
    milliseconds: int = getattr(health, field).ToMilliseconds()
    return milliseconds / 1_000
