"""The gRPC edge of billing: the caller's own money and request log, never another's.

Methods that are not here yet answer UNIMPLEMENTED.
"""

from typing import Any

import grpc.aio

from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import billing_service_pb2_grpc as billing_grpc
from tokensmith_server.billing.convert import balance_to_proto, request_to_proto
from tokensmith_server.billing.store import RequestStore
from tokensmith_server.rpc.call import current_call, current_caller


class BillingServicer(billing_grpc.BillingServiceServicer):
    """BillingService of the contract."""

    def __init__(self, requests: RequestStore) -> None:
        self._requests = requests

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
        return billing_pb.GetRequestResponse(request=request_to_proto(record))
