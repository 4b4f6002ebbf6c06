"""Routes, credentials and lanes, and what each failure says about which of them.

A lane is a route with one credential: what a try is sent on. A failure of the provider's counts
against the route; a rate limit, and a model that this key may not use, against the lane alone; a
key that is refused or out of credit against the credential, wherever it is used. A route is out
when it is itself, or when all its lanes are.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tokensmith_server.catalog.model import Route
from tokensmith_server.providers.base import ErrorKind
from tokensmith_server.routing.breaker import Breaker, BreakerPolicy
from tokensmith_server.routing.budget import RetryBudget
from tokensmith_server.routing.score import Score

CREDENTIAL_POLICY: Final = BreakerPolicy(
    failures_to_open=1, cooldown_seconds=60.0, cooldown_seconds_max=900.0, probe_seconds=15.0
)
"""A key that is refused, or an account without credit, does not mend by itself in seconds."""


class Fault(StrEnum):
    """What a failure speaks against."""

    ROUTE = "route"
    LANE = "lane"
    CREDENTIAL = "credential"


FAULTS: Final = {
    ErrorKind.OVERLOADED: Fault.ROUTE,
    ErrorKind.TIMEOUT: Fault.ROUTE,
    ErrorKind.CONNECTION: Fault.ROUTE,
    ErrorKind.MALFORMED_RESPONSE: Fault.ROUTE,
    ErrorKind.UNKNOWN: Fault.ROUTE,
    ErrorKind.RATE_LIMITED: Fault.LANE,
    ErrorKind.MODEL_UNAVAILABLE: Fault.LANE,
    ErrorKind.OPERATOR_AUTH: Fault.CREDENTIAL,
    ErrorKind.OPERATOR_CREDIT: Fault.CREDENTIAL,
}
"""The kinds that are not here are about the request: what refuses a bad request is well."""


@dataclass(slots=True, eq=False)
class Credential:
    """One of our keys at a provider, by its name; the key itself is the adapter's."""

    name: str
    breaker: Breaker = field(default_factory=lambda: Breaker(CREDENTIAL_POLICY))
    in_flight: int = 0


@dataclass(slots=True, eq=False)
class RouteState:
    """A route in this process: its health, its lanes, and its provider's retry budget."""

    route: Route
    breaker: Breaker
    budget: RetryBudget
    lanes: tuple["Lane", ...] = ()
    score: Score = field(default_factory=Score)

    def wait_seconds(self, now: float) -> float:
        """How long until a try may be sent; zero when it may be now."""
        soonest = min(lane.wait_seconds(now) for lane in self.lanes)
        return max(self.breaker.wait_seconds(now), soonest)

    def pick(self, now: float, *, but: "Lane | None" = None) -> "Lane | None":
        """The lane to try now: of the fit ones the least busy, and of these the longest unused.

        One that fails often counts as busier. ``but`` is passed over. ``None``: nothing is fit.
        """
        if self.breaker.wait_seconds(now) > 0.0:
            return None
        if len(self.lanes) == 1:
            only = self.lanes[0]
            return only if only is not but and only.wait_seconds(now) == 0.0 else None
        fit = [lane for lane in self.lanes if lane is not but and lane.wait_seconds(now) == 0.0]
        return min(fit, key=lambda lane: (lane.load(now), lane.used), default=None)

    def why_out(self, now: float) -> str | None:
        """Why no try can be sent now; ``None`` when one can be.

        It is the route's own reason, or that of the lane which is back first.
        """
        if self.wait_seconds(now) <= 0.0:
            return None
        if self.breaker.wait_seconds(now) > 0.0:
            return self.breaker.reason
        lane = self.soonest(now)
        own, credential = lane.breaker, lane.credential.breaker
        longer = credential if credential.wait_seconds(now) > own.wait_seconds(now) else own
        return longer.reason

    def soonest(self, now: float) -> "Lane":
        """The lane that has the least to wait, fit or not."""
        return min(self.lanes, key=lambda lane: lane.wait_seconds(now))


@dataclass(slots=True, eq=False)
class Lane:
    """A route with one credential. ``used`` is greater the later it was last begun."""

    state: RouteState
    credential: Credential
    breaker: Breaker
    score: Score
    used: int = 0

    @property
    def route(self) -> Route:
        """The route as the catalog has it."""
        return self.state.route

    def wait_seconds(self, now: float) -> float:
        """How long the lane itself has to wait, whatever its route has."""
        if self.breaker.open_until == 0.0 and self.credential.breaker.open_until == 0.0:
            return 0.0
        return max(self.breaker.wait_seconds(now), self.credential.breaker.wait_seconds(now))

    def load(self, now: float) -> int:
        """How busy it is: its credential's tries in flight, and one for each quarter that fail."""
        return self.credential.in_flight + int(4 * self.score.error_rate(now))

    def begin(self, now: float) -> None:
        """Note that a try is going to be sent; on what is half-open it is the probe.

        The counterpart is ``end``, once the try is over.
        """
        self.credential.in_flight += 1
        lanes = self.state.lanes
        if len(lanes) > 1:
            self.used = max(lane.used for lane in lanes) + 1
        if self._marked:
            for breaker in self._breakers():
                breaker.begin(now)

    def end(self) -> None:
        """Note that a try is over, its answer delivered or not."""
        self.credential.in_flight -= 1

    def begun(self, now: float, sent_at: float) -> None:
        """A stream that was sent at ``sent_at`` has its first byte; how it ends is told later."""
        if self._marked:
            for breaker in self._breakers():
                breaker.begun(now, sent_at)
        for score in self._scores():
            score.begun(now - sent_at)

    def succeeded(self, now: float, sent_at: float) -> None:
        """A try came to its end, even if only to refuse a bad request: all three are well."""
        if self._marked:
            for breaker in self._breakers():
                breaker.succeeded(now, sent_at)
        for score in self._scores():
            score.succeeded(now)

    def released(self, sent_at: float) -> None:
        """A try ended, or was not sent, without saying anything about anybody."""
        for breaker in self._breakers():
            breaker.released(sent_at)

    def failed(
        self,
        kind: ErrorKind,
        now: float,
        retry_after_seconds: float | None,
        *,
        sent_at: float,
        begun: bool = False,
    ) -> bool:
        """A try failed by somebody's fault here; ``kind`` is one of ``FAULTS``.

        ``begun`` says that it was a stream and had its first byte.

        Returns:
            Whether this has just taken something out: the route, the lane or the credential.
        """
        fault = FAULTS[kind]
        if fault is Fault.CREDENTIAL:
            return self.credential.breaker.failed(now, kind.value, sent_at=sent_at)
        for score in self._scores():
            score.failed(now)
        at_fault = self.breaker if fault is Fault.LANE else self.state.breaker
        return at_fault.failed(now, kind.value, retry_after_seconds, sent_at=sent_at, begun=begun)

    @property
    def _marked(self) -> bool:
        """Whether any breaker remembers a failure; none does at most times."""
        return bool(self.breaker.failures or self.state.breaker.failures) or bool(
            self.credential.breaker.failures
        )

    def _scores(self) -> tuple[Score, ...]:
        own, routes = self.score, self.state.score
        return (own,) if own is routes else (own, routes)

    def _breakers(self) -> tuple[Breaker, Breaker, Breaker]:
        return self.state.breaker, self.breaker, self.credential.breaker
