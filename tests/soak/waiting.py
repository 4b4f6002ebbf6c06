"""Waiting in a run whose time is real."""

import asyncio


async def stopped(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for so long at most; whether ``stop`` was set by then."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True
