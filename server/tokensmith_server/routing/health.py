"""Which routes are fit to be tried: a circuit breaker for each, fed by outcomes.

A breaker opens after ``failures_to_open`` failures in a row, or at once when the provider says how
long to stay away. Once its cooldown has passed it lets one probe through (half-open): success
closes it, failure opens it again for twice as long, up to a limit. Failures of tries that were
under way when it opened say nothing new. A probe has ``probe_seconds`` to itself; then the next
one may go, so that a slow answer does not keep a route closed that has recovered.
"""

from dataclasses import dataclass

from tokensmith_server.clock import Clock


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens, and for how long."""

    failures_to_open: int = 5
    cooldown_seconds: float = 5.0
    cooldown_seconds_max: float = 120.0
    probe_seconds: float = 5.0


@dataclass(slots=True)
class _Breaker:
    failures: int = 0
    # Zero while it is closed.
    open_until: float = 0.0
    cooldown_seconds: float = 0.0
    probe_until: float = 0.0


class RouteHealth:
    """The breakers of one process, by route name. Not shared between processes: each learns."""

    def __init__(self, clock: Clock, policy: BreakerPolicy | None = None) -> None:
        self._clock = clock
        self._policy = policy or BreakerPolicy()
        self._breakers: dict[str, _Breaker] = {}

    def wait_seconds(self, route: str) -> float:
        """How long until the route may be tried; zero when it may be now.

        A half-open route counts as busy while its one probe has time.
        """
        breaker = self._breakers.get(route)
        if breaker is None or breaker.open_until == 0.0:
            return 0.0
        until = max(breaker.open_until, breaker.probe_until)
        return max(until - self._clock.monotonic(), 0.0)

    def begin(self, route: str) -> None:
        """Note that the route is going to be tried; on a half-open one this is the probe."""
        breaker = self._breakers.get(route)
        if breaker is not None and self._half_open(breaker):
            breaker.probe_until = self._clock.monotonic() + self._policy.probe_seconds

    def succeeded(self, route: str) -> None:
        """The route answered, even if only to refuse a bad request: it is alive."""
        self._breakers.pop(route, None)

    def released(self, route: str) -> None:
        """A try ended, or was not made, without telling anything about the route."""
        breaker = self._breakers.get(route)
        if breaker is not None:
            breaker.probe_until = 0.0

    def failed(self, route: str, retry_after_seconds: float | None = None) -> None:
        """The route failed; ``retry_after_seconds`` is the provider's own word, if it gave one."""
        breaker = self._breakers.setdefault(route, _Breaker())
        breaker.failures += 1
        if retry_after_seconds is not None:
            self._open(breaker, retry_after_seconds)
        elif self._half_open(breaker):
            self._open(breaker, breaker.cooldown_seconds * 2)
        elif breaker.open_until == 0.0 and breaker.failures >= self._policy.failures_to_open:
            self._open(breaker, self._policy.cooldown_seconds)

    def _half_open(self, breaker: _Breaker) -> bool:
        return 0.0 != breaker.open_until <= self._clock.monotonic()

    def _open(self, breaker: _Breaker, cooldown_seconds: float) -> None:
        breaker.cooldown_seconds = min(
            max(cooldown_seconds, 0.001), self._policy.cooldown_seconds_max
        )
        breaker.open_until = self._clock.monotonic() + breaker.cooldown_seconds
        breaker.probe_until = 0.0
