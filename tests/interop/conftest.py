"""These tests need what is not ours; `make test-interop` brings it along."""

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support.processes import STOP_SECONDS

ROOT = Path(__file__).parents[2]
NODE = Path(__file__).parent / "node"
VARIABLE = "TOKENSMITH_INTEROP_PYTHON"
KEY = "sk-interop-4d1b"

# Without that environment there is nothing to be tried, and nothing to be said about it either.
collect_ignore_glob = [] if os.environ.get(VARIABLE) else ["test_*.py"]


def pytest_report_header() -> list[str]:
    """Say what is tried, in which versions."""
    if not os.environ.get(VARIABLE):
        return []
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["interop"]
    lines = (ROOT / "requirements" / "interop.txt").read_text()
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", lines, re.MULTILINE))
    names = [re.split(r"[\[>]", requirement)[0] for requirement in wanted]
    installed = msgspec.json.decode((NODE / "package-lock.json").read_bytes())["packages"]
    from_npm = {
        name: installed[f"node_modules/{name}"]["version"] for name in installed[""]["dependencies"]
    }
    return [
        "tried, from PyPI: " + ", ".join(f"{name} {locked[name]}" for name in names),
        "tried, from npm: " + ", ".join(f"{name} {of}" for name, of in from_npm.items()),
    ]


@pytest.fixture(scope="session")
def llama_cpp() -> Iterator[str]:
    """llama.cpp's own server on a tiny model; its address."""
    script = Path(__file__).with_name("llama_cpp_server.py")
    process = subprocess.Popen(
        [os.environ[VARIABLE], str(script), KEY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield msgspec.json.decode(process.stdout.readline())["address"]
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(STOP_SECONDS)
