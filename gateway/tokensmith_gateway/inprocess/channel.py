"""The client's way to an `InProcessServer`: `grpc.aio.Channel` without a wire."""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
import grpc.aio

from tokensmith_gateway.inprocess.calls import (
    LOCAL_CANCELLATION_DETAILS,
    InProcessStreamStreamCall,
    InProcessStreamUnaryCall,
    InProcessUnaryStreamCall,
    InProcessUnaryUnaryCall,
    RequestSource,
)
from tokensmith_gateway.inprocess.context import InProcessServicerContext
from tokensmith_gateway.inprocess.metadata import (
    USER_AGENT,
    InvalidMetadataError,
    Metadatum,
    check_metadata,
)
from tokensmith_gateway.inprocess.pipe import MessagePipe
from tokensmith_gateway.inprocess.rpc import DEADLINE_DETAILS, Rpc
from tokensmith_gateway.inprocess.server import InProcessServer

Request = TypeVar("Request")
Response = TypeVar("Response")
MetadataArgument = Iterable[Metadatum] | None

_NO_METADATA = (USER_AGENT,)


class InProcessChannel(grpc.aio.Channel):
    """Carries calls of generated stubs to the servicers of a server in the same process.

    Semantics are those of a network channel: interceptors, metadata, status, deadlines,
    cancellation and back-pressure. Messages are handed over by reference: neither side may
    change one after sending it. Serialisers, compression, call credentials and `wait_for_ready`
    have nothing to act on here and are ignored.

    Args:
        server: Where the calls go; it may be started after the channel is made.
    """

    def __init__(self, server: InProcessServer) -> None:
        self._server = server
        self._closed = False
        self._open_calls: set[Rpc] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Refuses new calls, lets open ones end, then cancels what is left. May be called again.

        Args:
            grace: Seconds that open calls get; None cancels them at once.

        Raises:
            ValueError: If `grace` is negative.
        """
        if grace is not None and grace < 0:
            raise ValueError(f"grace must be non-negative, got {grace}.")
        if self._closed:
            return
        self._closed = True
        self._server.wake_state_waiters()
        if grace and self._open_calls:
            await self._wait_for_open_calls(grace)
        for rpc in tuple(self._open_calls):
            rpc.cancel_locally(LOCAL_CANCELLATION_DETAILS)

    async def _wait_for_open_calls(self, grace_seconds: float) -> None:
        waiters: list[asyncio.Future[None]] = []
        for rpc in self._open_calls:
            waiter = rpc.loop.create_future()
            if rpc.status_waiters is None:
                rpc.status_waiters = []
            rpc.status_waiters.append(waiter)
            waiters.append(waiter)
        await asyncio.wait(waiters, timeout=grace_seconds)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """READY while the server serves, SHUTDOWN once closed, else IDLE or TRANSIENT_FAILURE."""
        if self._closed:
            return grpc.ChannelConnectivity.SHUTDOWN
        if self._server.serving:
            return grpc.ChannelConnectivity.READY
        if self._server.stopped:
            return grpc.ChannelConnectivity.TRANSIENT_FAILURE
        return grpc.ChannelConnectivity.IDLE

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Waits until the state is another than `last_observed_state`."""
        while self.get_state() is last_observed_state:
            await self._server.state_change()

    async def channel_ready(self) -> None:
        """Waits until the server serves.

        Raises:
            grpc.aio.UsageError: If the channel is closed.
        """
        while (state := self.get_state()) is not grpc.ChannelConnectivity.READY:
            if state is grpc.ChannelConnectivity.SHUTDOWN:
                raise grpc.aio.UsageError("Channel is closed.")
            await self._server.state_change()

    def unary_unary(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool | None = False,
    ) -> "UnaryUnary":
        """Returns what a stub calls for a method with one request and one response."""
        return UnaryUnary(self, method)

    def unary_stream(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool | None = False,
    ) -> "UnaryStream":
        """Returns what a stub calls for a method with one request and many responses."""
        return UnaryStream(self, method)

    def stream_unary(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool | None = False,
    ) -> "StreamUnary":
        """Returns what a stub calls for a method with many requests and one response."""
        return StreamUnary(self, method)

    def stream_stream(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool | None = False,
    ) -> "StreamStream":
        """Returns what a stub calls for a method with many requests and many responses."""
        return StreamStream(self, method)

    def begin(
        self,
        method: str,
        request: Any,
        timeout_seconds: float | None,
        metadata: MetadataArgument,
        *,
        streams_requests: bool,
        streams_responses: bool,
    ) -> Rpc:
        """Starts a call.

        Raises:
            grpc.aio.UsageError: If the channel is closed.
            grpc.aio.InternalError: If the metadata is illegal.
        """
        if self._closed:
            raise grpc.aio.UsageError("Channel is closed.")
        try:
            pairs = (USER_AGENT, *check_metadata(metadata)) if metadata else _NO_METADATA
        except InvalidMetadataError as error:
            raise grpc.aio.InternalError(str(error)) from error
        server = self._server
        open_calls = self._open_calls
        rpc = InProcessServicerContext(
            asyncio.get_running_loop(),
            method,
            request,
            pairs,
            server.stream_window_count,
            open_calls,
        )
        if streams_requests:
            rpc.requests = MessagePipe(server.stream_window_count)
        if streams_responses:
            rpc.streams_responses = True
            rpc.responses = MessagePipe(server.stream_window_count)
        if timeout_seconds is not None and timeout_seconds <= 0:
            rpc.terminate(grpc.StatusCode.DEADLINE_EXCEEDED, DEADLINE_DETAILS)
            return rpc
        server.begin_call(rpc)
        if rpc.final_code is None:
            open_calls.add(rpc)
            if timeout_seconds is not None:
                rpc.set_deadline(timeout_seconds)
        return rpc


