"""How many repeats a provider gets: a share of its calls, so that no outage is multiplied. Pure.

A bucket of tokens for each provider: every call puts a fraction of a token in, every further try
at the same provider takes a whole one out. A quiet provider has a few to begin with, and gets one
now and then by time alone.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryBudgetPolicy:
    """``share`` of the calls may be repeated, besides ``burst`` at once and a few by time."""

    share: float = 0.2
    burst: float = 10.0
    per_second: float = 0.2


class RetryBudget:
    """What is left for one provider. Times are a monotonic clock's, in seconds."""

    __slots__ = ("_filled_at", "_policy", "_tokens")

    def __init__(self, policy: RetryBudgetPolicy) -> None:
        self._policy = policy
        self._tokens = policy.burst
        self._filled_at: float | None = None

    def called(self) -> None:
        """Note a call's first try at the provider."""
        if self._tokens < self._policy.burst:
            self._tokens = min(self._tokens + self._policy.share, self._policy.burst)

    def left(self, now: float) -> float:
        """How many repeats may be made now; below one means none."""
        self._fill(now)
        return self._tokens

    def allows(self, now: float) -> bool:
        """Whether a repeat may be made now."""
        return self.left(now) >= 1.0

    def repeated(self, now: float) -> None:
        """Note a repeat."""
        self._fill(now)
        self._tokens = max(self._tokens - 1.0, 0.0)

    def _fill(self, now: float) -> None:
        if self._filled_at is not None:
            gained = max(now - self._filled_at, 0.0) * self._policy.per_second
            self._tokens = min(self._tokens + gained, self._policy.burst)
        self._filled_at = now
