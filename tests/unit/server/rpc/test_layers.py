"""The layers: their order, and how a call goes in, comes out, fails, and is broken off."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from typing import Any

import grpc
import pytest

from tests.support.clock import FakeClock
from tests.support.ids import SequentialIds
from tokensmith_server.billing.memory import MemoryLedgerStore
from tokensmith_server.errors import MethodUnimplemented
from tokensmith_server.rpc.auth import Authenticator
from tokensmith_server.rpc.call import RPCCall
from tokensmith_server.rpc.error_layer import ErrorLayer
from tokensmith_server.rpc.interceptors import (
    AuthLayer,
    DeadlineLayer,
    LimitsLayer,
    LoadLayer,
    assert_order,
    build_layers,
)
from tokensmith_server.rpc.layer import Layer, LayerStack
from tokensmith_server.rpc.observation import LogLayer, MetricsLayer, RequestIdLayer

ORDER = (
    RequestIdLayer,
    LogLayer,
    MetricsLayer,
    ErrorLayer,
    LoadLayer,
    AuthLayer,
    LimitsLayer,
    DeadlineLayer,
)


def layers() -> tuple[Layer, ...]:
    clock = FakeClock()
    stack = build_layers(
        clock=clock,
        ids=SequentialIds(),
        authenticator=Authenticator(MemoryLedgerStore(), clock),
        calls_max=1,
        default_deadline_seconds=1.0,
    )
    return stack.layers


def test_layers_stand_in_their_order() -> None:
    assert tuple(type(layer) for layer in layers()) == ORDER


@pytest.mark.parametrize("place", range(len(ORDER) - 1))
def test_wrong_order_is_refused(place: int) -> None:
    wrong = list(layers())
    wrong[place], wrong[place + 1] = wrong[place + 1], wrong[place]
    # Log and metrics may change places: neither sees the other.
    if {place, place + 1} == {1, 2}:
        assert_order(tuple(wrong))
        return
    with pytest.raises(AssertionError, match="must be inside of"):
        assert_order(tuple(wrong))


@pytest.mark.parametrize("place", range(len(ORDER) - 1))
def test_layer_that_is_needed_and_missing_is_noticed(place: int) -> None:
    rest = [layer for layer in layers() if type(layer) is not ORDER[place]]
    with pytest.raises(AssertionError, match=ORDER[place].__name__):
        assert_order(tuple(rest))


class Details:
    method = "/a.B/C"
    invocation_metadata = ()


class Context:
    """As much of a servicer's context as the stack itself uses."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes

    def invocation_metadata(self) -> tuple[Any, ...]:
        return ()

    async def send_initial_metadata(self, _: Any) -> None:
        self._notes.append("headers")


class Recorder(Layer):
    """Notes what happens to it, and refuses or replaces errors where it is told to."""

    def __init__(
        self,
        name: str,
        notes: list[str],
        *,
        refusal: Exception | None = None,
        failure: BaseException | None = None,
        slow: bool = False,
    ) -> None:
        self._name, self._notes = name, notes
        self._refusal, self._failure, self._slow = refusal, failure, slow

    def enter(self, call: RPCCall) -> Awaitable[None] | None:
        if self._refusal is not None:
            raise self._refusal
        self._notes.append(f"+{self._name}")
        return asyncio.sleep(0) if self._slow else None

    async def failed(self, call: RPCCall, context: Any, error: BaseException) -> BaseException:
        if self._failure is not None:
            raise self._failure
        return error

    def leave(self, call: RPCCall) -> None:
        self._notes.append(f"-{self._name} {call.code}")


async def wrapped(stack: LayerStack, handler: Any) -> Any:
    async def continuation(_: Any) -> Any:
        return handler

    return await stack.intercept_service(continuation, Details())


async def unary(notes: list[str], *stack: Layer, error: BaseException | None = None) -> Any:
    async def answer(request: Any, _: Any) -> Any:
        notes.append("servicer")
        if error is not None:
            raise error
        return request

    handler = await wrapped(LayerStack(stack), grpc.unary_unary_rpc_method_handler(answer))
    return await handler.unary_unary(7, Context(notes))


async def test_call_goes_in_and_comes_out_in_order_and_its_headers_with_the_answer() -> None:
    notes: list[str] = []
    assert await unary(notes, Recorder("outer", notes), Recorder("inner", notes, slow=True)) == 7
    assert notes == ["+outer", "+inner", "servicer", "-inner OK", "-outer OK", "headers"]


async def test_layer_that_refuses_is_not_left() -> None:
    notes: list[str] = []
    refusing = Recorder("inner", notes, refusal=ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await unary(notes, Recorder("outer", notes), refusing)
    assert notes == ["+outer", "-outer UNKNOWN"]


@pytest.mark.parametrize("failure", [KeyError("row"), asyncio.CancelledError()])
async def test_what_a_layer_makes_of_an_error_goes_on_outwards(failure: BaseException) -> None:
    notes: list[str] = []
    replacing = Recorder("middle", notes, failure=failure)
    stack = (Recorder("outer", notes), replacing, Recorder("inner", notes))
    with pytest.raises(type(failure)):
        await unary(notes, *stack, error=ValueError())
    code = "CANCELLED" if isinstance(failure, asyncio.CancelledError) else "UNKNOWN"
    assert notes[3:] == ["servicer", "-inner UNKNOWN", f"-middle {code}", f"-outer {code}"]


async def test_stream_that_is_broken_off_ends_from_the_inside_out() -> None:
    notes: list[str] = []

    async def messages(_: Any, __: Any) -> AsyncGenerator[int]:
        try:
            while True:
                yield 1
        finally:
            notes.append("servicer")

    stack = LayerStack((Recorder("outer", notes), Recorder("inner", notes)))
    handler = await wrapped(stack, grpc.unary_stream_rpc_method_handler(messages))
    stream = handler.unary_stream(None, Context(notes))
    assert await anext(stream) == 1
    await stream.aclose()
    assert notes[2:] == ["headers", "servicer", "-inner CANCELLED", "-outer CANCELLED"]


async def test_handler_is_wrapped_once_and_an_unknown_method_refused() -> None:
    async def answer(request: Any, _: Any) -> Any:
        return request

    stack = LayerStack(())
    handler: Any = grpc.unary_unary_rpc_method_handler(answer)
    once = await wrapped(stack, handler)
    assert await wrapped(stack, handler) is once
    assert await once.unary_unary(7, Context([])) == 7
    unknown = await wrapped(stack, None)
    with pytest.raises(MethodUnimplemented, match=r"/a\.B/C"):
        await unknown.stream_unary(None, Context([]))
