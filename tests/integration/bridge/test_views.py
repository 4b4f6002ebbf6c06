"""What one looks at over REST: models, credits, receipts, health."""

from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from tests.integration.bridge import answers
from tests.integration.bridge.conftest import RunningBridge
from tests.integration.bridge.fake_server import fail
from tests.integration.bridge.refusals import error_of
from tokensmith.v1 import billing_service_pb2 as billing
from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith.v1 import model_service_pb2 as model


@pytest.mark.parametrize("written", ["Qwen/Qwen3", "Qwen%2FQwen3", "Qwen%2fQwen3"])
async def test_a_model_id_may_have_its_slashes_encoded(bridge: RunningBridge, written: str) -> None:
    async with bridge.http() as http:
        response = await http.get(f"/v1/models/{written}")
    assert response.json()["id"] == "Qwen/Qwen3"


async def test_credits_are_exact_numbers(bridge: RunningBridge) -> None:
    bridge.server.balance_microcredits = 9_007_199_254_740_993
    async with bridge.http() as http:
        response = await http.get("/v1/credits")
    assert response.text == (
        '{"object":"credits","available":9007199254.740993,"held":0.25,'
        '"granted":9007199254.990994,"charged":0.000001}'
    )
    assert response.headers["x-credits-balance"] == "9007199254.740993"


async def test_a_receipt_shows_what_a_call_used_and_cost(bridge: RunningBridge) -> None:
    record = billing.RequestRecord(
        id="req_1",
        key_id="key_1",
        kind=model.MODEL_KIND_TEXT,
        model="gpt-5.4",
        outcome=answers.CHARGE.outcome,
        usage=answers.USAGE,
        finish_reason=chat.FINISH_REASON_STOP,
    )
    record.hold.state = billing.Hold.STATE_SETTLED
    record.hold.held_microcredits = answers.HELD
    record.hold.charged_microcredits = answers.CHARGED
    record.create_time.seconds = answers.CREATED
    record.price_lines.add(
        unit=billing.PRICE_UNIT_INPUT_TOKEN,
        quantity=9,
        unit_microcredits=2500,
        amount_microcredits=22_500,
    )
    record.attempts.add(
        number=1, provider="openai", state=billing.Attempt.STATE_ANSWERED, http_status=200
    )
    bridge.server.requests["req_1"] = record
    async with bridge.http() as http:
        found = (await http.get("/v1/requests/req_1")).json()
        missing = await http.get("/v1/requests/req_2")
    assert found["state"] == "settled"
    assert found["outcome"] == "delivered"
    assert found["kind"] == "text"
    assert found["charged"] == answers.CHARGED / 1_000_000
    assert found["usage"]["cost"] == found["charged"]
    assert found["price_lines"][0]["unit"] == "input_token"
    assert found["attempts"][0]["state"] == "answered"
    assert found["completed_at"] is None
    assert missing.status_code == 404
    assert error_of(missing)["code"] == "request_not_found"


def record(**fields: Any) -> billing.RequestRecord:
    found = billing.RequestRecord(model="gpt-5.4", **fields)
    found.hold.id = "hold_1"
    found.hold.log_request_id = found.id
    found.hold.state = billing.Hold.STATE_HELD
    found.hold.held_microcredits = answers.HELD
    return found


async def test_calls_are_listed_in_pages(bridge: RunningBridge) -> None:
    bridge.server.requests = {"req_1": record(id="req_1")}
    async with bridge.http() as http:
        response = await http.get(
            "/v1/requests",
            params={
                "limit": "7",
                "page": "abc",
                "model": "gpt-5.4",
                "kind": "text",
                "key_id": "key_1",
                "outcome": "delivered",
                "state": "settled",
                "start_time": "100",
                "end_time": "200",
            },
        )
        one = await http.get("/v1/requests/req_1")
    page = response.json()
    assert page["data"] == [one.json()]
    assert (page["object"], page["has_more"], page["next_page"]) == ("list", True, "more")
    asked = next(call for call in bridge.server.received if call.method == "ListRequests").request
    assert asked == billing.ListRequestsRequest(
        page_size=7,
        page_token="abc",
        model="gpt-5.4",
        kind=model.MODEL_KIND_TEXT,
        key_id="key_1",
        outcome=answers.CHARGE.outcome,
        state=billing.Hold.STATE_SETTLED,
        start_time={"seconds": 100},
        end_time={"seconds": 200},
    )


