"""What the bridge counts, in the process's own registry."""

from typing import ClassVar, Final

from prometheus_client import Counter, Gauge, Histogram

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

REQUESTS: Final = Counter("tokensmith_bridge_requests", "Requests answered.", ("route", "status"))
REQUEST_SECONDS: Final = Histogram(
    "tokensmith_bridge_request_seconds",
    "From a request's head to the end of its answer.",
    ("route",),
    buckets=_BUCKETS,
)
FIRST_FRAME_SECONDS: Final = Histogram(
    "tokensmith_bridge_first_frame_seconds",
    "From a request's head to the first frame of its stream.",
    ("route",),
    buckets=_BUCKETS,
)
REQUESTS_RUNNING: Final = Gauge("tokensmith_bridge_requests_running", "Requests being served.")
CLIENTS_GONE: Final = Counter(
    "tokensmith_bridge_clients_gone",
    "Clients that left before their answer's end.",
    ("route",),
)
CONNECTIONS: Final = Gauge("tokensmith_bridge_connections", "Open connections.")
CONNECTIONS_CUT: Final = Counter(
    "tokensmith_bridge_connections_cut", "Connections that were cut off, by why.", ("why",)
)


class RouteMetrics:
    """The numbers of one route, their labels looked up once: every request passes here."""

    # Of all routes together; written by the event loop's thread alone, so that it needs no lock.
    _running: ClassVar[int] = 0

    def __init__(self, route: str) -> None:
        self._route = route
        self._by_status: dict[int, Counter] = {}
        self._seconds = REQUEST_SECONDS.labels(route)
        self._first_frame_seconds = FIRST_FRAME_SECONDS.labels(route)
        self._clients_gone = CLIENTS_GONE.labels(route)

    @classmethod
    def running(cls) -> int:
        """How many requests are being served, on all routes."""
        return cls._running

    @staticmethod
    def begin() -> None:
        """A request is there."""
        RouteMetrics._running += 1

    def end(self, status: int, seconds: float, first_frame_seconds: float | None) -> None:
        """A request is over."""
        RouteMetrics._running -= 1
        counter = self._by_status.get(status)
        if counter is None:
            counter = self._by_status[status] = REQUESTS.labels(self._route, status)
        counter.inc()
        self._seconds.observe(seconds)
        if first_frame_seconds is not None:
            self._first_frame_seconds.observe(first_frame_seconds)

    def count_client_gone(self) -> None:
        """A client left before the end of its answer."""
        self._clients_gone.inc()


REQUESTS_RUNNING.set_function(RouteMetrics.running)
