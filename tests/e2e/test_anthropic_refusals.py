"""What the official Anthropic client raises: refusals that cost nothing, and trouble upstream."""

from typing import Any

import anthropic
import httpx
import pytest

from tests.e2e.test_anthropic_sdk import HELLO, OPUS, SONNET
from tests.support.books import Books, Customer
from tests.support.processes import Gateway


def refused(claude: anthropic.Anthropic, **fields: Any) -> anthropic.APIStatusError:
    asked: dict[str, Any] = {"model": SONNET, "max_tokens": 900, "messages": HELLO, **fields}
    with pytest.raises(anthropic.APIStatusError) as caught:
        claude.messages.create(**asked)
    assert caught.value.request_id
    return caught.value


def test_wrong_key(claude: anthropic.Anthropic) -> None:
    with claude.with_options(api_key="pk_live_" + "0" * 48) as stranger:
        error = refused(stranger)
    assert isinstance(error, anthropic.AuthenticationError)
    assert error.type == "authentication_error"


def test_unknown_model(claude: anthropic.Anthropic) -> None:
    error = refused(claude, model="claude-sonnet-4-7")
    assert isinstance(error, anthropic.NotFoundError)
    assert error.type == "not_found_error"
    assert "claude-sonnet-4-6" in (error.api_message or "")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"extra_body": {"top_k": 5}}, "top_k"),
        ({"extra_body": {"nonsense": 1}}, "nonsense"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"extra_body": {"temperature": 0.5}, "model": OPUS}, "temperature"),
        ({"stop_sequences": ["\n"]}, "stop_sequences"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "web_search_20250305"),
        ({"tools": [{"name": "no good name!", "input_schema": {}}]}, "tools[0].name"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages[0].content"),
        (
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {
                        "role": "user",
                        "content": [{"type": "tool_result", "tool_use_id": "x", "content": "y"}],
                    },
                ]
            },
            "messages[1].content[0]",
        ),
        ({"speed": "fast"}, "speed"),
        ({"extra_body": {"container": "c_1"}}, "container"),
    ],
)
def test_what_is_not_offered_is_named_and_free(
    claude: anthropic.Anthropic,
    books: Books,
    customer: Customer,
    fields: dict[str, Any],
    named: str,
) -> None:
    error = refused(claude, **fields)
    assert isinstance(error, anthropic.BadRequestError)
    assert error.type == "invalid_request_error"
    assert named in (error.api_message or "")
    assert books.requests(customer) == []


def test_too_few_credits(gateway: Gateway, books: Books) -> None:
    poor = books.customer(granted_microcredits=10)
    origin = gateway.base_url.removesuffix("/v1")
    with anthropic.Anthropic(base_url=origin, api_key=poor.key, max_retries=0) as client:
        error = refused(client)
    assert isinstance(error, anthropic.PaymentRequiredError)
    assert error.type == "billing_error"
    assert error.response.headers["x-should-retry"] == "false"
    assert error.response.headers["x-credits-balance"] == "0.00001"


# A model for each, since trouble takes a route out for a while.
@pytest.mark.parametrize(
    ("model", "fault", "kind", "named"),
    [
        ("claude-opus-4-7", "429", anthropic.RateLimitError, "rate_limit_error"),
        ("gpt-5.4-mini", "429", anthropic.RateLimitError, "rate_limit_error"),
        ("claude-haiku-4-5", "529", anthropic.OverloadedError, "overloaded_error"),
        ("gpt-5.4", "503", anthropic.OverloadedError, "overloaded_error"),
        ("gemini-3.1-pro", "500", anthropic.APIStatusError, ""),
    ],
)
def test_upstream_trouble_has_anthropics_classes(
    claude: anthropic.Anthropic, model: str, fault: str, kind: Any, named: str
) -> None:
    prompt = f"[[sim:fault={fault}]] Hello."
    error = refused(claude, model=model, messages=[{"role": "user", "content": prompt}])
    assert isinstance(error, kind)
    assert not named or error.type == named
    assert error.response.headers["x-credits-charged"] == "0"


@pytest.mark.parametrize("fault", ["truncated_stream", "error_mid_stream"])
@pytest.mark.parametrize("model", [SONNET, "gpt-5.4-nano", "gemini-3-flash"])
def test_a_stream_that_breaks_off_raises(
    claude: anthropic.Anthropic, model: str, fault: str
) -> None:
    prompt = f"[[sim:fault={fault} after=12 words=300]] Hello."
    with (
        pytest.raises(anthropic.APIStatusError) as caught,
        claude.messages.stream(
            model=model, max_tokens=900, messages=[{"role": "user", "content": prompt}]
        ) as stream,
    ):
        stream.until_done()
    assert caught.value.type == "api_error"
    assert caught.value.response.status_code == 200


def test_other_methods_and_paths_answer_in_the_same_shape(
    gateway: Gateway, customer: Customer
) -> None:
    headers = {"x-api-key": customer.key}
    answer = httpx.get(f"{gateway.base_url}/messages", headers=headers)
    assert answer.status_code == 405
    assert answer.json()["type"] == "error"
    answer = httpx.post(f"{gateway.base_url}/messages/batches", headers=headers, json={})
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "not_found_error"
