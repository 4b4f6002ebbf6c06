"""What a call costs: awaited directly, over the in-process channel, and over the network channel.

Run by hand: `.venv/bin/python benchmarks/inprocess_channel.py [--calls N] [--loop uvloop|asyncio]`.
Five pass-through interceptors, metadata and a deadline as the bridge sends them. The ways are
interleaved in rounds, and the fastest round of each counts. Prints microseconds.
"""

import argparse
import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import uvloop
from google.protobuf.wrappers_pb2 import StringValue

from tokensmith_gateway.inprocess import InProcessChannel, InProcessServer

METHOD_UNARY = "/bench.Bench/Unary"
METHOD_STREAM = "/bench.Bench/Stream"
INTERCEPTOR_COUNT = 5
ROUND_COUNT = 5
METADATA = (
    ("authorization", "Bearer pk_live_0123456789abcdef0123456789abcdef"),
    ("x-request-id", "req_0123456789abcdef"),
    ("x-stainless-retry-count", "0"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
)
MESSAGE = StringValue(value="x" * 200)
Way = Callable[[int], Awaitable[None]]


class PassThrough(grpc.aio.ServerInterceptor):
    """Does nothing but be there."""

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable["grpc.RpcMethodHandler[Any, Any] | None"]
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Passes the call on."""
        return await continuation(handler_call_details)


async def answer(request: StringValue, context: Any) -> StringValue:
    return request


async def stream(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
    for _ in range(int(request.value)):
        yield MESSAGE


async def paced_stream(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
    """Every message arrives alone, as from an upstream: one turn of the loop apart."""
    for _ in range(int(request.value)):
        await asyncio.sleep(0)
        yield MESSAGE


def register(server: "grpc.aio.Server") -> None:
    def method(kind: str, behaviour: Callable[..., Any]) -> Any:
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(
            behaviour,
            request_deserializer=StringValue.FromString,
            response_serializer=StringValue.SerializeToString,
        )

    handlers = {
        "Unary": method("unary_unary", answer),
        "Stream": method("unary_stream", stream),
        "Paced": method("unary_stream", paced_stream),
    }
    server.add_registered_method_handlers("bench.Bench", handlers)
    generic = grpc.method_handlers_generic_handler("bench.Bench", handlers)
    server.add_generic_rpc_handlers((generic,))


def unary_over(channel: "grpc.aio.Channel", timeout_seconds: float | None) -> Way:
    call: Any = channel.unary_unary(
        METHOD_UNARY, StringValue.SerializeToString, StringValue.FromString
    )

    async def run(count: int) -> None:
        for _ in range(count):
            await call(MESSAGE, metadata=METADATA, timeout=timeout_seconds)

    return run


def stream_over(channel: "grpc.aio.Channel", method: str) -> Way:
    call: Any = channel.unary_stream(method, StringValue.SerializeToString, StringValue.FromString)

    async def run(count: int) -> None:
        async for _ in call(StringValue(value=str(count)), metadata=METADATA, timeout=60):
            pass

    return run


async def direct_unary(count: int) -> None:
    for _ in range(count):
        await answer(MESSAGE, None)


async def direct_stream(count: int) -> None:
    async for _ in stream(StringValue(value=str(count)), None):
        pass


async def direct_paced(count: int) -> None:
    async for _ in paced_stream(StringValue(value=str(count)), None):
        pass


async def microseconds(way: Way, count: int) -> float:
    start = time.process_time()
    await way(count)
    return (time.process_time() - start) / count * 1e6


async def measure(call_count: int) -> None:
    interceptors = [PassThrough() for _ in range(INTERCEPTOR_COUNT)]
    inprocess_server = InProcessServer(interceptors)
    network_server = grpc.aio.server(interceptors=interceptors, options=(("grpc.so_reuseport", 0),))
    for server in (inprocess_server, network_server):
        register(server)
    port = network_server.add_insecure_port("127.0.0.1:0")
    for server in (inprocess_server, network_server):
        await server.start()
    inprocess = InProcessChannel(inprocess_server)
    network = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    ways: dict[str, tuple[Way, int]] = {
        "unary   direct await": (direct_unary, call_count),
        "unary   in-process": (unary_over(inprocess, None), call_count),
        "unary   in-process, deadline": (unary_over(inprocess, 60), call_count),
        "unary   network, deadline": (unary_over(network, 60), call_count // 20),
        "message direct": (direct_stream, call_count),
        "message in-process": (stream_over(inprocess, METHOD_STREAM), call_count),
        "message network": (stream_over(network, METHOD_STREAM), call_count // 20),
        "paced   direct": (direct_paced, call_count),
        "paced   in-process": (stream_over(inprocess, "/bench.Bench/Paced"), call_count),
        "paced   network": (stream_over(network, "/bench.Bench/Paced"), call_count // 20),
    }
    best: dict[str, float] = dict.fromkeys(ways, float("inf"))
    gc.collect()
    gc.freeze()
    for _ in range(ROUND_COUNT):
        for name, (way, count) in ways.items():
            best[name] = min(best[name], await microseconds(way, count))
    for name, cost in best.items():
        print(f"{name:32}{cost:9.2f} µs CPU")
    await inprocess.close()
    await network.close()
    for server in (inprocess_server, network_server):
        await server.stop(None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=10_000, help="calls or messages per round")
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    arguments = parser.parse_args()
    factory = uvloop.new_event_loop if arguments.loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(measure(arguments.calls))


if __name__ == "__main__":
    main()
