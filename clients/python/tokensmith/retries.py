"""When to make a call again, and how long to wait before. Time and chance come in from outside."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tokensmith.errors import RequestInProgressError, TokensmithError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently to repeat what is safe to repeat.

    The wait before repeat n is what the server asks for plus a random part of
    ``backoff_seconds * 2**n``, at most ``max_backoff_seconds`` (full jitter). Waiting for a first
    call with the same request id to end is not counted as a repeat.
    """

    max_retries: int = 2
    backoff_seconds: float = 0.5
    max_backoff_seconds: float = 8.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic


class Attempts:
    """The tries of one call, all under one deadline."""

    def __init__(self, policy: RetryPolicy, timeout_seconds: float) -> None:
        self._policy = policy
        self._deadline = policy.clock() + timeout_seconds
        self._retries = 0

    @property
    def remaining_seconds(self) -> float:
        """What is left of the call's time; never below zero."""
        return max(0.0, self._deadline - self._policy.clock())

    def restart(self) -> None:
        """Forget earlier failures, since there was progress."""
        self._retries = 0

    async def wait(self, error: TokensmithError) -> None:
        """Wait until the call may be made again.

        Raises:
            TokensmithError: ``error`` itself, when repeating is not safe, not allowed any more, or
                would not fit into the call's time.
        """
        waiting_for_first = isinstance(error, RequestInProgressError)
        if not error.retryable:
            raise error
        if not waiting_for_first and self._retries >= self._policy.max_retries:
            raise error
        delay = self._delay(error)
        if delay >= self.remaining_seconds:
            raise error
        if not waiting_for_first:
            self._retries += 1
        await self._policy.sleep(delay)

    def _delay(self, error: TokensmithError) -> float:
        policy = self._policy
        backoff = policy.backoff_seconds * float(2**self._retries)
        ceiling = min(policy.max_backoff_seconds, backoff)
        return (error.retry_after_seconds or 0.0) + policy.random() * ceiling
