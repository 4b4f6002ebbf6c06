"""What is logged and counted of a call: who, what, how it ended; never contents or secrets."""

import asyncio
import os
import subprocess
import sys
from collections.abc import MutableMapping
from typing import Any

import grpc.aio
import pytest
from prometheus_client import REGISTRY

from tests.integration.server.log_canary import CANARY
from tests.integration.server.rig import SECRET, ServerRig, failure_of
from tests.support.chat import params
from tests.support.fake_provider import Answer, Script, batch, failure
from tests.support.turns import eventually
from tests.unit.server.chat.test_complete import PRICE
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith_server.providers.base import ErrorKind

Lines = list[MutableMapping[str, Any]]


async def rpc_line(logged: Lines) -> MutableMapping[str, Any]:
    """The call's line; on the network a client may have its answer before that is written."""
    await eventually(lambda: any(line["event"] == "rpc" for line in logged))
    (line,) = [line for line in logged if line["event"] == "rpc"]
    return line


async def test_line_of_a_call_says_who_what_and_how_it_ended(rig: ServerRig, logged: Lines) -> None:
    await rig.complete(("x-request-id", "mine"))
    assert await rpc_line(logged) == {
        "event": "rpc",
        "log_level": "info",
        "method": "/tokensmith.v1.ChatService/CreateChatCompletion",
        "code": "OK",
        "request_id": "mine",
        "account": "account-1",
        "key": "key-1",
        "model": "gpt-5.4-mini",
        "reason": None,
        "charged_microcredits": PRICE,
        "seconds": 0.0,
    }


async def test_line_of_a_stream(rig: ServerRig, logged: Lines) -> None:
    async for _ in rig.stream():
        pass
    await eventually(lambda: logged)
    line = await rpc_line(logged)
    assert (line["code"], line["charged_microcredits"]) == ("OK", PRICE)


async def test_line_of_a_failure_has_its_reason_and_status(rig: ServerRig, logged: Lines) -> None:
    rig.chat.provider.queue(failure(ErrorKind.INVALID_REQUEST))
    await failure_of(rig.complete())
    line = await rpc_line(logged)
    assert (line["code"], line["reason"]) == ("INVALID_ARGUMENT", "UPSTREAM_REJECTED")


async def test_line_of_a_refused_stranger_names_nobody(rig: ServerRig, logged: Lines) -> None:
    await failure_of(rig.billing.GetBalance(billing_pb.GetBalanceRequest()))
    line = await rpc_line(logged)
    assert (line["code"], line["account"], line["key"]) == ("UNAUTHENTICATED", None, None)


async def test_line_of_a_call_whose_client_left(rig: ServerRig, logged: Lines) -> None:
    gate = asyncio.Event()
    rig.chat.provider.queue(Answer(gate=gate))
    call = rig.complete()
    running = asyncio.ensure_future(call)
    await eventually(lambda: rig.chat.provider.running)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await eventually(lambda: any(line["event"] == "rpc" for line in logged))
    assert (await rpc_line(logged))["code"] == "CANCELLED"
    gate.set()
    await rig.chat.idle()


async def test_line_of_a_stream_whose_client_left_comes_once_and_is_its_own(
    rig: ServerRig, logged: Lines
) -> None:
    rig.chat.provider.queue(Script([batch("x"), asyncio.Event()]))
    call = rig.stream(("x-request-id", "mine"))
    await call.read()
    call.cancel()
    await eventually(lambda: any(line["event"] == "rpc" for line in logged))
    line = await rpc_line(logged)
    assert (line["code"], line["request_id"]) == ("CANCELLED", "mine")


async def test_model_that_nobody_sells_is_logged_in_part(rig: ServerRig, logged: Lines) -> None:
    await failure_of(rig.complete(params=params(model="m" * 10_000)))
    assert len((await rpc_line(logged))["model"]) == 100


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_calls_are_counted_by_method_and_status(rig: ServerRig) -> None:
    method = "/tokensmith.v1.ChatService/CreateChatCompletion"
    before = count("tokensmith_rpcs_total", method=method, code="OK")
    refused = count("tokensmith_rpcs_total", method=method, code="NOT_FOUND")
    await rig.complete()
    await failure_of(rig.complete(params=params(model="x")))
    assert count("tokensmith_rpcs_total", method=method, code="OK") == before + 1
    assert count("tokensmith_rpcs_total", method=method, code="NOT_FOUND") == refused + 1
    assert count("tokensmith_rpcs_running") == 0


async def test_money_and_tries_are_counted(rig: ServerRig) -> None:
    charged = count("tokensmith_charged_microcredits_total", kind="chat")
    tries = count("tokensmith_upstream_attempts_total", provider="openai", outcome="overloaded")
    rig.chat.provider.queue(failure())
    await rig.complete()
    assert count("tokensmith_charged_microcredits_total", kind="chat") == charged + PRICE
    overloaded = {"provider": "openai", "outcome": "overloaded"}
    assert count("tokensmith_upstream_attempts_total", **overloaded) == tries + 1


async def test_stream_that_breaks_off_is_counted_once_as_what_it_was(rig: ServerRig) -> None:
    name = "tokensmith_upstream_attempts_total"
    well = count(name, provider="openai", outcome="ok")
    broken = count(name, provider="openai", outcome="connection")
    rig.chat.provider.queue(Script([batch("Once"), failure(ErrorKind.CONNECTION)]))
    with pytest.raises(grpc.aio.AioRpcError):
        [message async for message in rig.stream()]
    assert count(name, provider="openai", outcome="ok") == well
    assert count(name, provider="openai", outcome="connection") == broken + 1
    assert [message async for message in rig.stream()]
    assert count(name, provider="openai", outcome="ok") == well + 1


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_contents_and_keys_are_never_logged(log_format: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.integration.server.log_canary", log_format],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout.split() == ["ok"]
    text = ended.stderr
    assert text.count("chat.defect") == 1
    assert "RuntimeError" in text
    assert text.count("ChatService") >= 5
    assert CANARY not in text
    assert SECRET not in text
    assert SECRET.removeprefix("pk_live_") not in text


def test_calls_go_on_when_nobody_takes_the_log() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nowhere:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.integration.server.log_canary", "json"],
            stdout=subprocess.PIPE,
            stderr=nowhere,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.stdout.split() == ["ok"]
