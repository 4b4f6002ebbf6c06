"""Routes, their health and whole attempts, to proto. Rendering only; nothing here can fail."""

from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration

from tokensmith.v1 import admin_service_pb2 as admin_pb
from tokensmith_server.billing.convert import attempt_to_proto
from tokensmith_server.billing.house_cost import CostBasis, HouseCost
from tokensmith_server.billing.store import AttemptRecord
from tokensmith_server.routing.breaker import Breaker, BreakerState
from tokensmith_server.routing.lanes import Lane, RouteState
from tokensmith_server.routing.score import Score

_BREAKERS = {
    BreakerState.CLOSED: admin_pb.RouteHealth.BREAKER_STATE_CLOSED,
    BreakerState.OPEN: admin_pb.RouteHealth.BREAKER_STATE_OPEN,
    BreakerState.HALF_OPEN: admin_pb.RouteHealth.BREAKER_STATE_HALF_OPEN,
}
_BASES = {
    CostBasis.NOT_KNOWN: admin_pb.InspectedAttempt.COST_BASIS_UNSPECIFIED,
    CostBasis.USAGE: admin_pb.InspectedAttempt.COST_BASIS_USAGE,
    CostBasis.BOUND: admin_pb.InspectedAttempt.COST_BASIS_BOUND,
    CostBasis.NONE: admin_pb.InspectedAttempt.COST_BASIS_NONE,
}


def route_to_proto(
    state: RouteState, uses: Sequence[admin_pb.RouteUse], now: float
) -> admin_pb.Route:
    """One route as it is at a moment of the process's monotonic clock."""
    route = state.route
    return admin_pb.Route(
        name=route.name,
        provider=route.provider,
        upstream_model=route.upstream_id,
        uses=uses,
        health=_health_to_proto(state.breaker, state.score, now),
        lanes=[_lane_to_proto(lane, now) for lane in state.lanes],
        wait=_wait_to_proto(state.wait_seconds(now)),
        retries_left=round(state.budget.left(now), 3),
    )


def _lane_to_proto(lane: Lane, now: float) -> admin_pb.Lane:
    credential = lane.credential
    return admin_pb.Lane(
        credential=credential.name,
        health=_health_to_proto(lane.breaker, lane.score, now),
        credential_health=_health_to_proto(credential.breaker, None, now),
        in_flight_count=credential.in_flight,
        wait=_wait_to_proto(lane.wait_seconds(now)),
    )


def _health_to_proto(breaker: Breaker, score: Score | None, now: float) -> admin_pb.RouteHealth:
    state = breaker.state(now)
    health = admin_pb.RouteHealth(
        breaker=_BREAKERS[state],
        reason="" if state is BreakerState.CLOSED else breaker.reason,
        wait=_wait_to_proto(breaker.wait_seconds(now)),
        failures_in_row_count=breaker.failures,
    )
    if score is not None:
        health.try_count = score.tries
        health.failure_count = score.failures
        health.error_rate = round(score.error_rate(now), 4)
        if score.first_byte_seconds is not None:
            health.first_byte_latency.CopyFrom(_duration(score.first_byte_seconds))
    return health


def _wait_to_proto(seconds: float) -> Duration | None:
    return _duration(seconds) if seconds > 0.0 else None


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(round(seconds * 1_000))
    return duration


def inspected_to_proto(attempt: AttemptRecord, cost: HouseCost) -> admin_pb.InspectedAttempt:
    """One try with everything that is kept of it."""
    message = admin_pb.InspectedAttempt(
        attempt=attempt_to_proto(attempt, whole=True),
        credential=attempt.credential or "",
        cost_basis=_BASES[cost.basis],
    )
    if cost.microcredits is not None:
        message.house_cost_microcredits = cost.microcredits
    return message
