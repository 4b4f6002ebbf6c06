"""What every RPC passes on its way in and out, outermost first.

request id → log → metrics → errors → load shedding → authentication → deadline. Each layer says
which others must be around it, and ``build_layers`` asserts the order.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import grpc
import grpc.aio
import structlog

from tokensmith_server import metrics
from tokensmith_server.clock import Clock
from tokensmith_server.errors import DeadlineExceeded, MethodUnimplemented, Overloaded, ShuttingDown
from tokensmith_server.ids import Ids
from tokensmith_server.rpc.auth import Authenticator
from tokensmith_server.rpc.call import RPCCall, begin_call, current_call
from tokensmith_server.rpc.errors import WireError, is_expected, wire_error
from tokensmith_server.rpc.layer import Behaviour, Context, Layer

_log = structlog.get_logger("tokensmith.rpc")

# Served without a key: whether the process is up, and, in development, what it offers.
PUBLIC_PREFIXES = ("/grpc.health.v1.", "/grpc.reflection.")


class RequestIdLayer(Layer):
    """Gives each call its id and its record, and sends the response headers."""

    def __init__(self, ids: Ids) -> None:
        super().__init__()
        self._ids = ids

    def _begin(self, method: str, context: Context) -> RPCCall:
        metadata = dict(context.invocation_metadata() or ())
        offered = metadata.get("x-request-id")
        request_id = offered if _is_request_id(offered) else self._ids.new("req_")
        call = RPCCall(method, str(request_id), metadata)
        call.initial_metadata.append(("x-request-id", call.request_id))
        begin_call(call)
        return call

    async def unary(self, method: str, inner: Behaviour, request: Any, context: Context) -> Any:
        """Send the headers with the answer."""
        call = self._begin(method, context)
        answer = await inner(request, context)
        await call.send_initial_metadata(context)
        return answer

    async def stream(
        self, method: str, inner: Behaviour, request: Any, context: Context
    ) -> AsyncIterator[Any]:
        """Send the headers before the first message."""
        call = self._begin(method, context)
        async for message in inner(request, context):
            await call.send_initial_metadata(context)
            yield message


def _is_request_id(offered: object) -> bool:
    """Whether an id from outside may stand in logs and headers as it is."""
    return (
        isinstance(offered, str)
        and 0 < len(offered) <= 128
        and offered.isascii()
        and offered.replace("-", "").replace("_", "").isalnum()
    )


class LogLayer(Layer):
    """One line per call: who, what, how it ended, how long it took, what it cost. No contents."""

    inside_of = (RequestIdLayer,)

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def _write(self, method: str, started: float, code: str) -> None:
        call = current_call()
        if method.startswith(PUBLIC_PREFIXES):
            return
        _log.info(
            "rpc",
            method=method,
            code=code,
            request_id=call.request_id,
            account=call.caller.account_id if call.caller else None,
            key=call.caller.key_id if call.caller else None,
            model=call.model or None,
            reason=call.reason or None,
            charged_microcredits=call.charged_microcredits,
            seconds=round(self._clock.monotonic() - started, 6),
        )

    async def unary(self, method: str, inner: Behaviour, request: Any, context: Context) -> Any:
        """Log when the answer or the failure is there."""
        started = self._clock.monotonic()
        code = "OK"
        try:
            return await inner(request, context)
        except BaseException as error:
            code = _code_of(error, context)
            raise
        finally:
            self._write(method, started, code)

    async def stream(
        self, method: str, inner: Behaviour, request: Any, context: Context
    ) -> AsyncIterator[Any]:
        """Log when the stream is over."""
        started = self._clock.monotonic()
        code = "OK"
        try:
            async for message in inner(request, context):
                yield message
        except BaseException as error:
            code = _code_of(error, context)
            raise
        finally:
            self._write(method, started, code)


class MetricsLayer(Layer):
    """Counts and times every call; outside of authentication, so that refusals count too."""

    inside_of = (RequestIdLayer,)

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def _count(self, method: str, started: float, code: str) -> None:
        metrics.RPCS_RUNNING.dec()
        metrics.RPCS.labels(method, code).inc()
        metrics.RPC_SECONDS.labels(method).observe(self._clock.monotonic() - started)

    async def unary(self, method: str, inner: Behaviour, request: Any, context: Context) -> Any:
        """Count when the answer or the failure is there."""
        started = self._clock.monotonic()
        metrics.RPCS_RUNNING.inc()
        code = "OK"
        try:
            return await inner(request, context)
        except BaseException as error:
            code = _code_of(error, context)
            raise
        finally:
            self._count(method, started, code)

    async def stream(
        self, method: str, inner: Behaviour, request: Any, context: Context
    ) -> AsyncIterator[Any]:
        """Count when the stream is over."""
        started = self._clock.monotonic()
        metrics.RPCS_RUNNING.inc()
        code = "OK"
        try:
            async for message in inner(request, context):
                yield message
        except BaseException as error:
            code = _code_of(error, context)
            raise
        finally:
            self._count(method, started, code)


def _code_of(error: BaseException, context: Context) -> str:
    """The status that a failed call ends with."""
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "CANCELLED"
    code = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else "UNKNOWN"


class ErrorLayer(Layer):
    """Turns what was raised into a status with a reason, authentication's refusals included."""

    inside_of = (LogLayer, MetricsLayer)

    async def unary(self, method: str, inner: Behaviour, request: Any, context: Context) -> Any:
        """Answer, or abort with the error's row."""
        try:
            return await inner(request, context)
        except grpc.aio.AbortError:
            raise
        except asyncio.CancelledError as error:
            _raise_if_cancelled_from_outside(error)
            await _abort(context, error)
        except Exception as error:
            await _abort(context, error)

    async def stream(
        self, method: str, inner: Behaviour, request: Any, context: Context
    ) -> AsyncIterator[Any]:
        """Stream, or end the stream with the error's row."""
        try:
            async for message in inner(request, context):
                yield message
        except grpc.aio.AbortError:
            raise
        except asyncio.CancelledError as error:
            _raise_if_cancelled_from_outside(error)
            await _abort(context, error)
        except Exception as error:
            await _abort(context, error)


