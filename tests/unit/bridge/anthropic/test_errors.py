"""Refusals in Anthropic's shape, and in the caller's own terms."""

import msgspec
import pytest

from tokensmith_bridge.anthropic.errors import (
    Origins,
    anthropic_error_body,
    anthropic_status,
    in_anthropics_terms,
)
from tokensmith_bridge.openai.errors import ERROR_TABLE, BridgeReason, MoneyFacts, Refusal

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


@pytest.mark.parametrize("reason", sorted(ERROR_TABLE))
def test_every_reason_has_a_status_and_its_type(reason: str) -> None:
    refusal = Refusal(reason, "Because.")
    body = msgspec.json.decode(anthropic_error_body(refusal, "req_1"))
    assert set(body) == {"type", "error", "request_id"}
    assert body["type"] == "error"
    status = anthropic_status(refusal)
    assert body["error"]["type"] == TYPES.get(status, body["error"]["type"])
    assert body["error"]["message"] == "Because."


@pytest.mark.parametrize("reason", ["SERVER_OVERLOADED", "UPSTREAM_UNAVAILABLE"])
def test_too_much_to_do_is_529(reason: str) -> None:
    assert anthropic_status(Refusal(reason, "x")) == 529


def test_a_field_is_named_once() -> None:
    unnamed = Refusal("INVALID_ARGUMENT", "Too deep.", param="tools[0]")
    named = Refusal("INVALID_ARGUMENT", "'tools[0]' is too deep.", param="tools[0]")
    messages = [
        msgspec.json.decode(anthropic_error_body(refusal, ""))["error"]["message"]
        for refusal in (unnamed, named)
    ]
    assert messages == ["tools[0]: Too deep.", "'tools[0]' is too deep."]


def test_money_is_said_in_credits() -> None:
    refusal = Refusal(
        "INSUFFICIENT_CREDITS",
        "x",
        facts={"required_microcredits": "2500000", "available_microcredits": "10"},
        money=MoneyFacts(charged_microcredits=3),
    )
    error = msgspec.json.decode(anthropic_error_body(refusal, ""))["error"]
    assert error["type"] == "billing_error"
    assert (error["required"], error["available"], error["charged"]) == (2.5, 0.00001, 0.000003)
    assert "2.5 credits" in error["message"]


def test_an_error_code_that_sdks_know_is_among_the_details() -> None:
    refusal = Refusal("UNSUPPORTED_PARAMETER", "x", facts={"error_code": "some_code"})
    error = msgspec.json.decode(anthropic_error_body(refusal, ""))["error"]
    assert error["details"] == {"error_code": "some_code"}


@pytest.mark.parametrize(
    ("param", "expected"),
    [
        ("messages[1].content[0].image_url.url", "messages[0].content[2]"),
        ("messages[7]", "messages"),
        ("max_completion_tokens", "max_tokens"),
        ("stop[1]", "stop_sequences[1]"),
        ("reasoning_effort", "thinking"),
        ("response_format.json_schema.schema", "output_config.format"),
        ("parallel_tool_calls", "tool_choice.disable_parallel_tool_use"),
        ("tools[3].function.parameters", "tools[4].input_schema"),
        ("tools[3].function.name", "tools[4].name"),
        ("tools[9].function.name", "tools"),
        ("tools", "tools"),
        ("temperature", "temperature"),
    ],
)
def test_fields_are_named_as_the_caller_named_them(param: str, expected: str) -> None:
    refusal = Refusal("INVALID_ARGUMENT", "`stop` and `reasoning_effort` and `m`", param=param)
    tools = ["tools[0]", "tools[1]", "tools[2]", "tools[4]"]
    in_anthropics_terms(refusal, Origins(["system", "messages[0].content[2]"], tools))
    assert refusal.param == expected
    assert refusal.message == "`stop_sequences` and `thinking` and `m`"


def test_without_a_field_nothing_is_invented() -> None:
    refusal = Refusal(BridgeReason.SERVER_UNREACHABLE, "Away.")
    assert in_anthropics_terms(refusal, Origins([], [])).param is None
