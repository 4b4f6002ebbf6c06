"""Waiting for what another process does: look, and look again, until a deadline."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.02


def eventually(
    look: Callable[[], T], what: str, *, seconds: float = PATIENCE_SECONDS, pause: float = 0.0
) -> T:
    """Return the first true value that ``look`` gives; ``what`` says what never came.

    ``pause`` is for looks that cost the other process something.

    Raises:
        TimeoutError: none came in time.
    """
    deadline = time.monotonic() + seconds
    never = threading.Event()
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s; seen last: {seen!r}")
        never.wait(pause or _PAUSE_SECONDS)
