"""What to do after a failed try: again, with another key, elsewhere, or give up. Pure.

Only tries that have shown the client nothing come here. A chat may be sent again although the
provider may have run it once: the customer pays once, whatever the attempts.
"""

from dataclasses import dataclass
from enum import StrEnum

from tokensmith_server.providers.base import ErrorKind, ProviderError
from tokensmith_server.routing.lanes import FAULTS, Fault


class Action(StrEnum):
    """What to do next."""

    RETRY_ROUTE = "retry_route"
    NEXT_KEY = "next_key"
    NEXT_ROUTE = "next_route"
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds of one call's tries."""

    tries_per_route: int = 2
    tries_in_all: int = 4
    backoff_seconds: float = 0.25
    backoff_seconds_max: float = 4.0
    # A provider's Retry-After up to this long is waited for on the same route; beyond it the call
    # goes elsewhere or comes back to the client with the provider's figure.
    retry_after_seconds_max: float = 5.0


@dataclass(frozen=True, slots=True)
class Situation:
    """What else there is to try, after a failure.

    ``tries_on_route`` counts those with the same key. ``has_next_key`` says that another key of the
    route is fit, ``has_next_route`` that another route is. ``may_repeat`` is the retry budget's
    word on a further try at the same provider. ``remaining_seconds`` is the caller's own time, and
    ``out_seconds`` how long the route itself is left alone from now on. ``after_outage`` says that
    the route stands in for another one, which failed or is out.
    """

    tries_on_route: int
    tries_in_all: int
    has_next_key: bool
    has_next_route: bool
    may_repeat: bool
    remaining_seconds: float
    out_seconds: float = 0.0
    after_outage: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The next step and how long to wait before it."""

    action: Action
    delay_seconds: float = 0.0


_GIVE_UP = Decision(Action.GIVE_UP)

REJECTIONS = frozenset({ErrorKind.INVALID_REQUEST, ErrorKind.CONTEXT_LENGTH})
"""The client's own doing, which no other route mends; unless the route stands in for another one,
and may lead to another model, which takes less."""
# The route is unusable for now, but not for a reason that a pause mends.
_ELSEWHERE = frozenset(
    {
        ErrorKind.MODEL_UNAVAILABLE,
        ErrorKind.OPERATOR_AUTH,
        ErrorKind.OPERATOR_CREDIT,
        ErrorKind.TIMEOUT,
        ErrorKind.MALFORMED_RESPONSE,
        *REJECTIONS,
    }
)


def decide(
    error: ProviderError, situation: Situation, policy: RetryPolicy, jitter: float
) -> Decision:
    """Choose the next step after ``error``.

    ``jitter`` is a random number in 0..1: the whole backoff is jittered. Nothing is begun that
    the caller's remaining time does not cover.
    """
    if (
        _is_final(error, situation)
        or situation.tries_in_all >= policy.tries_in_all
        or situation.remaining_seconds <= 0
    ):
        return _GIVE_UP
    if situation.has_next_key and _next_key_helps(error, situation):
        return Decision(Action.NEXT_KEY)
    elsewhere = Decision(Action.NEXT_ROUTE) if situation.has_next_route else _GIVE_UP
    delay = _delay_seconds(error, policy, situation.tries_on_route, jitter)
    if delay is None or delay < situation.out_seconds:
        return elsewhere
    if not _may_come_back(error, situation, policy):
        return elsewhere
    if delay >= situation.remaining_seconds:
        return _GIVE_UP
    return Decision(Action.RETRY_ROUTE, delay)


def _is_final(error: ProviderError, situation: Situation) -> bool:
    """Whether the call ends with this failure, whatever else there is to try."""
    if error.kind in REJECTIONS:
        return not situation.after_outage
    return error.kind is ErrorKind.CONTENT_REFUSED


def _next_key_helps(error: ProviderError, situation: Situation) -> bool:
    """Whether the failure is the key's own.

    A key that is out did no work for this call, so that another one's try repeats nothing.
    """
    fault = FAULTS.get(error.kind)
    return fault is Fault.CREDENTIAL or (fault is Fault.LANE and situation.may_repeat)


def _may_come_back(error: ProviderError, situation: Situation, policy: RetryPolicy) -> bool:
    """Whether the same route may be tried again: by our bounds, and by the provider's own word."""
    if error.kind is ErrorKind.RATE_LIMITED and situation.has_next_route:
        return False
    return (
        situation.may_repeat
        and error.kind not in _ELSEWHERE
        and error.should_retry is not False
        and situation.tries_on_route < policy.tries_per_route
    )


def _delay_seconds(
    error: ProviderError, policy: RetryPolicy, tries_on_route: int, jitter: float
) -> float | None:
    """The pause before the same route is tried again; ``None`` when it asks for too long a one."""
    backoff = min(policy.backoff_seconds * 2.0 ** (tries_on_route - 1), policy.backoff_seconds_max)
    if error.retry_after_seconds is None:
        return backoff * jitter
    if error.retry_after_seconds > policy.retry_after_seconds_max:
        return None
    return error.retry_after_seconds + policy.backoff_seconds * jitter
