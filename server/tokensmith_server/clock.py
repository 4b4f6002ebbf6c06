"""Time enters the server here, so that tests can own it."""

import time
from typing import Protocol


class Clock(Protocol):
    """Where the server reads the time."""

    def now(self) -> float:
        """Seconds since the epoch: what rows and messages carry."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps: what durations are measured with."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on the monotonic clock."""
        return time.monotonic()
