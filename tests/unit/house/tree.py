"""The repository's own files, read once for the tests of the house rules."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
GENERATED = "clients/python/tokensmith/v1/"
PACKAGES = {
    "tokensmith": ROOT / "clients/python/tokensmith",
    "tokensmith_server": ROOT / "server/tokensmith_server",
    "tokensmith_bridge": ROOT / "rest_bridge/tokensmith_bridge",
    "tokensmith_gateway": ROOT / "gateway/tokensmith_gateway",
    "tokensmith_simulator": ROOT / "simulator/tokensmith_simulator",
}


@cache
def tracked() -> tuple[str, ...]:
    """Every file that is, or is about to be, in the repository, relative to its root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    names = sorted(set(filter(None, listed.stdout.split("\0"))))
    return tuple(name for name in names if (ROOT / name).is_file())


def written_python() -> tuple[str, ...]:
    """The Python files that people write."""
    return tuple(
        name for name in tracked() if name.endswith(".py") and not name.startswith(GENERATED)
    )


def product_python() -> tuple[str, ...]:
    """The Python files that are installed."""
    folders = tuple(f"{path.relative_to(ROOT)}/" for path in PACKAGES.values())
    return tuple(name for name in written_python() if name.startswith(folders))


@cache
def text(name: str) -> str:
    """A file's text."""
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def parsed(name: str) -> ast.Module:
    """A Python file's syntax tree."""
    return ast.parse(text(name), filename=name)
