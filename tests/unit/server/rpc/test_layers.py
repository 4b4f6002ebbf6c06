"""The layers: their order, and that a stream which is broken off ends from the inside out."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import grpc
import pytest

from tests.support.clock import FakeClock
from tests.support.ids import SequentialIds
from tokensmith_server.billing.memory import MemoryLedgerStore
from tokensmith_server.rpc.auth import Authenticator
from tokensmith_server.rpc.error_layer import ErrorLayer
from tokensmith_server.rpc.interceptors import (
    AuthLayer,
    DeadlineLayer,
    LoadLayer,
    assert_order,
    build_layers,
)
from tokensmith_server.rpc.layer import Layer
from tokensmith_server.rpc.observation import LogLayer, MetricsLayer, RequestIdLayer

ORDER = (RequestIdLayer, LogLayer, MetricsLayer, ErrorLayer, LoadLayer, AuthLayer, DeadlineLayer)


def layers() -> tuple[Layer, ...]:
    clock = FakeClock()
    return build_layers(
        clock=clock,
        ids=SequentialIds(),
        authenticator=Authenticator(MemoryLedgerStore(), clock),
        calls_max=1,
        default_deadline_seconds=1.0,
    )


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


class Recorder(Layer):
    """Notes when its stream ends."""

    def __init__(self, name: str, ends: list[str]) -> None:
        super().__init__()
        self._name, self._ends = name, ends

    async def stream(
        self, method: str, inner: Any, request: Any, context: Any
    ) -> AsyncGenerator[Any]:
        try:
            async with aclosing(super().stream(method, inner, request, context)) as messages:
                async for message in messages:
                    yield message
        finally:
            self._ends.append(self._name)


async def wrapped(layer: Layer, handler: Any) -> Any:
    async def continuation(_: Any) -> Any:
        return handler

    return await layer.intercept_service(continuation, Details())


async def test_stream_that_is_broken_off_ends_from_the_inside_out() -> None:
    ends: list[str] = []

    async def messages(_: Any, __: Any) -> AsyncGenerator[int]:
        try:
            while True:
                yield 1
        finally:
            ends.append("servicer")

    handler: Any = await wrapped(
        Recorder("inner", ends), grpc.unary_stream_rpc_method_handler(messages)
    )
    handler = await wrapped(Recorder("outer", ends), handler)
    stream = handler.unary_stream(None, None)
    assert await anext(stream) == 1
    await stream.aclose()
    assert ends == ["servicer", "inner", "outer"]


async def test_handler_is_wrapped_once_and_an_unknown_method_not_at_all() -> None:
    async def answer(request: Any, _: Any) -> Any:
        return request

    layer = Layer()
    handler: Any = grpc.unary_unary_rpc_method_handler(answer)
    once = await wrapped(layer, handler)
    assert await wrapped(layer, handler) is once
    assert await once.unary_unary(7, None) == 7
    assert await wrapped(layer, None) is None
