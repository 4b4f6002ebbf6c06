"""The import contracts of pyproject.toml: kept by the tree, and each broken by what it forbids."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.unit.house.tree import PACKAGES, ROOT, parsed, product_python

_SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS: dict[str, dict[str, Any]] = {
    contract["name"]: contract for contract in _SETTINGS["tool"]["importlinter"]["contracts"]
}

# For each contract: a module, and an import that it must not have.
OFFENCES = {
    "The client installs alone": (
        "tokensmith/credits.py", "import tokensmith_server.clock"),
    "The server knows the contract, and nobody who calls it": (
        "tokensmith_server/serve.py", "import tokensmith.client"),
    "The bridge reaches the server through stubs alone": (
        "tokensmith_bridge/metrics.py", "import tokensmith_server.metrics"),
    "The simulator shares no code with what it tries": (
        "tokensmith_simulator/dice.py", "import tokensmith.credits"),
    "The in-process channel knows neither of its ends": (
        "tokensmith_gateway/inprocess/pipe.py", "import tokensmith_server.clock"),
    "The money core imports the standard library alone": (
        "tokensmith_server/billing/ledger.py", "import msgspec"),
    "A provider cannot charge, store, or see a call": (
        "tokensmith_server/providers/xai.py", "import tokensmith_server.billing.pricing"),
    "Vendors share through the dialect, never with each other": (
        "tokensmith_server/providers/xai.py", "import tokensmith_server.providers.openai"),
    "The dialect's converters are pure": (
        "tokensmith_server/providers/openai_dialect/usage.py", "import structlog"),
    "Capabilities never import each other": (
        "tokensmith_server/chat/facts.py", "import tokensmith_server.image.validate"),
    "A service knows neither gRPC, a database, nor a vendor": (
        "tokensmith_server/chat/parts.py", "import tokensmith_server.storage.times"),
    "The catalog knows rates, and no other money": (
        "tokensmith_server/catalog/near.py", "import tokensmith_server.billing.pricing"),
    "Routing decides; it neither sends nor stores": (
        "tokensmith_server/routing/router.py", "import aiohttp"),
    "Storage keeps rows, and knows no wire": (
        "tokensmith_server/storage/times.py", "import tokensmith_server.catalog.near"),
    "Only the composition roots know storage": (
        "tokensmith_server/rpc/auth.py", "import tokensmith_server.storage.times"),
    "Only the composition root makes providers": (
        "tokensmith_server/rpc/server.py", "import tokensmith_server.providers.registry"),
    "Only the registry knows the vendors": (
        "tokensmith_server/rate_limits.py", "import tokensmith_server.providers.together"),
    "JSON to the contract and back is pure": (
        "tokensmith_bridge/openai/models.py", "import tokensmith_bridge.call"),
}  # fmt: skip


def verdicts(folder: Path) -> dict[str, str]:
    """What import-linter says of each contract, for the packages in ``folder``."""
    linted = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()",
         "--no-cache", "--config", "pyproject.toml"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.findall(r"^(.+) (KEPT|BROKEN)$", linted.stdout, flags=re.MULTILINE)
    assert found, linted.stdout + linted.stderr
    return dict(found)


@pytest.fixture(scope="module")
def offended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Verdicts on a copy of the tree that commits every offence."""
    folder = tmp_path_factory.mktemp("tree")
    for name, path in PACKAGES.items():
        shutil.copytree(path, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for module, statement in OFFENCES.values():
        path = folder / module
        path.write_text(f"{path.read_text(encoding='utf-8')}\n{statement}\n", encoding="utf-8")
    return verdicts(folder)


def test_the_tree_keeps_every_contract() -> None:
    assert verdicts(ROOT) == dict.fromkeys(CONTRACTS, "KEPT")


def test_every_contract_has_an_offence_here() -> None:
    assert list(OFFENCES) == list(CONTRACTS)


@pytest.mark.parametrize("contract", OFFENCES)
def test_a_contract_catches_its_offence(contract: str, offended: dict[str, str]) -> None:
    assert offended[contract] == "BROKEN"


def test_every_capability_is_in_the_contract_that_keeps_them_apart() -> None:
    server = PACKAGES["tokensmith_server"]
    capabilities = {
        f"tokensmith_server.{path.parent.name}"
        for path in (*server.glob("*/service.py"), *server.glob("*/estimator.py"))
    }
    assert set(CONTRACTS["Capabilities never import each other"]["modules"]) == capabilities


def test_every_vendor_is_in_the_contracts_about_vendors() -> None:
    package = "tokensmith_server.providers"
    registry = parsed(f"server/{package.replace('.', '/')}/registry.py")
    imported = {
        f"{package}.{alias.name}"
        for node in ast.walk(registry)
        if isinstance(node, ast.ImportFrom) and node.module == package
        for alias in node.names
    }
    apart = set(CONTRACTS["Vendors share through the dialect, never with each other"]["modules"])
    known = set(CONTRACTS["Only the registry knows the vendors"]["protected_modules"])
    assert imported
    assert imported <= apart
    assert apart == known


def test_every_module_of_billing_is_in_the_core_or_known_to_be_outside() -> None:
    """A new module cannot slip by: the core is all of billing but its edges."""
    core = CONTRACTS["The money core imports the standard library alone"]
    modules = {
        f"tokensmith_server.billing.{path.stem}"
        for path in (PACKAGES["tokensmith_server"] / "billing").glob("*.py")
        if path.stem not in {"__init__", "convert", "list_convert", "servicer", "sweeper"}
    }
    assert set(core["source_modules"]) == modules


def test_the_money_core_imports_the_standard_library_alone_whatever_gets_installed() -> None:
    """The contract lists what is forbidden; this needs no list."""
    core = set(CONTRACTS["The money core imports the standard library alone"]["source_modules"])
    known = core | {"tokensmith_server.billing"}
    strangers = [
        f"{name}: {module}"
        for name in product_python()
        if name.removeprefix("server/").removesuffix(".py").replace("/", ".") in core
        for module in imports(parsed(name))
        if module.partition(".")[0] not in sys.stdlib_module_names and module not in known
    ]
    assert strangers == []


def imports(tree: ast.Module) -> list[str]:
    """The modules that a module imports, at whatever depth the statement stands."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = node.module or ""
            found.append(package)
            if package == "tokensmith_server.billing":
                found += [f"{package}.{alias.name}" for alias in node.names]
    return found
