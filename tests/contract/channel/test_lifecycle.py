"""Starting, draining and stopping a server; closing a channel."""

import asyncio

import grpc
import grpc.aio
import pytest

from tests.contract.channel.conftest import Connect
from tests.contract.channel.rig import (
    Gate,
    Rig,
    echo,
    eventually,
    failure_of,
    resolve,
    text,
    unary_stream,
    unary_unary,
)


async def test_stopped_server_is_unavailable(connect: Connect) -> None:
    rig = await connect(echo=unary_unary(echo))
    await resolve(rig.unary_unary("echo")(text()))
    await resolve(rig.server.stop(None))
    error = await failure_of(rig.unary_unary("echo")(text()))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    await resolve(rig.server.stop(None))
    assert await rig.server.wait_for_termination(timeout=10) is False


async def test_stop_without_grace_cancels_running_calls(connect: Connect) -> None:
    gate = Gate()
    rig = await connect(hold=unary_unary(gate.unary))
    call = rig.unary_unary("hold")(text())
    await gate.wait_until_entered()
    stopping = asyncio.create_task(rig.server.stop(None))
    error = await failure_of(call)
    assert (error.code(), error.details()) == (
        grpc.StatusCode.UNAVAILABLE,
        "Cancelling all calls",
    )
    await resolve(stopping)
    await gate.wait_until_left()
    assert gate.cancelled


async def test_grace_lets_running_calls_end_and_refuses_new_ones(connect: Connect) -> None:
    gate = Gate()
    rig = await connect(hold=unary_unary(gate.unary), echo=unary_unary(echo))
    call = rig.unary_unary("hold")(text("kept"))
    await gate.wait_until_entered()
    stopping = asyncio.create_task(rig.server.stop(30))
    await resolve(_refusal(rig))
    assert not stopping.done()
    gate.opened.set()
    assert (await resolve(call)).value == "kept"
    await resolve(stopping)
    assert not gate.cancelled


async def _refusal(rig: Rig) -> None:
    """Asks until it is refused: a network channel learns of the drain a moment after it began.

    A network call that the drain catches before the server accepted it ends as CANCELLED.
    """
    while True:
        try:
            await rig.unary_unary("echo")(text())
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                return
            if error.code() is not grpc.StatusCode.CANCELLED:
                raise


async def test_grace_that_runs_out_cancels_what_is_left(connect: Connect) -> None:
    gate = Gate()
    rig = await connect(hold=unary_unary(gate.unary))
    call = rig.unary_unary("hold")(text())
    await gate.wait_until_entered()
    stopping = asyncio.create_task(rig.server.stop(0.05))
    assert (await failure_of(call)).code() is grpc.StatusCode.UNAVAILABLE
    await resolve(stopping)
    await gate.wait_until_left()
    assert gate.cancelled


async def test_second_stop_with_less_grace_wins(connect: Connect) -> None:
    gate = Gate()
    rig = await connect(hold=unary_unary(gate.unary))
    call = rig.unary_unary("hold")(text())
    await gate.wait_until_entered()
    patient = asyncio.create_task(rig.server.stop(600))
    await asyncio.sleep(0)
    await resolve(rig.server.stop(None))
    await resolve(patient)
    assert (await failure_of(call)).code() is grpc.StatusCode.UNAVAILABLE


async def test_stop_in_midstream_ends_the_stream_as_unavailable(connect: Connect) -> None:
    gate = Gate()

    async def relay(request: object, context: object) -> object:
        yield text("first")
        await gate.hold(context)

    rig = await connect(relay=unary_stream(relay))
    call = rig.unary_stream("relay")(text())
    assert (await resolve(call.read())).value == "first"
    await gate.wait_until_entered()
    stopping = asyncio.create_task(rig.server.stop(None))
    assert (await failure_of(call.read())).code() is grpc.StatusCode.UNAVAILABLE
    await resolve(stopping)
    assert gate.cancelled


async def test_wait_for_termination_times_out_while_serving(connect: Connect) -> None:
    rig = await connect(echo=unary_unary(echo))
    assert await rig.server.wait_for_termination(timeout=0.01) is True
    waiting = asyncio.create_task(rig.server.wait_for_termination())
    await asyncio.sleep(0)
    await rig.server.stop(None)
    assert await resolve(waiting) is False


async def test_channel_becomes_ready_and_shuts_down(connect: Connect) -> None:
    rig = await connect(echo=unary_unary(echo))
    await resolve(rig.channel.channel_ready())
    assert rig.channel.get_state() is grpc.ChannelConnectivity.READY
    changed = asyncio.create_task(rig.channel.wait_for_state_change(grpc.ChannelConnectivity.READY))
    await asyncio.sleep(0)
    await rig.channel.close()
    await resolve(changed)
    assert rig.channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN
    await rig.channel.close()


async def test_closed_channel_refuses_calls_and_cancels_open_ones(connect: Connect) -> None:
    gate = Gate()
    rig = await connect(hold=unary_unary(gate.unary))
    call = rig.unary_unary("hold")(text())
    await gate.wait_until_entered()
    await rig.channel.close()
    with pytest.raises(asyncio.CancelledError):
        await call
    with pytest.raises(grpc.aio.UsageError):
        rig.unary_unary("hold")(text())
    await gate.wait_until_left()
    assert gate.cancelled


async def test_closing_with_grace_lets_open_calls_end(connect: Connect) -> None:
    gate = Gate()
    rig = await connect(hold=unary_unary(gate.unary))
    call = rig.unary_unary("hold")(text("kept"))
    await gate.wait_until_entered()
    closing = asyncio.create_task(rig.channel.close(30))
    await asyncio.sleep(0)
    assert not closing.done()
    gate.opened.set()
    assert (await resolve(call)).value == "kept"
    await resolve(closing)


async def test_channel_is_a_context_manager(connect: Connect) -> None:
    rig = await connect(echo=unary_unary(echo))
    async with rig.channel as channel:
        assert channel is rig.channel
        assert (await resolve(rig.unary_unary("echo")(text("in")))).value == "in"
    assert rig.channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN


async def test_no_task_outlives_its_call(connect: Connect) -> None:
    gate = Gate()

    async def relay(request: object, context: object) -> object:
        yield text("first")
        await gate.hold(context)

    rig = await connect(
        echo=unary_unary(echo), hold=unary_unary(gate.unary), relay=unary_stream(relay)
    )
    await resolve(rig.unary_unary("echo")(text()))  # A network channel connects here.
    before = asyncio.all_tasks()
    for _ in range(20):
        await resolve(rig.unary_unary("echo")(text(), timeout=60))
        held = rig.unary_unary("hold")(text(), timeout=60)
        stream = rig.unary_stream("relay")(text(), timeout=60)
        await resolve(stream.read())
        held.cancel()
        stream.cancel()
    # A network server keeps one waiting task for each method; these are replaced, not added to.
    await eventually(lambda: len(asyncio.all_tasks()) <= len(before))
