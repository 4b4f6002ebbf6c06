"""A simulator inside a test's own process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tokensmith_simulator.config import SimulatorConfig
from tokensmith_simulator.faults import Fault, FaultBoard, FaultKind, Pace
from tokensmith_simulator.journal import Journal, JournalEntry
from tokensmith_simulator.server import Served, start_simulator

__all__ = ["Fault", "FaultKind", "Pace", "RunningSimulator", "running_simulator"]


class RunningSimulator:
    """A simulator that serves, its addresses and its controls."""

    def __init__(self, served: Served) -> None:
        urls = served.base_urls()
        self.origin: str = served.origin
        self.openai_base_url: str = urls["openai"]
        self.xai_base_url: str = urls["xai"]
        self.together_base_url: str = urls["together"]
        self.anthropic_base_url: str = urls["anthropic"]
        self.gemini_base_url: str = urls["gemini"]
        self.faults: FaultBoard = served.simulator.faults
        self.journal: Journal = served.simulator.journal

    def inject(self, kind: FaultKind | str, **fields: Any) -> int:
        """Queue a fault, such as `inject("rate_limit", retry_after_seconds=2)`; return its id."""
        return self.faults.add(Fault(kind=FaultKind(kind), **fields))

    def set_pace(self, **fields: int) -> None:
        """Set the pace of streams; without arguments, back to full speed."""
        self.faults.pace = Pace(**fields)

    def release(self) -> None:
        """Let requests that hang or stall carry on."""
        self.faults.release()

    async def wait_done(self, count: int, *, timeout_seconds: float = 10.0) -> list[JournalEntry]:
        """Wait until so many requests are through, and return all entries.

        Raises:
            TimeoutError: They are not in time.
        """
        return await self.journal.wait_until(
            lambda entries: sum(entry.done for entry in entries) >= count,
            timeout_seconds=timeout_seconds,
        )


@asynccontextmanager
async def running_simulator(
    config: SimulatorConfig | None = None,
) -> AsyncIterator[RunningSimulator]:
    """Serve a simulator on a free loopback port for the length of the block."""
    async with start_simulator("127.0.0.1", 0, config) as served:
        yield RunningSimulator(served)
