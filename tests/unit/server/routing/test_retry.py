"""The table of what to do after a failed try."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fake_provider import failure
from tokensmith_server.providers.base import ErrorKind
from tokensmith_server.routing.retry import Action, Decision, RetryPolicy, Situation, decide

POLICY = RetryPolicy()
AGAIN, ELSEWHERE, GIVE_UP = Action.RETRY_ROUTE, Action.NEXT_ROUTE, Action.GIVE_UP
OTHER_KEY = Action.NEXT_KEY
ALONE = Situation(
    tries_on_route=1,
    tries_in_all=1,
    has_next_key=False,
    has_next_route=False,
    may_repeat=True,
    remaining_seconds=600.0,
)


def decided(
    kind: ErrorKind,
    retry_after_seconds: float | None = None,
    *,
    policy: RetryPolicy = POLICY,
    jitter: float = 1.0,
    should_retry: bool | None = None,
    **state: Any,
) -> Decision:
    error = failure(kind, retry_after_seconds=retry_after_seconds, should_retry=should_retry)
    return decide(error, replace(ALONE, **state), policy, jitter)


@pytest.mark.parametrize(
    ("kind", "alone", "with_another"),
    [
        (ErrorKind.INVALID_REQUEST, GIVE_UP, GIVE_UP),
        (ErrorKind.CONTEXT_LENGTH, GIVE_UP, GIVE_UP),
        (ErrorKind.CONTENT_REFUSED, GIVE_UP, GIVE_UP),
        (ErrorKind.RATE_LIMITED, AGAIN, ELSEWHERE),
        (ErrorKind.OVERLOADED, AGAIN, AGAIN),
        (ErrorKind.TIMEOUT, GIVE_UP, ELSEWHERE),
        (ErrorKind.CONNECTION, AGAIN, AGAIN),
        (ErrorKind.MODEL_UNAVAILABLE, GIVE_UP, ELSEWHERE),
        (ErrorKind.OPERATOR_AUTH, GIVE_UP, ELSEWHERE),
        (ErrorKind.OPERATOR_CREDIT, GIVE_UP, ELSEWHERE),
        (ErrorKind.MALFORMED_RESPONSE, GIVE_UP, ELSEWHERE),
        (ErrorKind.UNKNOWN, AGAIN, AGAIN),
    ],
)
def test_first_failure(kind: ErrorKind, alone: Action, with_another: Action) -> None:
    assert decided(kind).action is alone
    assert decided(kind, has_next_route=True).action is with_another


def test_every_kind_is_in_the_table_above() -> None:
    marks = test_first_failure.pytestmark  # type: ignore[attr-defined]
    assert {row[0] for row in marks[0].args[1]} == set(ErrorKind)


@pytest.mark.parametrize(("has_next_route", "action"), [(False, GIVE_UP), (True, ELSEWHERE)])
def test_route_has_two_tries(has_next_route: bool, action: Action) -> None:
    decision = decided(
        ErrorKind.OVERLOADED, tries_on_route=2, tries_in_all=2, has_next_route=has_next_route
    )
    assert decision.action is action


def test_call_has_four_tries() -> None:
    assert decided(ErrorKind.OVERLOADED, tries_in_all=4, has_next_route=True).action is GIVE_UP


@pytest.mark.parametrize("jitter", [0.0, 0.4, 1.0])
def test_whole_backoff_is_jittered(jitter: float) -> None:
    assert decided(ErrorKind.OVERLOADED, jitter=jitter).delay_seconds == 0.25 * jitter


def test_backoff_doubles_up_to_its_bound() -> None:
    policy = RetryPolicy(tries_per_route=99, tries_in_all=99)
    delays = [
        decided(
            ErrorKind.OVERLOADED, policy=policy, tries_on_route=tries, tries_in_all=tries
        ).delay_seconds
        for tries in (1, 2, 3, 4, 5, 6, 50)
    ]
    assert delays == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [(0.0, Decision(AGAIN, 0.25)), (5.0, Decision(AGAIN, 5.25)), (5.1, Decision(GIVE_UP))],
)
def test_retry_after_is_kept_to_or_handed_on(retry_after: float, expected: Decision) -> None:
    assert decided(ErrorKind.RATE_LIMITED, retry_after) == expected
    assert decided(ErrorKind.OVERLOADED, retry_after) == expected


def test_too_long_a_retry_after_sends_the_call_elsewhere() -> None:
    decision = decided(ErrorKind.OVERLOADED, 30.0, has_next_route=True)
    assert decision == Decision(ELSEWHERE)


@pytest.mark.parametrize("kind", ErrorKind)
def test_another_key_is_tried_where_the_failure_is_the_keys_own(kind: ErrorKind) -> None:
    own = {
        ErrorKind.RATE_LIMITED,
        ErrorKind.MODEL_UNAVAILABLE,
        ErrorKind.OPERATOR_AUTH,
        ErrorKind.OPERATOR_CREDIT,
    }
    action = decided(kind, has_next_key=True, has_next_route=True).action
    assert (action is OTHER_KEY) == (kind in own)


def test_without_budget_a_route_is_not_tried_again() -> None:
    assert decided(ErrorKind.OVERLOADED, may_repeat=False) == Decision(GIVE_UP)
    assert decided(ErrorKind.OVERLOADED, may_repeat=False, has_next_route=True).action is ELSEWHERE
    limited = decided(ErrorKind.RATE_LIMITED, may_repeat=False, has_next_key=True)
    assert limited.action is GIVE_UP


def test_without_budget_a_key_that_is_out_is_still_replaced_by_another() -> None:
    decision = decided(ErrorKind.OPERATOR_CREDIT, may_repeat=False, has_next_key=True)
    assert decision.action is OTHER_KEY


def test_route_that_is_out_for_longer_than_the_pause_is_not_tried_again() -> None:
    assert decided(ErrorKind.OVERLOADED, out_seconds=0.25).action is AGAIN
    assert decided(ErrorKind.OVERLOADED, out_seconds=5.0).action is GIVE_UP
    elsewhere = decided(ErrorKind.OVERLOADED, out_seconds=5.0, has_next_route=True)
    assert elsewhere == Decision(ELSEWHERE)
    assert decided(ErrorKind.RATE_LIMITED, 3.0, out_seconds=3.0).action is AGAIN


def test_provider_that_says_not_to_retry_is_not_asked_again() -> None:
    assert decided(ErrorKind.OVERLOADED, should_retry=False).action is GIVE_UP
    elsewhere = decided(ErrorKind.OVERLOADED, should_retry=False, has_next_route=True)
    assert elsewhere.action is ELSEWHERE
    assert decided(ErrorKind.OVERLOADED, should_retry=True).action is AGAIN
    assert decided(ErrorKind.INVALID_REQUEST, should_retry=True).action is GIVE_UP


@given(
    kind=st.sampled_from(ErrorKind),
    retry_after=st.none() | st.floats(0, 100),
    remaining=st.floats(-5, 30),
    tries=st.integers(1, 5),
    has_next=st.booleans(),
    has_key=st.booleans(),
    may_repeat=st.booleans(),
    jitter=st.floats(0, 1),
)
def test_nothing_is_begun_that_the_remaining_time_does_not_cover(
    *,
    kind: ErrorKind,
    retry_after: float | None,
    remaining: float,
    tries: int,
    has_next: bool,
    has_key: bool,
    may_repeat: bool,
    jitter: float,
) -> None:
    decision = decided(
        kind,
        retry_after,
        remaining_seconds=remaining,
        tries_in_all=tries,
        has_next_route=has_next,
        has_next_key=has_key,
        may_repeat=may_repeat,
        jitter=jitter,
    )
    if decision.action is not GIVE_UP:
        assert 0 <= decision.delay_seconds < remaining
    if decision.action is ELSEWHERE:
        assert has_next
    if decision.action is OTHER_KEY:
        assert has_key
    if decision.action is AGAIN:
        assert may_repeat


@pytest.mark.parametrize("kind", [ErrorKind.INVALID_REQUEST, ErrorKind.CONTEXT_LENGTH])
@pytest.mark.parametrize(("has_next_route", "action"), [(True, ELSEWHERE), (False, GIVE_UP)])
def test_rejection_by_a_route_that_stands_in_for_another_sends_the_call_on(
    kind: ErrorKind, has_next_route: bool, action: Action
) -> None:
    decision = decided(kind, after_outage=True, has_next_route=has_next_route)
    assert decision.action is action


def test_content_that_a_stand_in_refuses_is_sent_nowhere_else() -> None:
    decision = decided(ErrorKind.CONTENT_REFUSED, after_outage=True, has_next_route=True)
    assert decision.action is GIVE_UP
