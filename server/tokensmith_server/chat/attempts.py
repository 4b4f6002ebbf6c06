"""The tries of one call: routes in order, again where it helps, each durable before it is sent."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from tokensmith_server import metrics
from tokensmith_server.billing import pricing
from tokensmith_server.billing.commands import (
    AttemptOutcome,
    AttemptState,
    NewAttempt,
    NextAttempt,
)
from tokensmith_server.billing.errors import LedgerUnavailable
from tokensmith_server.billing.rates import TokenRate
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
from tokensmith_server.routing.lanes import FAULTS, Fault, Lane, RouteState
from tokensmith_server.routing.retry import (
    REJECTIONS,
    Action,
    Decision,
    RetryPolicy,
    Situation,
    decide,
)
from tokensmith_server.routing.router import Plan

T = TypeVar("T")
Send = Callable[[ChatProvider, Route], Awaitable[T]]

_log = structlog.get_logger(__name__)

# A time-out with so little left of the caller's own time is that time's end: timers are not exact.
_HASTE_SECONDS = 0.2


@dataclass(slots=True)
class AttemptTools:
    """What every call's tries share."""

    ledger: LedgerStore
    # By the names of our keys.
    providers: Mapping[str, ChatProvider]
    clock: Clock
    policy: RetryPolicy
    sleep: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    # Where the caller's own time runs out, that is the route's fault only after this long: to
    # connect, until a stream begins, until a whole answer is there.
    connect_patience_seconds: float
    patience_seconds: float
    whole_patience_seconds: float