@pytest.mark.parametrize("path", ["requests", "billing/holds", "billing/entries"])
async def test_page_that_is_none_is_refused_by_the_name_it_has_here(
    bridge: RunningBridge, path: str
) -> None:
    admit = bridge.server.admit

    async def refuse_list(method: str, request: Any, context: Any) -> None:
        await admit(method, request, context)
        if method.startswith("List"):
            facts, code = {"param": "page_token"}, grpc.StatusCode.INVALID_ARGUMENT
            await fail(context, code, "INVALID_ARGUMENT", "This is no page token.", facts=facts)

    bridge.server.admit = refuse_list  # type: ignore[method-assign]
    async with bridge.http() as http:
        answer = await http.get(f"/v1/{path}", params={"page": "x"})
    assert answer.status_code == 400
    assert error_of(answer)["param"] == "page"


async def test_holds_and_entries_are_listed_in_credits(bridge: RunningBridge) -> None:
    bridge.server.requests = {"req_1": record(id="req_1")}
    bridge.server.entries = [
        billing.Entry(
            id="entry_2",
            kind=billing.Entry.KIND_HOLD,
            hold_id="hold_1",
            log_request_id="req_1",
            available_delta_microcredits=-1_500_000,
            held_delta_microcredits=1_500_000,
        )
    ]
    async with bridge.http() as http:
        holds = (await http.get("/v1/billing/holds", params={"state": "held"})).json()
        entries = (await http.get("/v1/billing/entries", params={"kind": "hold"})).json()
    (hold,), (entry,) = holds["data"], entries["data"]
    assert (hold["state"], hold["held"], hold["charged"]) == ("held", 2, None)
    assert (holds["has_more"], holds["next_page"]) == (False, None)
    assert (entry["kind"], entry["available_delta"], entry["held_delta"]) == ("hold", -1.5, 1.5)
    assert (entry["request_id"], entry["description"]) == ("req_1", None)


@pytest.mark.parametrize(
    ("query", "param", "code"),
    [
        ("limit=0", "limit", "invalid_value"),
        ("limit=201", "limit", "invalid_value"),
        ("limit=x", "limit", "invalid_value"),
        ("kind=song", "kind", "invalid_value"),
        ("state=unspecified", "state", "invalid_value"),
        ("outcome=DELIVERED", "outcome", "invalid_value"),
        ("start_time=yesterday", "start_time", "invalid_value"),
        ("model=a&model=b", "model", "invalid_value"),
        ("after=req_1", "after", "unknown_parameter"),
    ],
)
async def test_query_that_says_nothing_is_refused_by_its_name(
    bridge: RunningBridge, query: str, param: str, code: str
) -> None:
    async with bridge.http() as http:
        error = error_of(await http.get(f"/v1/requests?{query}"))
    assert (error["param"], error["code"]) == (param, code)


async def test_key_is_described_without_its_secret(bridge: RunningBridge) -> None:
    bridge.server.key.key.id = "key_1"
    bridge.server.key.key.hint = "pk_live_...ab12"
    bridge.server.key.key.create_time.seconds = answers.CREATED
    bridge.server.key.account_id = "acct_1"
    async with bridge.http() as http:
        found = (await http.get("/v1/key")).json()
    assert found["hint"] == "pk_live_...ab12"
    assert found["account"] == {"id": "acct_1", "name": ""}
    assert (found["created_at"], found["expires_at"]) == (answers.CREATED, None)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models",
        "/v1/models/gpt-5.4",
        "/v1/key",
        "/v1/requests",
        "/v1/requests/req_1",
        "/v1/billing/holds",
        "/v1/billing/entries",
        "/v1/credits",
    ],
)
async def test_every_look_at_something_says_the_balance(bridge: RunningBridge, path: str) -> None:
    bridge.server.requests = {"req_1": record(id="req_1")}
    async with bridge.http() as http:
        response = await http.get(path)
    assert response.status_code == 200
    assert response.headers["x-credits-balance"] == "5"
    assert (response.headers["x-credits-held"], response.headers["x-credits-charged"]) == ("0", "0")


async def test_health_needs_no_key_and_readiness_asks_the_server(bridge: RunningBridge) -> None:
    async with bridge.http(key=None) as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).json() == {"status": "ready"}
        await bridge.server.status.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        assert (await http.get("/readyz")).status_code == 503
        await bridge.grpc_server.stop(None)
        response = await http.get("/readyz")
        assert (await http.get("/healthz")).status_code == 200
    assert response.status_code == 503
    assert error_of(response)["code"] == "server_unreachable"


async def test_description_needs_no_key(bridge: RunningBridge) -> None:
    async with bridge.http(key=None) as http:
        described = await http.get("/openapi.json")
        page = await http.get("/docs")
    assert described.json()["openapi"] == "3.1.0"
    assert described.headers["content-type"] == "application/json"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "style-src 'sha256-" in page.headers["content-security-policy"]
    assert page.text.startswith("<!doctype html>")
    assert bridge.server.received == []
