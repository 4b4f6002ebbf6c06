"""The form of an interceptor here: a layer around an answer, or around the messages of a stream.

A layer wraps a method's handler once and keeps the result: what differs between calls is read from
the call, not baked into a new handler.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar

import grpc
import grpc.aio

Context = grpc.aio.ServicerContext[Any, Any]
Behaviour = Callable[[Any, Context], Any]


class Layer(grpc.aio.ServerInterceptor):
    """One interceptor: around the answer of a unary method, or around the messages of a stream."""

    inside_of: ClassVar[tuple[type["Layer"], ...]] = ()

    def __init__(self) -> None:
        # By the handler's identity, which is kept beside it: one process may serve the same method
        # on the network and within itself, each with handlers of its own.
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
    ) -> AsyncIterator[Any]:
        """Around the messages of one call."""
        async for message in inner(request, context):
            yield message

    def _wrap(self, handler: Any, method: str) -> Any:
        if handler.response_streaming:
            return self._wrap_stream(handler, method)
        inner = handler.stream_unary if handler.request_streaming else handler.unary_unary

        async def unary(request: Any, context: Context) -> Any:
            return await self.unary(method, inner, request, context)

        make = (
            grpc.stream_unary_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_unary_rpc_method_handler
        )
        return make(unary, handler.request_deserializer, handler.response_serializer)

    def _wrap_stream(self, handler: Any, method: str) -> Any:
        inner = handler.stream_stream if handler.request_streaming else handler.unary_stream

        async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
            async for message in self.stream(method, inner, request, context):
                yield message

        make = (
            grpc.stream_stream_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_stream_rpc_method_handler
        )
        return make(stream, handler.request_deserializer, handler.response_serializer)
