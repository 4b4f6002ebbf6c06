"""The simulator as a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process

import msgspec
import pytest
from aiohttp import ClientSession

from tests.simulator.wire import Caller, read_until_broken, user
from tokensmith_simulator.__main__ import main


async def _start(*arguments: str) -> tuple[Process, dict[str, dict[str, str]]]:
    command = [sys.executable, "-m", "tokensmith_simulator", "--listen", "127.0.0.1:0", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    return process, msgspec.json.decode(await process.stdout.readline())


async def test_process_serves_and_stops_on_sigterm_while_a_request_hangs() -> None:
    process, ready = await _start("--api-key", "sk-only")
    async with ClientSession() as session:
        api = Caller(session, ready["base_urls"]["openai"])
        answered = await api.chat(key="sk-only", model="gpt-5.4-mini", messages=user("Hi"))
        assert answered.status == 200
        hanging = asyncio.ensure_future(
            api.chat(key="sk-only", model="gpt-5.4-mini", messages=user("Hi [[sim:fault=hang]]"))
        )
        while not await _hangs(session, str(ready["origin"])):
            pass
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
        await asyncio.gather(hanging, return_exceptions=True)


async def _hangs(session: ClientSession, origin: str) -> bool:
    async with session.get(f"{origin}/_control/journal") as response:
        entries = (await response.json())["entries"]
    return any(entry["fault"] == "hang" for entry in entries)


async def test_process_says_where_every_provider_is() -> None:
    process, ready = await _start()
    urls = {
        name: url.removeprefix(str(ready["origin"])) for name, url in ready["base_urls"].items()
    }
    assert urls == {
        "openai": "/openai/v1",
        "xai": "/xai/v1",
        "together": "/together",
        "anthropic": "/anthropic",
        "gemini": "/gemini",
    }
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_process_ends_with_its_parents_pipe() -> None:
    process, _ = await _start("--until-stdin-closes")
    assert process.stdin is not None
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_taken_address_is_an_error() -> None:
    process, ready = await _start()
    second = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tokensmith_simulator", "--listen", str(ready["listen"]), stderr=PIPE
    )
    _, complaint = await asyncio.wait_for(second.communicate(), 10)
    assert second.returncode == 1
    assert b"cannot listen" in complaint
    process.terminate()
    await asyncio.wait_for(process.wait(), 10)


@pytest.mark.parametrize("listen", ["here", "127.0.0.1", "127.0.0.1:99999"])
def test_bad_address_is_a_usage_error(listen: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--listen", listen])


async def test_process_resets_connections_and_keeps_what_it_sent_before() -> None:
    process, ready = await _start()
    async with ClientSession() as session:
        api = Caller(session, ready["base_urls"]["openai"])
        told = user("Hi [[sim:fault=reset_mid_stream after=2 pace=1]]")
        received, broken = await read_until_broken(
            api.open(model="gpt-5.4-mini", messages=told, stream=True)
        )
    assert broken
    assert received.count(b"data: ") == 2
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0
