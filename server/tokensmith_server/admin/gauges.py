"""What is left alone just now, for alarms: counted when somebody looks, from any thread."""

from collections.abc import Callable, Iterable

from tokensmith_server import metrics
from tokensmith_server.clock import Clock
from tokensmith_server.routing.breaker import Breaker
from tokensmith_server.routing.lanes import FAULTS, Fault
from tokensmith_server.routing.router import Router


def watch_routes(router: Router, clock: Clock) -> None:
    """Let the gauges show this router; the one of the latest app in the process counts."""
    states = tuple(router.states)
    credentials = tuple(one for each in router.credentials.values() for one in each)
    for kind in FAULTS:
        metrics.ROUTES_OUT.labels(kind.value).set_function(
            _counter(lambda now: (state.why_out(now) for state in states), kind.value, clock)
        )
    for kind, fault in FAULTS.items():
        if fault is Fault.CREDENTIAL:
            breakers = tuple(one.breaker for one in credentials)
            metrics.CREDENTIALS_OUT.labels(kind.value).set_function(
                _counter(_reasons_of(breakers), kind.value, clock)
            )


def _reasons_of(breakers: tuple[Breaker, ...]) -> Callable[[float], Iterable[str | None]]:
    return lambda now: (
        breaker.reason if breaker.wait_seconds(now) > 0.0 else None for breaker in breakers
    )


def _counter(
    reasons: Callable[[float], Iterable[str | None]], reason: str, clock: Clock
) -> Callable[[], float]:
    return lambda: float(sum(why == reason for why in reasons(clock.monotonic())))
