"""What every call counts is shown as ``prometheus_client``'s own metrics would show it."""

import re

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from tokensmith_server import counting

BUCKETS = (0.005, 0.25, 1, 2.5, 600)
LABELS = st.sampled_from([("a", "ok"), ("a", 'a\n"b\\'), ("b", "")])


def both() -> tuple[CollectorRegistry, CollectorRegistry]:
    # Named by their collectors, as the process's own is.
    return CollectorRegistry(auto_describe=True), CollectorRegistry(auto_describe=True)


def shown(registry: CollectorRegistry) -> str:
    """A scrape, without the times at which the series began."""
    return re.sub(r"(_created\S* )\S+", r"\1then", generate_latest(registry).decode())


@given(st.lists(st.tuples(LABELS, st.integers(0, 2**53 // 100)), max_size=20))
def test_counter_is_shown_as_prometheus_clients(amounts: list[tuple[tuple[str, str], int]]) -> None:
    registry, registry_there = both()
    ours = counting.Counter("x_total", "So many.", ("who", "how"), registry=registry)
    theirs = prometheus_client.Counter(
        "x_total", "So many.", ("who", "how"), registry=registry_there
    )
    for labels, amount in amounts:
        ours.labels(*labels).inc(amount)
        theirs.labels(*labels).inc(amount)
    assert shown(registry) == shown(registry_there)


SECONDS = st.one_of(st.sampled_from([0.0, *BUCKETS]), st.floats(-1.0, 1e6))


@given(st.lists(st.tuples(LABELS, SECONDS), max_size=20))
def test_histogram_is_shown_as_prometheus_clients(
    observations: list[tuple[tuple[str, str], float]],
) -> None:
    registry, registry_there = both()
    ours = counting.Histogram(
        "x_seconds", "So long.", ("who", "how"), buckets=BUCKETS, registry=registry
    )
    theirs = prometheus_client.Histogram(
        "x_seconds", "So long.", ("who", "how"), buckets=BUCKETS, registry=registry_there
    )
    for labels, seconds in observations:
        ours.labels(*labels).observe(seconds)
        theirs.labels(*labels).observe(seconds)
    assert shown(registry) == shown(registry_there)


def test_gauge_is_shown_as_prometheus_clients() -> None:
    registry, registry_there = both()
    ours = counting.Gauge("x", "So many now.", registry=registry)
    theirs = prometheus_client.Gauge("x", "So many now.", registry=registry_there)
    assert shown(registry) == shown(registry_there)
    for gauge in (ours, theirs):
        gauge.inc()
        gauge.inc()
        gauge.dec()
    assert shown(registry) == shown(registry_there)


def test_series_began_when_its_first_event_was_counted() -> None:
    registry, _ = both()
    counter = counting.Counter("x_total", "So many.", ("how",), registry=registry)
    assert registry.get_sample_value("x_created", {"how": "ok"}) is None
    series = counter.labels("ok")
    assert registry.get_sample_value("x_created", {"how": "ok"}) == series.created


def test_wrong_number_of_labels_is_refused() -> None:
    counter = counting.Counter("x_total", "So many.", ("how",), registry=CollectorRegistry())
    with pytest.raises(ValueError, match="has the labels how"):
        counter.labels("a", "b")


def test_name_that_is_taken_is_refused() -> None:
    registry, _ = both()
    counting.Counter("x_total", "So many.", ("how",), registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        counting.Counter("x_total", "So many.", ("how",), registry=registry)
