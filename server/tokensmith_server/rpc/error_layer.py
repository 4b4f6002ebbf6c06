"""The layer that turns what was raised into a status with a reason."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import grpc.aio
import structlog

from tokensmith_server.billing.commands import Balance
from tokensmith_server.billing.errors import BillingError, LedgerUnavailable
from tokensmith_server.errors import InvalidAPIKey, MethodUnimplemented, Overloaded, RateLimited
from tokensmith_server.rpc.call import RPCCall
from tokensmith_server.rpc.errors import WireError, is_expected, wire_error
from tokensmith_server.rpc.layer import Context, Layer
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
    asking ``read_balance``. ``suspect_ledger`` hears of each call that the ledger did not answer.
    """

    inside_of = (LogLayer, MetricsLayer)

    def __init__(
        self,
        read_balance: BalanceReader | None = None,
        suspect_ledger: Callable[[], None] = lambda: None,
    ) -> None:
        self._read_balance = read_balance
        self._suspect_ledger = suspect_ledger

    async def failed(self, call: RPCCall, context: Context, error: BaseException) -> BaseException:
        """Abort with the error's row, unless the call ended otherwise already."""
        if isinstance(error, grpc.aio.AbortError) or not _is_failure(error):
            return error
        if isinstance(error, LedgerUnavailable):
            self._suspect_ledger()
        if call.balance_microcredits is None and not isinstance(error, _CHEAP):
            await self._look_up_balance(call)
        return await _abort(call, context, error)

    async def _look_up_balance(self, call: RPCCall) -> None:
        if call.caller is None or self._read_balance is None:
            return
        try:
            async with asyncio.timeout(_BALANCE_SECONDS):
                balance = await self._read_balance(call.caller.account_id)
        except (BillingError, TimeoutError):
            return
        call.balance_microcredits = balance.available_microcredits


def _is_failure(error: BaseException) -> bool:
    """Whether an error is one, and not the call's cancellation from outside.

    A cancellation that leaked from inside is a defect: a handler that lets such a one escape would
    answer nothing at all, and its client would hang.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or not task.cancelling()
    return isinstance(error, Exception)


async def _abort(call: RPCCall, context: Context, error: BaseException) -> NoReturn:
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