def _raise_if_cancelled_from_outside(error: asyncio.CancelledError) -> None:
    """Let a cancellation of the call through; one that leaked from inside is a defect.

    A handler that lets such a one escape would answer nothing at all, and its client would hang.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise error


async def _abort(context: Context, error: BaseException) -> NoReturn:
    call = current_call()
    if isinstance(error, NotImplementedError):
        # What a generated servicer raises for a method that nobody has written.
        error = MethodUnimplemented(call.method)
    wire = wire_error(error) if isinstance(error, Exception) else wire_error(RuntimeError())
    call.reason = wire.reason
    if not (isinstance(error, Exception) and is_expected(error)):
        _log.error("rpc.defect", method=call.method, request_id=call.request_id, exc_info=error)
    await call.send_initial_metadata(context)
    await context.abort(wire.code, wire.message, _trailing_metadata(wire, call))
    raise AssertionError("abort returned")


def _trailing_metadata(wire: WireError, call: RPCCall) -> tuple[tuple[str, str | bytes], ...]:
    charged = wire.metadata.get("charged_microcredits", str(call.charged_microcredits))
    metadata = {"charged_microcredits": charged, **wire.metadata, "request_id": call.request_id}
    complete = WireError(wire.code, wire.reason, wire.message, metadata, wire.retry_after_seconds)
    trailing: list[tuple[str, str | bytes]] = [
        ("grpc-status-details-bin", complete.details()),
        ("x-request-id", call.request_id),
        ("x-held-microcredits", str(call.held_microcredits)),
        ("x-charged-microcredits", charged),
    ]
    if call.balance_microcredits is not None:
        trailing.append(("x-balance-microcredits", str(call.balance_microcredits)))
    return tuple(trailing)


class LoadLayer(Layer):
    """Refuses at once what this process cannot take, instead of letting it queue."""

    inside_of = (ErrorLayer,)

    def __init__(self, calls_max: int) -> None:
        super().__init__()
        self._calls_max = calls_max
        self._running = 0
        self.closing = False

    def _enter(self, method: str) -> None:
        if method.startswith(PUBLIC_PREFIXES):
            self._running += 1
            return
        if self.closing:
            raise ShuttingDown
        if self._running >= self._calls_max:
            raise Overloaded
        self._running += 1

    async def unary(self, method: str, inner: Behaviour, request: Any, context: Context) -> Any:
        """Hold a place while the call runs."""
        self._enter(method)
        try:
            return await inner(request, context)
        finally:
            self._running -= 1

    async def stream(
        self, method: str, inner: Behaviour, request: Any, context: Context
    ) -> AsyncIterator[Any]:
        """Hold a place while the stream runs."""
        self._enter(method)
        try:
            async for message in inner(request, context):
                yield message
        finally:
            self._running -= 1


class AuthLayer(Layer):
    """Finds out who calls. Everything that is not public needs a key."""

    inside_of = (ErrorLayer, LoadLayer)

    def __init__(self, authenticator: Authenticator) -> None:
        super().__init__()
        self._authenticator = authenticator

    async def _authenticate(self, method: str) -> None:
        if method.startswith(PUBLIC_PREFIXES):
            return
        call = current_call()
        call.caller = await self._authenticator.authenticate(call.text("authorization"))

    async def unary(self, method: str, inner: Behaviour, request: Any, context: Context) -> Any:
        """Authenticate, then answer."""
        await self._authenticate(method)
        return await inner(request, context)

    async def stream(
        self, method: str, inner: Behaviour, request: Any, context: Context
    ) -> AsyncIterator[Any]:
        """Authenticate, then stream."""
        await self._authenticate(method)
        async for message in inner(request, context):
            yield message


class DeadlineLayer(Layer):
    """Gives a unary call without a deadline the default one.

    Streams are bounded by their service, which must settle them.
    """

    inside_of = (AuthLayer,)

    def __init__(self, default_seconds: float) -> None:
        super().__init__()
        self._default_seconds = default_seconds

    async def unary(self, method: str, inner: Behaviour, request: Any, context: Context) -> Any:
        """Answer in time, or refuse."""
        if context.time_remaining() is not None:
            return await inner(request, context)
        try:
            async with asyncio.timeout(self._default_seconds):
                return await inner(request, context)
        except TimeoutError as error:
            raise DeadlineExceeded("The call took too long.") from error


def assert_order(layers: tuple[Layer, ...]) -> None:
    """Check that every layer stands inside of those it names.

    Raises:
        AssertionError: the order is wrong; names both layers.
    """
    seen: list[type[Layer]] = []
    for layer in layers:
        for outer in layer.inside_of:
            if outer not in seen:
                raise AssertionError(f"{type(layer).__name__} must be inside of {outer.__name__}")
        seen.append(type(layer))


def build_layers(
    *,
    clock: Clock,
    ids: Ids,
    authenticator: Authenticator,
    calls_max: int,
    default_deadline_seconds: float,
) -> tuple[Layer, ...]:
    """The layers of one process, outermost first."""
    layers: tuple[Layer, ...] = (
        RequestIdLayer(ids),
        LogLayer(clock),
        MetricsLayer(clock),
        ErrorLayer(),
        LoadLayer(calls_max),
        AuthLayer(authenticator),
        DeadlineLayer(default_deadline_seconds),
    )
    assert_order(layers)
    return layers
