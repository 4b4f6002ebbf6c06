"""The form of an interceptor here: a layer around an answer, or around the messages of a stream.

A layer wraps a method's handler once and keeps the result: what differs between calls is read from
the call, not baked into a new handler.
"""

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any, ClassVar

import grpc
import grpc.aio

from tokensmith_server.rpc.call import current_call

Context = grpc.aio.ServicerContext[Any, Any]
Behaviour = Callable[[Any, Context], Any]

# Served without a key: whether the process is up, and, in development, what it offers.
PUBLIC_PREFIXES = ("/grpc.health.v1.", "/grpc.reflection.")
# Served to the operator alone, and, like health, however much there is to do.
OPERATOR_PREFIX = "/tokensmith.v1.AdminService/"
KEYLESS_PREFIXES = (*PUBLIC_PREFIXES, OPERATOR_PREFIX)


class Layer(grpc.aio.ServerInterceptor):
    """One interceptor: around the answer of a unary method, or around the messages of a stream."""

    inside_of: ClassVar[tuple[type["Layer"], ...]] = ()
    # For the in-process server, which then asks once for each method.
    wraps_once: ClassVar[bool] = True

    def __init__(self) -> None:
        # By handler, not by method: one set of layers may serve a network server and an in-process
        # one, each with handlers of its own. The handler is kept too, so that its id stays its own.
        self._wrapped: dict[int, tuple[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[Any]],
        handler_call_details: Any,
    ) -> Any:
        """Return the method's handler with this layer around it."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        kept = self._wrapped.get(id(handler))
        if kept is not None:
            return kept[1]
        wrapped = self._wrap(handler, handler_call_details.method)
        self._wrapped[id(handler)] = (handler, wrapped)
        return wrapped

    async def unary(self, method: str, inner: Behaviour, request: Any, context: Context) -> Any:
        """Around one answer."""
        return await inner(request, context)

    async def stream(
        self, method: str, inner: Behaviour, request: Any, context: Context
    ) -> AsyncGenerator[Any]:
        """Around the messages of one call.

        Every layer closes what it iterates: a stream that is broken off ends from the inside out,
        here and now, and not when the collector comes by.
        """
        async with aclosing(inner(request, context)) as messages:
            async for message in messages:
                yield message

    def _wrap(self, handler: Any, method: str) -> Any:
        kind = "stream" if handler.request_streaming else "unary"
        kind += "_stream" if handler.response_streaming else "_unary"
        around = self.stream if handler.response_streaming else self.unary
        inner = getattr(handler, kind)
        if handler.response_streaming and inspect.iscoroutinefunction(inner):
            inner = partial(_iterate_writer, inner)
        elif handler.response_streaming and type(self).stream is Layer.stream:
            # Nothing to add: each layer around a stream costs on every message and at its end.
            return handler
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(
            partial(around, method, inner),
            handler.request_deserializer,
            handler.response_serializer,
        )


async def _iterate_writer(
    inner: Callable[[Any, Context], Awaitable[None]], request: Any, context: Context
) -> AsyncGenerator[Any]:
    """A handler that writes to its context (health's Watch does), as one that yields nothing."""
    await current_call().send_initial_metadata(context)
    await inner(request, context)
    nothing: tuple[Any, ...] = ()
    for message in nothing:
        yield message