@dataclass(slots=True)
class Attempts:
    """The tries of one call. The first one became durable with the hold, on the plan's lane.

    ``bound_microcredits`` is the most that one try can cost the house, at the price list's rates:
    what was held.
    """

    tools: AttemptTools
    hold_id: str
    plan: Plan
    deadline_monotonic: float
    stream: bool
    rate: TokenRate
    bound_microcredits: int
    number: int = 1
    lane: Lane = field(init=False)
    _place: int = 0
    _tries_on_route: int = 0
    _ended: bool = False
    # When the running try was sent; until then, when it was decided on.
    _sent_monotonic: float = 0.0
    _sent: bool = False
    _first_byte_seconds: float | None = None
    # Why the running try's route stands in for another one, if it does.
    _outage: ProviderError | None = None
    _rejecting: list[RouteState] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin at the lane that was claimed."""
        self.lane = self.plan.lane
        self._sent_monotonic = now = self.tools.clock.monotonic()
        if awaited := self.plan.awaited:
            limited = all(state.why_out(now) == ErrorKind.RATE_LIMITED for state in awaited)
            kind = ErrorKind.RATE_LIMITED if limited else ErrorKind.OVERLOADED
            self._outage = ProviderError(kind, "A route is out.", phase=Phase.CONNECT)

    @property
    def route(self) -> Route:
        """The route of the running try."""
        return self.lane.route

    @property
    def remaining_seconds(self) -> float:
        """What is left of the caller's deadline; may be negative."""
        return self.deadline_monotonic - self.tools.clock.monotonic()

    def ran_out_of_time(self, error: ProviderError) -> bool:
        """Whether it was the caller's own time that ended the running try."""
        timed_out = error.kind is ErrorKind.TIMEOUT and error.http_status is None
        return timed_out and self.remaining_seconds <= _HASTE_SECONDS

    def told(self, error: ProviderError) -> ProviderError:
        """What the caller is told of where the last try's failure was ``error``.

        A rejection by a route that stands in for another one is not the caller's fault: that one
        might have taken the call, so its outage is what is told.
        """
        return (self._outage or error) if error.kind in REJECTIONS else error

    async def run(self, send: Send[T]) -> T:
        """Try until something comes back.

        Raises:
            ProviderError: the last try's, once nothing more is worth trying, or once a further
                one could not be made durable. The ``retry_after_seconds`` of what is ``told`` is
                then how long none of the call's routes can be tried, as far as that is known.
        """
        self.lane.state.budget.called()
        while True:
            self._tries_on_route += 1
            try:
                return await self._try(send)
            except ProviderError as error:
                now = self.tools.clock.monotonic()
                next_place = self._next_place(now)
                decision = self._decide(error, now, next_place)
                if error.kind in REJECTIONS:
                    self._rejecting.append(self.lane.state)
                if decision.action is Action.GIVE_UP:
                    self._say_when(self.told(error))
                    raise
                if decision.action is Action.NEXT_ROUTE:
                    self._outage = self._outage or error
                # Before the pause, in which others may ask for the same budget.
                self._spend(decision.action, next_place, now)
                if decision.delay_seconds > 0:
                    await self.tools.sleep(decision.delay_seconds)
                await self._open_next(error, self._next_lane(decision.action, next_place))

    async def _try(self, send: Send[T]) -> T:
        tools, lane = self.tools, self.lane
        sent = self._sent_monotonic = tools.clock.monotonic()
        self._sent = True
        try:
            result = await send(tools.providers[lane.credential.name], lane.route)
        except ProviderError as error:
            self._note_failure(error)
            raise
        except BaseException:
            lane.released(sent)
            raise
        now = tools.clock.monotonic()
        self._first_byte_seconds = now - sent
        if self.stream:
            lane.begun(now, sent)
        else:
            self._note_success(now)
        first_byte = metrics.with_labels(metrics.FIRST_BYTE_SECONDS, lane.route.provider)
        first_byte.observe(self._first_byte_seconds)
        return result

    def _decide(self, error: ProviderError, now: float, next_place: int | None) -> Decision:
        tools, state = self.tools, self.lane.state
        situation = Situation(
            tries_on_route=self._tries_on_route,
            tries_in_all=self.number,
            has_next_key=state.pick(now, but=self.lane) is not None,
            has_next_route=next_place is not None,
            may_repeat=state.budget.allows(now),
            out_seconds=state.wait_seconds(now),
            remaining_seconds=self.remaining_seconds,
            after_outage=self._outage is not None,
        )
        return decide(error, situation, tools.policy, tools.jitter())

    def _next_place(self, now: float) -> int | None:
        """Where in the plan the next route is that is fit, and that its provider's budget allows.

        A provider that this call has not tried yet repeats nothing.
        """
        for place in range(self._place + 1, len(self.plan.routes)):
            state = self.plan.routes[place]
            if state.pick(now) is not None and (self._is_new(state) or state.budget.allows(now)):
                return place
        return None

    def _is_new(self, state: RouteState) -> bool:
        """Whether this call has not tried the route's provider yet."""
        tried = self.plan.routes[: self._place + 1]
        return all(one.route.provider != state.route.provider for one in tried)

    def _spend(self, action: Action, next_place: int | None, now: float) -> None:
        """Let the budget of the next try's provider know of it."""
        if action is not Action.NEXT_ROUTE or next_place is None:
            self.lane.state.budget.repeated(now)
        elif self._is_new(state := self.plan.routes[next_place]):
            state.budget.called()
        else:
            state.budget.repeated(now)

    def _next_lane(self, action: Action, next_place: int | None) -> Lane:
        """The lane of the next try, begun."""
        now = self.tools.clock.monotonic()
        if action is not Action.RETRY_ROUTE:
            self._tries_on_route = 0
        if action is Action.NEXT_ROUTE and next_place is not None:
            self._place = next_place
        state = self.plan.routes[self._place]
        other = state.pick(now, but=self.lane) if action is Action.NEXT_KEY else None
        lane = other or state.pick(now) or state.soonest(now)
        lane.begin(now)
        return lane

    def _note_success(self, now: float) -> None:
        self.lane.succeeded(now, self._sent_monotonic)
        metrics.with_labels(metrics.ATTEMPTS, self.route.provider, "ok").inc()

    def note_break(self, error: ProviderError) -> None:
        """Note that the running try, a stream, broke off after its first byte."""
        self._note_failure(error, begun=True)

    def _note_failure(self, error: ProviderError, *, begun: bool = False) -> None:
        self._log_failure(error)
        lane, now, sent = self.lane, self.tools.clock.monotonic(), self._sent_monotonic
        fault = FAULTS.get(error.kind)
        if fault is None:
            lane.succeeded(now, sent)
        elif error.kind is ErrorKind.TIMEOUT and self._was_hasty(error, begun=begun):
            lane.released(sent)
        elif lane.failed(error.kind, now, error.retry_after_seconds, sent_at=sent, begun=begun):
            if fault is Fault.CREDENTIAL:
                # Nobody but the operator can mend this: an alert, once for each time it goes out.
                _log.error(
                    "upstream.operator_trouble",
                    credential=lane.credential.name,
                    kind=error.kind.value,
                    route=lane.route.name,
                    http_status=error.http_status,
                    out_seconds=round(lane.credential.breaker.cooldown_seconds, 3),
                )
            else:
                _log.warning(
                    "upstream.taken_out",
                    route=lane.route.name,
                    credential=lane.credential.name if fault is Fault.LANE else None,
                    kind=error.kind.value,
                )

    def _was_hasty(self, error: ProviderError, *, begun: bool) -> bool:
        """Whether the time that ran out was the caller's own, too short to blame the route.

        The provider's own word that it took too long is no haste, nor is a limit of ours that left
        the caller time. How long a whole answer takes is a matter of its length.
        """
        tools = self.tools
        if not self.ran_out_of_time(error):
            return False
        waited_seconds = tools.clock.monotonic() - self._sent_monotonic
        if error.phase is Phase.CONNECT:
            return waited_seconds < 0.9 * tools.connect_patience_seconds
        patience = tools.patience_seconds if self.stream else tools.whole_patience_seconds
        return begun or waited_seconds < 0.9 * patience

    def _say_when(self, error: ProviderError) -> None:
        """Give the error the time until one of the call's routes may be tried again, if it is out.

        What one key or one provider said is not the client's concern while another one is fit.
        """
        if error.kind in FAULTS:
            now = self.tools.clock.monotonic()
            routes = (*self.plan.awaited, *self.plan.routes)
            willing = [state for state in routes if state not in self._rejecting]
            wait_seconds = min(state.wait_seconds(now) for state in willing or routes)
            error.retry_after_seconds = wait_seconds or None

    def _log_failure(self, error: ProviderError) -> None:
        lane = self.lane
        metrics.with_labels(metrics.ATTEMPTS, lane.route.provider, error.kind.value).inc()
        _log.warning(
            "upstream.failed",
            route=lane.route.name,
            credential=lane.credential.name,
            kind=error.kind.value,
            phase=error.phase.value,
            http_status=error.http_status,
            attempt=self.number,
        )

    async def _open_next(self, error: ProviderError, lane: Lane) -> None:
        opened = NewAttempt(
            self.number + 1,
            lane.route.provider,
            lane.route.upstream_id,
            self.tools.clock.now(),
            lane.credential.name,
        )
        try:
            closed = self._failed(error)
            await self.tools.ledger.next_attempt(NextAttempt(self.hold_id, closed, opened))
        except BaseException as trouble:
            lane.released(self.tools.clock.monotonic())
            lane.end()
            if not isinstance(trouble, LedgerUnavailable):
                raise
            _log.warning("upstream.no_further_try", hold=self.hold_id, exc_info=True)
            raise error from None
        self.lane.end()
        self.number += 1
        self.lane = lane
        self._sent_monotonic = self.tools.clock.monotonic()
        self._sent = False

    def answered(self, facts: UpstreamFacts) -> AttemptOutcome:
        """The running try as one that came back. It is over; what it cost is its usage."""
        if self.stream:
            self._note_success(self.tools.clock.monotonic())
        self._end()
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
        """The running try as one that failed, or whose end nobody can know. It is over."""
        self._end()
        return self._failed(error)

    def broken_off(self, error: str) -> AttemptOutcome:
        """The running try as one that we ended ourselves, or that a defect of ours ended."""
        if not self._ended:
            self.lane.released(self._sent_monotonic)
        self._end()
        return AttemptOutcome(
            number=self.number,
            state=AttemptState.UNKNOWN,
            ended_time=self.tools.clock.now(),
            error=error,
            first_byte_seconds=self._first_byte_seconds,
            house_cost_microcredits=self.bound_microcredits if self._sent else 0,
        )

    def _failed(self, error: ProviderError) -> AttemptOutcome:
        unknown = error.may_have_run and error.phase is Phase.SENT
        cost_microcredits = self._house_cost_microcredits(error)
        if cost_microcredits:
            metrics.with_labels(metrics.HOUSE_COST, self.route.provider).inc(cost_microcredits)
        return AttemptOutcome(
            number=self.number,
            state=AttemptState.UNKNOWN if unknown else AttemptState.FAILED,
            ended_time=self.tools.clock.now(),
            http_status=error.http_status,
            error=error.kind.value,
            upstream_request_id=error.upstream_request_id,
            first_byte_seconds=self._first_byte_seconds,
            house_cost_microcredits=cost_microcredits,
        )

    def _house_cost_microcredits(self, error: ProviderError) -> int:
        """The most that a failed try may cost the house, at the price list's rates."""
        if error.usage is not None:
            return pricing.charge(self.rate, error.usage)
        return self.bound_microcredits if error.may_have_run else 0

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self.lane.end()
