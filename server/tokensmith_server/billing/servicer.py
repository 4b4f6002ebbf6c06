"""The gRPC edge of billing: the caller's own money and request log, never another's.

Methods that are not here yet answer UNIMPLEMENTED.
"""

from collections.abc import Callable
from typing import Any

import grpc.aio

from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import billing_service_pb2_grpc as billing_grpc
from tokensmith_server.billing.convert import balance_to_proto, request_to_proto
from tokensmith_server.billing.pricing import PriceLine, price_lines
from tokensmith_server.billing.rates import Rate, TokenRate
from tokensmith_server.billing.store import RequestRecord, RequestStore
from tokensmith_server.rpc.call import current_call, current_caller


class BillingServicer(billing_grpc.BillingServiceServicer):
    """BillingService of the contract."""

    def __init__(self, requests: RequestStore, read_rate: Callable[[str], Rate]) -> None:
        self._requests = requests
        # Reads the rate that a hold recorded: the price of then, whatever the list says now.
        self._read_rate = read_rate

    async def GetBalance(  # noqa: N802
        self,
        request: billing_pb.GetBalanceRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> billing_pb.GetBalanceResponse:
        """See the contract."""
        balance = await self._requests.get_balance(current_caller().account_id)
        current_call().balance_microcredits = balance.available_microcredits
        return billing_pb.GetBalanceResponse(balance=balance_to_proto(balance))

    async def GetRequest(  # noqa: N802
        self,
        request: billing_pb.GetRequestRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> billing_pb.GetRequestResponse:
        """See the contract."""
        record = await self._requests.get_request(current_caller().account_id, request.id)
        return billing_pb.GetRequestResponse(
            request=request_to_proto(record, self._price_lines(record))
        )

    def _price_lines(self, record: RequestRecord) -> tuple[PriceLine, ...]:
        """How the charge came about; nothing where it is no plain product (free, or capped)."""
        rate = self._read_rate(record.rate_json)
        if record.usage is None or not isinstance(rate, TokenRate):
            return ()
        lines = price_lines(rate, record.usage)
        owed = record.charged_microcredits + record.shortfall_microcredits
        return lines if sum(line.amount_microcredits for line in lines) == owed else ()
