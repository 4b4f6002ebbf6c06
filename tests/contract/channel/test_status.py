"""How calls fail, what the client learns of it, and metadata in both directions."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import grpc.aio
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from tests.contract.channel.conftest import Connect
from tests.contract.channel.rig import (
    Context,
    collect,
    echo,
    eventually,
    failure_of,
    resolve,
    text,
    unary_stream,
    unary_unary,
)


def rich_status() -> status_pb2.Status:
    reason = AnyMessage()
    reason.Pack(
        error_details_pb2.ErrorInfo(
            reason="INSUFFICIENT_CREDITS", domain="tokensmith", metadata={"needed": "12"}
        )
    )
    return status_pb2.Status(
        code=code_pb2.FAILED_PRECONDITION, message="not enough: 12 €", details=[reason]
    )


async def test_abort_carries_code_details_and_trailing_metadata(connect: Connect) -> None:
    async def refuse(request: StringValue, context: Context) -> StringValue:
        await context.abort(
            grpc.StatusCode.NOT_FOUND, "no such ⟨model⟩", (("near", "a"), ("near", "b"))
        )

    rig = await connect(refuse=unary_unary(refuse))
    call = rig.unary_unary("refuse")(text())
    error = await failure_of(call)
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == "no such ⟨model⟩"
    assert error.trailing_metadata().get_all("near") == ["a", "b"]
    assert isinstance(error.initial_metadata(), grpc.aio.Metadata)
    assert isinstance(error.debug_error_string(), str)
    assert await call.code() is grpc.StatusCode.NOT_FOUND
    assert await call.details() == "no such ⟨model⟩"
    assert (await call.trailing_metadata()).get_all("near") == ["a", "b"]
    assert not call.cancelled()


async def test_abort_uses_details_and_metadata_set_before(connect: Connect) -> None:
    async def refuse(request: StringValue, context: Context) -> StringValue:
        context.set_details("set before")
        context.set_trailing_metadata((("k", "v"),))
        await context.abort(grpc.StatusCode.ABORTED)

    rig = await connect(refuse=unary_unary(refuse))
    error = await failure_of(rig.unary_unary("refuse")(text()))
    assert error.details() == "set before"
    assert error.trailing_metadata()["k"] == "v"


@pytest.mark.parametrize("streamed", [False, True], ids=["unary", "stream"])
async def test_rich_status_reaches_the_client(connect: Connect, streamed: bool) -> None:
    async def refuse(request: StringValue, context: Context) -> StringValue:
        await context.abort_with_status(rpc_status.to_status(rich_status()))

    async def refuse_stream(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        yield text("first")
        await context.abort_with_status(rpc_status.to_status(rich_status()))

    rig = await connect(refuse=unary_unary(refuse), stream=unary_stream(refuse_stream))
    call = rig.unary_stream("stream")(text()) if streamed else rig.unary_unary("refuse")(text())
    error = await failure_of(collect(call) if streamed else call)
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert rpc_status.from_call(cast("Any", error)) == rich_status()
    assert await rpc_status.aio.from_call(call) == rich_status()


async def test_unexpected_exception_is_unknown(connect: Connect) -> None:
    async def fail(request: StringValue, context: Any) -> StringValue:
        context.set_trailing_metadata((("k", "v"),))
        raise ValueError("boom")

    rig = await connect(fail=unary_unary(fail))
    error = await failure_of(rig.unary_unary("fail")(text()))
    assert error.code() is grpc.StatusCode.UNKNOWN
    assert error.details() == "Unexpected <class 'ValueError'>: boom"
    assert error.trailing_metadata()["k"] == "v"


async def test_exception_keeps_a_code_set_before(connect: Connect) -> None:
    async def fail(request: StringValue, context: Any) -> StringValue:
        context.set_code(grpc.StatusCode.OUT_OF_RANGE)
        raise ValueError("boom")

    rig = await connect(fail=unary_unary(fail))
    error = await failure_of(rig.unary_unary("fail")(text()))
    assert error.code() is grpc.StatusCode.OUT_OF_RANGE


async def test_code_set_without_raising_discards_the_response(connect: Connect) -> None:
    async def answer(request: StringValue, context: Any) -> StringValue:
        assert context.code() is None
        assert context.details() == ""
        context.set_code(grpc.StatusCode.ALREADY_EXISTS)
        context.set_details("twice")
        assert context.code() is grpc.StatusCode.ALREADY_EXISTS
        assert context.details() == "twice"
        return request

    rig = await connect(answer=unary_unary(answer))
    error = await failure_of(rig.unary_unary("answer")(text()))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS
    assert error.details() == "twice"


async def test_stream_that_sets_a_code_ends_with_it(connect: Connect) -> None:
    async def answer(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        yield text("a")
        context.set_code(grpc.StatusCode.UNAVAILABLE)
        context.set_details("upstream broke off")

    rig = await connect(answer=unary_stream(answer))
    call = rig.unary_stream("answer")(text())
    assert (await resolve(call.read())).value == "a"
    error = await failure_of(call.read())
    assert (error.code(), error.details()) == (
        grpc.StatusCode.UNAVAILABLE,
        "upstream broke off",
    )


async def test_handler_without_a_response_is_unknown(connect: Connect) -> None:
    async def nothing(request: StringValue, context: Any) -> None:
        return None

    rig = await connect(nothing=unary_unary(nothing))
    error = await failure_of(rig.unary_unary("nothing")(text()))
    assert error.code() is grpc.StatusCode.UNKNOWN


async def test_suppressed_abort_still_aborts(connect: Connect) -> None:
    seen: list[BaseException] = []

    async def stubborn(request: StringValue, context: Any) -> StringValue:
        for _ in range(2):
            try:
                await context.abort(grpc.StatusCode.NOT_FOUND, "once")
            except Exception as error:
                seen.append(error)
        return request

    rig = await connect(stubborn=unary_unary(stubborn))
    error = await failure_of(rig.unary_unary("stubborn")(text()))
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "once")
    await eventually(lambda: len(seen) == 2)
    assert isinstance(seen[0], grpc.aio.AbortError)
    assert isinstance(seen[1], grpc.aio.UsageError)


async def test_status_of_cancelled_sent_by_the_server_is_an_error(connect: Connect) -> None:
    async def refuse(request: StringValue, context: Context) -> StringValue:
        await context.abort(grpc.StatusCode.CANCELLED, "by the server")

    rig = await connect(refuse=unary_unary(refuse))
    call = rig.unary_unary("refuse")(text())
    error = await failure_of(call)
    assert error.code() is grpc.StatusCode.CANCELLED
    assert call.cancelled()


async def test_cancelled_error_of_the_handlers_own_never_looks_like_success(
    connect: Connect, kind: str
) -> None:
    async def fail(request: StringValue, context: Any) -> StringValue:
        raise asyncio.CancelledError

    rig = await connect(fail=unary_unary(fail))
    error = await failure_of(rig.unary_unary("fail")(text(), timeout=0.2))
    # grpc.aio 1.85 sends no status at all and leaves the client to its deadline.
    expected = {
        "network": grpc.StatusCode.DEADLINE_EXCEEDED,
        "inprocess": grpc.StatusCode.INTERNAL,
    }
    assert error.code() is expected[kind]


async def test_metadata_reaches_the_handler(connect: Connect) -> None:
    seen: list[tuple[str, str | bytes]] = []

    async def look(request: StringValue, context: Any) -> StringValue:
        seen.extend((key, value) for key, value in context.invocation_metadata())
        return request

    rig = await connect(look=unary_unary(look))
    sent = (("x-request-id", "r1"), ("tag", "a"), ("tag", "b"), ("raw-bin", b"\x00\xff"))
    await resolve(rig.unary_unary("look")(text(), metadata=sent))
    assert [pair for pair in seen if pair[0] != "user-agent"] == list(sent)
    assert [key for key, _ in seen].count("user-agent") == 1
    seen.clear()
    own = grpc.aio.Metadata(("k", "v"), ("user-agent", "mine"), ("text", b"bytes"))
    await resolve(rig.unary_unary("look")(text(), metadata=own))
    assert ("k", "v") in seen
    assert ("text", "bytes") in seen
    assert ("user-agent", "mine") not in seen


@pytest.mark.parametrize(
    "pair",
    [("Upper", "x"), ("sp ace", "x"), ("", "x"), (":path", "x"), ("k", "nö"), ("k", "a\nb")],
    ids=["upper-case", "space", "empty", "pseudo-header", "non-ascii", "line-break"],
)
async def test_illegal_metadata_is_refused_before_the_handler(
    connect: Connect, pair: tuple[str, str]
) -> None:
    rig = await connect(echo=unary_unary(echo))

    async def ask() -> None:
        await rig.unary_unary("echo")(text(), metadata=(pair,))

    with pytest.raises(grpc.aio.InternalError):
        await resolve(ask())


@pytest.mark.parametrize("pair", [("k-bin", "text"), ("k", 5)])
async def test_metadata_value_of_the_wrong_type_is_refused(
    connect: Connect, pair: tuple[str, Any]
) -> None:
    rig = await connect(echo=unary_unary(echo))

    async def ask() -> None:
        await rig.unary_unary("echo")(text(), metadata=(pair,))

    with pytest.raises(TypeError):
        await resolve(ask())


async def test_metadata_comes_back_with_success(connect: Connect) -> None:
    async def answer(request: StringValue, context: Any) -> StringValue:
        await context.send_initial_metadata((("early", "1"), ("early-bin", b"\x01")))
        context.set_trailing_metadata((("late", "2"), ("late-bin", b"\x02")))
        assert tuple(context.trailing_metadata()) == (("late", "2"), ("late-bin", b"\x02"))
        return request

    rig = await connect(answer=unary_unary(answer))
    call = rig.unary_unary("answer")(text())
    await resolve(call)
    initial, trailing = await call.initial_metadata(), await call.trailing_metadata()
    assert isinstance(initial, grpc.aio.Metadata)
    assert isinstance(trailing, grpc.aio.Metadata)
    assert (initial["early"], initial["early-bin"]) == ("1", b"\x01")
    assert (trailing["late"], trailing["late-bin"]) == ("2", b"\x02")


async def test_stream_metadata_arrives_early_and_late(connect: Connect) -> None:
    opened = asyncio.Event()

    async def answer(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        await context.send_initial_metadata((("early", "1"),))
        await opened.wait()
        yield text()
        context.set_trailing_metadata((("charge", "42"),))

    rig = await connect(answer=unary_stream(answer))
    call = rig.unary_stream("answer")(text())
    assert (await resolve(call.initial_metadata()))["early"] == "1"
    opened.set()
    assert await collect(call) == [""]
    assert (await call.trailing_metadata())["charge"] == "42"


async def test_initial_metadata_is_sent_once_and_before_messages(connect: Connect) -> None:
    refused: list[BaseException] = []

    async def answer(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        yield text()
        try:
            await context.send_initial_metadata((("too", "late"),))
        except grpc.aio.UsageError as error:
            refused.append(error)

    rig = await connect(answer=unary_stream(answer))
    call = rig.unary_stream("answer")(text())
    assert await collect(call) == [""]
    assert len(refused) == 1
    assert "too" not in await call.initial_metadata()


@pytest.mark.parametrize("where", ["initial", "trailing"])
async def test_illegal_metadata_from_the_handler_is_internal(connect: Connect, where: str) -> None:
    async def answer(request: StringValue, context: Any) -> StringValue:
        if where == "initial":
            await context.send_initial_metadata((("Upper", "x"),))
        else:
            context.set_trailing_metadata((("Upper", "x"),))
        return request

    rig = await connect(answer=unary_unary(answer))
    error = await failure_of(rig.unary_unary("answer")(text()))
    assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "Invalid metadata")


async def test_context_says_who_calls(connect: Connect, kind: str) -> None:
    seen: list[Any] = []

    async def look(request: StringValue, context: Any) -> StringValue:
        seen.append((context.peer(), context.peer_identities(), context.peer_identity_key()))
        assert isinstance(context.auth_context(), dict)
        assert not context.cancelled()
        assert not context.done()
        context.set_compression(grpc.Compression.NoCompression)
        context.disable_next_message_compression()
        return request

    rig = await connect(look=unary_unary(look))
    await resolve(rig.unary_unary("look")(text()))
    [(peer, identities, identity_key)] = seen
    assert peer.startswith({"network": "ipv4:127.0.0.1:", "inprocess": "inprocess:"}[kind])
    assert identities is None
    assert identity_key is None
