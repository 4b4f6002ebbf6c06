"""Streams of responses and of requests, by iteration and by read and write."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from tests.contract.channel.conftest import Connect
from tests.contract.channel.rig import (
    Context,
    Gate,
    collect,
    echo,
    eventually,
    failure_of,
    resolve,
    stream_stream,
    stream_unary,
    text,
    unary_stream,
    unary_unary,
)


async def count_up(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
    for number in range(int(request.value)):
        yield text(str(number))


async def write_up(request: StringValue, context: Any) -> None:
    for number in range(int(request.value)):
        await context.write(text(str(number)))


BIG = "x" * 65_536


class Flood:
    """A handler that sends for ever, and says how far it came and how it ended."""

    def __init__(self) -> None:
        self.sent_count = 0
        self.ended = asyncio.Event()
        self.ended_by: BaseException | None = None

    async def generate(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        try:
            while True:
                yield text(BIG)
                self.sent_count += 1
        except BaseException as end:
            self.ended_by = end
            raise
        finally:
            self.ended.set()

    async def write(self, request: StringValue, context: Any) -> None:
        try:
            while True:
                await context.write(text(BIG))
                self.sent_count += 1
        except BaseException as end:
            self.ended_by = end
            raise
        finally:
            self.ended.set()


@pytest.mark.parametrize("behaviour", [count_up, write_up], ids=["generator", "writer"])
@pytest.mark.parametrize("length", [0, 1, 100])
async def test_responses_arrive_in_order(connect: Connect, behaviour: Any, length: int) -> None:
    rig = await connect(count=unary_stream(behaviour))
    call = rig.unary_stream("count")(text(str(length)))
    assert isinstance(call, grpc.aio.UnaryStreamCall)
    assert await collect(call) == [str(number) for number in range(length)]
    assert await call.code() is grpc.StatusCode.OK
    assert await collect(call) == []


async def test_read_returns_eof_at_the_end_and_after_it(connect: Connect) -> None:
    rig = await connect(count=unary_stream(count_up))
    call = rig.unary_stream("count")(text("2"))
    assert [(await resolve(call.read())).value for _ in range(2)] == ["0", "1"]
    assert await resolve(call.read()) is grpc.aio.EOF
    assert await resolve(call.read()) is grpc.aio.EOF


async def test_reading_styles_may_not_be_mixed(connect: Connect) -> None:
    rig = await connect(count=unary_stream(count_up))
    call = rig.unary_stream("count")(text("5"))
    await resolve(call.read())
    with pytest.raises(grpc.aio.UsageError):
        call.__aiter__()
    call.cancel()


async def test_status_waits_for_unread_messages(connect: Connect) -> None:
    finished = asyncio.Event()

    async def send_two(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        context.add_done_callback(lambda _: finished.set())
        yield text("a")
        yield text("b")

    rig = await connect(send=unary_stream(send_two))
    call = rig.unary_stream("send")(text())
    assert (await resolve(call.read())).value == "a"
    await resolve(finished.wait())
    assert not call.done()
    assert (await resolve(call.read())).value == "b"
    assert await resolve(call.code()) is grpc.StatusCode.OK


async def test_error_after_the_first_message_comes_after_it(connect: Connect) -> None:
    async def fail_late(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        yield text("first")
        context.set_trailing_metadata((("reason", "late"),))
        await context.abort(grpc.StatusCode.DATA_LOSS, "gone")

    rig = await connect(fail=unary_stream(fail_late))
    call = rig.unary_stream("fail")(text())
    received: list[str] = []

    async def read_all() -> None:
        async for message in call:
            received.append(message.value)  # noqa: PERF401 - what came before the error counts.

    error = await failure_of(read_all())
    assert received == ["first"]
    assert error.code() is grpc.StatusCode.DATA_LOSS
    assert error.details() == "gone"
    assert error.trailing_metadata()["reason"] == "late"
    assert await collect(call) == []


async def test_exception_after_the_first_message_is_unknown(connect: Connect) -> None:
    async def fail_late(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        yield text("first")
        raise ValueError("boom")

    rig = await connect(fail=unary_stream(fail_late))
    call = rig.unary_stream("fail")(text())
    assert (await resolve(call.read())).value == "first"
    error = await failure_of(call.read())
    assert error.code() is grpc.StatusCode.UNKNOWN
    assert "boom" in str(error.details())


@pytest.mark.parametrize("style", ["generate", "write"])
async def test_slow_reader_stops_the_handler(connect: Connect, style: str) -> None:
    flood = Flood()
    rig = await connect(flood=unary_stream(getattr(flood, style)))
    call = rig.unary_stream("flood")(text())
    await resolve(call.read())
    # The handler stands still once its count no longer moves while the loop turns.
    still = 0
    before = -1
    while still < 200:
        still = still + 1 if flood.sent_count == before else 0
        before = flood.sent_count
        await asyncio.sleep(0)
    assert flood.sent_count < 1000
    stalled_at = flood.sent_count
    for _ in range(stalled_at + 100):
        await resolve(call.read())
    assert flood.sent_count > stalled_at
    call.cancel()
    await resolve(flood.ended.wait())


@pytest.mark.parametrize("style", ["generate", "write"])
async def test_cancelling_a_stream_midway_ends_the_handler(connect: Connect, style: str) -> None:
    flood = Flood()
    rig = await connect(flood=unary_stream(getattr(flood, style)))
    call = rig.unary_stream("flood")(text())
    await resolve(call.read())
    assert call.cancel()
    assert not call.cancel()
    assert call.cancelled()
    with pytest.raises(asyncio.CancelledError):
        await call.read()
    await eventually(flood.ended.is_set)
    assert isinstance(flood.ended_by, asyncio.CancelledError | GeneratorExit)
    assert await call.code() is grpc.StatusCode.CANCELLED
    assert await call.details() == "Locally cancelled by application!"


async def test_handler_waiting_for_its_upstream_sees_the_cancellation(connect: Connect) -> None:
    gate = Gate()

    async def relay(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        yield text("first")
        await gate.hold(context)

    rig = await connect(relay=unary_stream(relay))
    call = rig.unary_stream("relay")(text())
    await resolve(call.read())
    await gate.wait_until_entered()
    call.cancel()
    await gate.wait_until_left()
    assert gate.cancelled


async def test_cancelling_the_reading_task_cancels_the_call(connect: Connect) -> None:
    gate = Gate()

    async def relay(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        await gate.hold(context)
        yield text()

    rig = await connect(relay=unary_stream(relay))
    call = rig.unary_stream("relay")(text())
    reader = asyncio.create_task(collect(call))
    await gate.wait_until_entered()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await gate.wait_until_left()
    assert gate.cancelled
    assert call.cancelled()


async def test_wait_for_connection_returns_with_the_initial_metadata(connect: Connect) -> None:
    gate = Gate()

    async def relay(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        await context.send_initial_metadata((("ready", "yes"),))
        await gate.hold(context)
        yield text()

    rig = await connect(relay=unary_stream(relay))
    call = rig.unary_stream("relay")(text())
    await resolve(call.wait_for_connection())
    assert (await call.initial_metadata())["ready"] == "yes"
    assert not call.done()
    gate.opened.set()
    assert await collect(call) == [""]
    failed = rig.unary_stream("nothing")(text())
    assert (await failure_of(failed.wait_for_connection())).code() is grpc.StatusCode.UNIMPLEMENTED


async def test_two_way_stream_answers_as_it_reads(connect: Connect) -> None:
    async def shout(requests: Any, context: Any) -> AsyncIterator[StringValue]:
        async for request in requests:
            yield text(request.value.upper())

    rig = await connect(shout=stream_stream(shout))
    call = rig.stream_stream("shout")()
    assert isinstance(call, grpc.aio.StreamStreamCall)
    for word in ("one", "two"):
        await resolve(call.write(text(word)))
        assert (await resolve(call.read())).value == word.upper()
    await call.done_writing()
    assert await resolve(call.read()) is grpc.aio.EOF
    with pytest.raises(asyncio.InvalidStateError):
        await call.write(text())
    await call.done_writing()
    assert await collect(rig.stream_stream("shout")(iter([text("a"), text("b")]))) == ["A", "B"]


async def test_two_way_stream_by_context_read_and_write(connect: Connect) -> None:
    ends: list[object] = []

    async def reply(requests: Any, context: Any) -> None:
        while (request := await context.read()) is not grpc.aio.EOF:
            await context.write(request)
        ends.append(await context.read())

    rig = await connect(reply=stream_stream(reply))
    assert await collect(rig.stream_stream("reply")(iter([text("a"), text("b")]))) == ["a", "b"]
    assert ends == [grpc.aio.EOF]


async def test_writing_after_half_close_is_refused(connect: Connect) -> None:
    gate = Gate()

    async def join(requests: Any, context: Any) -> StringValue:
        await gate.hold(context)
        return text(",".join([request.value async for request in requests]))

    rig = await connect(join=stream_unary(join))
    call = rig.stream_unary("join")()
    await resolve(call.write(text("a")))
    await call.done_writing()
    with pytest.raises(asyncio.InvalidStateError):
        await call.write(text("b"))
    gate.opened.set()
    assert (await resolve(call)).value == "a"


async def test_write_is_refused_when_an_iterator_was_given(connect: Connect) -> None:
    async def join(requests: Any, context: Any) -> StringValue:
        return text(",".join([request.value async for request in requests]))

    rig = await connect(join=stream_unary(join))
    call = rig.stream_unary("join")(iter([text("a")]))
    with pytest.raises(grpc.aio.UsageError):
        await call.write(text("b"))
    with pytest.raises(grpc.aio.UsageError):
        await call.done_writing()
    assert (await resolve(call)).value == "a"


async def test_slow_handler_stops_the_request_writer(connect: Connect) -> None:
    gate = Gate()
    sent_count = 0

    async def ask() -> AsyncIterator[StringValue]:
        nonlocal sent_count
        for _ in range(2000):
            yield text(BIG)
            sent_count += 1

    async def join(requests: Any, context: Any) -> StringValue:
        await gate.hold(context)
        return text(str(len([request async for request in requests])))

    rig = await connect(join=stream_unary(join))
    call = rig.stream_unary("join")(ask())
    await gate.wait_until_entered()
    still = 0
    before = -1
    while still < 200:
        still = still + 1 if sent_count == before else 0
        before = sent_count
        await asyncio.sleep(0)
    assert sent_count < 1000
    gate.opened.set()
    assert (await resolve(call)).value == "2000"


async def test_failing_request_iterator_cancels_the_call(connect: Connect) -> None:
    gate = Gate()

    async def join(requests: Any, context: Any) -> StringValue:
        async for _ in requests:
            await gate.hold(context)
        return text()

    async def ask() -> AsyncIterator[StringValue]:
        yield text()
        await gate.wait_until_entered()
        raise ValueError("the caller's own fault")

    rig = await connect(join=stream_unary(join))
    call = rig.stream_unary("join")(ask())
    with pytest.raises(asyncio.CancelledError):
        await call
    await gate.wait_until_left()
    assert gate.cancelled
    assert await call.code() is grpc.StatusCode.CANCELLED


async def test_handler_may_answer_before_reading_all_requests(connect: Connect) -> None:
    async def first_only(requests: Any, context: Context) -> StringValue:
        async for request in requests:
            return text(request.value)
        return text("none")

    async def ask() -> AsyncIterator[StringValue]:
        while True:
            yield text("first")
            await asyncio.sleep(0)

    rig = await connect(first=stream_unary(first_only))
    assert (await resolve(rig.stream_unary("first")(ask()))).value == "first"


async def test_failed_call_refuses_further_writes(connect: Connect) -> None:
    async def refuse(requests: Any, context: Context) -> StringValue:
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")

    rig = await connect(refuse=stream_unary(refuse))
    call = rig.stream_unary("refuse")()
    assert await resolve(call.code()) is grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(asyncio.InvalidStateError):
        await call.write(text())
    await call.done_writing()
    assert (await failure_of(call)).details() == "no"


async def test_abort_handler_of_another_shape_still_answers(connect: Connect) -> None:
    async def refuse(request: StringValue, context: Context) -> StringValue:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")

    rig = await connect(refuse=unary_unary(refuse), echo=unary_unary(echo))
    error = await failure_of(collect(rig.unary_stream("refuse")(text())))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    error = await failure_of(collect(rig.stream_stream("refuse")(iter([text()]))))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert await collect(rig.unary_stream("echo")(text("e"))) == ["e"]
