"""The circuit breaker of each route, and which routes are planned."""

import pytest

from tests.support.chat import MODEL, catalog_with
from tests.support.clock import FakeClock
from tokensmith_server.catalog.model import Route
from tokensmith_server.routing.health import BreakerPolicy, RouteHealth
from tokensmith_server.routing.router import plan

A, B = Route("openai", "a"), Route("xai", "b")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def health(clock: FakeClock) -> RouteHealth:
    return RouteHealth(clock)


def fail(health: RouteHealth, times: int) -> None:
    for _ in range(times):
        health.begin("r")
        health.failed("r")


def test_opens_after_five_failures_in_a_row(health: RouteHealth) -> None:
    fail(health, 4)
    assert health.wait_seconds("r") == 0
    fail(health, 1)
    assert health.wait_seconds("r") == 5.0


def test_success_starts_the_count_again(health: RouteHealth) -> None:
    fail(health, 4)
    health.succeeded("r")
    fail(health, 4)
    assert health.wait_seconds("r") == 0


def test_provider_that_says_how_long_is_believed_at_once_up_to_a_bound(
    health: RouteHealth,
) -> None:
    health.failed("r", 30.0)
    assert health.wait_seconds("r") == 30.0
    health.failed("r", 9_999.0)
    assert health.wait_seconds("r") == 120.0


def test_one_probe_goes_when_the_cooldown_is_over(health: RouteHealth, clock: FakeClock) -> None:
    fail(health, 5)
    clock.advance(5.0)
    assert health.wait_seconds("r") == 0
    health.begin("r")
    assert health.wait_seconds("r") > 0


def test_good_probe_closes_and_a_bad_one_doubles_up_to_a_bound(
    health: RouteHealth, clock: FakeClock
) -> None:
    fail(health, 5)
    waits = []
    for _ in range(7):
        clock.advance(health.wait_seconds("r"))
        fail(health, 1)
        waits.append(health.wait_seconds("r"))
    assert waits == [10.0, 20.0, 40.0, 80.0, 120.0, 120.0, 120.0]
    clock.advance(120.0)
    health.begin("r")
    health.succeeded("r")
    assert health.wait_seconds("r") == 0
    fail(health, 4)
    assert health.wait_seconds("r") == 0


def test_stragglers_of_the_time_before_say_nothing_new(health: RouteHealth) -> None:
    fail(health, 5)
    for _ in range(50):
        health.failed("r")
    assert health.wait_seconds("r") == 5.0


def test_probe_that_was_not_made_lets_the_next_one_go(
    health: RouteHealth, clock: FakeClock
) -> None:
    fail(health, 5)
    clock.advance(5.0)
    health.begin("r")
    health.released("r")
    assert health.wait_seconds("r") == 0


def test_probe_that_never_ends_does_not_keep_the_route_out_for_ever(
    health: RouteHealth, clock: FakeClock
) -> None:
    fail(health, 5)
    clock.advance(5.0)
    health.begin("r")
    clock.advance(BreakerPolicy().probe_seconds)
    assert health.wait_seconds("r") == 0


def test_routes_do_not_share_their_breakers(health: RouteHealth) -> None:
    fail(health, 5)
    assert health.wait_seconds("other") == 0


def test_notes_on_a_healthy_route_change_nothing(health: RouteHealth) -> None:
    health.begin("r")
    health.released("r")
    health.succeeded("r")
    assert health.wait_seconds("r") == 0


def test_plan_keeps_the_order_and_leaves_out_what_cools_down(
    health: RouteHealth, clock: FakeClock
) -> None:
    model = catalog_with((A, B))[MODEL]
    assert plan(model, health).routes == (A, B)
    health.failed(A.name, 30.0)
    assert plan(model, health).routes == (B,)
    health.failed(B.name, 20.0)
    nothing = plan(model, health)
    assert (nothing.routes, nothing.wait_seconds) == ((), 20.0)
    clock.advance(20.0)
    assert plan(model, health).routes == (B,)
