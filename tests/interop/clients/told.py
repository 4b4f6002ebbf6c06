"""How these scripts get their work and tell what came of it: a line of JSON for each scenario.

They run in the interop environment, which has none of our packages. Arguments: the gateway's base
URL, a key, and the models to try.
"""

import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

BASE_URL, KEY, *MODELS = sys.argv[1:]
QUESTION = "What is the weather in Bern and Rome?"
LONG = "Write 1500 words about tea."
Scenario = Callable[[str], Awaitable[Mapping[str, Any]]]


def weather(city: str) -> str:
    """What the tool says of a city."""
    return f"sunny, 21 degrees in {city}"


async def _try(name: str, scenario: Scenario, model: str) -> None:
    line: dict[str, Any] = {"scenario": name, "model": model}
    try:
        line |= await scenario(model)
    except Exception:  # Whatever it is, the test shows it.
        line["error"] = traceback.format_exc()
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def run(**scenarios: Scenario) -> None:
    """Try every scenario with every model."""

    async def run_all() -> None:
        for model in MODELS:
            for name, scenario in scenarios.items():
                await _try(name, scenario, model)

    asyncio.run(run_all())
