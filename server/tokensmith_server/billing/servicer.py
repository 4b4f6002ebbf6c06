"""The gRPC edge of billing: the caller's own money and request log, never another's.

Methods that are not here yet answer UNIMPLEMENTED.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import grpc.aio

from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import billing_service_pb2_grpc as billing_grpc
from tokensmith.v1 import image_service_pb2 as image_pb
from tokensmith_server.billing.convert import (
    balance_to_proto,
    estimate_to_proto,
    hold_to_proto,
    request_to_proto,
)
from tokensmith_server.billing.errors import RequestNotFound
from tokensmith_server.billing.estimation import Estimator, estimate
from tokensmith_server.billing.list_convert import (
    before_of,
    entry_filter,
    entry_to_proto,
    hold_filter,
    key_to_proto,
    page_size_of,
    page_token,
    request_filter,
)
from tokensmith_server.billing.listing import LogStore
from tokensmith_server.billing.pricing import PriceLine, price_lines
from tokensmith_server.billing.rates import Rate, TokenRate
from tokensmith_server.billing.store import AccountStore, RequestRecord, RequestStore
from tokensmith_server.errors import InvalidField, MethodUnimplemented, RateLimited
from tokensmith_server.ids import may_be_id
from tokensmith_server.rate_limits import RateLimiter
from tokensmith_server.rpc.call import RPCCall, current_call, current_caller

# Ids on sale are shorter; what a client writes there instead may be anything.
_MODEL_LENGTH_LOGGED = 100


class BillingStore(RequestStore, LogStore, AccountStore, Protocol):
    """What billing reads."""


@dataclass(frozen=True, slots=True)
class BillingParts:
    """What the servicer is built from.

    ``read_rate`` reads the rate that a hold recorded: the price of then, whatever the list says
    now. ``model_id`` is what a name stands for, which a call is recorded under: itself, if it is no
    alias. ``estimators`` has one for each kind of params of ``EstimateRequest``, by its name there.
    """

    store: BillingStore
    read_rate: Callable[[str], Rate]
    model_id: Callable[[str], str]
    estimators: Mapping[str, Estimator[Any]]
    catalog_version: str
    rate_limiter: RateLimiter


class BillingServicer(billing_grpc.BillingServiceServicer):
    """BillingService of the contract."""

    def __init__(self, parts: BillingParts) -> None:
        self._parts = parts

    async def GetBalance(  # noqa: N802
        self,
        request: billing_pb.GetBalanceRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> billing_pb.GetBalanceResponse:
        """See the contract."""
        balance = await self._parts.store.get_balance(current_caller().account_id)
        current_call().balance_microcredits = balance.available_microcredits
        return billing_pb.GetBalanceResponse(balance=balance_to_proto(balance))

    async def GetRequest(  # noqa: N802
        self,
        request: billing_pb.GetRequestRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> billing_pb.GetRequestResponse:
        """See the contract."""
        if not may_be_id(request.id):
            raise RequestNotFound(request.id)
        record = await self._parts.store.get_request(current_caller().account_id, request.id)
        return billing_pb.GetRequestResponse(
            request=request_to_proto(record, self._price_lines(record))
        )

    async def ListRequests(  # noqa: N802
        self,
        request: billing_pb.ListRequestsRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> billing_pb.ListRequestsResponse:
        """See the contract."""
        page = await self._parts.store.page_requests(
            current_caller().account_id,
            request_filter(request, self._parts.model_id),
            limit=page_size_of(request),
            before=before_of("requests", request.page_token),
        )
        return billing_pb.ListRequestsResponse(
            requests=[request_to_proto(record, self._price_lines(record)) for record in page.items],
            next_page_token=page_token("requests", page),
        )

    async def ListHolds(  # noqa: N802
        self,
        request: billing_pb.ListHoldsRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> billing_pb.ListHoldsResponse:
        """See the contract."""
        page = await self._parts.store.page_requests(
            current_caller().account_id,
            hold_filter(request),
            limit=page_size_of(request),
            before=before_of("holds", request.page_token),
        )
        return billing_pb.ListHoldsResponse(
            holds=[hold_to_proto(record) for record in page.items],
            next_page_token=page_token("holds", page),
        )

    async def ListEntries(  # noqa: N802
        self,
        request: billing_pb.ListEntriesRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> billing_pb.ListEntriesResponse:
        """See the contract."""
        page = await self._parts.store.page_entries(
            current_caller().account_id,
            entry_filter(request),
            limit=page_size_of(request),
            before=before_of("entries", request.page_token),
        )
        return billing_pb.ListEntriesResponse(
            entries=[entry_to_proto(record) for record in page.items],
            next_page_token=page_token("entries", page),
        )

    async def GetCurrentKey(  # noqa: N802
        self,
        request: billing_pb.GetCurrentKeyRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> billing_pb.GetCurrentKeyResponse:
        """See the contract."""
        caller = current_caller()
        key = await self._parts.store.get_key(caller.account_id, caller.key_id)
        return billing_pb.GetCurrentKeyResponse(
            key=key_to_proto(key),
            account_id=caller.account_id,
            account_display_name=caller.account_name,
        )

    async def Estimate(  # noqa: N802
        self,
        request: billing_pb.EstimateRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> billing_pb.EstimateResponse:
        """See the contract. Counts as a request towards the key's limits, and as no tokens."""
        call, caller, parts = current_call(), current_caller(), self._parts
        kind, params = _params(request)
        estimator = parts.estimators.get(kind)
        if estimator is None:
            raise MethodUnimplemented(f"An estimate of {kind}")
        call.model = _model(params)[:_MODEL_LENGTH_LOGGED]
        _admit(call, parts.rate_limiter, caller.key_id)
        priced = estimator.price(params, caller.account_id)
        balance = await parts.store.get_balance(caller.account_id)
        call.balance_microcredits = balance.available_microcredits
        estimated = estimate(priced, balance.available_microcredits)
        response = estimate_to_proto(estimated, parts.catalog_version)
        if kind == "chat":
            response.max_output_tokens = estimated.units
            response.input_tokens = priced.terms.input_token_estimate
        return response

    def _price_lines(self, record: RequestRecord) -> tuple[PriceLine, ...]:
        """How the charge came about; nothing where it is no plain product (free, or capped)."""
        rate = self._parts.read_rate(record.rate_json)
        if record.usage is None or not isinstance(rate, TokenRate):
            return ()
        lines = price_lines(rate, record.usage)
        owed = record.charged_microcredits + record.shortfall_microcredits
        return lines if sum(line.amount_microcredits for line in lines) == owed else ()


def _params(request: billing_pb.EstimateRequest) -> tuple[str, Any]:
    kind: str | None = request.WhichOneof("params")
    if kind is None:
        kinds = [field.name for field in request.DESCRIPTOR.oneofs_by_name["params"].fields]
        raise InvalidField("params", "The call to price is missing.", allowed=", ".join(kinds))
    return kind, getattr(request, kind)


def _model(params: Any) -> str:
    named = params.image if isinstance(params, image_pb.ImageEditParams) else params
    model: str = named.model
    return model


def _admit(call: RPCCall, rate_limiter: RateLimiter, key_id: str) -> None:
    try:
        call.initial_metadata.extend(rate_limiter.admit(key_id, 0))
    except RateLimited as error:
        call.initial_metadata.extend(error.headers)
        raise
