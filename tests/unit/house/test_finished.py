"""What is in the repository is finished, knows no particular machine, and can be repeated."""

import ast
import re

from tests.unit.house.tree import (
    ROOT,
    parsed,
    product_python,
    text,
    tracked,
    written_python,
)

# Spelled apart, so that this file is not its own finding.
MARKERS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE_PATHS = re.compile(r"/(?:ho" r"me|Us" r"ers|ro" r"ot|wo" r"rk)/[\w.-]+|\.py" r"env\b")
REGISTRY_HOSTS = re.compile(
    r"py" r"pi\.org|python" r"hosted|npm" r"js\.|(?:--|_)(?:extra-)?index" r"-url\s*[=:]?\s*http"
)
TEXT_SUFFIXES = (
    "", ".cfg", ".ini", ".md", ".mako", ".proto", ".py", ".pyi", ".sh", ".toml", ".txt", ".yaml",
    ".yml",
)  # fmt: skip


def texts() -> dict[str, str]:
    return {name: text(name) for name in tracked() if (ROOT / name).suffix in TEXT_SUFFIXES}


def matches(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}: {found.group()}"
        for name, content in texts().items()
        if (found := pattern.search(content))
    ]


def calls(tree: ast.AST, function: str) -> list[ast.Call]:
    """Calls like ``function(...)`` or ``anything.function(...)``."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and function == (getattr(node.func, "attr", None) or getattr(node.func, "id", None))
    ]


def test_nothing_is_marked_as_unfinished() -> None:
    assert matches(MARKERS) == []


def test_nothing_is_a_stub_that_raises() -> None:
    stubs = [
        f"{name}:{node.lineno}"
        for name in product_python()
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.Raise) and "NotImplementedError" in ast.dump(node)
    ]
    assert stubs == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert matches(MACHINE_PATHS) == []


def test_no_file_names_a_package_registry() -> None:
    assert matches(REGISTRY_HOSTS) == []


def test_tests_never_sleep() -> None:
    """Giving the loop a turn, ``sleep(0)``, is the one sleep there is."""
    sleeping = [
        f"{name}:{call.lineno}"
        for name in written_python()
        if name.startswith("tests/")
        for call in calls(parsed(name), "sleep")
        if isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in {"asyncio", "time", "anyio"}
        and not (
            len(call.args) == 1
            and isinstance(call.args[0], ast.Constant)
            and call.args[0].value == 0
        )
    ]
    assert sleeping == []


def test_the_locks_pin_every_package_with_hashes() -> None:
    for name in ("requirements/runtime.txt", "requirements/dev.txt"):
        blocks = re.split(r"^(?=[^\s#])", text(name), flags=re.MULTILINE)[1:]
        assert blocks
        loose = [
            block.splitlines()[0]
            for block in blocks
            if not re.match(r"[\w.\-\[\]]+==\S+", block) or "--hash=sha256:" not in block
        ]
        assert loose == []


def test_a_package_has_one_version_in_both_locks() -> None:
    def versions(name: str) -> dict[str, str]:
        found = re.findall(r"^([\w.\-]+)(?:\[\S+\])?==([^\s;]+)", text(name), flags=re.MULTILINE)
        return dict(found)

    runtime, dev = versions("requirements/runtime.txt"), versions("requirements/dev.txt")
    assert {name: version for name, version in runtime.items() if dev.get(name) != version} == {}
