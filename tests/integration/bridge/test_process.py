"""``python -m tokensmith_bridge``: the bridge as a process of its own."""

import asyncio
import os
import signal
import sys

import httpx
import msgspec
import pytest

from tests.integration.bridge.conftest import RunningBridge


async def spawn(**environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tokensmith_bridge",
        env=os.environ | environment,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_bridge_of_its_own_serves_and_ends_on_a_signal(
    bridge: RunningBridge, number: signal.Signals
) -> None:
    server_port = bridge.server_port
    process = await spawn(
        TOKENSMITH_REST_LISTEN="127.0.0.1:0",
        TOKENSMITH_GRPC_TARGET=f"127.0.0.1:{server_port}",
        TOKENSMITH_NOTICE_SECONDS="0",
    )
    assert process.stderr is not None
    async with asyncio.timeout(60):
        started = msgspec.json.decode(await process.stderr.readline())
        assert started["event"] == "listening"
        url = f"http://127.0.0.1:{started['port']}"
        async with httpx.AsyncClient(base_url=url) as http:
            assert (await http.get("/readyz")).json() == {"status": "ready"}
        process.send_signal(number)
        rest = (await process.stderr.read()).decode()
        assert await process.wait() == 0
    assert "draining" in rest
    assert "Traceback" not in rest


async def test_wrong_settings_end_it_with_status_2() -> None:
    process = await spawn(TOKENSMITH_REST_LISTEN="nowhere")
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"rest_listen" in errors
