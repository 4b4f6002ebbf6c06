"""One circuit breaker: closed, then open until a moment, then half-open with one probe. Pure.

It opens after so many failures in a row, or at once when the provider says how long to stay away.
Once its cooldown has passed it lets one probe through (half-open): success closes it, failure
opens it again for twice as long, up to a limit. What was under way when it opened says nothing new,
whichever way it ends, and however late. A probe has ``probe_seconds`` to itself; then the next one
may go, so that a slow answer does not keep out what has recovered.

A stream's first byte is a success, but for one thing: once streams break off in their middle, only
an answer that comes to its end shows that this is over.

Times are those of a monotonic clock, in seconds, and given by the caller.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_COOLDOWN_SECONDS_MIN: Final = 0.001


class BreakerState(StrEnum):
    """Whether calls pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens, and for how long.

    ``retry_after_seconds_max`` bounds what is believed of a provider's own word.
    """

    failures_to_open: int = 5
    cooldown_seconds: float = 5.0
    cooldown_seconds_max: float = 120.0
    retry_after_seconds_max: float = 600.0
    probe_seconds: float = 5.0


@dataclass(slots=True)
class Breaker:
    """The breaker of one thing that can fail. ``reason`` is why it opened last."""

    policy: BreakerPolicy
    reason: str = ""
    failures: int = 0
    # Zero while it is closed.
    open_until: float = 0.0
    cooldown_seconds: float = 0.0
    probe_until: float = 0.0
    opened_at: float = 0.0
    # A stream broke off in its middle, and no answer has come to its end since then.
    doubtful: bool = False

    def state(self, now: float) -> BreakerState:
        """Whether calls pass: all, none, or one probe."""
        if self.open_until == 0.0:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self.open_until <= now else BreakerState.OPEN

    def wait_seconds(self, now: float) -> float:
        """How long until a call may pass; zero when it may now, which a running probe forbids."""
        if self.open_until == 0.0:
            return 0.0
        return max(self.open_until - now, self.probe_until - now, 0.0)

    def begin(self, now: float) -> None:
        """Note that a call is going to pass; through a half-open breaker this is the probe."""
        if self.open_until != 0.0 and self.open_until <= now:
            self.probe_until = now + self.policy.probe_seconds

    def begun(self, now: float, sent_at: float) -> None:
        """A stream that was asked for at ``sent_at`` has its first byte."""
        if not self.doubtful:
            self.succeeded(now, sent_at)

    def succeeded(self, now: float, sent_at: float) -> None:
        """A call went well to its end: closes a half-open breaker, and counts from zero again."""
        if self.open_until <= now and sent_at >= self.opened_at:
            self.failures = 0
            self.open_until = self.cooldown_seconds = self.probe_until = self.opened_at = 0.0
            self.doubtful = False

    def released(self, sent_at: float) -> None:
        """A call ended, or was not made, without saying anything."""
        if sent_at >= self.opened_at:
            self.probe_until = 0.0

    def failed(
        self,
        now: float,
        reason: str,
        retry_after_seconds: float | None = None,
        *,
        sent_at: float,
        begun: bool = False,
    ) -> bool:
        """A call failed; ``retry_after_seconds`` is the provider's own word, if it gave one.

        ``begun`` says that it was a stream and had its first byte.

        Returns:
            Whether this opened the breaker, for the first time or again after a probe.
        """
        policy, state = self.policy, self.state(now)
        self.failures += 1
        self.doubtful = self.doubtful or begun
        if retry_after_seconds is not None:
            cooldown_seconds = min(retry_after_seconds, policy.retry_after_seconds_max)
        elif state is BreakerState.HALF_OPEN and sent_at >= self.opened_at:
            longer = max(self.cooldown_seconds * 2, policy.cooldown_seconds)
            cooldown_seconds = min(longer, policy.cooldown_seconds_max)
        elif state is BreakerState.CLOSED and self.failures >= policy.failures_to_open:
            cooldown_seconds = policy.cooldown_seconds
        else:
            return False
        self.cooldown_seconds = max(cooldown_seconds, _COOLDOWN_SECONDS_MIN)
        self.open_until = max(self.open_until, now + self.cooldown_seconds)
        self.opened_at = now
        self.probe_until = 0.0
        self.reason = reason
        return state is not BreakerState.OPEN
