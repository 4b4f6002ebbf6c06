"""A server and a channel to it, of either kind, with methods made of plain functions."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.wrappers_pb2 import StringValue

from tokensmith_gateway.inprocess import InProcessChannel, InProcessServer

SERVICE = "contract.Channel"
PATIENCE_SECONDS = 10

Context = grpc.aio.ServicerContext[StringValue, StringValue]


def text(value: str = "") -> StringValue:
    return StringValue(value=value)


def _handler(kind: str, behaviour: Callable[..., Any]) -> Any:
    return getattr(grpc, f"{kind}_rpc_method_handler")(
        behaviour,
        request_deserializer=StringValue.FromString,
        response_serializer=StringValue.SerializeToString,
    )


def unary_unary(behaviour: Callable[..., Any]) -> Any:
    return _handler("unary_unary", behaviour)


def unary_stream(behaviour: Callable[..., Any]) -> Any:
    return _handler("unary_stream", behaviour)


def stream_unary(behaviour: Callable[..., Any]) -> Any:
    return _handler("stream_unary", behaviour)


def stream_stream(behaviour: Callable[..., Any]) -> Any:
    return _handler("stream_stream", behaviour)


@dataclass
class Rig:
    """Both ends of one connection."""

    kind: str
    server: grpc.aio.Server
    channel: Any

    def method(self, kind: str, name: str) -> Any:
        return getattr(self.channel, kind)(
            f"/{SERVICE}/{name}", StringValue.SerializeToString, StringValue.FromString
        )

    def unary_unary(self, name: str) -> Any:
        return self.method("unary_unary", name)

    def unary_stream(self, name: str) -> Any:
        return self.method("unary_stream", name)

    def stream_unary(self, name: str) -> Any:
        return self.method("stream_unary", name)

    def stream_stream(self, name: str) -> Any:
        return self.method("stream_stream", name)

    async def close(self) -> None:
        await self.channel.close()
        await self.server.stop(None)


Register = Callable[[grpc.aio.Server], None]


async def open_rig(
    kind: str, register: Register, interceptors: Sequence[grpc.aio.ServerInterceptor] = ()
) -> Rig:
    if kind == "network":
        server = grpc.aio.server(
            interceptors=tuple(interceptors), options=(("grpc.so_reuseport", 0),)
        )
        register(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return Rig(kind, server, grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
    local = InProcessServer(interceptors)
    register(local)
    await local.start()
    return Rig(kind, local, InProcessChannel(local))


async def eventually(condition: Callable[[], object]) -> None:
    """Lets the loop turn until `condition` holds; fails after `PATIENCE_SECONDS`."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own.
            await asyncio.sleep(0)


async def failure_of(call: Awaitable[Any]) -> grpc.aio.AioRpcError:
    """Returns the error that a call ends with."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer = await call
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError(f"the call was answered: {answer!r}")


async def collect(call: Any) -> list[str]:
    """Reads a stream of responses to its end."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [message.value async for message in call]


async def resolve(call: Awaitable[Any]) -> Any:
    """Waits for an answer, but not for ever."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await call


class Gate:
    """A handler that reports how far it came, and holds until it is opened or cancelled."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()
        self.left = asyncio.Event()
        self.cancelled = False
        self.context: Any = None

    async def hold(self, context: Any = None) -> None:
        self.context = context
        self.entered.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            self.left.set()

    async def unary(self, request: StringValue, context: Any) -> StringValue:
        await self.hold(context)
        return request

    async def wait_until_entered(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.entered.wait()

    async def wait_until_left(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.left.wait()


async def echo(request: StringValue, context: Any) -> StringValue:
    return request
