"""One call's money is the same number wherever it is shown."""

from typing import Any

import httpx
import openai
import pytest

from tests.support.books import Books, Customer
from tests.support.processes import Gateway
from tokensmith_server.billing.money import format_credits

MODEL = "gpt-5.4-nano"


def get(gateway: Gateway, customer: Customer, path: str) -> httpx.Response:
    return httpx.get(
        f"{gateway.base_url}{path}", headers={"Authorization": f"Bearer {customer.key}"}
    )


@pytest.mark.parametrize("stream", [False, True])
def test_headers_receipt_balance_command_line_and_ledger_agree(
    gateway: Gateway, customer: Customer, books: Books, client: openai.OpenAI, stream: bool
) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Describe tea in 40 words."}],
        stream=stream,
        extra_body={"stream_options": {"include_usage": True}} if stream else None,
    )
    headers = raw.headers
    parsed: Any = raw.parse()
    if stream:
        usage = list(parsed)[-1].usage
    else:
        usage = parsed.usage
        assert headers["x-credits-charged"] == format_credits(round(usage.cost * 1_000_000))
    request_id = headers["x-request-id"]

    record = books.requests(customer)[0]
    balance = books.balance(customer)
    charged = format_credits(record.charged_microcredits)
    assert record.request_id == request_id
    assert format_credits(record.held_microcredits) == headers["x-credits-held"]
    assert record.charged_microcredits == round(usage.cost * 1_000_000) > 0
    assert record.usage is not None
    assert record.usage.input_tokens == usage.prompt_tokens
    assert record.usage.output_tokens == usage.completion_tokens
    assert balance.charged_microcredits == record.charged_microcredits

    receipt = get(gateway, customer, f"/requests/{request_id}").json()
    assert receipt["id"] == request_id
    assert format_credits(round(receipt["charged"] * 1_000_000)) == charged
    assert format_credits(round(receipt["held"] * 1_000_000)) == headers["x-credits-held"]

    credit = get(gateway, customer, "/credits").json()
    assert round(credit["available"] * 1_000_000) == balance.available_microcredits
    assert round(credit["charged"] * 1_000_000) == balance.charged_microcredits
    assert credit["held"] == 0
    if not stream:
        assert headers["x-credits-balance"] == format_credits(balance.available_microcredits)

    (listed,) = gateway.cli_json("requests", "list", "--account", customer.name)
    assert listed["request"] == request_id
    assert listed["charged"] == charged
    assert listed["held"] == headers["x-credits-held"]
    assert listed["state"] == "settled"
    assert listed["stream"] is stream


def test_another_customers_receipt_is_not_found(
    gateway: Gateway, customer: Customer, books: Books, client: openai.OpenAI
) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": "Hello"}]
    )
    stranger = books.customer()
    answer = get(gateway, stranger, f"/requests/{raw.headers['x-request-id']}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "request_not_found"


def test_audit_command_is_clean_beside_the_running_gateway(gateway: Gateway) -> None:
    report = gateway.cli_json("ledger", "audit")
    assert report["clean"] is True
    assert report["violations"] == []
