"""A gateway that is killed again and again, in front of providers that fail in every way."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import msgspec

from tests.soak.clients import POOLED
from tests.soak.verdict import Upstream
from tests.soak.waiting import stopped
from tests.support.processes import Gateway, Simulator, descendants, start_gateway

# Windows that end within the run, yet are not ended by a machine that is merely busy.
WINDOWS: Mapping[str, str] = {
    "TOKENSMITH_RECONCILE_SECONDS": "4",
    "TOKENSMITH_OWNER_SILENT_SECONDS": "4",
    "TOKENSMITH_SWEEP_SECONDS": "0.5",
    "TOKENSMITH_IDLE_SECONDS": "3",
    "TOKENSMITH_FIRST_BYTE_SECONDS": "5",
    "TOKENSMITH_DEFAULT_DEADLINE_SECONDS": "20",
}
PROVIDERS = ("openai", "anthropic", "gemini", "xai", "together")
KINDS = (
    *("rate_limit", "server_error", "overloaded", "timeout", "bad_gateway_html", "forbidden"),
    *("hang", "slow_first_byte", "stall_mid_stream", "reset_before_first_byte"),
    *("reset_mid_stream", "truncated_stream", "error_mid_stream", "malformed_json"),
    *("json_error_200", "missing_usage", "negative_usage", "huge_usage", "inconsistent_usage"),
    *("empty_content", "content_filter", "moderation_block"),
)
# These take a key out for a minute.
OPERATORS = ("payment_required", "insufficient_quota", "invalid_key")
_MARKER = re.compile(r"soak-[0-9a-f]{16}")


def overlay(origin: str) -> str:
    """A model that two hosts serve, each with two keys."""
    hosts = "".join(
        f"""
[providers.{host}]
base_url = "{origin}/openai/v1"
api_key_env = "TWO_KEYS"
quirks = {{ token_cap_field = "max_completion_tokens" }}
"""
        for host in ("pool-a", "pool-b")
    )
    return f"""{hosts}
[[models]]
id = "{POOLED}"
kind = "text"
context_tokens = 100_000
profile = "gpt-5-4"
rate = {{ input = 400, output = 2_500 }}
routes = [
  {{ provider = "pool-a", model = "gpt-5.4-mini", order = 1, weight = 3 }},
  {{ provider = "pool-b", model = "gpt-5.4", order = 1, weight = 1 }},
]
"""


@dataclass
class World:
    """One gateway at an address that outlives it. Start it before anything else."""

    simulator: Simulator
    folder: Path
    database: Mapping[str, str]
    workers: int
    dice: Random
    kills: int = 0
    upstream: dict[str, Upstream] = field(default_factory=dict)
    port: int = field(init=False)
    gateway: Gateway = field(init=False)

    def __post_init__(self) -> None:
        """Choose an address."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @contextmanager
    def running(self) -> Iterator["World"]:
        """Serve until the block ends; then nothing is left."""
        catalog = self.folder / "overlay.toml"
        catalog.write_text(overlay(self.simulator.origin), encoding="utf-8")
        self.start()
        try:
            yield self
        finally:
            self.kill_all()

    @property
    def base_url(self) -> str:
        """Where clients call."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Start a gateway, on whatever the one before left."""
        variables = {
            **WINDOWS,
            **self.database,
            "TOKENSMITH_SIMULATOR_URL": self.simulator.origin,
            "TOKENSMITH_CATALOG": str(self.folder / "overlay.toml"),
            "TOKENSMITH_REST_LISTEN": f"127.0.0.1:{self.port}",
            "TWO_KEYS": "sk-simulated-one,sk-simulated-two",
        }
        arguments = ("--workers", str(self.workers))
        self.gateway = start_gateway(self.folder / "data", *arguments, **variables)
        self.gateway.wait_ready()

    def kill_all(self) -> None:
        """End the gateway and its workers without a chance to do anything."""
        for pid in (self.gateway.pid, *descendants(self.gateway.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.gateway.process.wait()

    def kill_something(self) -> None:
        """Kill one worker, whom its gateway replaces, or everything, and start again."""
        self.kills += 1
        workers = sorted(descendants(self.gateway.pid)) if self.workers > 1 else []
        if workers and self.dice.random() < 0.6:
            with suppress(ProcessLookupError):
                os.kill(self.dice.choice(workers), signal.SIGKILL)
        else:
            self.kill_all()
            self.start()

    async def kill_now_and_then(self, stop: asyncio.Event) -> None:
        """About every ten seconds."""
        while not await stopped(stop, self.dice.uniform(7, 13)):
            await asyncio.to_thread(self.kill_something)

    async def make_trouble(self, stop: asyncio.Event) -> None:
        """Let the providers fail, in one way after the other; in the end they are well."""
        dice = self.dice
        while not await stopped(stop, dice.uniform(0.3, 1.5)):
            kind = dice.choice(KINDS if dice.random() < 0.97 else OPERATORS)
            facts: dict[str, Any] = {
                "provider": dice.choice(PROVIDERS),
                "count": dice.choice((1, 1, 1, 2, 6)),
                "after_chunks": dice.randint(0, 8),
                "delay_ms": dice.choice((100, 800)),
            }
            if kind in {"rate_limit", "overloaded"} and dice.random() < 0.5:
                facts["retry_after_seconds"] = dice.choice((0, 1, 3))
            await asyncio.to_thread(self.simulator.inject, kind, **facts)
            if dice.random() < 0.1:
                await asyncio.to_thread(self.simulator.release)
        await asyncio.to_thread(self.simulator.recover)

    async def read_journal(self, stop: asyncio.Event) -> None:
        """Keep what the providers were asked: their journal forgets."""
        async with aiohttp.ClientSession(self.simulator.origin) as session:
            while True:
                last = await stopped(stop, 0.5)
                async with session.get("/_control/journal?limit=400") as response:
                    self._note(msgspec.json.decode(await response.read())["entries"])
                if last:
                    return

    def _note(self, entries: Sequence[Mapping[str, Any]]) -> None:
        for entry in entries:
            marker = _MARKER.search(msgspec.json.encode(entry["body"]).decode())
            self.upstream[entry["request_id"]] = Upstream(
                entry["request_id"],
                entry["provider"],
                marker[0] if marker else "",
                entry["status"],
            )

    async def let_go(self, running: Sequence["asyncio.Task[None]"]) -> None:
        """Wait for clients, and let go of what still hangs for them."""
        never = asyncio.Event()
        while not all(one.done() for one in running):
            await asyncio.to_thread(self.simulator.release)
            await stopped(never, 0.5)


LOG_MARKS = ("chat.defect", "sweeper.defect", "sweeper.hold_stuck", "request failed", "Traceback")


def defects(printed: str, shown_max: int = 5) -> Sequence[str]:
    """Lines of a gateway's log that no fault of anybody else's explains."""
    found = [line for line in printed.splitlines() if any(mark in line for mark in LOG_MARKS)]
    # A traceback says the most at its end.
    return [f"{line[:200]} ... {line[-800:]}" for line in found[:shown_max]]
