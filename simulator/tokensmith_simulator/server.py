"""Serving a simulator on an address, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from tokensmith_simulator.app import build_app
from tokensmith_simulator.config import SimulatorConfig
from tokensmith_simulator.simulator import SIMULATOR, Simulator

_DRAIN_SECONDS = 0.5


class Served(msgspec.Struct, frozen=True):
    """A simulator that listens.

    Attributes:
        simulator: Its state.
        host: The address as bound.
        port: The port as bound.
    """

    simulator: Simulator
    host: str
    port: int

    @property
    def origin(self) -> str:
        """The root of every base URL, such as `http://127.0.0.1:8081`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def base_urls(self) -> dict[str, str]:
        """Return what each provider's `..._BASE_URL` should be: up to `/v1` or short of it."""
        return {
            "openai": f"{self.origin}/openai/v1",
            "xai": f"{self.origin}/xai/v1",
            "together": f"{self.origin}/together",
            "anthropic": f"{self.origin}/anthropic",
            "gemini": f"{self.origin}/gemini",
        }


@asynccontextmanager
async def start_simulator(
    host: str, port: int, config: SimulatorConfig | None = None
) -> AsyncIterator[Served]:
    """Serve until the block ends; then requests that hang are dropped within half a second.

    Args:
        host: Address to bind.
        port: Port to bind; 0 takes a free one.
        config: Settings.

    Raises:
        OSError: The address cannot be bound.
    """
    app = build_app(config)
    runner = web.AppRunner(
        app, handler_cancellation=True, access_log=None, shutdown_timeout=_DRAIN_SECONDS
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound_host, bound_port, *_ = runner.addresses[0]
        yield Served(app[SIMULATOR], bound_host, bound_port)
    finally:
        await runner.cleanup()
