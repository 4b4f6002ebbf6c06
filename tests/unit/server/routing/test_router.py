"""Which routes are planned, which key a try goes out with, and what takes them out."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support.chat import MODEL, catalog_with
from tests.support.clock import FakeClock
from tokensmith_server.catalog.model import ModelSpec, Route
from tokensmith_server.providers.base import ErrorKind
from tokensmith_server.routing.lanes import FAULTS, Fault, Lane
from tokensmith_server.routing.router import Plan, Router

A, B, C = Route("openai", "a"), Route("xai", "b"), Route("together", "c")
ONE_EACH = {"openai": ["openai"], "xai": ["xai"], "together": ["together"]}
TWO_KEYS = {"openai": ["openai#1", "openai#2"]}


class Rig:
    """A router of one model, and the numbers that are drawn next."""

    def __init__(
        self, routes: Sequence[Route], credentials: dict[str, list[str]] | None = None
    ) -> None:
        self.clock = FakeClock()
        self.model: ModelSpec = catalog_with(tuple(routes))[MODEL]
        self.draws: list[float] = []
        self.router = Router(
            [self.model], credentials or ONE_EACH, self.clock, draw=lambda: self.draws.pop(0)
        )

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    def plan(self) -> Plan:
        return self.router.plan(self.model)

    def wait_seconds(self) -> float:
        """How long until one of the routes is back; none is fit."""
        plan = self.plan()
        assert plan.routes == ()
        return min(state.wait_seconds(self.now) for state in plan.out)

    def names(self) -> list[str]:
        return [state.route.upstream_id for state in self.plan().routes]

    def lane(self, credential: str) -> Lane:
        return next(
            lane
            for state in self.router.states
            for lane in state.lanes
            if lane.credential.name == credential
        )

    def fail(
        self, credential: str, kind: ErrorKind, times: int = 1, wait: float | None = None
    ) -> None:
        for _ in range(times):
            self.lane(credential).failed(kind, self.now, wait, sent_at=self.now)

    def claimed(self) -> str:
        plan = self.plan()
        plan.claim(self.now)
        return plan.lane.credential.name


def test_listed_order_is_kept_where_none_is_written() -> None:
    assert Rig([A, B, C]).names() == ["a", "b", "c"]


def test_groups_come_in_their_order_and_share_by_weight() -> None:
    routes = [
        Route("openai", "a", order=2),
        Route("xai", "b", order=1, weight=3),
        Route("together", "c", order=1, weight=1),
    ]
    rig = Rig(routes)
    rig.draws = [0.0, 0.74, 0.75]
    assert [rig.names() for _ in range(3)] == [["b", "c", "a"], ["b", "c", "a"], ["c", "b", "a"]]


def test_failing_route_of_a_group_loses_calls_to_the_others() -> None:
    rig = Rig([Route("openai", "a", order=1), Route("xai", "b", order=1)])
    rig.fail("openai", ErrorKind.OVERLOADED, times=4)
    rig.draws = [0.4]
    assert rig.names() == ["b", "a"]
    rig.clock.advance(3_600)
    rig.draws = [0.4]
    assert rig.names() == ["a", "b"]


def test_route_of_a_provider_without_a_key_is_left_out() -> None:
    rig = Rig([A, B], {"xai": ["xai"]})
    assert rig.names() == ["b"]
    assert Rig([A], {"xai": ["xai"]}).router.groups(MODEL) == ()


def test_plan_leaves_out_what_cools_down_and_says_when_nothing_is_fit() -> None:
    rig = Rig([A, B])
    rig.fail("openai", ErrorKind.RATE_LIMITED, wait=30.0)
    assert rig.names() == ["b"]
    rig.fail("xai", ErrorKind.OVERLOADED, wait=20.0)
    assert rig.wait_seconds() == 20.0
    rig.clock.advance(20.0)
    assert rig.names() == ["b"]


def test_half_open_route_gets_one_probe_at_a_time() -> None:
    rig = Rig([A])
    rig.fail("openai", ErrorKind.OVERLOADED, times=5)
    rig.clock.advance(5.0)
    probe = rig.plan()
    probe.claim(rig.now)
    assert rig.plan().routes == ()
    probe.release()
    assert rig.plan().routes != ()


def test_keys_take_turns_while_they_are_alike() -> None:
    rig = Rig([A], TWO_KEYS)
    assert [rig.claimed() for _ in range(4)] == ["openai#1", "openai#2", "openai#1", "openai#2"]


def test_least_busy_key_is_taken() -> None:
    rig = Rig([A], TWO_KEYS)
    for _ in range(4):
        rig.claimed()
    rig.lane("openai#1").end()
    assert rig.claimed() == "openai#1"


def test_key_that_fails_often_counts_as_busier() -> None:
    rig = Rig([A], TWO_KEYS)
    rig.fail("openai#1", ErrorKind.RATE_LIMITED, times=4)
    assert [rig.claimed(), rig.claimed(), rig.claimed()] == ["openai#2", "openai#1", "openai#2"]


def test_rate_limit_cools_one_key_for_one_route() -> None:
    rig = Rig([A], TWO_KEYS)
    rig.fail("openai#1", ErrorKind.RATE_LIMITED, wait=30.0)
    assert {rig.claimed() for _ in range(3)} == {"openai#2"}
    assert rig.lane("openai#1").credential.breaker.wait_seconds(rig.now) == 0


@pytest.mark.parametrize("kind", [ErrorKind.OPERATOR_AUTH, ErrorKind.OPERATOR_CREDIT])
def test_operator_trouble_takes_a_key_out_of_every_route(kind: ErrorKind) -> None:
    rig = Rig([A, Route("openai", "d")], TWO_KEYS)
    assert rig.lane("openai#1").failed(kind, rig.now, None, sent_at=rig.now)
    assert not rig.lane("openai#1").failed(kind, rig.now, None, sent_at=rig.now)
    for state in rig.router.states:
        lane = state.pick(rig.now)
        assert lane is not None
        assert lane.credential.name == "openai#2"
    rig.fail("openai#2", kind)
    assert rig.wait_seconds() == 60.0


def test_operator_trouble_that_stays_is_looked_at_ever_more_seldom() -> None:
    rig = Rig([A])
    waits = []
    for _ in range(6):
        rig.fail("openai", ErrorKind.OPERATOR_CREDIT)
        waits.append(rig.wait_seconds())
        rig.clock.advance(waits[-1])
    assert waits == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0]
    lane = rig.lane("openai")
    lane.begin(rig.now)
    lane.succeeded(rig.now, rig.now)
    assert rig.plan().routes != ()


def test_failures_of_the_provider_count_whatever_the_key() -> None:
    rig = Rig([A], TWO_KEYS)
    rig.fail("openai#1", ErrorKind.OVERLOADED, times=3)
    rig.fail("openai#2", ErrorKind.TIMEOUT, times=2)
    assert rig.wait_seconds() == 5.0


def test_models_that_share_a_route_share_its_health() -> None:
    one = catalog_with((A,))[MODEL]
    other = catalog_with((Route("openai", "a", order=7),))[MODEL]
    router = Router([one], ONE_EACH, FakeClock())
    both = Router([one, other], ONE_EACH, FakeClock())
    assert len(router.states) == len(both.states) == 1


def test_every_fault_of_ours_or_the_providers_is_somebodys() -> None:
    requests = {ErrorKind.INVALID_REQUEST, ErrorKind.CONTEXT_LENGTH, ErrorKind.CONTENT_REFUSED}
    assert set(FAULTS) == set(ErrorKind) - requests
    assert set(FAULTS.values()) == set(Fault)


def test_first_route_stands_in_for_those_before_it_that_are_out() -> None:
    rig = Rig([A, B, C])
    assert rig.plan().awaited == ()
    rig.fail("openai", ErrorKind.OPERATOR_AUTH)
    rig.fail("together", ErrorKind.OPERATOR_AUTH)
    plan = rig.plan()
    assert [state.route for state in plan.awaited] == [A]
    assert [state.route for state in plan.out] == [A, C]


def test_first_route_stands_in_for_those_of_its_own_order() -> None:
    rig = Rig([replace(A, order=1), replace(B, order=1), replace(C, order=2)])
    rig.fail("xai", ErrorKind.OPERATOR_AUTH)
    assert [state.route.provider for state in rig.plan().awaited] == ["xai"]


def test_route_that_cannot_take_a_call_is_neither_tried_nor_awaited() -> None:
    rig = Rig([A, B, C])
    rig.fail("openai", ErrorKind.OPERATOR_AUTH)
    plan = rig.plan()
    plan.keep(lambda state: state.route == C)
    assert [state.route for state in plan.routes] == [C]
    assert (plan.awaited, dict(plan.out)) == ((), {})
