"""The tries of one call: routes in order, again where it helps, each durable before it is sent."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from tokensmith_server import metrics
from tokensmith_server.billing.commands import (
    AttemptOutcome,
    AttemptState,
    NewAttempt,
    NextAttempt,
)
from tokensmith_server.billing.errors import LedgerUnavailable
from tokensmith_server.billing.store import LedgerStore
from tokensmith_server.catalog.model import Route
from tokensmith_server.clock import Clock
from tokensmith_server.providers.base import (
    ChatProvider,
    ErrorKind,
    Phase,
    ProviderError,
    UpstreamFacts,
)
from tokensmith_server.routing.health import RouteHealth
from tokensmith_server.routing.retry import Action, RetryPolicy, decide

T = TypeVar("T")
Send = Callable[[ChatProvider, Route], Awaitable[T]]

_log = structlog.get_logger(__name__)

# What says something about the route, as against the request.
_ROUTE_FAULTS = frozenset(
    {
        ErrorKind.RATE_LIMITED,
        ErrorKind.OVERLOADED,
        ErrorKind.TIMEOUT,
        ErrorKind.CONNECTION,
        ErrorKind.MODEL_UNAVAILABLE,
        ErrorKind.OPERATOR_AUTH,
        ErrorKind.OPERATOR_CREDIT,
        ErrorKind.MALFORMED_RESPONSE,
        ErrorKind.UNKNOWN,
    }
)
_OPERATOR_FAULTS = frozenset({ErrorKind.OPERATOR_AUTH, ErrorKind.OPERATOR_CREDIT})
# A route that our own account is barred from is left alone for this long.
_OPERATOR_COOLDOWN_SECONDS = 60.0


@dataclass(slots=True)
class AttemptTools:
    """What every call's tries share."""

    ledger: LedgerStore
    providers: Mapping[str, ChatProvider]
    health: RouteHealth
    clock: Clock
    policy: RetryPolicy
    sleep: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    # A time-out is the route's fault only after this long: before, it was the caller's haste.
    connect_patience_seconds: float
    patience_seconds: float


@dataclass(slots=True)
class Attempts:
    """The tries of one call. The first one became durable with the hold."""

    tools: AttemptTools
    hold_id: str
    routes: tuple[Route, ...]
    deadline_monotonic: float
    number: int = 1
    route: Route = field(init=False)
    _sent_monotonic: float = 0.0
    _first_byte_seconds: float | None = None

    def __post_init__(self) -> None:
        """Begin at the first route."""
        self.route = self.routes[0]

    @property
    def remaining_seconds(self) -> float:
        """What is left of the caller's deadline; may be negative."""
        return self.deadline_monotonic - self.tools.clock.monotonic()

    async def run(self, send: Send[T]) -> T:
        """Try until something comes back.

        Raises:
            ProviderError: the last try's, once nothing more is worth trying, or once a further
                one could not be made durable.
        """
        position = 0
        tries_on_route = 0
        while True:
            tries_on_route += 1
            try:
                return await self._try(send)
            except ProviderError as error:
                decision = decide(
                    error,
                    policy=self.tools.policy,
                    tries_on_route=tries_on_route,
                    tries_in_all=self.number,
                    has_next_route=position + 1 < len(self.routes),
                    remaining_seconds=self.remaining_seconds,
                    jitter=self.tools.jitter(),
                )
                if decision.action is Action.GIVE_UP:
                    raise
                if decision.action is Action.NEXT_ROUTE:
                    position += 1
                    tries_on_route = 0
                if decision.delay_seconds > 0:
                    await self.tools.sleep(decision.delay_seconds)
                await self._open_next(error, self.routes[position])

    async def _try(self, send: Send[T]) -> T:
        tools, route = self.tools, self.route
        self._sent_monotonic = tools.clock.monotonic()
        tools.health.begin(route.name)
        try:
            result = await send(tools.providers[route.provider], route)
        except ProviderError as error:
            self._note_failure(error)
            raise
        except BaseException:
            tools.health.released(route.name)
            raise
        self._first_byte_seconds = tools.clock.monotonic() - self._sent_monotonic
        tools.health.succeeded(route.name)
        metrics.with_labels(metrics.ATTEMPTS, route.provider, "ok").inc()
        first_byte = metrics.with_labels(metrics.FIRST_BYTE_SECONDS, route.provider)
        first_byte.observe(self._first_byte_seconds)
        return result

    def _note_failure(self, error: ProviderError) -> None:
        health, route = self.tools.health, self.route
        self.log_failure(error)
        if error.kind not in _ROUTE_FAULTS:
            health.succeeded(route.name)
        elif error.kind in _OPERATOR_FAULTS:
            _log.error("upstream.operator_trouble", route=route.name, kind=error.kind.value)
            health.failed(route.name, _OPERATOR_COOLDOWN_SECONDS)
        elif error.kind is ErrorKind.TIMEOUT and self._was_hasty(error):
            health.released(route.name)
        else:
            health.failed(route.name, error.retry_after_seconds)

    def _was_hasty(self, error: ProviderError) -> bool:
        """Whether the time that ran out was the caller's own, too short to blame the route."""
        tools = self.tools
        waited_seconds = tools.clock.monotonic() - self._sent_monotonic
        if error.phase is Phase.CONNECT:
            return waited_seconds < 0.9 * tools.connect_patience_seconds
        return waited_seconds < 0.9 * tools.patience_seconds

    def log_failure(self, error: ProviderError) -> None:
        """Count and log a failure of the running try, before its answer or within it."""
        route = self.route
        metrics.with_labels(metrics.ATTEMPTS, route.provider, error.kind.value).inc()
        _log.warning(
            "upstream.failed",
            route=route.name,
            kind=error.kind.value,
            phase=error.phase.value,
            http_status=error.http_status,
            attempt=self.number,
        )

    async def _open_next(self, error: ProviderError, route: Route) -> None:
        closed = self.failed(error)
        opened = NewAttempt(
            self.number + 1, route.provider, route.upstream_id, self.tools.clock.now()
        )
        try:
            await self.tools.ledger.next_attempt(NextAttempt(self.hold_id, closed, opened))
        except LedgerUnavailable:
            _log.warning("upstream.no_further_try", hold=self.hold_id, exc_info=True)
            raise error from None
        self.number += 1
        self.route = route

    def answered(self, facts: UpstreamFacts) -> AttemptOutcome:
        """The running try as one that came back."""
        return AttemptOutcome(
            number=self.number,
            state=AttemptState.ANSWERED,
            ended_time=self.tools.clock.now(),
            http_status=facts.http_status,
            upstream_request_id=facts.upstream_request_id,
            returned_model=facts.returned_model,
            first_byte_seconds=self._first_byte_seconds,
        )

    def failed(self, error: ProviderError) -> AttemptOutcome:
        """The running try as one that failed, or whose end nobody can know."""
        unknown = error.may_have_run and error.phase is Phase.SENT
        return AttemptOutcome(
            number=self.number,
            state=AttemptState.UNKNOWN if unknown else AttemptState.FAILED,
            ended_time=self.tools.clock.now(),
            http_status=error.http_status,
            error=error.kind.value,
            upstream_request_id=error.upstream_request_id,
            first_byte_seconds=self._first_byte_seconds,
        )

    def broken_off(self, error: str) -> AttemptOutcome:
        """The running try as one that we ended ourselves, or that a defect of ours ended."""
        return AttemptOutcome(
            number=self.number,
            state=AttemptState.UNKNOWN,
            ended_time=self.tools.clock.now(),
            error=error,
            first_byte_seconds=self._first_byte_seconds,
        )
