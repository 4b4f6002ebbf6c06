"""The outer layers, which see every call: its id, its line in the log, its count in the metrics."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import structlog

from tokensmith_server import metrics
from tokensmith_server.clock import Clock
from tokensmith_server.ids import Ids
from tokensmith_server.rpc.call import RPCCall, begin_call, current_call
from tokensmith_server.rpc.layer import PUBLIC_PREFIXES, Behaviour, Context, Layer

_log = structlog.get_logger("tokensmith.rpc")


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
    ) -> AsyncGenerator[Any]:
        """Send the headers before the first message."""
        call = self._begin(method, context)
        async with aclosing(inner(request, context)) as messages:
            async for message in messages:
                if not call.initial_metadata_sent:
                    await call.send_initial_metadata(context)
                yield message
        await call.send_initial_metadata(context)


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
        self._log = _log.bind()

    def _write(self, method: str, started: float, code: str) -> None:
        call = current_call()
        if method.startswith(PUBLIC_PREFIXES):
            return
        self._log.info(
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
            code = _code_of(error)
            raise
        finally:
            self._write(method, started, code)

    async def stream(
        self, method: str, inner: Behaviour, request: Any, context: Context
    ) -> AsyncGenerator[Any]:
        """Log when the stream is over."""
        started = self._clock.monotonic()
        code = "OK"
        try:
            async with aclosing(inner(request, context)) as messages:
                async for message in messages:
                    yield message
        except BaseException as error:
            code = _code_of(error)
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
        metrics.with_labels(metrics.RPCS, method, code).inc()
        seconds = self._clock.monotonic() - started
        metrics.with_labels(metrics.RPC_SECONDS, method).observe(seconds)

    async def unary(self, method: str, inner: Behaviour, request: Any, context: Context) -> Any:
        """Count when the answer or the failure is there."""
        started = self._clock.monotonic()
        metrics.RPCS_RUNNING.inc()
        code = "OK"
        try:
            return await inner(request, context)
        except BaseException as error:
            code = _code_of(error)
            raise
        finally:
            self._count(method, started, code)

    async def stream(
        self, method: str, inner: Behaviour, request: Any, context: Context
    ) -> AsyncGenerator[Any]:
        """Count when the stream is over."""
        started = self._clock.monotonic()
        metrics.RPCS_RUNNING.inc()
        code = "OK"
        try:
            async with aclosing(inner(request, context)) as messages:
                async for message in messages:
                    yield message
        except BaseException as error:
            code = _code_of(error)
            raise
        finally:
            self._count(method, started, code)


def _code_of(error: BaseException) -> str:
    """The status that a failed call ends with."""
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "CANCELLED"
    return current_call().code or "UNKNOWN"
