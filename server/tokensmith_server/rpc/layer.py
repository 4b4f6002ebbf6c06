"""The form of a layer: what it does when a call goes in, when it comes out, and when it failed.

The layers of a process are one interceptor, ``LayerStack``: one frame around an answer or around
the messages of a stream, whatever the number of layers. An interceptor for each would cost a frame
on every message of every stream.
"""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, ClassVar, TypeVar

import grpc
import grpc.aio

from tokensmith_server.errors import MethodUnimplemented
from tokensmith_server.rpc.call import RPCCall, begin_call, current_call

Context = grpc.aio.ServicerContext[Any, Any]
Behaviour = Callable[[Any, Context], Any]

# Served without a key: whether the process is up, and, in development, what it offers.
PUBLIC_PREFIXES = ("/grpc.health.v1.", "/grpc.reflection.")
# Served to the operator alone, and, like health, however much there is to do.
OPERATOR_PREFIX = "/tokensmith.v1.AdminService/"
# How methods that nobody has are called in log and metrics; their own names have no bounds.
UNKNOWN_METHOD = "unknown"
KEYLESS_PREFIXES = (*PUBLIC_PREFIXES, OPERATOR_PREFIX, UNKNOWN_METHOD)


L = TypeVar("L", bound="Layer")


class Layer:
    """One concern of every call. ``inside_of`` names the layers that must be around it."""

    inside_of: ClassVar[tuple[type["Layer"], ...]] = ()

    def wrap_unary(self, inner: Behaviour) -> Behaviour:
        """Put something around the answers of a method; done once for each method."""
        return inner

    def enter(self, call: RPCCall) -> Awaitable[None] | None:
        """Let a call in, or refuse it by raising. What takes time is returned, to be awaited."""
        return None

    async def failed(self, call: RPCCall, context: Context, error: BaseException) -> BaseException:
        """Return or raise what goes on outwards in place of an error from further in."""
        return error

    def leave(self, call: RPCCall) -> None:
        """See a call out that was let in, however it ended; ``call.code`` says how."""


class LayerStack(grpc.aio.ServerInterceptor):
    """All layers of a process as one interceptor.

    It wraps a method's handler once and keeps the result: what differs between calls is in the
    call's record.
    """

    # For the in-process server, which then asks once for each method.
    wraps_once: ClassVar[bool] = True

    def __init__(self, layers: Sequence[Layer]) -> None:
        """Take the layers, outermost first."""
        self.layers = tuple(layers)
        self._outwards = tuple(reversed(self.layers))
        # By handler, not by method: one stack may serve a network server and an in-process one,
        # each with handlers of its own. The handler is kept too, so that its id stays its own.
        self._wrapped: dict[int, tuple[Any, Any]] = {}

    def get(self, kind: type[L]) -> L:
        """The layer of this class."""
        return next(layer for layer in self.layers if isinstance(layer, kind))

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[Any]],
        handler_call_details: Any,
    ) -> Any:
        """Return the method's handler with the layers around it."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return self._unknown(handler_call_details.method)
        kept = self._wrapped.get(id(handler))
        if kept is not None:
            return kept[1]
        wrapped = self._wrap(handler, handler_call_details.method)
        self._wrapped[id(handler)] = (handler, wrapped)
        return wrapped

    def _unknown(self, method: str) -> Any:
        """A handler that answers any call of a method that nobody has, in the layers' own way."""

        async def refuse(requests: Any, context: Context) -> Any:
            raise MethodUnimplemented(method)

        # The only kind that reads nothing before it answers, whatever the client sends.
        return grpc.stream_unary_rpc_method_handler(partial(self._unary, UNKNOWN_METHOD, refuse))

    def _wrap(self, handler: Any, method: str) -> Any:
        kind = "stream" if handler.request_streaming else "unary"
        kind += "_stream" if handler.response_streaming else "_unary"
        inner = getattr(handler, kind)
        around: Any = self._stream if handler.response_streaming else self._unary
        if not handler.response_streaming:
            for layer in self._outwards:
                inner = layer.wrap_unary(inner)
        elif inspect.iscoroutinefunction(inner):
            inner = partial(_iterate_writer, inner)
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(
            partial(around, method, inner),
            handler.request_deserializer,
            handler.response_serializer,
        )

    async def _unary(self, method: str, inner: Behaviour, request: Any, context: Context) -> Any:
        call = _begin(method, context)
        try:
            await self._enter(call)
            answer = await inner(request, context)
        except BaseException as error:
            failure = await self._fail(call, context, error)
            if failure is error:
                raise
            raise failure from error
        self._leave(call)
        await call.send_initial_metadata(context)
        return answer

    async def _stream(
        self, method: str, inner: Behaviour, request: Any, context: Context
    ) -> AsyncGenerator[Any]:
        """A stream that is broken off ends from the inside out, here and now.

        Its handler may also promise its messages, for once it has read the request.
        """
        call = _begin(method, context)
        try:
            await self._enter(call)
            messages = inner(request, context)
            if not hasattr(messages, "__aiter__"):
                messages = await messages
            async with aclosing(messages):
                async for message in messages:
                    if not call.initial_metadata_sent:
                        await call.send_initial_metadata(context)
                    yield message
        except BaseException as error:
            failure = await self._fail(call, context, error)
            if failure is error:
                raise
            raise failure from error
        self._leave(call)
        await call.send_initial_metadata(context)

    async def _enter(self, call: RPCCall) -> None:
        for layer in self.layers:
            pending = layer.enter(call)
            if pending is not None:
                await pending
            call.layers_entered += 1

    def _leave(self, call: RPCCall) -> None:
        call.code = "OK"
        for layer in self._outwards:
            layer.leave(call)

    async def _fail(self, call: RPCCall, context: Context, error: BaseException) -> BaseException:
        """Tell the layers that let the call in, and return what became of the error."""
        for layer in self._outwards[len(self.layers) - call.layers_entered :]:
            try:
                error = await layer.failed(call, context, error)
            except BaseException as newer:
                error = newer
            if isinstance(error, asyncio.CancelledError | GeneratorExit):
                call.code = "CANCELLED"
            layer.leave(call)
        return error


def _begin(method: str, context: Context) -> RPCCall:
    call = RPCCall(method, dict(context.invocation_metadata() or ()))
    begin_call(call)
    return call


async def _iterate_writer(
    inner: Callable[[Any, Context], Awaitable[None]], request: Any, context: Context
) -> AsyncGenerator[Any]:
    """A handler that writes to its context (health's Watch does), as one that yields nothing."""
    await current_call().send_initial_metadata(context)
    await inner(request, context)
    nothing: tuple[Any, ...] = ()
    for message in nothing:
        yield message
