"""Tables for people and records for programs."""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.endtoend.dialects import OPENAI
from benchmarks.endtoend.runs import FIGURES, Cell, Rounds

TARGETS: Mapping[tuple[str, Cell], float] = {
    ("sqlite", Cell("unary", 32)): 2.0,
    ("postgres", Cell("unary", 32)): 2.5,
    ("sqlite", Cell("stream", 32)): 2.0,
    ("postgres", Cell("stream", 32)): 2.0,
}
"""How many times the bare proxy's CPU a system may use, at most."""
DIALECT_TARGET = 1.5
"""How many times the CPU of OpenAI's dialect another dialect's stream may use, at most."""


def machine() -> dict[str, Any]:
    """What the figures depend on besides the code."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "cpu": model,
        "cpus": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


def print_table(rounds: Rounds, cells: Sequence[Cell], systems: Sequence[str], base: str) -> None:
    """One block for each cell, one line for each system: medians, and ratios to ``base``."""
    for cell in cells:
        print(f"\n{cell.kind}, {cell.connections} connections")
        print(f"  {'':16}" + "".join(f"{name:>12}{'ratio':>8}" for name in FIGURES))
        for system in systems:
            figures = ""
            for name, read in FIGURES.items():
                value = rounds.median(system, cell, read)
                ratio = rounds.ratio(system, base, cell, read)
                figures += f"{value:12,.{0 if name == 'requests/s' else 3}f}{ratio:8.2f}"
            print(f"  {system:16}{figures}{_verdict(rounds, system, base, cell)}")


def _verdict(rounds: Rounds, system: str, base: str, cell: Cell) -> str:
    target = TARGETS.get((system, cell)) if base == "bare" else None
    if base == OPENAI.title and system != base and cell.kind == "stream":
        target = DIALECT_TARGET
    if target is None:
        return ""
    met = rounds.ratio(system, base, cell, FIGURES["CPU ms"]) <= target
    return f"  CPU target {target}: {'met' if met else 'missed'}"


def records(
    rounds: Rounds, cells: Sequence[Cell], systems: Sequence[str], base: str
) -> list[dict[str, Any]]:
    """The same as records, for ``--json``."""
    return [
        {
            "system": system,
            "kind": cell.kind,
            "connections": cell.connections,
            "base": base,
            **{
                name: {
                    "median": rounds.median(system, cell, read),
                    "ratio": rounds.ratio(system, base, cell, read),
                    "rounds": [read(result) for result in rounds.by_system[system, cell]],
                }
                for name, read in FIGURES.items()
            },
        }
        for cell in cells
        for system in systems
    ]
