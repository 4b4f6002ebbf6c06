"""Server interceptors: order, what they are told, short cuts, wrapping, context variables."""

import asyncio
import contextvars
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from tests.contract.channel.conftest import Connect
from tests.contract.channel.rig import (
    SERVICE,
    Context,
    Gate,
    collect,
    echo,
    failure_of,
    resolve,
    text,
    unary_stream,
    unary_unary,
)

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="none")


class Noting(grpc.aio.ServerInterceptor):
    """Notes its name on the way in and on the way out."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name = name
        self.notes = notes

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        self.notes.append(f"{self.name} in")
        handler = await continuation(handler_call_details)
        self.notes.append(f"{self.name} out")
        return handler


class Refusing(grpc.aio.ServerInterceptor):
    """Puts a handler that aborts in the place of the real one."""

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        async def refuse(request: StringValue, context: Context) -> StringValue:
            await context.abort(
                grpc.StatusCode.UNAUTHENTICATED, "no key", (("www-authenticate", "Bearer"),)
            )

        return unary_unary(refuse)


class Wrapping(grpc.aio.ServerInterceptor):
    """Sees every request and every response of a handler of either shape."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        handler = await continuation(handler_call_details)

        async def one(request: StringValue, context: Any) -> StringValue:
            self.seen.append(request.value)
            response = await handler.unary_unary(request, context)
            self.seen.append(response.value)
            return text(response.value + "!")

        async def many(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
            self.seen.append(request.value)
            async for response in handler.unary_stream(request, context):
                self.seen.append(response.value)
                yield text(response.value + "!")

        return unary_stream(many) if handler.response_streaming else unary_unary(one)


class Failing(grpc.aio.ServerInterceptor):
    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        raise ValueError("interceptor is broken")


class Dropping(grpc.aio.ServerInterceptor):
    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        return None


class Binding(grpc.aio.ServerInterceptor):
    """Binds a context variable from the metadata."""

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        request_id.set(str(dict(handler_call_details.invocation_metadata)["x-request-id"]))
        return await continuation(handler_call_details)


async def test_interceptors_run_outermost_first(connect: Connect) -> None:
    notes: list[str] = []

    async def answer(request: StringValue, context: Any) -> StringValue:
        notes.append("handler")
        return request

    interceptors = [Noting("a", notes), Noting("b", notes), Noting("c", notes)]
    rig = await connect(interceptors, answer=unary_unary(answer))
    await resolve(rig.unary_unary("answer")(text()))
    assert notes == ["a in", "b in", "c in", "c out", "b out", "a out", "handler"]


async def test_interceptor_sees_method_and_metadata(connect: Connect) -> None:
    seen: list[Any] = []

    class Looking(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
            seen.append(handler_call_details)
            return await continuation(handler_call_details)

    rig = await connect([Looking()], echo=unary_unary(echo))
    await resolve(rig.unary_unary("echo")(text(), metadata=(("k", "v"),)))
    assert seen[0].method == f"/{SERVICE}/echo"
    assert ("k", "v") in tuple(seen[0].invocation_metadata)


@pytest.mark.parametrize("streamed", [False, True], ids=["unary", "stream"])
async def test_short_circuit_aborts_before_inner_parts_run(
    connect: Connect, streamed: bool
) -> None:
    notes: list[str] = []
    interceptors = [Noting("outer", notes), Refusing(), Noting("inner", notes)]
    rig = await connect(interceptors, echo=unary_unary(echo))
    call = rig.unary_stream("echo")(text()) if streamed else rig.unary_unary("echo")(text())
    error = await failure_of(collect(call) if streamed else call)
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert error.details() == "no key"
    assert error.trailing_metadata()["www-authenticate"] == "Bearer"
    assert notes == ["outer in", "outer out"]


async def test_wrapped_handlers_pass_messages_both_ways(connect: Connect) -> None:
    async def spell(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        for letter in request.value:
            yield text(letter)

    wrapping = Wrapping()
    rig = await connect([wrapping], echo=unary_unary(echo), spell=unary_stream(spell))
    assert (await resolve(rig.unary_unary("echo")(text("a")))).value == "a!"
    assert await collect(rig.unary_stream("spell")(text("bc"))) == ["b!", "c!"]
    assert wrapping.seen == ["a", "a", "bc", "b", "c"]


async def test_exception_in_an_interceptor_is_unknown(connect: Connect) -> None:
    rig = await connect([Failing()], echo=unary_unary(echo))
    error = await failure_of(rig.unary_unary("echo")(text()))
    assert error.code() is grpc.StatusCode.UNKNOWN
    assert "interceptor is broken" in str(error.details())


async def test_interceptor_that_returns_no_handler_is_unimplemented(connect: Connect) -> None:
    rig = await connect([Dropping()], echo=unary_unary(echo))
    error = await failure_of(rig.unary_unary("echo")(text()))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_context_variable_set_by_an_interceptor_reaches_its_handler_alone(
    connect: Connect,
) -> None:
    gates = {"r1": Gate(), "r2": Gate()}

    async def look(request: StringValue, context: Any) -> StringValue:
        first = request_id.get()
        await gates[first].hold(context)
        return text(f"{first} {request_id.get()}")

    rig = await connect([Binding()], look=unary_unary(look))
    calls = {
        key: rig.unary_unary("look")(text(), metadata=(("x-request-id", key),)) for key in gates
    }
    for gate in gates.values():
        await gate.wait_until_entered()
    for gate in gates.values():
        gate.opened.set()
    answers = {key: (await resolve(call)).value for key, call in calls.items()}
    assert answers == {"r1": "r1 r1", "r2": "r2 r2"}
    assert request_id.get() == "none"


async def test_context_variable_reaches_a_streaming_handler(connect: Connect) -> None:
    async def look(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        for _ in range(20):
            await asyncio.sleep(0)
            yield text(request_id.get())

    rig = await connect([Binding()], look=unary_stream(look))
    call = rig.unary_stream("look")(text(), metadata=(("x-request-id", "r7"),))
    assert await collect(call) == ["r7"] * 20
    assert request_id.get() == "none"


async def test_context_variable_of_the_caller_does_not_reach_the_handler(connect: Connect) -> None:
    async def look(request: StringValue, context: Any) -> StringValue:
        return text(request_id.get())

    rig = await connect(look=unary_unary(look))
    token = request_id.set("the caller's")
    try:
        assert (await resolve(rig.unary_unary("look")(text()))).value == "none"
    finally:
        request_id.reset(token)


async def test_handler_runs_in_a_task_of_its_own(connect: Connect) -> None:
    tasks: list[Any] = []

    async def look(request: StringValue, context: Any) -> StringValue:
        tasks.append(asyncio.current_task())
        return request

    rig = await connect(look=unary_unary(look))
    await resolve(rig.unary_unary("look")(text()))
    await resolve(rig.unary_unary("look")(text()))
    assert len({*tasks, asyncio.current_task()}) == 3
