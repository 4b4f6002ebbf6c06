"""README's examples, run as a reader would run them, print what README says."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from tests.readme.conftest import ReadersView
from tests.readme.examples import Example, examples_of, matches
from tokensmith_bridge.config import BridgeSettings
from tokensmith_gateway.cli.commands import app
from tokensmith_gateway.settings import GatewaySettings
from tokensmith_server.config import ServerSettings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATING = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
EXAMPLES = examples_of(README)
SETTINGS = (ServerSettings, BridgeSettings, GatewaySettings)


def test_readme_has_examples_for_curl_python_and_the_command_line() -> None:
    assert len(EXAMPLES) >= 8
    assert {example.language for example in EXAMPLES} == {"sh", "python"}


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_prints_what_readme_says(example: Example, view: ReadersView) -> None:
    code = view.here(example.code)
    runner = [sys.executable, "-c"] if example.language == "python" else ["bash", "-euc"]
    ran = subprocess.run(
        [*runner, code],
        cwd=ROOT, env=view.environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    printed = ran.stdout.replace("\r\n", "\n")
    assert matches(view.here(example.output), printed), printed


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a...c", "abbc\n", True),
        ("a...c", "abbcd", False),
        ("x: ...\n", "x: 1\ny: 2", True),
        ("a.c", "abc", False),
    ],
)
def test_three_dots_stand_for_anything(expected: str, printed: str, same: bool) -> None:
    assert matches(expected, printed) is same


def test_every_command_is_in_the_table() -> None:
    commands = get_command(app)
    missing = []
    for name, command in getattr(commands, "commands", {}).items():
        parts = [f"{name} {sub}" for sub in getattr(command, "commands", {})] or [name]
        missing += [part for part in parts if f"`{part}" not in README]
    assert missing == []


def test_no_command_is_documented_that_is_not_there() -> None:
    table = README.split("## The command line")[1].split("## Settings")[0]
    for documented in re.findall(r"`([a-z]+(?: [a-z]+)?)(?: [^`]*)?`", table.split("|---|")[1]):
        # Looked up and not run: a command sets up the logs of the whole process.
        command: Any = get_command(app)
        for word in documented.split():
            command = getattr(command, "commands", {}).get(word)
        assert command is not None, documented


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_variable_is_documented(settings: type[ServerSettings]) -> None:
    names = {f"TOKENSMITH_{field.upper()}" for field in settings.model_fields}
    assert {name for name in names if f"`{name}`" not in README + OPERATING} == set()


def test_no_variable_is_documented_that_nobody_reads() -> None:
    known = {f"TOKENSMITH_{field.upper()}" for each in SETTINGS for field in each.model_fields}
    known |= {"TOKENSMITH_API_KEY", "TOKENSMITH_FAULT_POINTS", "TOKENSMITH_TEST_DATABASE_URL"}
    documented = set(re.findall(r"TOKENSMITH_[A-Z_]+[A-Z]", README + OPERATING))
    assert documented - known == set()


def test_every_link_to_a_file_leads_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    dead = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert dead == []


def test_the_folders_of_the_map_are_the_members() -> None:
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for member in workspace["tool"]["uv"]["workspace"]["members"]:
        assert f"`{member}/`" in README
