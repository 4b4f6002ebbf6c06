"""Agents' command lines, as npm has them, at work through the gateway.

They run in a directory and with a home of their own, and find nobody else in the network.
"""

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from tests.e2e.test_openai_sdk import png_data_url
from tests.interop.test_clients import MODELS
from tests.support.books import Books, Customer
from tests.support.processes import Gateway, running_gateway, running_simulator_process
from tokensmith_server.billing.commands import HoldState, Outcome

PACKAGES = Path(__file__).parent / "node" / "node_modules"
# What npm would have linked after a package's install script, which is not run.
CLAUDE = PACKAGES / "@anthropic-ai" / "claude-code" / "cli-wrapper.cjs"
CODEX = PACKAGES / "@openai" / "codex" / "bin" / "codex.js"
SECONDS_MAX = 100
PICTURE = "Image"


class ClaudeResult(msgspec.Struct):
    """What Claude Code prints in the end."""

    subtype: str
    is_error: bool
    num_turns: int
    result: str


@dataclass(frozen=True)
class Desk:
    """Where an agent works, and on whose account."""

    gateway: Gateway
    books: Books
    customer: Customer
    directory: Path

    def run(self, script: Path, *arguments: str, **environment: str) -> str:
        """Run an agent to its end; what it printed."""
        node = shutil.which("node")
        if node is None:
            pytest.skip("node is not on PATH")
        if not script.is_file():
            pytest.skip("the agents are not installed: npm is not on PATH")
        done = subprocess.run(
            [node, str(script), *arguments],
            cwd=self.directory,
            env={"PATH": os.environ["PATH"], "HOME": str(self.directory), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def settled(self) -> int:
        """How many calls were made; all of them were delivered and paid, and the books are clean.

        A call that the agent itself broke off is settled too.
        """
        records = self.books.requests(self.customer)
        ends = {(record.state, record.outcome) for record in records}
        assert ends == {(HoldState.SETTLED, Outcome.DELIVERED)}
        assert self.books.balance(self.customer).held_microcredits == 0
        self.books.assert_clean()
        return len(records)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Books]]:
    with (
        running_simulator_process() as simulator,
        running_gateway(
            tmp_path_factory.mktemp("agents") / "data", TOKENSMITH_SIMULATOR_URL=simulator.origin
        ) as gateway,
    ):
        yield gateway, Books(gateway.database_url)


@pytest.fixture
def desk(served: tuple[Gateway, Books], tmp_path: Path) -> Desk:
    gateway, books = served
    (tmp_path / PICTURE).write_bytes(base64.b64decode(png_data_url().partition(",")[2]))
    return Desk(gateway, books, books.customer(100_000_000_000), tmp_path)


@pytest.mark.parametrize("model", MODELS)
def test_claude_code_calls_its_tools_with_a_model_of_every_provider(desk: Desk, model: str) -> None:
    printed = desk.run(
        CLAUDE,
        *("-p", f"Use the Glob tool for {PICTURE}", "--tools", "Glob", "--model", model),
        *("--output-format", "json"),
        ANTHROPIC_BASE_URL=desk.gateway.base_url.removesuffix("/v1"),
        ANTHROPIC_API_KEY=desk.customer.key,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
    )
    told = msgspec.json.decode(printed, type=ClaudeResult)
    assert (told.subtype, told.is_error) == ("success", False)
    assert told.result.startswith("According to Glob, the result is")
    assert told.num_turns > 1
    assert desk.settled() > 1


def codex(desk: Desk, model: str, prompt: str) -> str:
    """Codex's last words."""
    words = desk.directory / "words.txt"
    provider = "model_providers.gateway"
    settings = {
        "model_provider": "gateway",
        f"{provider}.name": "TokenSmith",
        f"{provider}.base_url": desk.gateway.base_url,
        f"{provider}.env_key": "TOKENSMITH_KEY",
        f"{provider}.wire_api": "responses",
        "web_search": "disabled",
    }
    desk.run(
        CODEX,
        *("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"),
        *(part for name, value in settings.items() for part in ("-c", f'{name}="{value}"')),
        *("-m", model, "-o", str(words), prompt),
        TOKENSMITH_KEY=desk.customer.key,
    )
    return words.read_text()


@pytest.mark.parametrize("model", MODELS)
def test_codex_gets_an_answer_from_a_model_of_every_provider(desk: Desk, model: str) -> None:
    assert codex(desk, model, "Say hello in two sentences")
    assert desk.settled() >= 1


def test_codex_shows_a_picture_that_its_tool_returned(desk: Desk) -> None:
    assert "returned:" in codex(desk, "gpt-5.4-nano", f"view {PICTURE} please")
    assert desk.settled() == 2
