"""A model's parameter schema, fetched as anybody would, tells beforehand what is taken."""

from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from tests.support.books import Customer
from tests.support.processes import Gateway

MESSAGES = [{"role": "user", "content": "Say hello in 5 words."}]


def schema_of(gateway: Gateway, customer: Customer, model: str) -> Draft202012Validator:
    headers = {"authorization": f"Bearer {customer.key}"}
    shown = httpx.get(f"{gateway.base_url}/models/{model}", headers=headers).json()
    schema = shown["parameter_schema"]
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize(
    ("model", "setting", "taken"),
    [
        ("gpt-5.4-mini", {"temperature": 0.5}, True),
        ("gpt-5.4-mini", {"temperature": 0.5, "reasoning_effort": "high"}, False),
        ("claude-haiku-4-5", {"n": 2}, False),
        ("gemini-3-flash", {"reasoning_effort": "low"}, True),
        ("openai/gpt-oss-120b", {"reasoning_effort": "none"}, False),
    ],
)
def test_what_fits_is_taken_and_what_does_not_is_refused(
    gateway: Gateway, customer: Customer, model: str, setting: dict[str, Any], taken: bool
) -> None:
    body = {"model": model, "messages": MESSAGES} | setting
    assert schema_of(gateway, customer, model).is_valid(body) is taken
    headers = {"authorization": f"Bearer {customer.key}"}
    answer = httpx.post(f"{gateway.base_url}/chat/completions", headers=headers, json=body)
    assert answer.status_code == (200 if taken else 400)
    assert taken or answer.json()["error"]["param"] in setting


def test_a_list_has_no_schemas(gateway: Gateway, customer: Customer) -> None:
    headers = {"authorization": f"Bearer {customer.key}"}
    listed = httpx.get(f"{gateway.base_url}/models", headers=headers).json()["data"]
    assert listed
    assert not any("parameter_schema" in model for model in listed)
