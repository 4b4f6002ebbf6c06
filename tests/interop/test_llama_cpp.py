"""llama.cpp behind the gateway: named in an overlay, or in the place of a built-in provider."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.interop.conftest import KEY
from tests.support.books import Books, Customer
from tests.support.processes import Gateway, running_gateway
from tests.support.waiting import eventually

INPUT_MICROCREDITS, OUTPUT_MICROCREDITS = 10, 20
OVERLAY = """
[providers.local]
base_url = "{address}/v1"
api_key_env = "LLAMA_CPP_KEY"

[[models]]
id = "local/tiny"
kind = "text"
context_tokens = 2_048
max_output_tokens = 1_024
rate = {{ input = 10, output = 20 }}
routes = [{{ provider = "local", model = "tiny" }}]
"""
OVERLAID = "local/tiny"
# Sold as Together's, served by whoever is at TOKENSMITH_TOGETHER_BASE_URL.
REDIRECTED = "openai/gpt-oss-120b"


class Verdict(BaseModel):
    good: bool


@pytest.fixture(scope="session")
def gateway(llama_cpp: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("interop")
    catalog = folder / "overlay.toml"
    catalog.write_text(OVERLAY.format(address=llama_cpp), encoding="utf-8")
    with running_gateway(
        folder / "data",
        TOKENSMITH_CATALOG=str(catalog),
        LLAMA_CPP_KEY=KEY,
        TOKENSMITH_TOGETHER_API_KEY=KEY,
        TOKENSMITH_TOGETHER_BASE_URL=llama_cpp,
    ) as gateway:
        yield gateway


@pytest.fixture
def customer(gateway: Gateway) -> Iterator[Customer]:
    books = Books(gateway.database_url)
    yield books.customer()
    books.assert_clean()


@pytest.fixture
def client(gateway: Gateway, customer: Customer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.base_url, api_key=customer.key, max_retries=0) as client:
        yield client


def hello(client: openai.OpenAI, model: str, **more: Any) -> Any:
    return client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Say hello."}],
        max_completion_tokens=40,
        temperature=0,
        **more,
    )


@pytest.mark.parametrize("model", [OVERLAID, REDIRECTED])
def test_whole_answer_is_served_and_settled(
    gateway: Gateway, client: openai.OpenAI, customer: Customer, model: str
) -> None:
    answer = hello(client, model)
    assert len(answer.choices[0].message.content) == 40
    assert answer.choices[0].finish_reason == "length"
    assert answer.model == model, "the upstream's file name is nobody's business"
    (record,) = Books(gateway.database_url).requests(customer)
    assert str(record.outcome) == "delivered"
    assert not record.usage_estimated
    assert record.charged_microcredits == round(answer.usage.cost * 1_000_000) > 0


def test_charge_is_the_overlays_rate_times_the_servers_own_count(
    gateway: Gateway, client: openai.OpenAI, customer: Customer
) -> None:
    usage = hello(client, OVERLAID).usage
    assert usage.completion_tokens == 40
    assert Books(gateway.database_url).balance(customer).charged_microcredits == (
        usage.prompt_tokens * INPUT_MICROCREDITS + usage.completion_tokens * OUTPUT_MICROCREDITS
    )


@pytest.mark.parametrize("model", [OVERLAID, REDIRECTED])
def test_stream_is_the_whole_answer_in_pieces_and_settled_alike(
    gateway: Gateway, client: openai.OpenAI, customer: Customer, model: str
) -> None:
    whole = hello(client, model)
    chunks = list(hello(client, model, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == 40
    streamed, unary = Books(gateway.database_url).requests(customer)
    assert streamed.charged_microcredits == round(chunks[-1].usage.cost * 1_000_000)
    assert streamed.stream
    assert not streamed.usage_estimated
    assert streamed.charged_microcredits == unary.charged_microcredits


def test_schema_is_kept_to(client: openai.OpenAI) -> None:
    parsed = client.chat.completions.parse(
        model=OVERLAID,
        messages=[{"role": "user", "content": "Is tea good?"}],
        response_format=Verdict,
        max_completion_tokens=200,
    )
    assert isinstance(parsed.choices[0].message.parsed, Verdict)


def test_stream_that_its_reader_leaves_is_charged_for_a_part(
    gateway: Gateway, client: openai.OpenAI, customer: Customer
) -> None:
    stream = client.chat.completions.create(
        model=OVERLAID,
        messages=[{"role": "user", "content": "Tell me everything."}],
        max_completion_tokens=1_000,
        stream=True,
    )
    next(iter(stream))
    stream.close()
    books = Books(gateway.database_url)
    eventually(lambda: books.balance(customer).held_microcredits == 0, "the stream is settled")
    (record,) = books.requests(customer)
    assert record.charged_microcredits <= record.held_microcredits


def test_what_the_server_refuses_is_free_and_told(
    gateway: Gateway, client: openai.OpenAI, customer: Customer
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model=OVERLAID,
            messages=[{"role": "user", "content": "word " * 500}],
            max_completion_tokens=10,
        )
    assert caught.value.code in {"context_length_exceeded", "upstream_rejected"}
    books = Books(gateway.database_url)
    assert books.balance(customer).available_microcredits == customer.granted_microcredits
