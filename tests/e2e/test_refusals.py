"""What an OpenAI client gets for what can't be served: the right exception, no charge, no retry."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.support.books import Books, Customer
from tests.support.processes import Gateway, Simulator

MODEL = "gpt-5.4-nano"


def says(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


class Sent:
    """Counts the requests that an SDK client sends, its own retries included."""

    def __init__(self) -> None:
        self.count = 0

    def client(self, gateway: Gateway, key: str) -> openai.OpenAI:
        """A client with the SDK's default retries."""
        http = openai.DefaultHttpxClient(event_hooks={"request": [self._note]}, timeout=20.0)
        return openai.OpenAI(base_url=gateway.base_url, api_key=key, http_client=http)

    def _note(self, _request: object) -> None:
        self.count += 1


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def eager(gateway: Gateway, customer: Customer, sent: Sent) -> Iterator[openai.OpenAI]:
    with sent.client(gateway, customer.key) as client:
        yield client


def test_wrong_key_is_an_authentication_error(eager: openai.OpenAI, sent: Sent) -> None:
    wrong = eager.with_options(api_key="pk_live_" + "x" * 43)
    with pytest.raises(openai.AuthenticationError) as caught:
        wrong.chat.completions.create(model=MODEL, messages=says("hello"))
    assert caught.value.code == "invalid_api_key"
    assert caught.value.request_id
    assert sent.count == 1


def test_unknown_model_is_not_found_with_a_hint(eager: openai.OpenAI, sent: Sent) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        eager.chat.completions.create(model="gpt5.4-nano", messages=says("hello"))
    assert caught.value.code == "model_not_found"
    assert "`gpt-5.4-nano`" in caught.value.message
    assert sent.count == 1


def test_retired_model_names_what_replaces_it_only_where_it_is_really_gone(
    eager: openai.OpenAI,
) -> None:
    answer = eager.chat.completions.create(model="grok-4-1-fast-reasoning", messages=says("hello"))
    assert answer.choices[0].message.content, "the simulator still serves it"


@pytest.mark.parametrize("stream", [False, True])
def test_no_credit_is_402_and_neither_retried_nor_sent_upstream(
    gateway: Gateway, books: Books, simulator: Simulator, sent: Sent, stream: bool
) -> None:
    poor = books.customer(granted_microcredits=50)
    with (
        sent.client(gateway, poor.key) as client,
        pytest.raises(openai.APIStatusError) as caught,
    ):
        client.chat.completions.create(
            model=MODEL, messages=says(f"no credit {poor.name}"), stream=stream
        )
    error = caught.value
    assert error.status_code == 402
    assert error.code == "insufficient_credits"
    assert "0.00005 are available" in error.message
    assert error.response.headers["x-should-retry"] == "false"
    assert error.response.headers["x-credits-balance"] == "0.00005"
    assert error.response.headers["x-credits-charged"] == "0"
    assert sent.count == 1
    assert not simulator.calls(poor.name)
    assert books.balance(poor).available_microcredits == 50


def test_oversize_request_is_413(eager: openai.OpenAI, sent: Sent) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        eager.chat.completions.create(model=MODEL, messages=says("x" * 21 * 1024 * 1024))
    assert caught.value.status_code == 413
    assert caught.value.code == "payload_too_large"
    assert sent.count == 1


def test_too_long_a_conversation_is_a_bad_request(eager: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        eager.chat.completions.create(
            model="LiquidAI/LFM2-24B-A2B", messages=says("word " * 200_000)
        )
    assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"temperature": 9}, "temperature", "invalid_value"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"messages": []}, "messages", None),
        ({"messages": [{"role": "wizard", "content": "hi"}]}, "messages[0].role", None),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content", "invalid_type"),
        ({"n": 0}, "n", None),
        ({"tools": [{"type": "function"}]}, "tools[0].function", None),
        ({"max_completion_tokens": -1}, "max_completion_tokens", None),
        ({"flux": 1}, "flux", "unknown_parameter"),
        ({"stream_options": {"speed": 1}}, "stream_options.speed", "unknown_parameter"),
    ],
)
def test_malformed_request_names_its_field(
    eager: openai.OpenAI,
    sent: Sent,
    change: dict[str, Any],
    param: str,
    code: str | None,
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        eager.chat.completions.create(model=MODEL, messages=says("hello"), extra_body=change)
    assert caught.value.param == param
    assert code is None or caught.value.code == code
    assert sent.count == 1


def test_body_that_is_no_json_is_a_bad_request(gateway: Gateway, customer: Customer) -> None:
    answer = httpx.post(
        f"{gateway.base_url}/chat/completions",
        content=b"{not json",
        headers={"Authorization": f"Bearer {customer.key}", "Content-Type": "application/json"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_json"
    assert answer.headers["x-should-retry"] == "false"


def test_unknown_path_and_method_answer_in_the_same_shape(
    gateway: Gateway, customer: Customer
) -> None:
    headers = {"Authorization": f"Bearer {customer.key}"}
    unknown = httpx.get(f"{gateway.base_url}/chat/completion", headers=headers)
    wrong = httpx.get(f"{gateway.base_url}/chat/completions", headers=headers)
    assert (unknown.status_code, wrong.status_code) == (404, 405)
    for answer in (unknown, wrong):
        assert set(answer.json()["error"]) >= {"message", "type", "param", "code"}
        assert answer.json()["request_id"]


def test_refused_requests_leave_no_trace_in_the_ledger(
    eager: openai.OpenAI, books: Books, customer: Customer
) -> None:
    with pytest.raises(openai.BadRequestError):
        eager.chat.completions.create(model=MODEL, messages=[])
    assert not books.requests(customer)
    assert books.balance(customer).available_microcredits == customer.granted_microcredits


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/requests/%00", 404, "request_not_found"),
        ("/requests/req_1%00", 404, "request_not_found"),
        ("/requests?model=%00", 400, "invalid_value"),
        ("/models/%00", 404, "model_not_found"),
        ("/responses/resp_%00", 404, "response_not_found"),
    ],
)
def test_address_with_a_nul_is_the_clients_error(
    gateway: Gateway, customer: Customer, path: str, status: int, code: str
) -> None:
    headers = {"authorization": f"Bearer {customer.key}"}
    answer = httpx.get(f"{gateway.base_url}{path}", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["x-should-retry"] == "false"
