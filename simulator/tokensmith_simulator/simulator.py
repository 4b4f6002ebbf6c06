"""The state that the parts of one simulator share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from tokensmith_simulator.faults import FaultBoard
from tokensmith_simulator.journal import Journal

if TYPE_CHECKING:
    from tokensmith_simulator.config import SimulatorConfig


class Simulator:
    """Settings, faults and journal of one simulator."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.faults = FaultBoard()
        self.journal = Journal(
            capacity=config.journal_capacity, limit_bytes=config.journal_limit_bytes
        )


SIMULATOR = web.AppKey("SIMULATOR", Simulator)
