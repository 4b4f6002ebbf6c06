"""Which routes are fit to be tried: a circuit breaker for each, fed by outcomes.

A breaker opens after ``failures_to_open`` failures in a row, or at once when the provider says how
long to stay away. Once its cooldown has passed it lets one probe through (half-open): success
closes it, failure opens it again for twice as long, up to a limit.
"""

from dataclasses import dataclass

from tokensmith_server.clock import Clock


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens, and for how long."""

    failures_to_open: int = 5
    cooldown_seconds: float = 5.0
    cooldown_seconds_max: float = 120.0


@dataclass(slots=True)
class _Breaker:
    failures: int = 0
    open_until: float = 0.0
    cooldown_seconds: float = 0.0
    probing: bool = False


class RouteHealth:
    """The breakers of one process, by route name. Not shared between processes: each learns."""

    def __init__(self, clock: Clock, policy: BreakerPolicy | None = None) -> None:
        self._clock = clock
        self._policy = policy or BreakerPolicy()
        self._breakers: dict[str, _Breaker] = {}

    def wait_seconds(self, route: str) -> float:
        """How long until the route may be tried; zero when it may be now.

        A half-open route counts as busy while its one probe runs.
        """
        breaker = self._breakers.get(route)
        if breaker is None or breaker.open_until == 0.0:
            return 0.0
        remaining = breaker.open_until - self._clock.monotonic()
        if remaining > 0:
            return remaining
        return breaker.cooldown_seconds if breaker.probing else 0.0

    def begin(self, route: str) -> None:
        """Note that the route is being tried; on a half-open one this is the probe."""
        breaker = self._breakers.get(route)
        if breaker is not None and breaker.open_until != 0.0:
            breaker.probing = True

    def succeeded(self, route: str) -> None:
        """The route answered, even if only to refuse a bad request: it is alive."""
        self._breakers.pop(route, None)

    def released(self, route: str) -> None:
        """A try ended without telling anything about the route (the caller left)."""
        breaker = self._breakers.get(route)
        if breaker is not None:
            breaker.probing = False

    def failed(self, route: str, retry_after_seconds: float | None = None) -> None:
        """The route failed; ``retry_after_seconds`` is the provider's own word, if it gave one."""
        breaker = self._breakers.setdefault(route, _Breaker())
        breaker.failures += 1
        half_open = breaker.open_until != 0.0
        if retry_after_seconds is not None:
            self._open(breaker, retry_after_seconds)
        elif half_open:
            self._open(breaker, breaker.cooldown_seconds * 2)
        elif breaker.failures >= self._policy.failures_to_open:
            self._open(breaker, self._policy.cooldown_seconds)

    def _open(self, breaker: _Breaker, cooldown_seconds: float) -> None:
        breaker.cooldown_seconds = min(
            max(cooldown_seconds, 0.001), self._policy.cooldown_seconds_max
        )
        breaker.open_until = self._clock.monotonic() + breaker.cooldown_seconds
        breaker.probing = False
