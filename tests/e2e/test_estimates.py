"""The price before the call is what the call is then held at, over REST, on both databases."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from tests.support import postgres
from tests.support.books import Books, Customer
from tests.support.processes import Gateway, Simulator, running_gateway
from tokensmith_server.billing.money import format_credits

CREDIT = 1_000_000
TEXT_MODELS = (
    "gpt-5.4-nano",
    "gpt-5.4",
    "claude-opus-4-7",
    "gemini-3.1-pro",
    "grok-4-1-fast-reasoning",
    "openai/gpt-oss-120b",
)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def either(
    request: pytest.FixtureRequest,
    gateway: Gateway,
    simulator: Simulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    """The gateway of all tests, and one on PostgreSQL."""
    if request.param == "sqlite":
        yield gateway
        return
    with postgres.fresh_database() as url:
        variables = {
            "TOKENSMITH_SIMULATOR_URL": simulator.origin,
            "TOKENSMITH_DATABASE_URL": url,
        }
        data_dir: Path = tmp_path_factory.mktemp("estimates") / "data"
        with running_gateway(data_dir, **variables) as running:
            yield running


def post(gateway: Gateway, customer: Customer, path: str, body: dict[str, Any]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {customer.key}"}
    return httpx.post(f"{gateway.base_url}{path}", json=body, headers=headers, timeout=30.0)


def as_credits(number: float) -> str:
    return format_credits(round(number * CREDIT))


def bodies(count: int) -> Iterator[dict[str, Any]]:
    """Chats of all sorts, the same ones in every run."""
    dice = Random(20_260_817)
    for number in range(count):
        text = "word " * dice.randint(1, 300)
        content: Any = text
        if dice.random() < 0.3:
            content = [{"type": "text", "text": text}, {"type": "text", "text": "And more."}]
        body: dict[str, Any] = {
            "model": TEXT_MODELS[number % len(TEXT_MODELS)],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": content},
            ],
        }
        if dice.random() < 0.7:
            body["max_tokens"] = dice.randint(1, 3_000)
        if dice.random() < 0.3:
            parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
            function = {"name": "weather", "parameters": parameters}
            body["tools"] = [{"type": "function", "function": function}]
        yield body


def test_estimate_is_what_the_call_is_then_held_at(either: Gateway) -> None:
    books = Books(either.database_url)
    for number, body in enumerate(bodies(18)):
        # Now and then a balance that lowers the allowance.
        customer = books.customer(40 * CREDIT if number % 3 == 0 else 10_000 * CREDIT)
        told = post(either, customer, "/estimate", body)
        assert told.status_code == 200, told.text
        estimate = told.json()
        assert books.requests(customer) == []
        call = post(either, customer, "/chat/completions", body)
        if not estimate["affordable"]:
            assert call.status_code == 402
            assert call.json()["error"]["required"] == estimate["required"]
            continue
        assert call.status_code == 200, call.text
        (record,) = books.requests(customer)
        held = as_credits(estimate["max_cost"])
        assert held == call.headers["x-credits-held"] == format_credits(record.held_microcredits)
        assert as_credits(sum(line["amount"] for line in estimate["price_lines"])) == held
        assert estimate["catalog_version"] == record.catalog_version
        assert record.charged_microcredits <= record.held_microcredits
    books.assert_clean()


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.mark.parametrize("model", ["claude-opus-4-7", "claude-sonnet-4-6", "claude-haiku-4-5"])
def test_thinking_that_comes_back_with_its_tool_calls_is_in_the_estimate_and_the_hold(
    gateway: Gateway, books: Books, model: str
) -> None:
    # As every client of OpenAI's sends it: with the calls, and without what was thought.
    ours, other = books.customer(), books.customer()
    asked = {"role": "user", "content": "What is the weather? [[sim:reasoning=3000]]"}
    body: dict[str, Any] = {
        "model": model,
        "reasoning_effort": "high",
        "max_tokens": 9_000,
        "tools": [WEATHER],
        "messages": [asked],
    }
    calls = post(gateway, ours, "/chat/completions", body).json()["choices"][0]["message"][
        "tool_calls"
    ]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "sunny"} for call in calls]
    messages = [asked, {"role": "assistant", "content": None, "tool_calls": calls}, *results]
    # Enough of a limit for a model that thinks by budget, and as little of an answer as can be.
    follow_up = body | {"messages": messages, "max_tokens": 1_100}
    told = post(gateway, ours, "/estimate", follow_up).json()
    unknowing = post(gateway, other, "/estimate", follow_up).json()
    assert told["input_tokens"] >= unknowing["input_tokens"] + 1_000
    for customer, estimate in ((ours, told), (other, unknowing)):
        assert post(gateway, customer, "/chat/completions", follow_up).status_code == 200
        record = books.requests(customer)[0]
        assert record.usage is not None
        assert not record.usage_estimated
        assert record.usage.input_tokens <= estimate["input_tokens"]
        assert as_credits(estimate["max_cost"]) == format_credits(record.held_microcredits)
        assert record.charged_microcredits <= record.held_microcredits
    read = [books.requests(customer)[0].usage for customer in (ours, other)]
    assert read[0] is not None
    assert read[1] is not None
    assert read[0].input_tokens > read[1].input_tokens
    books.assert_clean()


def test_every_model_on_sale_has_a_price_before_the_call(
    gateway: Gateway, customer: Customer
) -> None:
    headers = {"Authorization": f"Bearer {customer.key}"}
    models = httpx.get(f"{gateway.base_url}/models", headers=headers).json()["data"]
    assert len(models) == 53
    for model in models:
        body: dict[str, Any] = {"model": model["id"]}
        if model["kind"] == "text":
            body["messages"] = [{"role": "user", "content": "Hello"}]
        elif model["kind"] == "motion_control":
            body["character_orientation"] = "video"
        else:
            body["prompt"] = "A cozy cabin in a snowy forest at dusk"
        told = post(gateway, customer, "/estimate", body)
        assert told.status_code == 200, told.text
        estimate = told.json()
        assert estimate["endpoint"] == model["endpoint"]
        assert 0 < estimate["likely_cost"] <= estimate["max_cost"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"model": "gpt-5.4-nanoo", "prompt": "x"}, (404, None, "model_not_found")),
        (
            {"model": "gpt-image-2", "messages": [{"role": "user", "content": "x"}]},
            (400, "model", "model_kind_mismatch"),
        ),
        (
            {"model": "gpt-image-2", "prompt": "x", "n": 11},
            (400, "n", "unsupported_parameter"),
        ),
        (
            {"model": "sora-2", "prompt": "x", "seconds": 5},
            (400, "seconds", "unsupported_parameter"),
        ),
    ],
)
def test_what_cannot_be_priced_says_why(
    gateway: Gateway,
    customer: Customer,
    body: dict[str, Any],
    expected: tuple[int, str | None, str],
) -> None:
    told = post(gateway, customer, "/estimate", body)
    error = told.json()["error"]
    assert (told.status_code, error["param"], error["code"]) == expected


def test_chat_call_of_an_image_model_reads_well(gateway: Gateway, customer: Customer) -> None:
    body = {"model": "gpt-image-2", "messages": [{"role": "user", "content": "x"}]}
    error = post(gateway, customer, "/chat/completions", body).json()["error"]
    assert error["message"] == (
        "The model `gpt-image-2` makes images. This server has no such calls yet, only their "
        "prices: /v1/estimate takes the body of /v1/images/generations."
    )
    called = post(gateway, customer, "/images/generations", {"model": "gpt-image-2"})
    assert called.status_code == 501
    assert called.json()["error"]["code"] == "unimplemented"


def test_models_say_whether_they_can_be_called(gateway: Gateway, customer: Customer) -> None:
    headers = {"Authorization": f"Bearer {customer.key}"}
    listed = httpx.get(f"{gateway.base_url}/models", headers=headers).json()["data"]
    assert {model["kind"] for model in listed if model["served"]} == {"text"}
    assert {model["kind"] for model in listed if not model["served"]} >= {"image", "video"}


def test_doctor_counts_no_routes_of_models_that_can_not_be_called(gateway: Gateway) -> None:
    routes = gateway.cli_json("doctor")["routes"]
    assert routes
    assert not [row["route"] for row in routes if "image" in row["route"]]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/responses", {"model": "gpt-5.4-nano", "input": "Say hello.", "max_output_tokens": 90}),
        (
            "/messages",
            {
                "model": "claude-haiku-4-5",
                "max_tokens": 90,
                "system": "Be brief.",
                "messages": [{"role": "user", "content": "Say hello."}],
            },
        ),
    ],
)
def test_other_dialects_have_the_price_of_their_own_call(
    gateway: Gateway, customer: Customer, path: str, body: dict[str, Any]
) -> None:
    told = post(gateway, customer, "/estimate", body | {"endpoint": f"/v1{path}"})
    call = post(gateway, customer, path, body)
    assert (told.status_code, call.status_code) == (200, 200), told.text + call.text
    assert as_credits(told.json()["max_cost"]) == call.headers["x-credits-held"]
