"""Scores, weights made of them, orders drawn by them, and retry budgets."""

from collections import Counter
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.routing.budget import RetryBudget, RetryBudgetPolicy
from tokensmith_server.routing.draw import weighted_order
from tokensmith_server.routing.score import Score, effective_weights

NOW = 1_000.0


def score(*, failures: int = 0, successes: int = 0, seconds: float | None = None) -> Score:
    made = Score()
    for _ in range(failures):
        made.failed(NOW)
    for _ in range(successes):
        if seconds is not None:
            made.begun(seconds)
        made.succeeded(NOW)
    return made


def test_error_rate_follows_the_outcomes_and_fades_with_time() -> None:
    bad = score(failures=50)
    assert bad.error_rate(NOW) == pytest.approx(1.0, abs=0.01)
    assert bad.error_rate(NOW + 30.0) == pytest.approx(bad.error_rate(NOW) / 2)
    assert bad.error_rate(NOW + 3_600.0) == 0.0
    for _ in range(50):
        bad.succeeded(NOW)
    assert bad.error_rate(NOW) < 0.01
    assert (bad.tries, bad.failures) == (100, 50)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100)), max_size=50))
def test_error_rate_is_a_share_whatever_happens(outcomes: list[tuple[bool, float]]) -> None:
    scored, now = Score(), NOW
    for good, passed in outcomes:
        now += passed
        if good:
            scored.begun(passed)
            scored.succeeded(now)
        else:
            scored.failed(now)
        assert 0.0 <= scored.error_rate(now) <= 1.0


def test_latency_says_something_after_five_streams_and_follows_slowly() -> None:
    scored = score(successes=4, seconds=1.0)
    scored.succeeded(NOW)
    assert scored.latency_seconds is None
    scored.begun(2.0)
    assert scored.latency_seconds == pytest.approx(1.1)


def test_weights_stay_the_operators_while_all_are_well() -> None:
    alike = [score(successes=9, seconds=0.5), score(successes=9, seconds=0.9), Score()]
    assert effective_weights([3, 1, 2], alike, NOW) == (3.0, 1.0, 2.0)


def test_failures_and_slowness_take_weight_off_but_never_all() -> None:
    scores = [score(successes=9, seconds=0.1), score(failures=99), score(successes=9, seconds=0.4)]
    well, failing, slow = effective_weights([10, 10, 10], scores, NOW)
    assert well == 10.0
    assert failing == pytest.approx(0.5)
    assert slow == pytest.approx(5.0)
    (_, crawling) = effective_weights([10, 10], [scores[0], score(successes=9, seconds=90.0)], NOW)
    assert crawling == pytest.approx(1.0)


def test_order_goes_by_weight_and_the_number_drawn() -> None:
    assert weighted_order([3.0, 1.0], lambda: 0.74) == [0, 1]
    assert weighted_order([3.0, 1.0], lambda: 0.75) == [1, 0]
    drawn = iter([0.99, 0.0])
    assert weighted_order([1.0, 1.0, 1.0], lambda: next(drawn)) == [2, 0, 1]


def test_nothing_is_drawn_for_one() -> None:
    def draw() -> float:
        raise AssertionError

    assert weighted_order([5.0], draw) == [0]


def test_shares_are_those_of_the_weights() -> None:
    turns = count()
    first = Counter(
        weighted_order([3.0, 1.0], lambda: next(turns) % 100 / 100)[0] for _ in range(400)
    )
    assert first == {0: 300, 1: 100}


@given(
    st.lists(st.floats(0.01, 1_000.0), min_size=1, max_size=6),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=6, max_size=6),
)
def test_an_order_has_everybody_once(weights: list[float], numbers: list[float]) -> None:
    drawn = iter(numbers)
    assert sorted(weighted_order(weights, lambda: next(drawn))) == list(range(len(weights)))


BUDGET = RetryBudgetPolicy(share=0.2, burst=10.0, per_second=0.2)


def test_quiet_provider_has_a_burst_and_then_one_now_and_then() -> None:
    budget = RetryBudget(BUDGET)
    for _ in range(10):
        assert budget.allows(NOW)
        budget.repeated(NOW)
    assert not budget.allows(NOW)
    assert not budget.allows(NOW + 4.9)
    assert budget.allows(NOW + 5.0)


@given(st.lists(st.sampled_from(["call", "repeat", "pass"]), max_size=300))
def test_repeats_are_at_most_the_share_the_burst_and_what_time_brings(events: list[str]) -> None:
    budget, now, calls, repeats = RetryBudget(BUDGET), NOW, 0, 0
    for event in events:
        if event == "call":
            budget.called()
            calls += 1
        elif event == "pass":
            now += 1.0
        elif budget.allows(now):
            budget.repeated(now)
            repeats += 1
        allowed = BUDGET.burst + BUDGET.share * calls + BUDGET.per_second * (now - NOW)
        assert repeats <= allowed + 1e-6
        assert 0.0 <= budget.left(now) <= BUDGET.burst
