"""How well something has done of late: its share of failures and its time to the first byte. Pure.

Both are exponentially weighted means, so that they need no history. The share of failures also
fades with time: what nobody tries must not be remembered for its worst moment for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_NEWEST_SHARE: Final = 0.1
"""What the newest outcome counts for: the mean is about that of the last twenty."""
_HALF_LIFE_SECONDS: Final = 30.0
_FORGOTTEN: Final = 0.001
_LATENCY_SAMPLES_MIN: Final = 5
"""With fewer the mean is mostly chance, and nobody is judged by it."""
_LATENCY_TOLERANCE: Final = 2.0
_LATENCY_FACTOR_MIN: Final = 0.1
_HEALTH_FACTOR_MIN: Final = 0.05


@dataclass(slots=True)
class Score:
    """The outcomes of one route, or of one lane.

    ``first_byte_seconds`` is a mean over streams, ``None`` until there was one: a whole answer's
    time is that of its length. ``tries`` and ``failures`` count since the process began.
    """

    tries: int = 0
    failures: int = 0
    first_byte_seconds: float | None = None
    first_bytes: int = 0
    _error_rate: float = 0.0
    _noted_at: float = 0.0

    def error_rate(self, now: float) -> float:
        """The share of failures, from 0 to 1."""
        if self._error_rate == 0.0:
            return 0.0
        rate: float = self._error_rate * 0.5 ** ((now - self._noted_at) / _HALF_LIFE_SECONDS)
        return rate if rate >= _FORGOTTEN else 0.0

    def begun(self, first_byte_seconds: float) -> None:
        """Note a stream's first byte; its outcome is still to come."""
        self.first_bytes += 1
        mean = self.first_byte_seconds
        self.first_byte_seconds = (
            first_byte_seconds
            if mean is None
            else mean + (first_byte_seconds - mean) * _NEWEST_SHARE
        )

    def succeeded(self, now: float) -> None:
        """Note a good outcome."""
        self.tries += 1
        if self._error_rate != 0.0:
            self._error_rate = self.error_rate(now) * (1 - _NEWEST_SHARE)
            self._noted_at = now

    def failed(self, now: float) -> None:
        """Note a bad outcome."""
        self.tries += 1
        self.failures += 1
        rate = self.error_rate(now)
        self._error_rate = rate + (1 - rate) * _NEWEST_SHARE
        self._noted_at = now

    @property
    def latency_seconds(self) -> float | None:
        """The mean time to the first byte, once it says something."""
        return self.first_byte_seconds if self.first_bytes >= _LATENCY_SAMPLES_MIN else None


def effective_weights(
    weights: Sequence[int], scores: Sequence[Score], now: float
) -> tuple[float, ...]:
    """The operator's weights with each one's health in them; all above zero.

    A share of failures takes the same share off the weight, down to a twentieth. What is more than
    twice as slow as the fastest loses in proportion, down to a tenth: calls must go on to show
    when it has recovered.
    """
    latencies = [score.latency_seconds for score in scores]
    known = [latency for latency in latencies if latency is not None]
    fastest = min(known, default=0.0)
    return tuple(
        weight
        * max(1.0 - score.error_rate(now), _HEALTH_FACTOR_MIN)
        * _latency_factor(latency, fastest)
        for weight, score, latency in zip(weights, scores, latencies, strict=True)
    )


def _latency_factor(latency: float | None, fastest: float) -> float:
    if latency is None or latency <= _LATENCY_TOLERANCE * fastest:
        return 1.0
    return max(_LATENCY_TOLERANCE * fastest / latency, _LATENCY_FACTOR_MIN)
