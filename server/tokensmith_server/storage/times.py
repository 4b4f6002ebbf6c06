"""Times as the tables keep them: whole microseconds since the epoch."""


def microseconds(value: float) -> int:
    """Seconds since the epoch to microseconds, to the nearest; half the cost of ``round``."""
    return int(value * 1_000_000 + 0.5)


def seconds(value: int) -> float:
    """Microseconds to seconds."""
    return value / 1_000_000
