"""The operator's service on both channels: who gets in, and what is seen of routes and costs."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from prometheus_client import REGISTRY

from tests.integration.server.rig import (
    KEY,
    OPERATOR,
    OPERATOR_TOKEN,
    SECRET,
    ServerRig,
    failure_of,
    open_server,
)
from tests.support.chat import MODEL
from tests.support.fake_provider import failure
from tokensmith.v1 import admin_service_pb2 as admin_pb
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith_server.admin.gauges import watch_routes
from tokensmith_server.catalog.model import Route
from tokensmith_server.providers.base import ErrorKind, Phase
from tokensmith_server.rpc.interceptors import LoadLayer

ROUTES = (
    Route("openai", "first", order=1, weight=3),
    Route("xai", "other", order=2),
)
KEYS = ["openai#1", "openai#2", "xai"]
Health = admin_pb.RouteHealth


@pytest.fixture
async def rig(kind: str) -> AsyncIterator[ServerRig]:
    async with open_server(kind, routes=ROUTES, credentials=KEYS) as rig:
        yield rig


async def routes_of(rig: ServerRig) -> dict[str, admin_pb.Route]:
    answer = await rig.admin.ListRoutes(
        admin_pb.ListRoutesRequest(page_size=200), metadata=(OPERATOR,)
    )
    return {route.name: route for route in answer.routes}


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", f"Bearer {SECRET}", f"Bearer {OPERATOR_TOKEN}x", OPERATOR_TOKEN],
)
async def test_only_the_operators_token_lets_in(rig: ServerRig, authorization: str) -> None:
    call = rig.admin.ListRoutes(
        admin_pb.ListRoutesRequest(), metadata=(("authorization", authorization),)
    )
    told = await failure_of(call)
    assert (told.code, told.reason) == (grpc.StatusCode.UNAUTHENTICATED, "INVALID_API_KEY")


async def test_operators_token_is_no_key(rig: ServerRig) -> None:
    call = rig.billing.GetBalance(billing_pb.GetBalanceRequest(), metadata=(OPERATOR,))
    assert (await failure_of(call)).reason == "INVALID_API_KEY"


async def test_routes_say_what_they_serve_and_that_they_are_well(rig: ServerRig) -> None:
    await rig.complete()
    route = (await routes_of(rig))["openai/first"]
    assert [(use.model, use.group_number, use.weight) for use in route.uses] == [(MODEL, 1, 3)]
    assert (route.provider, route.upstream_model) == ("openai", "first")
    assert [lane.credential for lane in route.lanes] == ["openai#1", "openai#2"]
    assert route.health.breaker == Health.BREAKER_STATE_CLOSED
    assert (route.health.try_count, route.health.failure_count) == (1, 0)
    assert not route.HasField("wait")
    assert route.retries_left == 10.0
    other = (await routes_of(rig))["xai/other"]
    assert [(use.group_number, use.weight) for use in other.uses] == [(2, 1)]


async def test_cooldowns_and_reasons_show_by_route_and_key(rig: ServerRig) -> None:
    openai = rig.chat.providers
    openai["openai#1"].queue(failure(ErrorKind.OPERATOR_CREDIT, http_status=402))
    openai["openai#2"].queue(failure(ErrorKind.RATE_LIMITED, retry_after_seconds=30.0))
    await rig.complete()
    route = (await routes_of(rig))["openai/first"]
    first, second = route.lanes
    assert first.credential_health.breaker == Health.BREAKER_STATE_OPEN
    assert first.credential_health.reason == "operator_credit"
    assert first.wait.seconds == 60
    assert second.health.reason == "rate_limited"
    assert second.health.wait.seconds == 30
    assert second.credential_health.breaker == Health.BREAKER_STATE_CLOSED
    assert route.wait.seconds == 30
    rig.chat.clock.advance(60.0)
    first = (await routes_of(rig))["openai/first"].lanes[0]
    assert first.credential_health.breaker == Health.BREAKER_STATE_HALF_OPEN
    assert not first.HasField("wait")


async def test_routes_come_in_pages(rig: ServerRig) -> None:
    names: list[str] = []
    token = ""
    while True:
        page = await rig.admin.ListRoutes(
            admin_pb.ListRoutesRequest(page_size=7, page_token=token), metadata=(OPERATOR,)
        )
        assert len(page.routes) <= 7
        assert page.process == "process-1"
        names += [route.name for route in page.routes]
        token = page.next_page_token
        if not token:
            break
    assert names == sorted(await routes_of(rig))


@pytest.mark.parametrize("fields", [{"page_size": -1}, {"page_token": "ä"}, {"page_token": "x"}])
async def test_page_that_is_none_is_refused(rig: ServerRig, fields: dict[str, Any]) -> None:
    call = rig.admin.ListRoutes(admin_pb.ListRoutesRequest(**fields), metadata=(OPERATOR,))
    assert (await failure_of(call)).reason == "INVALID_ARGUMENT"


async def test_customer_and_operator_see_the_same_call_each_in_their_way(rig: ServerRig) -> None:
    rig.chat.providers["openai#1"].queue(failure(ErrorKind.OPERATOR_AUTH, http_status=401))
    rig.chat.providers["openai#2"].queue(
        failure(ErrorKind.CONNECTION, Phase.SENT, may_have_run=True)
    )
    answer = await rig.complete(("x-request-id", "req_1"))
    asked = billing_pb.GetRequestRequest(id="req_1")
    seen = (await rig.billing.GetRequest(asked, metadata=(KEY,))).request
    told = [(one.error, one.HasField("http_status")) for one in seen.attempts]
    assert told == [("unavailable", False), ("connection", False), ("", True)]
    assert "openai#" not in str(seen)
    assert "operator" not in str(seen)

    request = admin_pb.InspectRequestRequest(account_id="account-1", id="req_1")
    whole = await rig.admin.InspectRequest(request, metadata=(OPERATOR,))
    assert whole.request.attempts == seen.attempts
    bases = admin_pb.InspectedAttempt
    assert [
        (one.credential, one.attempt.error, one.house_cost_microcredits, one.cost_basis)
        for one in whole.attempts
    ] == [
        ("openai#1", "operator_auth", 0, bases.COST_BASIS_NONE),
        ("openai#2", "connection", answer.charge.held_microcredits, bases.COST_BASIS_BOUND),
        ("openai#2", "", answer.charge.charged_microcredits, bases.COST_BASIS_USAGE),
    ]
    assert whole.attempts[0].attempt.http_status == 401


async def test_call_that_is_none_is_not_found(rig: ServerRig) -> None:
    request = admin_pb.InspectRequestRequest(account_id="account-1", id="req_none")
    call = rig.admin.InspectRequest(request, metadata=(OPERATOR,))
    assert (await failure_of(call)).reason == "REQUEST_NOT_FOUND"


async def test_operator_gets_in_while_the_server_sheds_and_goes_down(rig: ServerRig) -> None:
    rig.layers.get(LoadLayer).closing = True
    assert await routes_of(rig)


async def test_gauges_count_what_is_out_by_why() -> None:
    async with open_server("inprocess", routes=ROUTES, credentials=KEYS) as rig:
        watch_routes(rig.chat.parts.router, rig.chat.clock)

        def out(name: str, reason: str) -> float | None:
            return REGISTRY.get_sample_value(f"tokensmith_{name}_out", {"reason": reason})

        assert out("routes", "operator_credit") == out("credentials", "operator_credit") == 0
        for key in KEYS[:2]:
            rig.chat.providers[key].queue(failure(ErrorKind.OPERATOR_CREDIT))
        await rig.complete()
        assert out("credentials", "operator_credit") == 2
        # Every route of the provider that has no other key.
        assert (out("routes", "operator_credit") or 0) >= 1
        assert out("routes", "overloaded") == 0
        rig.chat.clock.advance(60.0)
        assert out("credentials", "operator_credit") == 0
