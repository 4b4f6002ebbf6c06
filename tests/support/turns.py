"""Waits in turns of the event loop, for what has no event of its own."""

import asyncio
from collections.abc import Callable

PATIENCE_SECONDS = 10


async def eventually(condition: Callable[[], object]) -> None:
    """Let the loop turn until ``condition`` holds; fail after ``PATIENCE_SECONDS``."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own.
            await asyncio.sleep(0)


async def turns(count: int = 20) -> None:
    """Let the loop turn a few times, for what must not happen meanwhile."""
    for _ in range(count):
        await asyncio.sleep(0)
