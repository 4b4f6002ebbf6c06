"""Requests and tokens per minute for each API key, counted in this process.

Limits protect the house and may be approximate; money may not, and never rests on them. A key's
allowance flows back evenly (a token bucket that is full at first), so that there is no edge of a
minute to wait for.
"""

from collections import OrderedDict
from dataclasses import dataclass

from tokensmith_server.clock import Clock
from tokensmith_server.errors import RateLimited

_KEYS_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class RatePolicy:
    """What one key may do in a minute."""

    requests_per_minute: int = 30_000
    tokens_per_minute: int = 100_000_000


@dataclass(slots=True)
class _Bucket:
    requests: float
    tokens: float
    refilled: float


class RateLimiter:
    """The buckets of one process. Forgets the keys that were idle longest."""

    def __init__(self, clock: Clock, policy: RatePolicy) -> None:
        self._clock = clock
        self._policy = policy
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def admit(self, key_id: str, tokens: int) -> tuple[tuple[str, str], ...]:
        """Take one request and its estimated tokens; return OpenAI's rate-limit headers.

        A request larger than the whole allowance is admitted when the bucket is full: it could
        never be otherwise.

        Raises:
            RateLimited: one of the two allowances is used up; nothing was taken.
        """
        policy = self._policy
        bucket = self._refilled(key_id)
        wanted = min(tokens, policy.tokens_per_minute)
        if bucket.requests < 1.0:
            wait_seconds = (1.0 - bucket.requests) * 60 / policy.requests_per_minute
            raise RateLimited("requests", wait_seconds, _headers(bucket, policy))
        if bucket.tokens < wanted:
            wait_seconds = (wanted - bucket.tokens) * 60 / policy.tokens_per_minute
            raise RateLimited("tokens", wait_seconds, _headers(bucket, policy))
        bucket.requests -= 1.0
        bucket.tokens -= wanted
        return _headers(bucket, policy)

    def look(self, key_id: str) -> tuple[tuple[str, str], ...]:
        """OpenAI's rate-limit headers as they are now; takes nothing."""
        return _headers(self._refilled(key_id), self._policy)

    def _refilled(self, key_id: str) -> _Bucket:
        now = self._clock.monotonic()
        policy = self._policy
        bucket = self._buckets.get(key_id)
        if bucket is None:
            bucket = _Bucket(policy.requests_per_minute, policy.tokens_per_minute, now)
            self._buckets[key_id] = bucket
            if len(self._buckets) > _KEYS_REMEMBERED:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(key_id)
        minutes = (now - bucket.refilled) / 60
        bucket.refilled = now
        requests = bucket.requests + minutes * policy.requests_per_minute
        bucket.requests = min(policy.requests_per_minute, requests)
        tokens = bucket.tokens + minutes * policy.tokens_per_minute
        bucket.tokens = min(policy.tokens_per_minute, tokens)
        return bucket


def _headers(bucket: _Bucket, policy: RatePolicy) -> tuple[tuple[str, str], ...]:
    """OpenAI's six headers; resets are Go-style durations until the bucket is full again."""
    requests_missing = policy.requests_per_minute - bucket.requests
    tokens_missing = policy.tokens_per_minute - bucket.tokens
    return (
        ("x-ratelimit-limit-requests", str(policy.requests_per_minute)),
        ("x-ratelimit-limit-tokens", str(policy.tokens_per_minute)),
        ("x-ratelimit-remaining-requests", str(int(bucket.requests))),
        ("x-ratelimit-remaining-tokens", str(int(bucket.tokens))),
        (
            "x-ratelimit-reset-requests",
            _go_duration(requests_missing * 60 / policy.requests_per_minute),
        ),
        (
            "x-ratelimit-reset-tokens",
            _go_duration(tokens_missing * 60 / policy.tokens_per_minute),
        ),
    )


def _go_duration(seconds: float) -> str:
    """Seconds as OpenAI writes them: ``12ms``, ``1.5s``, ``6m0s``."""
    milliseconds = round(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:g}s"
    return f"{milliseconds // 60_000}m{milliseconds % 60_000 // 1000}s"
