"""Cancellation from the client's side, in each of its forms."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from tests.contract.channel.conftest import Connect
from tests.contract.channel.rig import Gate, eventually, resolve, text, unary_stream, unary_unary


async def test_cancelling_the_call_cancels_the_handler(connect: Connect) -> None:
    gate = Gate()
    rig = await connect(hold=unary_unary(gate.unary))
    call = rig.unary_unary("hold")(text())
    ended: list[object] = []
    call.add_done_callback(ended.append)
    await gate.wait_until_entered()
    assert call.cancel()
    assert not call.cancel()
    assert call.done()
    assert call.cancelled()
    assert ended == [call]
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await call.code() is grpc.StatusCode.CANCELLED
    assert await call.details() == "Locally cancelled by application!"
    assert len(await call.trailing_metadata()) == 0
    await gate.wait_until_left()
    assert gate.cancelled


async def test_cancelling_at_once_never_answers(connect: Connect) -> None:
    gate = Gate()
    rig = await connect(hold=unary_unary(gate.unary))
    call = rig.unary_unary("hold")(text())
    assert call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_cancelling_a_finished_call_has_no_effect(connect: Connect) -> None:
    gate = Gate()
    gate.opened.set()
    rig = await connect(hold=unary_unary(gate.unary))
    call = rig.unary_unary("hold")(text("kept"))
    await resolve(call)
    assert not call.cancel()
    assert not call.cancelled()
    assert (await call).value == "kept"


async def test_cancelling_the_waiting_task_cancels_the_call(connect: Connect) -> None:
    gate = Gate()
    rig = await connect(hold=unary_unary(gate.unary))
    calls: list[Any] = []

    async def ask() -> None:
        calls.append(rig.unary_unary("hold")(text()))
        await calls[0]

    task = asyncio.create_task(ask())
    await gate.wait_until_entered()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gate.wait_until_left()
    assert gate.cancelled
    assert calls[0].cancelled()


async def test_client_side_timeout_cancels_the_call(connect: Connect) -> None:
    gate = Gate()
    rig = await connect(hold=unary_unary(gate.unary))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await rig.unary_unary("hold")(text())
    await gate.wait_until_left()
    assert gate.cancelled


async def test_client_does_not_wait_for_the_handlers_clean_up(connect: Connect) -> None:
    cleaned = asyncio.Event()
    may_clean = asyncio.Event()
    gate = Gate()

    async def tidy(request: StringValue, context: Any) -> StringValue:
        try:
            await gate.hold(context)
        finally:
            await may_clean.wait()
            cleaned.set()
        return request

    rig = await connect(tidy=unary_unary(tidy))
    call = rig.unary_unary("tidy")(text())
    await gate.wait_until_entered()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not cleaned.is_set()
    may_clean.set()
    await resolve(cleaned.wait())


async def test_handler_that_ignores_cancellation_is_not_heard(connect: Connect) -> None:
    finished = asyncio.Event()
    gate = Gate()

    async def stubborn(request: StringValue, context: Any) -> StringValue:
        try:
            await gate.hold(context)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        finished.set()
        return text("too late")

    rig = await connect(stubborn=unary_unary(stubborn))
    call = rig.unary_unary("stubborn")(text())
    await gate.wait_until_entered()
    call.cancel()
    await resolve(finished.wait())
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await call.code() is grpc.StatusCode.CANCELLED


async def test_writing_to_a_cancelled_call_fails_in_the_handler(connect: Connect) -> None:
    failures: list[BaseException] = []
    gate = Gate()

    async def stubborn(request: StringValue, context: Any) -> None:
        try:
            await gate.hold(context)
        except asyncio.CancelledError:
            try:
                await context.write(text())
            except Exception as error:
                failures.append(error)
            raise

    rig = await connect(stubborn=unary_stream(stubborn))
    call = rig.unary_stream("stubborn")(text())
    await gate.wait_until_entered()
    call.cancel()
    await eventually(lambda: failures)
    assert isinstance(failures[0], grpc.aio.InternalError)


async def test_context_done_callback_runs_after_a_cancellation(connect: Connect) -> None:
    seen: list[object] = []
    gate = Gate()

    async def hold(request: StringValue, context: Any) -> StringValue:
        context.add_done_callback(seen.append)
        await gate.hold(context)
        return request

    rig = await connect(hold=unary_unary(hold))
    call = rig.unary_unary("hold")(text())
    await gate.wait_until_entered()
    call.cancel()
    await eventually(lambda: seen)
    assert seen == [gate.context]


async def test_one_cancelled_call_leaves_the_others_alone(connect: Connect) -> None:
    gates = [Gate() for _ in range(3)]

    async def hold(request: StringValue, context: Any) -> StringValue:
        return await gates[int(request.value)].unary(request, context)

    rig = await connect(hold=unary_unary(hold))
    calls = [rig.unary_unary("hold")(text(str(number))) for number in range(3)]
    for gate in gates:
        await gate.wait_until_entered()
    calls[1].cancel()
    await gates[1].wait_until_left()
    gates[0].opened.set()
    gates[2].opened.set()
    assert (await resolve(calls[0])).value == "0"
    assert (await resolve(calls[2])).value == "2"
    assert [gate.cancelled for gate in gates] == [False, True, False]
