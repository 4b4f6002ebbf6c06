"""A bridge on loopback in front of a fake server, and ways to talk to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
import httpx
import openai
import pytest

from tests.integration.bridge import answers, fake_server
from tests.integration.bridge.fake_server import KEY, FakeServer
from tokensmith_bridge.__main__ import open_channel
from tokensmith_bridge.app import BridgeListener, build_app, start_listener
from tokensmith_bridge.config import BridgeSettings


@dataclass
class RunningBridge:
    """A bridge and the fake behind it."""

    listener: BridgeListener
    server: FakeServer
    grpc_server: grpc.aio.Server
    channel: grpc.aio.Channel
    server_port: int
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.port}"

    def openai(self, **options: Any) -> openai.AsyncOpenAI:
        """The official client, without retries unless asked for."""
        defaults: dict[str, Any] = {"api_key": KEY, "max_retries": 0}
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", **(defaults | options))

    def http(self, *, key: str | None = KEY) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers)

    async def connect(self, **options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection, closed with the bridge."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port, **options)
        self.writers.append(writer)
        return reader, writer

    async def close(self) -> None:
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        await self.listener.stop()
        await self.channel.close()
        await self.grpc_server.stop(None)


StartBridge = Callable[..., Awaitable[RunningBridge]]


@pytest.fixture
async def start_bridge() -> AsyncIterator[StartBridge]:
    """Start bridges with a test's own settings."""
    running: list[RunningBridge] = []

    async def start(**settings: Any) -> RunningBridge:
        fake = FakeServer(complete=answers.complete, stream=answers.stream)
        fake.models = [answers.text_model(name) for name in ("gpt-5.4", "Qwen/Qwen3", "grok")]
        grpc_server, port = await fake_server.start(fake)
        defaults: dict[str, Any] = {
            "rest_listen": "127.0.0.1:0",
            "grpc_target": f"127.0.0.1:{port}",
            "drain_seconds": 0.0,
            "linger_seconds": 1.0,
        }
        chosen = BridgeSettings(**(defaults | settings))
        channel = open_channel(chosen)
        listener = await start_listener(build_app(chosen, channel), chosen)
        bridge = RunningBridge(listener, fake, grpc_server, channel, port)
        running.append(bridge)
        return bridge

    yield start
    for bridge in running:
        await bridge.close()


@pytest.fixture
async def bridge(start_bridge: StartBridge) -> RunningBridge:
    return await start_bridge()
