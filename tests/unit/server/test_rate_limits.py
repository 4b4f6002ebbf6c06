"""Requests and tokens per minute for each key."""

import pytest

from tests.support.clock import FakeClock
from tokensmith_server import rate_limits
from tokensmith_server.errors import RateLimited
from tokensmith_server.rate_limits import RateLimiter, RatePolicy, _go_duration


def limiter(requests: int = 60, tokens: int = 6_000) -> tuple[RateLimiter, FakeClock]:
    clock = FakeClock()
    return RateLimiter(clock, RatePolicy(requests, tokens)), clock


def test_looking_takes_nothing() -> None:
    limiter = RateLimiter(FakeClock(), RatePolicy(requests_per_minute=1, tokens_per_minute=10))
    for _ in range(3):
        assert ("x-ratelimit-remaining-requests", "1") in limiter.look("key")
    limiter.admit("key", 1)
    assert ("x-ratelimit-remaining-requests", "0") in limiter.look("key")


def test_allowance_of_requests_is_used_up_and_flows_back() -> None:
    limits, clock = limiter()
    for _ in range(60):
        limits.admit("k", 1)
    with pytest.raises(RateLimited) as caught:
        limits.admit("k", 1)
    assert (caught.value.limit, caught.value.retry_after_seconds) == ("requests", 1.0)
    clock.advance(1.0)
    limits.admit("k", 1)


def test_allowance_of_tokens_is_used_up_and_flows_back() -> None:
    limits, clock = limiter()
    limits.admit("k", 5_000)
    with pytest.raises(RateLimited) as caught:
        limits.admit("k", 2_000)
    assert (caught.value.limit, caught.value.retry_after_seconds) == ("tokens", 10.0)
    clock.advance(10.0)
    limits.admit("k", 2_000)


def test_refusal_takes_nothing_and_has_the_headers() -> None:
    limits, _ = limiter()
    limits.admit("k", 5_000)
    for _ in range(100):
        with pytest.raises(RateLimited) as caught:
            limits.admit("k", 2_000)
    headers = dict(caught.value.headers)
    assert headers["x-ratelimit-remaining-requests"] == "59"
    assert headers["x-ratelimit-remaining-tokens"] == "1000"


def test_request_larger_than_everything_goes_when_nothing_is_used() -> None:
    limits, clock = limiter()
    limits.admit("k", 1_000_000)
    with pytest.raises(RateLimited):
        limits.admit("k", 1)
    clock.advance(60.0)
    limits.admit("k", 1_000_000)


def test_allowance_does_not_grow_beyond_a_minutes() -> None:
    limits, clock = limiter(requests=2)
    clock.advance(3_600.0)
    limits.admit("k", 1)
    clock.advance(3_600.0)
    limits.admit("k", 1)
    limits.admit("k", 1)
    with pytest.raises(RateLimited):
        limits.admit("k", 1)


def test_keys_do_not_share() -> None:
    limits, _ = limiter(requests=1)
    limits.admit("a", 1)
    limits.admit("b", 1)
    with pytest.raises(RateLimited):
        limits.admit("a", 1)


def test_keys_idle_longest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "_KEYS_REMEMBERED", 10)
    limits, _ = limiter(requests=2)
    limits.admit("used", 1)
    for number in range(50):
        limits.admit(f"k{number}", 1)
        if number == 5:
            limits.admit("used", 1)
    assert len(limits._buckets) == 10
    limits.admit("used", 1)


def test_headers_are_openais() -> None:
    limits, _ = limiter()
    assert dict(limits.admit("k", 1_000)) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-remaining-tokens": "5000",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-reset-tokens": "10s",
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.012, "12ms"),
        (0.9996, "1s"),
        (1.5, "1.5s"),
        (59.999, "59.999s"),
        (60, "1m0s"),
        (360, "6m0s"),
        (365.9, "6m5s"),
    ],
)
def test_durations_are_written_as_openai_does(seconds: float, text: str) -> None:
    assert _go_duration(seconds) == text
