"""The README's programs and the example do what they say, against the fake server."""

import asyncio
import inspect
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import tokensmith
from tokensmith.testing import FakeTokensmith
from tokensmith.v1 import error_reason_pb2

CLIENT = Path(__file__).parents[3] / "clients" / "python"
README = (CLIENT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
async def fake() -> AsyncIterator[FakeTokensmith]:
    async with FakeTokensmith() as fake:
        yield fake


async def run(fake: FakeTokensmith, *arguments: str) -> subprocess.CompletedProcess[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={"TOKENSMITH_TARGET": fake.target, "TOKENSMITH_API_KEY": fake.api_key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return subprocess.CompletedProcess(
        arguments, process.returncode, output.decode(), errors.decode()
    )


async def test_readme_chat_runs(fake: FakeTokensmith) -> None:
    done = await run(fake, "-c", BLOCKS[0])
    assert done.stdout.splitlines()[0] == "Hello!"
    charged = tokensmith.format_credits(fake.balance.charged_microcredits)
    assert done.stdout.splitlines()[1] == f"{charged} credits"


async def test_readme_test_passes() -> None:
    names: dict[str, object] = {}
    exec(compile(BLOCKS[1], "README.md", "exec"), names)
    test = names["test_greeting"]
    assert inspect.iscoroutinefunction(test)
    await test()


async def test_example_prints_price_answer_and_charge(fake: FakeTokensmith) -> None:
    fake.will_answer("Rayleigh scattering, mostly.")
    done = await run(fake, str(CLIENT / "examples" / "chat.py"), "Why", "blue?")
    price, answer, charge = done.stdout.splitlines()
    assert price.startswith("at most ")
    assert answer == "Rayleigh scattering, mostly."
    left = tokensmith.format_credits(fake.balance.available_microcredits)
    assert charge.endswith(f", {left} left")
    assert done.returncode == 0


async def test_example_says_what_went_wrong(fake: FakeTokensmith) -> None:
    fake.will_fail(error_reason_pb2.ERROR_REASON_CONTENT_REFUSED)
    done = await run(fake, str(CLIENT / "examples" / "chat.py"))
    assert done.returncode == 1
    assert "CONTENT_REFUSED" in done.stderr
    assert "Traceback" not in done.stderr


def test_readme_names_every_error() -> None:
    errors = {name for name in tokensmith.__all__ if name.endswith("Error")}
    assert {name for name in errors if f"`{name}`" in README} == errors
