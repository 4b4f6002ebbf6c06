import msgspec
import pytest

from tokensmith.errors import REASONS
from tokensmith.v1.error_reason_pb2 import ErrorReason
from tokensmith_bridge.openai.errors import (
    ERROR_TABLE,
    BridgeReason,
    MoneyFacts,
    Refusal,
    error_body,
    error_headers,
)

CONTRACT = [name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()]  # noqa: SIM118


def test_every_reason_has_a_row_and_every_row_a_reason() -> None:
    assert set(ERROR_TABLE) == {*CONTRACT, *BridgeReason}


@pytest.mark.parametrize("reason", sorted(ERROR_TABLE))
def test_every_row_renders_with_all_that_sdks_need(reason: str) -> None:
    refusal = Refusal(reason, "Because.")
    body = msgspec.json.decode(error_body(refusal, "req_1"))
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["request_id"] == "req_1"
    assert 400 <= refusal.row.status < 600
    assert error_headers(refusal)["x-should-retry"] in {"true", "false"}


def test_codes_are_told_apart() -> None:
    codes = [ERROR_TABLE[reason].code for reason in ERROR_TABLE if reason != "UNSPECIFIED"]
    assert len(codes) == len(set(codes))


def test_the_python_client_and_rest_clients_are_told_to_retry_alike() -> None:
    retried = {name for name in CONTRACT if name != "UNSPECIFIED" and ERROR_TABLE[name].retry}
    grpc_retried = {
        ErrorReason.Name(value).removeprefix("ERROR_REASON_")
        for value, row in REASONS.items()
        if row.retryable
    }
    # An SDK's retry says that it is one, and joins the call that it repeats.
    assert retried - {"DEADLINE_EXCEEDED"} == grpc_retried


def test_nothing_that_may_have_been_charged_is_retried() -> None:
    for reason in ("STREAM_INTERRUPTED", "RESULT_UNKNOWN", "INTERNAL", "UPSTREAM_TIMEOUT"):
        assert not ERROR_TABLE[reason].retry


def test_missing_credits_are_said_in_credits() -> None:
    facts = {"required_microcredits": "1500000", "available_microcredits": "1"}
    error = msgspec.json.decode(error_body(Refusal("INSUFFICIENT_CREDITS", "x", facts=facts), "r"))
    assert error["error"]["required"] == 1.5
    assert error["error"]["available"] == 0.000001
    assert "at least 1.5 credits and 0.000001 are available" in error["error"]["message"]


def test_near_models_are_named() -> None:
    facts = {"model": "gpt5", "near_matches": "gpt-5,gpt-5-mini"}
    body = error_body(Refusal("MODEL_NOT_FOUND", "x", facts=facts), "r")
    message = msgspec.json.decode(body)["error"]["message"]
    assert message.startswith("The model `gpt5` does not exist. Did you mean `gpt-5` or `gpt-5-min")


def test_a_reason_from_a_newer_server_is_an_internal_error() -> None:
    refusal = Refusal("BRAND_NEW", "Something new.")
    assert (refusal.row.status, refusal.row.retry) == (500, False)


def test_what_a_failure_cost_is_in_its_body() -> None:
    money = MoneyFacts(charged_microcredits=3200)
    body = error_body(Refusal("STREAM_INTERRUPTED", "x", money=money), "r")
    assert b'"charged":0.0032' in body


def test_when_to_retry_is_said_only_where_a_retry_helps() -> None:
    told = error_headers(Refusal("SERVER_OVERLOADED", "x", retry_after_ms=1))
    assert told == {"x-should-retry": "true", "retry-after-ms": "1", "retry-after": "1"}
    assert error_headers(Refusal("INTERNAL", "x", retry_after_ms=1)) == {"x-should-retry": "false"}


@pytest.mark.parametrize("reason", ["UPSTREAM_UNAVAILABLE", "UPSTREAM_RATE_LIMITED"])
def test_no_sdk_is_sent_to_wait_in_silence_for_a_provider(reason: str) -> None:
    soon = error_headers(Refusal(reason, "x", retry_after_ms=20_000))
    assert (soon["x-should-retry"], soon["retry-after"]) == ("true", "20")
    later = error_headers(Refusal(reason, "x", retry_after_ms=60_000))
    assert (later["x-should-retry"], later["retry-after"]) == ("false", "60")


def test_own_rate_limit_is_waited_for_however_long_it_takes() -> None:
    told = error_headers(Refusal("RATE_LIMIT_EXCEEDED", "x", retry_after_ms=45_000))
    assert (told["x-should-retry"], told["retry-after"]) == ("true", "45")
