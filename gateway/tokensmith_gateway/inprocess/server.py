"""The registrar of in-process servicers, and their life from start to drain."""

import asyncio
import contextvars
import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import grpc
import grpc.aio

from tokensmith_gateway.inprocess.context import InProcessServicerContext
from tokensmith_gateway.inprocess.serving import HandlerCallDetails, serve

DEFAULT_STREAM_WINDOW: Final = 8
STOPPED_DETAILS: Final = "The in-process server is not serving"
CANCELLED_DETAILS: Final = "Cancelling all calls"

HandlerCall = Callable[
    [grpc.HandlerCallDetails], Awaitable["grpc.RpcMethodHandler[Any, Any] | None"]
]
"""Finds the handler of a call: the interceptors, outermost first, around the look-up."""


class InProcessServer(grpc.aio.Server):
    """A `grpc.aio.Server` without ports; generated `add_…_to_server` functions work on it.

    Handlers must be coroutine functions or async generator functions; there is no thread pool
    for blocking ones. They run in tasks of their own, in copies of the context in which
    `start()` was called, so that context variables pass neither from nor to the caller.

    Args:
        interceptors: Run around every call, the first one outermost. Where all have a true
            attribute `wraps_once`, they are asked once for each method, not for each call.
        stream_window_count: How many messages a stream's writer may be ahead of its reader.
    """

    def __init__(
        self,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        *,
        stream_window_count: int = DEFAULT_STREAM_WINDOW,
    ) -> None:
        if stream_window_count < 1:
            raise ValueError("A stream needs a window of at least one message")
        self.stream_window_count = stream_window_count
        self._registered: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        self._generic: list[grpc.GenericRpcHandler] = []
        self._find_wrapped = self._around_lookup(interceptors)
        # Registered methods as the interceptors have wrapped them, if that is once and for all.
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        self._wraps_once = all(getattr(it, "wraps_once", False) for it in interceptors)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = contextvars.Context()
        self._stopped = False
        self._active: set[InProcessServicerContext] = set()
        self._idle_waiters: list[asyncio.Future[None]] = []
        self._state_waiters: list[asyncio.Future[None]] = []

    def _around_lookup(self, interceptors: Sequence[grpc.aio.ServerInterceptor]) -> HandlerCall:
        """Nests the interceptors once, so that a call only walks through them."""
        find: HandlerCall = self._look_up
        for interceptor in reversed(interceptors):
            find = functools.partial(interceptor.intercept_service, find)
        return find

    async def _look_up(
        self, details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        handler = self._registered.get(details.method)
        if handler is not None:
            return handler
        for generic in self._generic:
            handler = generic.service(details)
            if handler is not None:
                return handler
        return None

    # Registration.

    def add_generic_rpc_handlers(
        self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]
    ) -> None:
        """Registers handlers that are asked, in order, for methods nobody registered by name."""
        self._generic.extend(generic_rpc_handlers)

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: "Mapping[str, grpc.RpcMethodHandler[Any, Any]]"
    ) -> None:
        """Registers the methods of one service by name."""
        for method, handler in method_handlers.items():
            self._registered[f"/{service_name}/{method}"] = handler
        self._wrapped.clear()

    def add_insecure_port(self, address: str) -> int:
        """Refused.

        Raises:
            grpc.aio.UsageError: Always: this server is reached by `InProcessChannel` alone.
        """
        raise grpc.aio.UsageError(f"An in-process server opens no port (asked for {address})")

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        """Refused.

        Raises:
            grpc.aio.UsageError: Always: this server is reached by `InProcessChannel` alone.
        """
        return self.add_insecure_port(address)

    # Life.

    @property
    def serving(self) -> bool:
        """Whether new calls are accepted."""
        return self._loop is not None and not self._stopped

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called; there is no way back."""
        return self._stopped

    async def start(self) -> None:
        """Accepts calls from now on, on the running event loop.

        Raises:
            grpc.aio.UsageError: If the server was stopped before.
        """
        if self._stopped:
            raise grpc.aio.UsageError("Server not in ready state")
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._context = contextvars.copy_context()
            self.wake_state_waiters()

    async def stop(self, grace: float | None) -> None:
        """Refuses new calls with UNAVAILABLE, lets running ones end, then cancels what is left.

        Returns when the last handler has ended. May be called again, and meanwhile: the shortest
        grace wins.

        Args:
            grace: Seconds that running calls get; None cancels them at once.
        """
        if not self._stopped:
            self._stopped = True
            self.wake_state_waiters()
        if grace is not None and self._active:
            await asyncio.wait([self._idle_waiter()], timeout=grace)
        for rpc in tuple(self._active):
            rpc.terminate(grpc.StatusCode.UNAVAILABLE, CANCELLED_DETAILS)
        if self._active:
            await self._idle_waiter()

    async def wait_for_termination(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109
        """Waits until the server is stopped and idle.

        Args:
            timeout: Seconds to wait at most; None waits for as long as it takes.

        Returns:
            True if the time ran out first.
        """
        try:
            async with asyncio.timeout(timeout):
                while not self._stopped:
                    await self.state_change()
                if self._active:
                    await self._idle_waiter()
        except TimeoutError:
            return True
        return False

    def _idle_waiter(self) -> "asyncio.Future[None]":
        waiter = asyncio.get_running_loop().create_future()
        self._idle_waiters.append(waiter)
        return waiter

    # For the channels and the calls.

    def begin_call(self, rpc: InProcessServicerContext) -> None:
        """Starts the handler of a call in a task of its own, or answers UNAVAILABLE.

        Raises:
            RuntimeError: If the caller runs on another event loop than the server.
        """
        if self._loop is None or self._stopped:
            rpc.terminate(grpc.StatusCode.UNAVAILABLE, STOPPED_DETAILS)
            return
        if rpc.loop is not self._loop:
            raise RuntimeError("An in-process channel is used on the event loop of its server")
        self._active.add(rpc)
        rpc.task = self._loop.create_task(serve(rpc, self), context=self._context.copy())

    async def find_handler(
        self, rpc: InProcessServicerContext
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Asks the interceptors, the outermost first, for the handler of a call."""
        method = rpc.method
        handler = self._wrapped.get(method)
        if handler is None:
            handler = await self._find_wrapped(HandlerCallDetails(method, rpc.metadata))
            if self._wraps_once and handler is not None and method in self._registered:
                self._wrapped[method] = handler
        return handler

    def call_ended(self, rpc: InProcessServicerContext) -> None:
        """Notes that a handler's task has nothing left to do."""
        self._active.discard(rpc)
        if self._idle_waiters and not self._active:
            _wake_all(self._idle_waiters)

    async def state_change(self) -> None:
        """Waits until the server starts or stops, or one of its channels closes."""
        waiter = asyncio.get_running_loop().create_future()
        self._state_waiters.append(waiter)
        await waiter

    def wake_state_waiters(self) -> None:
        """Tells all who wait for a change of state to look again."""
        _wake_all(self._state_waiters)


def _wake_all(waiters: "list[asyncio.Future[None]]") -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
    waiters.clear()
