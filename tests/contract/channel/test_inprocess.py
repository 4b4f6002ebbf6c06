"""What only the in-process channel promises."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from tests.contract.channel.rig import (
    SERVICE,
    Context,
    Gate,
    collect,
    echo,
    failure_of,
    resolve,
    stream_unary,
    text,
    unary_stream,
    unary_unary,
)
from tokensmith_gateway.inprocess import (
    InProcessChannel,
    InProcessServer,
    InProcessServicerContext,
)

ECHO = f"/{SERVICE}/echo"


async def started(window_count: int = 8, **handlers: Any) -> InProcessServer:
    server = InProcessServer(stream_window_count=window_count)
    server.add_registered_method_handlers(SERVICE, handlers)
    await server.start()
    return server


async def test_messages_pass_by_reference() -> None:
    seen: list[object] = []

    async def keep(request: StringValue, context: Any) -> StringValue:
        seen.append(request)
        return request

    async def keep_stream(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        yield request

    server = await started(echo=unary_unary(keep), stream=unary_stream(keep_stream))
    channel = InProcessChannel(server)
    request = text("x")
    assert await channel.unary_unary(ECHO)(request) is request
    assert seen[0] is request
    assert await channel.unary_stream(f"/{SERVICE}/stream")(request).read() is request


async def test_context_says_that_its_call_was_cancelled() -> None:
    gate = Gate()
    server = await started(echo=unary_unary(gate.unary))
    call = InProcessChannel(server).unary_unary(ECHO)(text())
    await gate.wait_until_entered()
    assert isinstance(gate.context, InProcessServicerContext)
    assert isinstance(gate.context, grpc.aio.ServicerContext)
    assert not gate.context.cancelled()
    assert not gate.context.done()
    call.cancel()
    assert gate.context.cancelled()
    assert gate.context.done()
    await gate.wait_until_left()


async def test_call_cancelled_before_its_first_step_never_starts_a_handler() -> None:
    calls: list[object] = []

    async def note(request: StringValue, context: Any) -> StringValue:
        calls.append(request)
        return request

    server = await started(echo=unary_unary(note))
    call = InProcessChannel(server).unary_unary(ECHO)(text())
    call.cancel()
    await server.stop(None)
    assert calls == []


@pytest.mark.parametrize("window_count", [1, 2, 8])
async def test_handler_runs_ahead_by_one_window_at_most(window_count: int) -> None:
    sent_count = 0

    async def count(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        nonlocal sent_count
        for number in range(100):
            sent_count += 1
            yield text(str(number))

    server = await started(window_count, echo=unary_stream(count))
    call = InProcessChannel(server).unary_stream(ECHO)(text())
    received: list[str] = []
    async for message in call:
        received.append(message.value)
        assert sent_count <= len(received) + window_count + 1
    assert received == [str(number) for number in range(100)]


async def test_window_must_hold_a_message() -> None:
    with pytest.raises(ValueError, match="window"):
        InProcessServer(stream_window_count=0)


async def test_server_that_is_not_started_is_unavailable_until_it_is() -> None:
    server = InProcessServer()
    server.add_registered_method_handlers(SERVICE, {"echo": unary_unary(echo)})
    channel = InProcessChannel(server)
    assert channel.get_state() is grpc.ChannelConnectivity.IDLE
    error = await failure_of(channel.unary_unary(ECHO)(text()))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    ready = asyncio.create_task(channel.channel_ready())
    await asyncio.sleep(0)
    await server.start()
    await resolve(ready)
    assert (await channel.unary_unary(ECHO)(text("a"))).value == "a"
    await server.stop(None)
    assert channel.get_state() is grpc.ChannelConnectivity.TRANSIENT_FAILURE
    with pytest.raises(grpc.aio.UsageError):
        await server.start()


async def test_server_opens_no_port() -> None:
    server = InProcessServer()
    with pytest.raises(grpc.aio.UsageError):
        server.add_insecure_port("127.0.0.1:0")
    with pytest.raises(grpc.aio.UsageError):
        server.add_secure_port("127.0.0.1:0", grpc.local_server_credentials())


async def test_channel_refuses_another_event_loop() -> None:
    server = await started(echo=unary_unary(echo))
    channel = InProcessChannel(server)

    async def ask() -> None:
        channel.unary_unary(ECHO)(text())

    def run() -> None:
        asyncio.run(ask())

    with pytest.raises(RuntimeError, match="event loop"):
        await asyncio.to_thread(run)


async def test_finished_calls_are_freed_without_the_garbage_collector() -> None:
    async def fail(request: StringValue, context: Any) -> StringValue:
        contexts.append(weakref.ref(context))
        if request.value == "abort":
            await context.abort(grpc.StatusCode.NOT_FOUND, "no")
        if request.value == "raise":
            raise ValueError("boom")
        return request

    async def stream(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        contexts.append(weakref.ref(context))
        for _ in range(20):
            yield request

    contexts: list[weakref.ref[Any]] = []
    server = await started(echo=unary_unary(fail), stream=unary_stream(stream))
    channel = InProcessChannel(server)

    async def ask(value: str) -> None:
        with contextlib.suppress(grpc.aio.AioRpcError):
            await channel.unary_unary(ECHO)(text(value), timeout=60)

    gc.collect()
    gc.disable()
    try:
        for value in ("fine", "abort"):
            await asyncio.create_task(ask(value))
        await collect(channel.unary_stream(f"/{SERVICE}/stream")(text(), timeout=60))
        for _ in range(3):
            await asyncio.sleep(0)
        assert [context() for context in contexts] == [None] * 3
    finally:
        gc.enable()


async def test_interceptor_may_redirect_to_another_method() -> None:
    class Details(grpc.HandlerCallDetails):
        def __init__(self, method: str, metadata: Any) -> None:
            self.method = method
            self.invocation_metadata = metadata

    class Redirecting(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
            return await continuation(Details(ECHO, ()))

    server = InProcessServer([Redirecting()])
    server.add_registered_method_handlers(SERVICE, {"echo": unary_unary(echo)})
    await server.start()
    answer = await resolve(InProcessChannel(server).unary_unary("/any/Thing")(text("a")))
    assert answer.value == "a"


@pytest.mark.parametrize("wraps_once", [True, False])
async def test_interceptors_that_wrap_once_are_asked_once_for_each_method(
    wraps_once: bool,
) -> None:
    asked: list[str] = []

    class Counting(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
            asked.append(handler_call_details.method)
            return await continuation(handler_call_details)

    Counting.wraps_once = wraps_once  # type: ignore[attr-defined]
    server = InProcessServer([Counting()])
    server.add_registered_method_handlers(SERVICE, {"echo": unary_unary(echo)})
    await server.start()
    channel = InProcessChannel(server)
    for _ in range(3):
        assert await channel.unary_unary(ECHO)(text("x")) == text("x")
    assert len(asked) == (1 if wraps_once else 3)
    for _ in range(2):
        assert (await failure_of(channel.unary_unary("/none")(text("x")))).code() is (
            grpc.StatusCode.UNIMPLEMENTED
        )
    assert asked[-2:] == ["/none", "/none"]


async def test_deadline_of_zero_has_passed() -> None:
    server = await started(echo=unary_unary(echo))
    error = await failure_of(InProcessChannel(server).unary_unary(ECHO)(text(), timeout=0))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_dropped_stream_is_cancelled_at_once() -> None:
    # grpc.aio 1.85 means to do the same, but its channel's own done callback keeps the call alive.
    gate = Gate()

    async def relay(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        yield text()
        await gate.hold(context)

    server = await started(echo=unary_stream(relay))
    channel = InProcessChannel(server)
    gc.disable()
    try:
        async for _ in channel.unary_stream(ECHO)(text()):
            break
        await gate.wait_until_entered()
        await gate.wait_until_left()
    finally:
        gc.enable()
    assert gate.cancelled


async def test_second_reader_at_the_same_time_is_refused() -> None:
    gate = Gate()

    async def relay(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        await gate.hold(context)
        yield text("a")

    server = await started(echo=unary_stream(relay))
    call = InProcessChannel(server).unary_stream(ECHO)(text())
    first = asyncio.create_task(call.read())
    await gate.wait_until_entered()
    with pytest.raises(grpc.aio.InternalError):
        await call.read()
    gate.opened.set()
    assert (await resolve(first)).value == "a"
    call.cancel()


async def test_single_response_may_come_from_a_streaming_handler() -> None:
    async def spell(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        for letter in request.value:
            yield text(letter)

    server = await started(echo=unary_stream(spell))
    channel = InProcessChannel(server)
    assert (await resolve(channel.unary_unary(ECHO)(text("a")))).value == "a"
    error = await failure_of(channel.unary_unary(ECHO)(text("")))
    assert error.code() is grpc.StatusCode.INTERNAL


async def test_blocking_handler_is_refused() -> None:
    def blocking(request: StringValue, context: Any) -> StringValue:
        return request

    server = await started(echo=unary_unary(blocking))
    error = await failure_of(InProcessChannel(server).unary_unary(ECHO)(text()))
    assert error.code() is grpc.StatusCode.UNKNOWN


async def test_closing_a_channel_leaves_other_channels_alone() -> None:
    gate = Gate()
    server = await started(echo=unary_unary(gate.unary))
    closed, kept = InProcessChannel(server), InProcessChannel(server)
    calls = [channel.unary_unary(ECHO)(text("x")) for channel in (closed, kept)]
    await gate.wait_until_entered()
    await closed.close()
    gate.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await calls[0]
    assert (await resolve(calls[1])).value == "x"


async def test_unread_messages_are_lost_when_the_channel_closes() -> None:
    async def send(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        yield text("a")
        yield text("b")

    server = await started(echo=unary_stream(send))
    channel = InProcessChannel(server)
    call = channel.unary_stream(ECHO)(text())
    await resolve(call.read())
    await channel.close()
    with pytest.raises(asyncio.CancelledError):
        await call.read()


async def test_writer_held_by_the_window_is_released_when_the_handler_ends() -> None:
    async def refuse(requests: Any, context: Context) -> StringValue:
        await gate.hold(context)
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")

    gate = Gate()
    server = await started(1, echo=stream_unary(refuse))
    call = InProcessChannel(server).stream_unary(ECHO)()
    await call.write(text())
    held = asyncio.create_task(call.write(text()))
    await gate.wait_until_entered()
    assert not held.done()
    gate.opened.set()
    error = await failure_of(held)
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert (await failure_of(call)).details() == "no"


async def test_failing_callbacks_do_no_harm() -> None:
    def fail(_: object) -> None:
        raise ValueError("callback")

    async def answer(request: StringValue, context: Any) -> StringValue:
        context.add_done_callback(fail)
        return request

    server = await started(echo=unary_unary(answer))
    call = InProcessChannel(server).unary_unary(ECHO)(text("a"))
    call.add_done_callback(fail)
    assert (await resolve(call)).value == "a"
    await server.stop(None)


async def test_stalled_request_iterator_is_stopped_when_the_call_ends() -> None:
    async def refuse(requests: Any, context: Context) -> StringValue:
        async for _ in requests:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")
        return text()

    async def stall() -> AsyncIterator[StringValue]:
        yield text()
        await gate.hold()

    gate = Gate()
    server = await started(echo=stream_unary(refuse))
    error = await failure_of(InProcessChannel(server).stream_unary(ECHO)(stall()))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    await gate.wait_until_left()
    assert gate.cancelled
    await server.stop(None)
    error = await failure_of(InProcessChannel(server).stream_unary(ECHO)(stall()))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
