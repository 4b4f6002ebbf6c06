"""A 429 without Retry-After still says when its allowance is back, in each vendor's own form."""

from datetime import UTC, datetime

import pytest

from tokensmith_server.providers.rate_limit_headers import WAIT_SECONDS_MAX, wait_seconds

NOW = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)


def openai(remaining: str, reset: str, what: str = "requests") -> dict[str, str]:
    return {f"x-ratelimit-remaining-{what}": remaining, f"x-ratelimit-reset-{what}": reset}


def anthropic(remaining: str, reset: str, what: str = "requests") -> dict[str, str]:
    return {
        f"anthropic-ratelimit-{what}-remaining": remaining,
        f"anthropic-ratelimit-{what}-reset": reset,
    }


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        (openai("0", "1s"), 1.0),
        (openai("0", "12ms"), 0.012),
        (openai("0", "1.5s", "tokens"), 1.5),
        (openai("0", "6m0s"), WAIT_SECONDS_MAX),
        (openai("0", "1h0m30s"), WAIT_SECONDS_MAX),
        (openai("0", "2s") | openai("0", "7s", "tokens"), 7.0),
        (openai("0", "2s") | openai("12", "7s", "tokens"), 2.0),
        (openai("5", "1s"), None),
        (openai("-1", "0", "tokens"), None),
        (openai("0", "0s"), None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "3"}, 3.0),
        (anthropic("0", "2026-11-21T10:00:07Z"), 7.0),
        (anthropic("0", "2026-11-21T10:00:07+00:00", "output-tokens"), 7.0),
        (anthropic("0", "2026-11-21T10:00:07"), 7.0),
        (anthropic("0", "2026-11-21T09:59:00Z"), None),
        (anthropic("0", "2026-11-22T10:00:00Z", "input-tokens"), WAIT_SECONDS_MAX),
        (anthropic("0", "soon"), None),
        (anthropic("0", ""), None),
        (openai("0", "-1s"), None),
        (openai("0", "1s1"), None),
    ],
)
def test_an_allowance_that_is_used_up_says_when_it_is_back(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert wait_seconds(429, headers, now=NOW) == seconds


def test_retry_after_goes_before_the_allowances() -> None:
    assert wait_seconds(429, openai("0", "9s") | {"retry-after": "2"}, now=NOW) == 2.0
    assert wait_seconds(429, openai("0", "9s") | {"retry-after": "0"}, now=NOW) == 0.0


def test_allowances_mean_nothing_to_other_failures() -> None:
    assert wait_seconds(503, openai("0", "9s"), now=NOW) is None
    assert wait_seconds(503, {"retry-after": "2"}, now=NOW) == 2.0
