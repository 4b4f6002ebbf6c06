"""The client's end of a call: the four shapes of `grpc.aio` call objects."""

import asyncio
import functools
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable
from typing import Any, Final, TypeVar

import grpc
import grpc.aio
import structlog

from tokensmith_gateway.inprocess.metadata import MetadataPairs
from tokensmith_gateway.inprocess.pipe import MessagePipe
from tokensmith_gateway.inprocess.rpc import Rpc

Request = TypeVar("Request")
Response = TypeVar("Response")
RequestSource = AsyncIterable[Request] | Iterable[Request]

LOCAL_CANCELLATION_DETAILS: Final = "Locally cancelled by application!"
DROPPED_DETAILS: Final = "Cancelled upon garbage collection!"
_STYLE_ERROR: Final = "The iterator and read/write APIs may not be mixed on a single RPC."

_logger = structlog.get_logger(__name__)


class _Call:
    """What all four shapes share: status, metadata, cancellation, callbacks."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def cancelled(self) -> bool:
        """Whether the call ended as CANCELLED."""
        return self._rpc.final_code is grpc.StatusCode.CANCELLED

    def done(self) -> bool:
        """Whether the final status has been received."""
        return self._rpc.final_code is not None

    def cancel(self) -> bool:
        """Ends the call and cancels its handler; False if it was over already."""
        return self._rpc.cancel_locally(LOCAL_CANCELLATION_DETAILS)

    def time_remaining(self) -> float | None:
        """Seconds until the deadline, never negative; None without a deadline."""
        return self._rpc.seconds_remaining()

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        """Calls `callback(call)` once the call is over, at once if it is already."""
        rpc = self._rpc
        if rpc.final_code is not None:
            callback(self)
            return
        if rpc.client_callbacks is None:
            rpc.client_callbacks = []
        rpc.client_callbacks.append(functools.partial(callback, self))

    async def initial_metadata(self) -> grpc.aio.Metadata:
        """Waits for the metadata that precedes the first response."""
        rpc = self._rpc
        if rpc.initial is None:
            if rpc.initial_waiters is None:
                rpc.initial_waiters = []
            waiter = rpc.loop.create_future()
            rpc.initial_waiters.append(waiter)
            await waiter
        return _as_metadata(rpc.initial)

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        """Waits for the end of the call and returns the metadata that came with its status."""
        await self._received_status()
        return _as_metadata(self._rpc.final_trailing)

    async def code(self) -> grpc.StatusCode:
        """Waits for the end of the call and returns its status code."""
        return await self._received_status()

    async def details(self) -> str:
        """Waits for the end of the call and returns the text that came with its status."""
        await self._received_status()
        return self._rpc.final_details

    async def debug_error_string(self) -> str | None:
        """Waits for the end of the call and returns what an engineer may want to read of it."""
        await self._received_status()
        return None if self._rpc.locally_cancelled else _debug_string(self._rpc)

    async def _received_status(self) -> grpc.StatusCode:
        rpc = self._rpc
        while rpc.final_code is None:
            if rpc.status_waiters is None:
                rpc.status_waiters = []
            waiter = rpc.loop.create_future()
            rpc.status_waiters.append(waiter)
            await waiter
        return rpc.final_code

    def _raise_for_status(self) -> None:
        rpc = self._rpc
        if rpc.locally_cancelled:
            raise asyncio.CancelledError
        if rpc.final_code is not None and rpc.final_code is not grpc.StatusCode.OK:
            raise grpc.aio.AioRpcError(
                rpc.final_code,
                _as_metadata(rpc.initial),
                _as_metadata(rpc.final_trailing),
                details=rpc.final_details,
                debug_error_string=_debug_string(rpc),
            )

    def __repr__(self) -> str:
        rpc = self._rpc
        state = rpc.final_code.name if rpc.final_code is not None else "in flight"
        return f"<{type(self).__name__} of {rpc.method}: {state} {rpc.final_details!r}>"


class _SingleResponse(_Call):
    """Awaiting the one response."""

    def __await__(self) -> Generator[Any, None, Any]:
        """Waits for the response; cancelling the waiting task cancels the call.

        Raises:
            grpc.aio.AioRpcError: If the call ended with a status other than OK.
            asyncio.CancelledError: If the call was cancelled on this side.
        """
        rpc = self._rpc
        if rpc.final_code is None:
            waiter = rpc.response_waiter
            if waiter is None:
                waiter = rpc.response_waiter = rpc.loop.create_future()
            try:
                yield from waiter
            except asyncio.CancelledError:
                self.cancel()
                raise
        if rpc.final_code is not grpc.StatusCode.OK:
            self._raise_for_status()
        return rpc.response

    async def wait_for_connection(self) -> None:
        """Waits for the end of the call, as grpc.aio's does for a single response.

        Raises:
            grpc.aio.AioRpcError: If the call ended with a status other than OK.
        """
        await self._received_status()
        self._raise_for_status()


class _StreamedResponse(_Call):
    """Reading responses, by iteration or by `read()`; a call that is dropped is cancelled.

    The call is its own iterator: leaving a loop early frees it at once, and the handler with it.
    """

    _iterates: bool | None = None
    _exhausted: bool = False

    def __del__(self) -> None:
        rpc = self._rpc
        if rpc.final_code is None and not rpc.loop.is_closed():
            rpc.cancel_locally(DROPPED_DETAILS)

    def __aiter__(self) -> AsyncIterator[Any]:
        """Iterates over the responses.

        Raises:
            grpc.aio.UsageError: If `read()` was used before.
        """
        self._choose_style(iterates=True)
        return self

    async def __anext__(self) -> Any:
        """Returns the next response.

        Raises:
            StopAsyncIteration: After the last one of a call that ended with OK, or after an error.
            grpc.aio.AioRpcError: If the call ended with another status.
            asyncio.CancelledError: If the call was cancelled on this side.
        """
        rpc = self._rpc
        responses: MessagePipe[Any] = rpc.responses  # type: ignore[assignment]
        if not responses.items:
            if self._exhausted:
                raise StopAsyncIteration
            await self._wait_for_message(responses)
            if not responses.items:
                self._exhausted = True
                self._raise_for_status()
                raise StopAsyncIteration
        return rpc.take_response()

    async def read(self) -> Any:
        """Returns the next response, or `grpc.aio.EOF` at the end of a call that ended with OK.

        Raises:
            grpc.aio.AioRpcError: If the call ended with another status.
            grpc.aio.UsageError: If the call is being iterated over.
            asyncio.CancelledError: If the call was cancelled on this side.
        """
        rpc = self._rpc
        responses: MessagePipe[Any] = rpc.responses  # type: ignore[assignment]
        if rpc.final_code is None:
            self._choose_style(iterates=False)
            if not responses.items:
                await self._wait_for_message(responses)
            if responses.items:
                return rpc.take_response()
        self._raise_for_status()
        return grpc.aio.EOF

    async def wait_for_connection(self) -> None:
        """Waits for the handler's initial metadata, or the end of the call.

        Raises:
            grpc.aio.AioRpcError: If the call has ended with a status other than OK.
        """
        await self.initial_metadata()
        self._raise_for_status()

    async def _wait_for_message(self, responses: MessagePipe[Any]) -> None:
        try:
            await responses.wait_for_message()
        except asyncio.CancelledError:
            self.cancel()
            raise

    def _choose_style(self, *, iterates: bool) -> None:
        if self._iterates is None:
            self._iterates = iterates
        elif self._iterates is not iterates:
            raise grpc.aio.UsageError(_STYLE_ERROR)


class _StreamedRequests(_Call):
    """Writing requests, from an iterator given at the start or by `write()`."""

    _writing_done: bool = False

    def __init__(self, rpc: Rpc, source: "RequestSource[Any] | None") -> None:
        super().__init__(rpc)
        self._has_source = source is not None
        if source is not None and rpc.final_code is None:
            feeder = rpc.loop.create_task(self._feed(source))
            # A source that has stalled would otherwise hold this task long after the call.
            self.add_done_callback(lambda _: feeder.cancel())

    async def write(self, request: Any) -> None:
        """Sends one request; suspends while the handler lags a window of messages behind.

        Raises:
            asyncio.InvalidStateError: If the call is over, or `done_writing` was called.
            grpc.aio.AioRpcError: If the call ends with an error meanwhile.
            grpc.aio.UsageError: If the call was given a request iterator.
        """
        self._refuse_with_iterator()
        await self._write(request)

    async def done_writing(self) -> None:
        """Tells the handler that no request will follow. May be called again.

        Raises:
            grpc.aio.UsageError: If the call was given a request iterator.
        """
        self._refuse_with_iterator()
        self._done_writing()

    def _refuse_with_iterator(self) -> None:
        if self._has_source:
            raise grpc.aio.UsageError(_STYLE_ERROR)

    async def _write(self, request: Any) -> None:
        rpc = self._rpc
        if self.done():
            raise asyncio.InvalidStateError("RPC already finished.")
        if self._writing_done:
            raise asyncio.InvalidStateError('RPC is half closed after calling "done_writing".')
        requests: MessagePipe[Any] = rpc.requests  # type: ignore[assignment]
        if len(requests.items) >= requests.window:
            try:
                await requests.wait_for_room()
            except asyncio.CancelledError:
                self.cancel()
                raise
            if self.done():
                self._raise_for_status()
        if not requests.closed:  # Closed: the handler has ended and reads no more.
            requests.put(request)

    def _done_writing(self) -> None:
        if self._rpc.final_code is None and not self._writing_done:
            self._writing_done = True
            self._rpc.requests.close()  # type: ignore[union-attr]

    async def _feed(self, source: "RequestSource[Any]") -> None:
        """Sends what the caller's iterator yields; its failure cancels the call."""
        try:
            if isinstance(source, AsyncIterable):
                async for request in source:
                    await self._write(request)
            else:
                for request in source:
                    await self._write(request)
            self._done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass  # The call is over; its status says why.
        except asyncio.CancelledError:
            self.cancel()
        except Exception:
            _logger.debug("rpc_request_iterator_failed", method=self._rpc.method, exc_info=True)
            self.cancel()


class InProcessUnaryUnaryCall(_SingleResponse, grpc.aio.UnaryUnaryCall[Request, Response]):
    """One request, one response."""


class InProcessUnaryStreamCall(_StreamedResponse, grpc.aio.UnaryStreamCall[Request, Response]):
    """One request, many responses."""


class InProcessStreamUnaryCall(
    _StreamedRequests, _SingleResponse, grpc.aio.StreamUnaryCall[Request, Response]
):
    """Many requests, one response."""


class InProcessStreamStreamCall(
    _StreamedRequests, _StreamedResponse, grpc.aio.StreamStreamCall[Request, Response]
):
    """Many requests, many responses."""


def _as_metadata(pairs: MetadataPairs | None) -> grpc.aio.Metadata:
    return grpc.aio.Metadata(*pairs) if pairs else grpc.aio.Metadata()


def _debug_string(rpc: Rpc) -> str:
    if rpc.final_code is None or rpc.final_code is grpc.StatusCode.OK:
        return ""
    return f"{rpc.final_code.name}:{rpc.final_details}"
