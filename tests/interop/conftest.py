"""These tests need a server that is not ours; `make test-interop` brings it along."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support.processes import STOP_SECONDS

VARIABLE = "TOKENSMITH_INTEROP_PYTHON"
KEY = "sk-interop-4d1b"

# Without that environment there is nothing to be tried, and nothing to be said about it either.
collect_ignore_glob = [] if os.environ.get(VARIABLE) else ["test_*.py"]


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
