"""Counters, gauges and histograms for what every call counts, at a quarter of the usual cost.

``prometheus_client``'s own take a lock for each number, since any thread may write them. These are
written by one thread, the event loop's, and read by whoever scrapes. What is rare, or counted by
other threads, belongs to ``prometheus_client``. What a scrape sees is the same.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

S = TypeVar("S")


class Count:
    """How often something happened, or how much of it there was, with one set of labels."""

    __slots__ = ("created", "value")

    def __init__(self) -> None:
        self.value = 0
        self.created = time.time()

    def inc(self, amount: int = 1) -> None:
        """Count so much more, never less."""
        self.value += amount


class Distribution:
    """How many observations fell where between the bounds, with one set of labels."""

    __slots__ = ("_bounds", "counts", "created", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        # One more, for what lies above all bounds. A scrape adds them up.
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self.created = time.time()

    def observe(self, value: float) -> None:
        """Count one observation; a bound belongs to what lies below it."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value


class _Family(Collector, Generic[S]):
    """The series of one metric, by their labels."""

    def __init__(
        self,
        name: str,
        documentation: str,
        label_names: Sequence[str],
        new_series: Callable[[], S],
        registry: CollectorRegistry,
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._label_names = label_names
        self._new_series = new_series
        self._series: dict[tuple[str, ...], S] = {}
        registry.register(self)

    def labels(self, *values: str) -> S:
        """The series with these labels, in the order of their names."""
        series = self._series.get(values)
        if series is None:
            if len(values) != len(self._label_names):
                raise ValueError(f"{self._name} has the labels {', '.join(self._label_names)}")
            series = self._series[values] = self._new_series()
        return series

    def _all_series(self) -> list[tuple[tuple[str, ...], S]]:
        # A copy, in one step: the event loop may add one while another thread reads.
        return list(self._series.items())


class Counter(_Family[Count]):
    """Like ``prometheus_client.Counter`` with labels, without exemplars."""

    def __init__(
        self,
        name: str,
        documentation: str,
        label_names: Sequence[str],
        *,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        super().__init__(name, documentation, label_names, Count, registry)

    def collect(self) -> Iterable[Metric]:
        """What a scrape shows."""
        family = CounterMetricFamily(self._name, self._documentation, labels=self._label_names)
        for labels, count in self._all_series():
            family.add_metric(labels, count.value, created=count.created)
        return [family]


class Histogram(_Family[Distribution]):
    """Like ``prometheus_client.Histogram`` with labels and bounds from zero to a million."""

    def __init__(
        self,
        name: str,
        documentation: str,
        label_names: Sequence[str],
        *,
        buckets: Sequence[float],
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        bounds = tuple(float(bound) for bound in buckets)
        self._bound_names = (*map(repr, bounds), "+Inf")
        super().__init__(name, documentation, label_names, lambda: Distribution(bounds), registry)

    def collect(self) -> Iterable[Metric]:
        """What a scrape shows: for each bound, how many observations were not above it."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._label_names)
        for labels, one in self._all_series():
            up_to = list(zip(self._bound_names, accumulate(one.counts), strict=True))
            family.add_metric(labels, up_to, one.total)
            named = dict(zip(self._label_names, labels, strict=True))
            family.add_sample(f"{self._name}_created", named, one.created)
        return [family]


class Gauge(Collector):
    """Like ``prometheus_client.Gauge`` without labels, for what begins and ends."""

    def __init__(
        self, name: str, documentation: str, *, registry: CollectorRegistry = REGISTRY
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._value = 0
        registry.register(self)

    def inc(self) -> None:
        """One more."""
        self._value += 1

    def dec(self) -> None:
        """One less."""
        self._value -= 1

    def collect(self) -> Iterable[Metric]:
        """What a scrape shows."""
        return [GaugeMetricFamily(self._name, self._documentation, value=self._value)]
