"""Reading requests off the network inside of the layers, so that only who was let in is read.

grpc.aio reads and decodes a unary request before any handler runs: somebody without a key could
have this process hold a message that never ends, and bytes that are no message would end as a
traceback. Its handlers for streamed requests run first and read when they like. On the wire the
two are the same.
"""

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Final, NamedTuple

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from tokensmith_server.errors import DeadlineExceeded, RequestTooLarge, RequestUndecodable
from tokensmith_server.rpc.layer import Behaviour, Context

# Chat requests carry images inline, as OpenAI's do: what a bridge lets in (20 MiB of body) must get
# through. Everything else of the contract stays below 4 MiB; bytes move in chunks.
MESSAGE_BYTES_MAX: Final = 24 * 1024 * 1024

READ_SECONDS: Final = 60.0
"""How long a unary request may take to arrive."""

Decode = Callable[[bytes], Any]
RawRequests = AsyncIterator[bytes]


class RequestReader(grpc.aio.ServerInterceptor):
    """The innermost interceptor of a network server: no request is decoded outside of the layers.

    Reading what comes as a stream costs a tenth more, so only the first calls of a key do it.
    Each method's handlers are made once and kept, as the layers around them do.

    Args:
        remembers: whether the owner of an authorization was let in a moment ago.
        message_bytes_max: larger messages are refused.
    """

    def __init__(
        self,
        remembers: Callable[[str | None], bool],
        *,
        message_bytes_max: int = MESSAGE_BYTES_MAX,
    ) -> None:
        self._remembers = remembers
        self._message_bytes_max = message_bytes_max
        self._made: dict[int, _Handlers] = {}

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[Any]],
        handler_call_details: Any,
    ) -> Any:
        """Return the method's handler, which takes its requests as raw bytes."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        made = self._made.get(id(handler))
        if made is None:
            made = self._made[id(handler)] = _make(handler, self._message_bytes_max)
        if made.plain is not None and self._remembers(_authorization(handler_call_details)):
            return made.plain
        return made.careful


class _Handlers(NamedTuple):
    """Of one method. ``original`` is kept so that its id stays its own."""

    original: Any
    # Reads the request when it has been let in.
    careful: Any
    # Gets it from grpc.aio, which has read it before; none where requests are streams.
    plain: Any


def _authorization(details: Any) -> str | None:
    for key, value in details.invocation_metadata or ():
        if key == "authorization":
            return value if isinstance(value, str) else None
    return None


def _make(handler: Any, message_bytes_max: int) -> _Handlers:
    decode = partial(_decode, handler.request_deserializer, message_bytes_max)
    streams, serialize = handler.response_streaming, handler.response_serializer
    careful: Any = grpc.stream_unary_rpc_method_handler
    plain: Any = grpc.unary_unary_rpc_method_handler
    if streams:
        careful, plain = grpc.stream_stream_rpc_method_handler, grpc.unary_stream_rpc_method_handler
    if handler.request_streaming:
        inner = handler.stream_stream if streams else handler.stream_unary
        return _Handlers(handler, careful(partial(_read_all, decode, inner), None, serialize), None)
    inner = handler.unary_stream if streams else handler.unary_unary
    if streams and inspect.iscoroutinefunction(inner):
        # It writes to its context, as health's Watch does, and is nobody's with a key.
        return _Handlers(handler, careful(partial(_answer, decode, inner), None, serialize), None)
    around = _open_stream if streams else _answer
    return _Handlers(
        handler,
        careful(partial(around, decode, inner), None, serialize),
        plain(partial(_decode_and_call, decode, inner), None, serialize),
    )


def _decode_and_call(decode: Decode, inner: Behaviour, raw: bytes, context: Context) -> Any:
    return inner(decode(raw), context)


async def _answer(decode: Decode, inner: Behaviour, raw: RawRequests, context: Context) -> Any:
    """One answer, or the answers that the handler writes to its context."""
    return await inner(await _read_one(decode, raw), context)


def _open_stream(
    decode: Decode, inner: Behaviour, raw: RawRequests, context: Context
) -> Awaitable[AsyncIterator[Any]]:
    """The handler's own messages once the request is there: no frame more for each of them."""

    async def opened() -> AsyncIterator[Any]:
        messages: AsyncIterator[Any] = inner(await _read_one(decode, raw), context)
        return messages

    return opened()


def _read_all(decode: Decode, inner: Behaviour, raw: RawRequests, context: Context) -> Any:
    async def requests() -> AsyncGenerator[Any]:
        async for message in raw:
            yield decode(message)

    return inner(requests(), context)


async def _read_one(decode: Decode, raw: RawRequests) -> Any:
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for message in raw:
                return decode(message)
    except TimeoutError:
        raise DeadlineExceeded("The request did not arrive in time.") from None
    raise RequestUndecodable


def _decode(deserialize: Decode, message_bytes_max: int, raw: bytes) -> Any:
    if len(raw) > message_bytes_max:
        raise RequestTooLarge(message_bytes_max)
    try:
        return deserialize(raw)
    except DecodeError:
        raise RequestUndecodable from None