class _MultiCallable:
    def __init__(self, channel: InProcessChannel, method: str) -> None:
        self._channel = channel
        self._method = method


class UnaryUnary(_MultiCallable, grpc.aio.UnaryUnaryMultiCallable[Any, Any]):
    """Calls one method that takes one request and gives one response."""

    def __call__(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        metadata: MetadataArgument = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> InProcessUnaryUnaryCall[Any, Any]:
        """Starts the call; await the result for the response."""
        return InProcessUnaryUnaryCall(
            self._channel.begin(
                self._method,
                request,
                timeout,
                metadata,
                streams_requests=False,
                streams_responses=False,
            )
        )


class UnaryStream(_MultiCallable, grpc.aio.UnaryStreamMultiCallable[Any, Any]):
    """Calls one method that takes one request and gives many responses."""

    def __call__(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        metadata: MetadataArgument = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> InProcessUnaryStreamCall[Any, Any]:
        """Starts the call; iterate over the result, or `read()` it."""
        return InProcessUnaryStreamCall(
            self._channel.begin(
                self._method,
                request,
                timeout,
                metadata,
                streams_requests=False,
                streams_responses=True,
            )
        )


class StreamUnary(_MultiCallable, grpc.aio.StreamUnaryMultiCallable[Any, Any]):
    """Calls one method that takes many requests and gives one response."""

    def __call__(  # noqa: PLR0917 - the signature is grpc.aio's.
        self,
        request_iterator: RequestSource[Any] | None = None,
        timeout: float | None = None,
        metadata: MetadataArgument = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> InProcessStreamUnaryCall[Any, Any]:
        """Starts the call; give an iterator of requests, or `write()` them."""
        rpc = self._channel.begin(
            self._method,
            None,
            timeout,
            metadata,
            streams_requests=True,
            streams_responses=False,
        )
        return InProcessStreamUnaryCall(rpc, request_iterator)


class StreamStream(_MultiCallable, grpc.aio.StreamStreamMultiCallable[Any, Any]):
    """Calls one method that takes many requests and gives many responses."""

    def __call__(  # noqa: PLR0917 - the signature is grpc.aio's.
        self,
        request_iterator: RequestSource[Any] | None = None,
        timeout: float | None = None,
        metadata: MetadataArgument = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> InProcessStreamStreamCall[Any, Any]:
        """Starts the call; give an iterator of requests or `write()` them, and read responses."""
        rpc = self._channel.begin(
            self._method,
            None,
            timeout,
            metadata,
            streams_requests=True,
            streams_responses=True,
        )
        return InProcessStreamStreamCall(rpc, request_iterator)
