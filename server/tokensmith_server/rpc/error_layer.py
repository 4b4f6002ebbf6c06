"""The layer that turns what was raised into a status with a reason."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NoReturn

import grpc.aio
import structlog

from tokensmith_server.billing.commands import Balance
from tokensmith_server.billing.errors import BillingError, LedgerUnavailable
from tokensmith_server.errors import InvalidAPIKey, MethodUnimplemented, Overloaded, RateLimited
from tokensmith_server.rpc.call import RPCCall, current_call
from tokensmith_server.rpc.errors import WireError, is_expected, wire_error
from tokensmith_server.rpc.layer import Behaviour, Context, Layer
from tokensmith_server.rpc.observation import LogLayer, MetricsLayer

_log = structlog.get_logger("tokensmith.rpc")


BalanceReader = Callable[[str], Awaitable[Balance]]
"""Reads an account's money."""

# Refusals that must cost nothing: not even a look at the ledger.
_CHEAP = (InvalidAPIKey, Overloaded, RateLimited, LedgerUnavailable)
_BALANCE_SECONDS = 1.0


class ErrorLayer(Layer):
    """Turns what was raised into a status with a reason, authentication's refusals included.

    An error also says what the caller's balance is: from the call where it got that far, else by
    asking ``read_balance``.
    """

    inside_of = (LogLayer, MetricsLayer)

    def __init__(self, read_balance: BalanceReader | None = None) -> None:
        super().__init__()
        self._read_balance = read_balance

    async def unary(self, method: str, inner: Behaviour, request: Any, context: Context) -> Any:
        """Answer, or abort with the error's row."""
        try:
            return await inner(request, context)
        except grpc.aio.AbortError:
            raise
        except asyncio.CancelledError as error:
            _raise_if_cancelled_from_outside(error)
            await self._abort(context, error)
        except Exception as error:
            await self._abort(context, error)

    async def stream(
        self, method: str, inner: Behaviour, request: Any, context: Context
    ) -> AsyncGenerator[Any]:
        """Stream, or end the stream with the error's row."""
        try:
            async with aclosing(inner(request, context)) as messages:
                async for message in messages:
                    yield message
        except grpc.aio.AbortError:
            raise
        except asyncio.CancelledError as error:
            _raise_if_cancelled_from_outside(error)
            await self._abort(context, error)
        except Exception as error:
            await self._abort(context, error)

    async def _abort(self, context: Context, error: BaseException) -> NoReturn:
        call = current_call()
        if call.balance_microcredits is None and not isinstance(error, _CHEAP):
            await self._look_up_balance(call)
        await _abort(context, error)

    async def _look_up_balance(self, call: RPCCall) -> None:
        if call.caller is None or self._read_balance is None:
            return
        try:
            async with asyncio.timeout(_BALANCE_SECONDS):
                balance = await self._read_balance(call.caller.account_id)
        except (BillingError, TimeoutError):
            return
        call.balance_microcredits = balance.available_microcredits


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
    call.code = wire.code.name
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
