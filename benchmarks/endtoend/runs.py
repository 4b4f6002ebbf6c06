"""Runs of load against systems that stand side by side, in turn, and what they yield."""

import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from benchmarks.endtoend.load import Kind, LoadResult, LoadSpec
from benchmarks.endtoend.procfs import on_cpus
from benchmarks.endtoend.systems import OTHER_CPUS, System

_WARM_UP_SECONDS = 0.4


class Cell(NamedTuple):
    """A kind of load."""

    kind: Kind
    connections: int


@dataclass
class Rounds:
    """The results of every system and cell, one for each round."""

    by_system: dict[tuple[str, Cell], list[LoadResult]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def median(self, system: str, cell: Cell, read: Callable[[LoadResult], float]) -> float:
        """The median of a figure."""
        return statistics.median(map(read, self.by_system[system, cell]))

    def ratio(
        self, system: str, base: str, cell: Cell, read: Callable[[LoadResult], float]
    ) -> float:
        """The median of the rounds' ratios of a figure: neighbours in time are compared."""
        pairs = zip(self.by_system[system, cell], self.by_system[base, cell], strict=True)
        return statistics.median(read(result) / read(other) for result, other in pairs)


FIGURES: Mapping[str, Callable[[LoadResult], float]] = {
    "requests/s": lambda result: result.requests / result.seconds,
    "p50 ms": lambda result: result.p50_milliseconds,
    "p99 ms": lambda result: result.p99_milliseconds,
    "CPU ms": lambda result: result.cpu_seconds * 1000 / result.requests,
}
"""The figures of a result; CPU milliseconds are those of one request."""


def interleave(
    systems: Sequence[System], cells: Sequence[Cell], *, rounds: int, seconds: float
) -> Rounds:
    """Measure every system once in each cell, then all again, ``rounds`` times."""
    results = Rounds()
    total = rounds * len(cells) * len(systems)
    done = 0
    for _ in range(rounds):
        for cell in cells:
            for system in systems:
                result = measure(system, cell, seconds=seconds)
                results.by_system[system.name, cell].append(result)
                done += 1
                _show_progress(done, total)
    return results


def measure(
    system: System,
    cell: Cell,
    *,
    seconds: float = 0.0,
    requests: int = 0,
) -> LoadResult:
    """Put a load on a system: for some time after a warm-up, or some requests in all.

    Raises:
        subprocess.CalledProcessError: an answer was wrong; the load has said which.
    """
    spec = LoadSpec(
        port=system.port,
        kind=cell.kind,
        connections=cell.connections,
        keys=list(system.keys),
        pids=[*system.pids, *system.database_pids],
        model=system.model,
        warm_up_seconds=_WARM_UP_SECONDS if seconds else 0.0,
        seconds=seconds,
        requests=requests,
    )
    with on_cpus(OTHER_CPUS):
        done = subprocess.run(
            (sys.executable, "-m", "benchmarks.endtoend.load"),
            input=msgspec.json.encode(spec),
            stdout=subprocess.PIPE,
            check=True,
        )
    return msgspec.json.decode(done.stdout, type=LoadResult)


def _show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done}/{total}" + ("\n" if done == total else ""))
        sys.stderr.flush()


def cells(kinds: Iterable[Kind], connections: Iterable[int]) -> list[Cell]:
    """All combinations."""
    return [Cell(kind, count) for kind in kinds for count in connections]
