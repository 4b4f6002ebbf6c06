"""A clock that moves only when told to."""


class FakeClock:
    """Stands in for ``time.time`` and ``time.monotonic``: call it, or pass ``clock.now``.

    It starts at a fixed instant, so that a failing test fails alike every day.
    """

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._start = start
        self._now = start

    def __call__(self) -> float:
        return self._now

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the clock was made; unlike ``now`` it never jumps."""
        return self._now - self._start

    def advance(self, seconds: float) -> float:
        """Move forward and return the new time."""
        assert seconds >= 0, "time does not go back"
        self._now += seconds
        return self._now

    def jump(self, seconds: float) -> float:
        """Set the wall clock, forward or back, and return the new time; no time passes."""
        self._start += seconds
        self._now += seconds
        return self._now
