import pytest

from tokensmith import RequestInProgressError, RetryPolicy, TokensmithError, UnavailableError
from tokensmith.retries import Attempts


class Waits:
    """A clock that only sleeping moves, and a fixed chance."""

    def __init__(self, chance: float = 1.0) -> None:
        self.now = 100.0
        self.slept: list[float] = []
        self.chance = chance

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def policy(self, max_retries: int = 2) -> RetryPolicy:
        return RetryPolicy(
            max_retries=max_retries,
            sleep=self.sleep,
            random=lambda: self.chance,
            clock=lambda: self.now,
        )


def unavailable(retry_after_seconds: float | None = None) -> TokensmithError:
    return UnavailableError("", retryable=True, retry_after_seconds=retry_after_seconds)


async def test_waits_grow_up_to_the_cap() -> None:
    waits = Waits()
    attempts = Attempts(waits.policy(max_retries=6), timeout_seconds=600)
    for _ in range(6):
        await attempts.wait(unavailable())
    assert waits.slept == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]


async def test_jitter_is_full_and_on_top_of_what_the_server_asks_for() -> None:
    waits = Waits(chance=0.0)
    attempts = Attempts(waits.policy(), timeout_seconds=600)
    await attempts.wait(unavailable())
    await attempts.wait(unavailable(retry_after_seconds=3.0))
    assert waits.slept == [0.0, 3.0]


async def test_retries_end() -> None:
    waits = Waits()
    attempts = Attempts(waits.policy(max_retries=1), timeout_seconds=600)
    await attempts.wait(unavailable())
    with pytest.raises(UnavailableError):
        await attempts.wait(unavailable())
    assert len(waits.slept) == 1


async def test_what_is_not_retryable_is_raised_at_once() -> None:
    waits = Waits()
    with pytest.raises(TokensmithError):
        await Attempts(waits.policy(), timeout_seconds=600).wait(TokensmithError(""))
    assert waits.slept == []


async def test_a_wait_that_does_not_fit_is_not_begun() -> None:
    waits = Waits()
    attempts = Attempts(waits.policy(), timeout_seconds=10)
    with pytest.raises(UnavailableError):
        await attempts.wait(unavailable(retry_after_seconds=9.5))
    assert waits.slept == []


async def test_waiting_for_the_first_call_is_not_counted_but_ends_with_the_deadline() -> None:
    waits = Waits(chance=0.0)
    attempts = Attempts(waits.policy(max_retries=0), timeout_seconds=10)
    running = RequestInProgressError("", retryable=True, retry_after_seconds=1.0)
    for _ in range(9):
        await attempts.wait(running)
    with pytest.raises(RequestInProgressError):
        await attempts.wait(running)
    assert len(waits.slept) == 9
    assert attempts.remaining_seconds == 1.0


async def test_progress_makes_retries_anew() -> None:
    waits = Waits()
    attempts = Attempts(waits.policy(max_retries=1), timeout_seconds=600)
    for _ in range(3):
        attempts.restart()
        await attempts.wait(unavailable())
    assert waits.slept == [0.5, 0.5, 0.5]


def test_remaining_time_never_falls_below_zero() -> None:
    waits = Waits()
    attempts = Attempts(waits.policy(), timeout_seconds=1)
    waits.now += 5
    assert attempts.remaining_seconds == 0.0
