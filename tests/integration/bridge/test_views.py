"""What one looks at over REST: models, credits, receipts, health."""

import pytest
from grpc_health.v1 import health_pb2

from tests.integration.bridge import answers
from tests.integration.bridge.conftest import RunningBridge
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
