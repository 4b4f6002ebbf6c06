"""Clients and agents that nobody here wrote, unchanged, with a model of every provider.

Each client's script (`clients/`, `node/`) runs once and tells what came of every scenario; the
tests look at that, and at the books.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.interop.conftest import VARIABLE
from tests.support.books import Books, Customer
from tests.support.processes import Gateway, running_gateway, running_simulator_process
from tokensmith_server.billing.commands import HoldState, Outcome

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MODELS = (
    "gpt-5.4-nano",
    "claude-haiku-4-5",
    "gemini-3-flash",
    "grok-4.20-0309-non-reasoning",
    "zai-org/GLM-5",
)
_EACH = ("tools", "structured", "long_stream")
CHAT = tuple(f"chat_{name}" for name in _EACH)
RESPONSES = tuple(f"responses_{name}" for name in _EACH)
CLIENTS: Mapping[str, tuple[str, ...]] = {
    "clients/openai_agents_client.py": CHAT + RESPONSES,
    "clients/langchain_client.py": CHAT + RESPONSES,
    "clients/pydantic_ai_client.py": (
        *CHAT,
        "chat_structured_by_tool",
        *RESPONSES,
        "responses_structured_by_tool",
        "messages_tools",
        "messages_structured_by_tool",
        "messages_long_stream",
    ),
    "node/openai_client.mjs": CHAT + RESPONSES,
    "node/ai_sdk_client.mjs": CHAT + RESPONSES,
    "node/anthropic_client.mjs": ("messages_tools", "messages_long_stream", "messages_count"),
}
CASES = [(client, scenario) for client, scenarios in CLIENTS.items() for scenario in scenarios]


@dataclass(frozen=True)
class Told:
    """What a client's script said of each scenario and model, and who paid."""

    customer: Customer
    lines: Mapping[tuple[str, str], Mapping[str, Any]]


class Clients:
    """Runs each client's script once, when its first test asks for it."""

    def __init__(self, gateway: Gateway, books: Books) -> None:
        self.books = books
        self._gateway = gateway
        self._told: dict[str, Told] = {}

    def told(self, client: str) -> Told:
        """What a client's script said."""
        if client not in self._told:
            customer = self.books.customer(100_000_000_000)
            self._told[client] = Told(customer, self._run(client, customer))
        return self._told[client]

    def _run(self, client: str, customer: Customer) -> dict[tuple[str, str], dict[str, Any]]:
        done = subprocess.run(
            [*_command(client), self._gateway.base_url, customer.key, *MODELS],
            cwd=HERE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        lines = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
        return {(line["scenario"], line["model"]): line for line in lines}


def _command(client: str) -> list[str]:
    script = str(HERE / client)
    if client.endswith(".py"):
        return [os.environ[VARIABLE], script]
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not on PATH")
    if not (HERE / "node" / "node_modules" / "openai").is_dir():
        pytest.skip("the packages for node are not installed: npm is not on PATH")
    return [node, script]


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    with (
        running_simulator_process() as simulator,
        running_gateway(
            tmp_path_factory.mktemp("clients") / "data", TOKENSMITH_SIMULATOR_URL=simulator.origin
        ) as gateway,
    ):
        yield Clients(gateway, Books(gateway.database_url))


def assert_right(scenario: str, line: Mapping[str, Any]) -> None:
    """What every client must have seen, whichever the model."""
    assert "error" not in line, line["error"]
    if scenario.endswith("tools"):
        assert sorted(line["called"]) == ["Bern", "Rome"]
        assert "21 degrees" in line["text"]
    elif scenario.endswith("long_stream"):
        assert line["same"], "the pieces are not the whole"
        assert line["words"] == 1_500
        assert line["pieces"] > 1_000
    elif scenario.endswith("count"):
        assert line["tokens"] > 0
    else:
        assert isinstance(line["label"], str)
        assert isinstance(line["score"], int | float)


@pytest.mark.parametrize(("client", "scenario"), CASES)
def test_client_works_unchanged_with_a_model_of_every_provider(
    clients: Clients, client: str, scenario: str
) -> None:
    told = clients.told(client)
    for model in MODELS:
        assert_right(scenario, told.lines[scenario, model])


@pytest.mark.parametrize("client", CLIENTS)
def test_every_call_of_a_client_is_settled_and_the_books_are_clean(
    clients: Clients, client: str
) -> None:
    told = clients.told(client)
    records = clients.books.requests(told.customer)
    assert len(records) >= len(MODELS) * len(CLIENTS[client])
    ends = {(record.state, record.outcome) for record in records}
    assert ends == {(HoldState.SETTLED, Outcome.DELIVERED)}
    balance = clients.books.balance(told.customer)
    assert balance.held_microcredits == 0
    charged = sum(record.charged_microcredits for record in records)
    assert balance.charged_microcredits == charged > 0
    clients.books.assert_clean()
