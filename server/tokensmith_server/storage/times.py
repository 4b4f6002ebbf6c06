"""Times as the tables keep them: whole microseconds since the epoch."""


def microseconds(value: float) -> int:
    """Seconds to microseconds, to the nearest."""
    return round(value * 1_000_000)


def seconds(value: int) -> float:
    """Microseconds to seconds."""
    return value / 1_000_000
