"""Deadlines: what the handler is told, what the client gets, and who is cancelled."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.wrappers_pb2 import StringValue

from tests.contract.channel.conftest import Connect
from tests.contract.channel.rig import (
    Gate,
    echo,
    eventually,
    failure_of,
    resolve,
    stream_unary,
    text,
    unary_stream,
    unary_unary,
)

SOON_SECONDS = 0.1


async def test_handler_is_told_the_time_remaining(connect: Connect) -> None:
    seen: list[float | None] = []

    async def look(request: StringValue, context: Any) -> StringValue:
        seen.append(context.time_remaining())
        return request

    rig = await connect(look=unary_unary(look))
    call = rig.unary_unary("look")(text(), timeout=30)
    assert 20 < call.time_remaining() < 31
    await resolve(call)
    await resolve(rig.unary_unary("look")(text()))
    assert seen[0] is not None
    assert 20 < seen[0] < 31
    assert seen[1] is None


async def test_deadline_ends_the_call_and_cancels_the_handler(connect: Connect) -> None:
    gate = Gate()
    rig = await connect(hold=unary_unary(gate.unary))
    call = rig.unary_unary("hold")(text(), timeout=SOON_SECONDS)
    error = await failure_of(call)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert error.details() == "Deadline Exceeded"
    assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert call.time_remaining() == 0
    assert not call.cancelled()
    await gate.wait_until_left()
    assert gate.cancelled
    assert gate.context.time_remaining() == 0


async def test_deadline_in_the_past_fails_without_a_handler(connect: Connect) -> None:
    calls: list[object] = []

    async def note(request: StringValue, context: Any) -> StringValue:
        calls.append(request)
        return request

    rig = await connect(note=unary_unary(note))
    error = await failure_of(rig.unary_unary("note")(text(), timeout=-1))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert calls == []


async def test_deadline_in_midstream_ends_the_call_after_what_was_read(connect: Connect) -> None:
    gate = Gate()

    async def relay(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        yield text("first")
        await gate.hold(context)

    rig = await connect(relay=unary_stream(relay))
    call = rig.unary_stream("relay")(text(), timeout=SOON_SECONDS)
    assert (await resolve(call.read())).value == "first"
    error = await failure_of(call.read())
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await gate.wait_until_left()
    assert gate.cancelled


async def test_deadline_frees_a_handler_held_by_a_slow_reader(connect: Connect) -> None:
    ended = asyncio.Event()

    async def flood(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        try:
            while True:
                yield text("x" * 65_536)
        finally:
            ended.set()

    rig = await connect(flood=unary_stream(flood))
    call = rig.unary_stream("flood")(text(), timeout=SOON_SECONDS)
    assert await resolve(call.read())
    await resolve(ended.wait())

    async def read_on() -> None:
        while True:
            await call.read()

    assert (await failure_of(read_on())).code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_deadline_ends_a_call_whose_client_is_still_writing(connect: Connect) -> None:
    gate = Gate()

    async def join(requests: Any, context: Any) -> StringValue:
        await gate.hold(context)
        return text()

    rig = await connect(join=stream_unary(join))
    call = rig.stream_unary("join")(timeout=SOON_SECONDS)
    await resolve(call.write(text()))
    assert (await failure_of(call)).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await gate.wait_until_left()
    assert gate.cancelled


async def test_answer_before_the_deadline_is_kept_after_it(connect: Connect) -> None:
    rig = await connect(echo=unary_unary(echo))
    call = rig.unary_unary("echo")(text("kept"), timeout=SOON_SECONDS)
    await resolve(call)
    await eventually(lambda: call.time_remaining() == 0)
    assert (await call).value == "kept"
    assert await call.code() is grpc.StatusCode.OK
