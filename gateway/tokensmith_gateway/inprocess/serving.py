"""Runs one handler, from the interceptors to the status, in a task of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Final, NoReturn, Protocol

import grpc
import grpc.aio
import structlog

from tokensmith_gateway.inprocess.context import InProcessServicerContext

ESCAPED_CANCELLATION_DETAILS: Final = "The handler was cancelled from within"

_logger = structlog.get_logger(__name__)


class HandlerCallDetails(grpc.HandlerCallDetails):
    """What an interceptor is told of a call."""

    __slots__ = ("invocation_metadata", "method")

    def __init__(self, method: str, invocation_metadata: Any) -> None:
        self.method = method
        self.invocation_metadata = invocation_metadata


class Registry(Protocol):
    """The part of the server that a running call needs."""

    async def find_handler(
        self, rpc: InProcessServicerContext
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Asks the interceptors for the handler of a call."""
        ...

    def call_ended(self, rpc: InProcessServicerContext) -> None:
        """Notes that the handler's task has nothing left to do."""


async def serve(rpc: InProcessServicerContext, registry: Registry) -> None:
    """Runs the handler of `rpc`; every outcome becomes a status, none an exception.

    A `CancelledError` that the handler let escape, though nobody cancelled the call, ends it with
    INTERNAL at once. (grpc.aio 1.85 sends nothing then, and the client waits for its deadline.)
    """
    if rpc.final_code is not None:  # Cancelled before its first step: the handler never starts.
        registry.call_ended(rpc)
        return
    rpc.handler_started = True
    try:
        await _call_handler(rpc, await registry.find_handler(rpc))
    except grpc.aio.AbortError as error:
        if error is not rpc.abort_error:
            _fail(rpc, error)
    except asyncio.CancelledError:
        _settle_cancellation(rpc)
    except Exception as error:
        _fail(rpc, error)
    finally:
        # An exception kept here would keep its traceback, hence this frame and the whole call.
        rpc.abort_error = None
        rpc.handler_is_done()
        registry.call_ended(rpc)


async def _call_handler(rpc: InProcessServicerContext, handler: Any) -> None:
    if handler is None:
        rpc.send_status(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        return
    if handler.request_streaming:
        request: Any = _Requests(rpc)
        single, streamed = handler.stream_unary, handler.stream_stream
    else:
        request = await rpc.read()
        if request is grpc.aio.EOF:
            rpc.send_status(grpc.StatusCode.INTERNAL, "The client sent no request")
            return
        single, streamed = handler.unary_unary, handler.unary_stream
    if handler.response_streaming:
        await _send_stream(rpc, streamed(request, rpc))
        _send_final_status(rpc)
        return
    response = await single(request, rpc)
    if rpc.abort_error is not None:
        _halt_suppressed_abort(rpc, rpc.abort_error)
    if rpc.final_code is not None:
        return
    if rpc.chosen_code is None or rpc.chosen_code is grpc.StatusCode.OK:
        if response is None:
            raise TypeError("The handler returned None where a response message is due")
        if rpc.streams_responses:
            rpc.send_response(response)
        else:
            rpc.response = response
    _send_final_status(rpc)


async def _send_stream(
    rpc: InProcessServicerContext, outcome: AsyncIterator[Any] | Awaitable[None]
) -> None:
    """Runs a streaming handler of either kind: an async generator, or a coroutine that writes."""
    if not hasattr(outcome, "__aiter__"):
        await outcome
        return
    try:
        async for message in outcome:
            responses = rpc.responses
            if (
                responses is None
                or len(responses.items) >= responses.window
                or rpc.initial is None
                or rpc.status_sent
                or rpc.final_code is not None
            ):
                await rpc.write(message)
            else:
                responses.put(message)
    finally:
        # The generator may be suspended in its `yield` (we were waiting for room): let its own
        # clean-up run here and now, not whenever the garbage collector comes round.
        close = getattr(outcome, "aclose", None)
        if close is not None:
            await close()


def _send_final_status(rpc: InProcessServicerContext) -> None:
    if rpc.abort_error is not None:
        _halt_suppressed_abort(rpc, rpc.abort_error)
    rpc.send_status(rpc.chosen_code or grpc.StatusCode.OK, rpc.chosen_details)


def _halt_suppressed_abort(rpc: InProcessServicerContext, error: Exception) -> NoReturn:
    _logger.error("rpc_abort_suppressed", method=rpc.method)
    raise error


def _settle_cancellation(rpc: InProcessServicerContext) -> None:
    if rpc.final_code is not None or rpc.status_sent:
        return
    task = asyncio.current_task()
    if task is not None and task.cancelling():  # Somebody cancels all tasks: the loop is closing.
        rpc.send_status(grpc.StatusCode.CANCELLED, "The handler's task was cancelled")
        return
    _logger.error("rpc_handler_cancelled_itself", method=rpc.method)
    rpc.send_status(grpc.StatusCode.INTERNAL, ESCAPED_CANCELLATION_DETAILS)


def _fail(rpc: InProcessServicerContext, error: Exception) -> None:
    """Answers an exception nobody handled as grpc.aio does: UNKNOWN, or the code set before."""
    if rpc.final_code is not None and not rpc.status_sent:
        return  # The client is gone: what its handler stumbled over on the way out is no news.
    _logger.error("rpc_handler_failed", method=rpc.method, exc_info=error)
    if rpc.status_sent:
        return
    code = rpc.chosen_code
    if code is None or code is grpc.StatusCode.OK:
        code = grpc.StatusCode.UNKNOWN
    rpc.send_status(code, f"Unexpected {type(error)}: {error}")


class _Requests:
    """The stream of requests as a handler iterates over it."""

    __slots__ = ("_rpc",)

    def __init__(self, rpc: InProcessServicerContext) -> None:
        self._rpc = rpc

    def __aiter__(self) -> "_Requests":
        return self

    async def __anext__(self) -> Any:
        message = await self._rpc.read()
        if message is grpc.aio.EOF:
            raise StopAsyncIteration
        return message
