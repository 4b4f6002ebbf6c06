"""The circuit breaker: closed, open, half-open, and what each outcome does to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.routing.breaker import Breaker, BreakerPolicy, BreakerState

POLICY = BreakerPolicy()
NOW = 1_000.0


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(POLICY)


def fail(breaker: Breaker, times: int, now: float = NOW) -> None:
    for _ in range(times):
        breaker.begin(now)
        breaker.failed(now, "overloaded", sent_at=now)


def test_opens_after_five_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 4)
    assert breaker.state(NOW) is BreakerState.CLOSED
    fail(breaker, 1)
    assert breaker.state(NOW) is BreakerState.OPEN
    assert (breaker.wait_seconds(NOW), breaker.reason) == (5.0, "overloaded")


def test_success_starts_the_count_again(breaker: Breaker) -> None:
    fail(breaker, 4)
    breaker.succeeded(NOW, NOW)
    fail(breaker, 4)
    assert breaker.wait_seconds(NOW) == 0


def test_provider_that_says_how_long_is_believed_at_once_up_to_a_bound(breaker: Breaker) -> None:
    assert breaker.failed(NOW, "rate_limited", 30.0, sent_at=NOW)
    assert breaker.wait_seconds(NOW) == 30.0
    assert not breaker.failed(NOW, "rate_limited", 9_999.0, sent_at=NOW)
    assert breaker.wait_seconds(NOW) == 600.0


def test_a_shorter_word_does_not_cut_a_longer_one(breaker: Breaker) -> None:
    breaker.failed(NOW, "rate_limited", 30.0, sent_at=NOW)
    breaker.failed(NOW, "rate_limited", 1.0, sent_at=NOW)
    assert breaker.wait_seconds(NOW) == 30.0


def test_one_probe_goes_when_the_cooldown_is_over(breaker: Breaker) -> None:
    fail(breaker, 5)
    later = NOW + 5.0
    assert breaker.state(later) is BreakerState.HALF_OPEN
    assert breaker.wait_seconds(later) == 0
    breaker.begin(later)
    assert breaker.wait_seconds(later) > 0


def test_good_probe_closes_and_a_bad_one_doubles_up_to_a_bound(breaker: Breaker) -> None:
    fail(breaker, 5)
    now, waits = NOW, []
    for _ in range(7):
        now += breaker.wait_seconds(now)
        fail(breaker, 1, now)
        waits.append(breaker.wait_seconds(now))
    assert waits == [10.0, 20.0, 40.0, 80.0, 120.0, 120.0, 120.0]
    now += 120.0
    breaker.begin(now)
    breaker.succeeded(now, now)
    assert breaker.state(now) is BreakerState.CLOSED
    fail(breaker, 4, now)
    assert breaker.wait_seconds(now) == 0


def test_stragglers_of_the_time_before_say_nothing_new_either_way(breaker: Breaker) -> None:
    fail(breaker, 5)
    for _ in range(50):
        assert not breaker.failed(NOW, "overloaded", sent_at=NOW)
    breaker.succeeded(NOW, NOW)
    assert breaker.wait_seconds(NOW) == 5.0


def test_probe_that_was_not_made_lets_the_next_one_go(breaker: Breaker) -> None:
    fail(breaker, 5)
    breaker.begin(NOW + 5.0)
    breaker.released(NOW + 5.0)
    assert breaker.wait_seconds(NOW + 5.0) == 0


def test_stragglers_say_nothing_new_while_a_probe_runs_either(breaker: Breaker) -> None:
    fail(breaker, 5)
    later = NOW + 5.0
    breaker.begin(later)
    breaker.released(NOW - 1.0)
    breaker.succeeded(later, NOW - 1.0)
    assert not breaker.failed(later, "timeout", sent_at=NOW - 1.0)
    assert breaker.state(later) is BreakerState.HALF_OPEN
    assert breaker.wait_seconds(later) == POLICY.probe_seconds
    breaker.succeeded(later, later)
    assert breaker.state(later) is BreakerState.CLOSED


def test_streams_that_break_off_in_their_middle_open_it(breaker: Breaker) -> None:
    for _ in range(4):
        breaker.begun(NOW, NOW)
        assert not breaker.failed(NOW, "connection", sent_at=NOW, begun=True)
    breaker.begun(NOW, NOW)
    assert breaker.failed(NOW, "connection", sent_at=NOW, begun=True)


def test_answer_that_came_to_its_end_makes_first_bytes_good_again(breaker: Breaker) -> None:
    breaker.failed(NOW, "connection", sent_at=NOW, begun=True)
    breaker.succeeded(NOW, NOW)
    fail(breaker, 4)
    breaker.begun(NOW, NOW)
    fail(breaker, 4)
    assert breaker.state(NOW) is BreakerState.CLOSED


def test_probe_of_what_breaks_off_is_over_with_its_end(breaker: Breaker) -> None:
    for _ in range(5):
        breaker.failed(NOW, "connection", sent_at=NOW, begun=True)
    later = NOW + 5.0
    breaker.begin(later)
    breaker.begun(later, later)
    assert breaker.state(later) is BreakerState.HALF_OPEN
    assert breaker.failed(later, "connection", sent_at=later, begun=True)
    assert breaker.wait_seconds(later) == 10.0
    breaker.succeeded(later + 10.0, later + 10.0)
    assert breaker.state(later + 10.0) is BreakerState.CLOSED


def test_probe_that_never_ends_does_not_keep_it_open_for_ever(breaker: Breaker) -> None:
    fail(breaker, 5)
    breaker.begin(NOW + 5.0)
    assert breaker.wait_seconds(NOW + 5.0 + POLICY.probe_seconds) == 0


def test_it_says_once_that_it_opened_and_again_after_a_bad_probe() -> None:
    breaker = Breaker(BreakerPolicy(failures_to_open=1))
    assert breaker.failed(NOW, "operator_credit", sent_at=NOW)
    assert not breaker.failed(NOW, "operator_credit", sent_at=NOW)
    assert breaker.failed(NOW + 5.0, "operator_credit", sent_at=NOW + 5.0)


EVENTS = st.sampled_from(
    ["begin", "begun", "succeeded", "failed", "broken", "told", "released", "pass"]
)


# Eighths of a second: they add up without rounding.
SECONDS = st.integers(0, 700 * 8).map(lambda eighths: eighths / 8)


@given(st.lists(st.tuples(EVENTS, SECONDS), max_size=60))
def test_it_never_stays_open_for_longer_than_it_may(events: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(POLICY), NOW
    for event, number in events:
        match event:
            case "begin":
                breaker.begin(now)
            case "succeeded":
                breaker.succeeded(now, now)
            case "failed":
                breaker.failed(now, "overloaded", sent_at=now)
            case "told":
                breaker.failed(now, "rate_limited", number, sent_at=now)
            case "begun":
                breaker.begun(now, now)
            case "broken":
                breaker.failed(now, "connection", sent_at=now - number, begun=True)
            case "released":
                breaker.released(now)
            case _:
                now += number
        wait_seconds = breaker.wait_seconds(now)
        assert 0.0 <= wait_seconds <= POLICY.retry_after_seconds_max
        assert breaker.wait_seconds(now + wait_seconds) == pytest.approx(0.0, abs=1e-9)
        if breaker.state(now) is BreakerState.CLOSED:
            assert wait_seconds == 0.0
            assert breaker.failures < POLICY.failures_to_open
