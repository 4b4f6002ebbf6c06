"""One request, one response, and its reverse shapes."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from tests.contract.channel.conftest import Connect
from tests.contract.channel.rig import (
    Gate,
    collect,
    echo,
    eventually,
    failure_of,
    resolve,
    stream_unary,
    text,
    unary_stream,
    unary_unary,
)


async def test_unary_call_returns_the_response(connect: Connect) -> None:
    rig = await connect(echo=unary_unary(echo))
    call = rig.unary_unary("echo")(text("hello"))
    assert not call.done()
    assert (await resolve(call)).value == "hello"
    assert call.done()
    assert not call.cancelled()
    assert await call.code() is grpc.StatusCode.OK
    assert await call.details() == ""
    assert call.time_remaining() is None
    assert isinstance(call, grpc.aio.UnaryUnaryCall)
    assert isinstance(rig.channel, grpc.aio.Channel)


async def test_finished_call_can_be_awaited_again(connect: Connect) -> None:
    rig = await connect(echo=unary_unary(echo))
    call = rig.unary_unary("echo")(text("hello"))
    assert (await resolve(call)).value == "hello"
    assert (await call).value == "hello"


async def test_two_waiters_of_one_call_get_the_same_response(connect: Connect) -> None:
    gate = Gate()
    rig = await connect(hold=unary_unary(gate.unary))
    call = rig.unary_unary("hold")(text("one"))

    async def wait() -> str:
        return str((await call).value)

    waiters = [asyncio.create_task(wait()) for _ in range(2)]
    await gate.wait_until_entered()
    gate.opened.set()
    assert await resolve(asyncio.gather(*waiters)) == ["one", "one"]


async def test_call_runs_though_nobody_awaits_it(connect: Connect) -> None:
    gate = Gate()
    rig = await connect(hold=unary_unary(gate.unary))
    rig.unary_unary("hold")(text())
    await gate.wait_until_entered()
    gate.opened.set()
    await gate.wait_until_left()
    assert not gate.cancelled


async def test_unknown_method_is_unimplemented(connect: Connect) -> None:
    rig = await connect(echo=unary_unary(echo))
    error = await failure_of(rig.unary_unary("nothing")(text()))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert error.details() == "Method not found!"
    unknown_service = rig.channel.unary_unary(
        "/no.Such/Method", StringValue.SerializeToString, StringValue.FromString
    )
    assert (await failure_of(unknown_service(text()))).code() is grpc.StatusCode.UNIMPLEMENTED


async def test_unknown_stream_method_is_unimplemented(connect: Connect) -> None:
    rig = await connect(echo=unary_unary(echo))
    error = await failure_of(collect(rig.unary_stream("nothing")(text())))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_large_messages_pass_whole(connect: Connect) -> None:
    async def double(request: StringValue, context: Any) -> StringValue:
        return text(request.value * 2)

    rig = await connect(double=unary_unary(double))
    answer = await resolve(rig.unary_unary("double")(text("x" * 1_900_000)))
    assert len(answer.value) == 3_800_000


async def test_thousand_parallel_calls_get_their_own_answers(connect: Connect) -> None:
    running = 0
    two_at_once = asyncio.Event()

    async def slow_echo(request: StringValue, context: Any) -> StringValue:
        nonlocal running
        running += 1
        if running > 1:
            two_at_once.set()
        await two_at_once.wait()
        running -= 1
        return request

    rig = await connect(echo=unary_unary(slow_echo))
    call = rig.unary_unary("echo")

    async def ask(number: int) -> bool:
        return bool((await call(text(str(number)), timeout=60)).value == str(number))

    answers = await asyncio.gather(*(ask(number) for number in range(1000)))
    assert all(answers)
    assert len(answers) == 1000
    assert running == 0


async def test_parallel_streams_keep_their_order(connect: Connect) -> None:
    async def count(request: StringValue, context: Any) -> Any:
        for number in range(3):
            await asyncio.sleep(0)
            yield text(f"{request.value}:{number}")

    rig = await connect(count=unary_stream(count))

    async def ask(number: int) -> bool:
        received = [m.value async for m in rig.unary_stream("count")(text(str(number)))]
        return received == [f"{number}:{part}" for part in range(3)]

    assert all(await asyncio.gather(*(ask(number) for number in range(300))))


async def test_wait_for_connection_raises_the_failure(connect: Connect) -> None:
    rig = await connect(echo=unary_unary(echo))
    await resolve(rig.unary_unary("echo")(text()).wait_for_connection())
    error = await failure_of(rig.unary_unary("nothing")(text()).wait_for_connection())
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_done_callback_gets_the_call_once(connect: Connect) -> None:
    gate = Gate()
    rig = await connect(hold=unary_unary(gate.unary))
    call = rig.unary_unary("hold")(text())
    seen: list[object] = []
    call.add_done_callback(seen.append)
    await gate.wait_until_entered()
    assert seen == []
    gate.opened.set()
    await resolve(call)
    assert seen == [call]
    call.add_done_callback(seen.append)
    assert seen == [call, call]


async def test_context_done_callback_runs_after_success_and_failure(connect: Connect) -> None:
    seen: list[object] = []

    async def serve(request: StringValue, context: Any) -> StringValue:
        context.add_done_callback(lambda of: seen.append(of is context))
        if request.value:
            raise ValueError(request.value)
        return request

    rig = await connect(serve=unary_unary(serve))
    await resolve(rig.unary_unary("serve")(text()))
    await failure_of(rig.unary_unary("serve")(text("no")))
    await eventually(lambda: len(seen) == 2)
    assert seen == [True, True]


async def test_request_stream_is_summed_up_by_the_handler(connect: Connect) -> None:
    async def join(requests: Any, context: Any) -> StringValue:
        return text(",".join([request.value async for request in requests]))

    async def ask() -> Any:
        for value in "abc":
            yield text(value)

    rig = await connect(join=stream_unary(join))
    assert (await resolve(rig.stream_unary("join")(ask()))).value == "a,b,c"
    plain = iter([text("x"), text("y")])
    assert (await resolve(rig.stream_unary("join")(plain))).value == "x,y"
    call = rig.stream_unary("join")()
    for value in "pq":
        await call.write(text(value))
    await call.done_writing()
    await call.done_writing()
    assert (await resolve(call)).value == "p,q"


async def test_generated_stub_and_servicer_work_unchanged(connect: Connect) -> None:
    servicer = health_aio.HealthServicer()
    await servicer.set("chat", health_pb2.HealthCheckResponse.SERVING)
    rig = await connect(
        register=lambda server: health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    )
    stub: Any = health_pb2_grpc.HealthStub(rig.channel)
    answer = await resolve(stub.Check(health_pb2.HealthCheckRequest(service="chat")))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    error = await failure_of(stub.Check(health_pb2.HealthCheckRequest(service="none")))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    watch = stub.Watch(health_pb2.HealthCheckRequest(service="chat"))
    assert (await resolve(watch.read())).status == health_pb2.HealthCheckResponse.SERVING
    await servicer.set("chat", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert (await resolve(watch.read())).status == health_pb2.HealthCheckResponse.NOT_SERVING
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch.read()
