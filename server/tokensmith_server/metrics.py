"""What the server counts, for Prometheus. Labels are few and bounded: never keys or texts.

``with_labels`` finds a metric's child in one step, which ``labels`` takes several for.
"""

from functools import cache
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

RPCS = Counter("tokensmith_rpcs_total", "RPCs by method and status.", ("method", "code"))
RPC_SECONDS = Histogram(
    "tokensmith_rpc_seconds", "Duration of RPCs.", ("method",), buckets=_SECONDS
)
RPCS_RUNNING = Gauge("tokensmith_rpcs_running", "RPCs running now.")
ATTEMPTS = Counter(
    "tokensmith_upstream_attempts_total",
    "Tries at upstream providers that ended there, by outcome (ok, or the kind of error).",
    ("provider", "outcome"),
)
FIRST_BYTE_SECONDS = Histogram(
    "tokensmith_upstream_first_byte_seconds",
    "From dispatch to the provider's first byte.",
    ("provider",),
    buckets=_SECONDS,
)
CHARGED = Counter(
    "tokensmith_charged_microcredits_total", "Micro-credits charged, by kind of call.", ("kind",)
)
RESOLVED = Counter(
    "tokensmith_holds_resolved_total",
    "Holds ended, by kind of call and outcome.",
    ("kind", "outcome"),
)
SHORTFALL = Counter(
    "tokensmith_shortfall_microcredits_total", "Price that no balance covered, borne by the house."
)
ROUTES_OUT = Gauge(
    "tokensmith_routes_out", "Routes that no try can be sent on now, by why.", ("reason",)
)
CREDENTIALS_OUT = Gauge(
    "tokensmith_credentials_out",
    "Our keys that their provider refuses, or whose account there has no credit.",
    ("reason",),
)
HOUSE_COST = Counter(
    "tokensmith_failed_attempts_microcredits_total",
    "The most that tries without an answer may have cost the house.",
    ("provider",),
)
SWEPT = Counter("tokensmith_holds_swept_total", "Holds resolved by the sweeper, by how.", ("how",))
LATE_RESULTS = Counter(
    "tokensmith_late_results_total", "Answers that came after their hold had expired; free."
)

M = TypeVar("M", Counter, Histogram)


@cache
def with_labels(metric: M, *values: str) -> M:
    """``metric.labels(*values)``, remembered; for labels that are few, as all here are."""
    return metric.labels(*values)
