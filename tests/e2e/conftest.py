"""One gateway and one simulator for all of these tests, as processes; an account for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anthropic
import openai
import pytest

from tests.support.books import Books, Customer
from tests.support.processes import Gateway, Simulator, running_gateway, running_simulator_process

MODEL = "gpt-5.4-nano"
HELLO = "Say hello in 20 words."


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with running_simulator_process() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def gateway(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    data_dir: Path = tmp_path_factory.mktemp("gateway") / "data"
    with running_gateway(data_dir, TOKENSMITH_SIMULATOR_URL=simulator.origin) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def books(gateway: Gateway) -> Books:
    return Books(gateway.database_url)


@pytest.fixture
def customer(books: Books) -> Iterator[Customer]:
    """A customer; when the test is over, the whole ledger is audited."""
    yield books.customer()
    books.assert_clean()


@pytest.fixture
def client(gateway: Gateway, customer: Customer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.base_url, api_key=customer.key, max_retries=0) as client:
        yield client


@pytest.fixture
def claude(gateway: Gateway, customer: Customer) -> Iterator[anthropic.Anthropic]:
    origin = gateway.base_url.removesuffix("/v1")
    with anthropic.Anthropic(base_url=origin, api_key=customer.key, max_retries=0) as client:
        yield client


@pytest.fixture
async def responder(gateway: Gateway, customer: Customer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=gateway.base_url, api_key=customer.key, max_retries=0
    ) as client:
        yield client
