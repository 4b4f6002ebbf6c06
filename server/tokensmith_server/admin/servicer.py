"""The gRPC edge of the operator's service. Who may call it is decided before."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc.aio

from tokensmith.v1 import admin_service_pb2 as admin_pb
from tokensmith.v1 import admin_service_pb2_grpc as admin_grpc
from tokensmith_server.admin.convert import inspected_to_proto, route_to_proto
from tokensmith_server.billing.convert import request_to_proto
from tokensmith_server.billing.errors import RequestNotFound
from tokensmith_server.billing.house_cost import house_cost
from tokensmith_server.billing.rates import Rate
from tokensmith_server.billing.store import RequestStore
from tokensmith_server.clock import Clock
from tokensmith_server.errors import InvalidField
from tokensmith_server.ids import may_be_id
from tokensmith_server.routing.router import Router

_PAGE_SIZE = 50
_PAGE_SIZE_MAX = 200


@dataclass(frozen=True, slots=True)
class AdminParts:
    """What the operator's service looks at.

    ``models`` are the ids of the models that the router knows, ``read_rate`` reads the rate that a
    hold recorded, and ``process`` is this process's name in the ledger.
    """

    router: Router
    models: Sequence[str]
    requests: RequestStore
    read_rate: Callable[[str], Rate]
    clock: Clock
    process: str


class AdminServicer(admin_grpc.AdminServiceServicer):
    """AdminService of the contract."""

    def __init__(self, parts: AdminParts) -> None:
        self._parts = parts
        self._uses = _uses(parts.router, parts.models)

    async def ListRoutes(  # noqa: N802
        self,
        request: admin_pb.ListRoutesRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> admin_pb.ListRoutesResponse:
        """See the contract."""
        if request.page_size < 0:
            raise InvalidField("page_size", "`page_size` must not be negative.")
        after = _name_of(request.page_token)
        size = min(request.page_size or _PAGE_SIZE, _PAGE_SIZE_MAX)
        states = sorted(self._parts.router.states, key=lambda state: state.route.name)
        left = [state for state in states if state.route.name > after]
        now = self._parts.clock.monotonic()
        return admin_pb.ListRoutesResponse(
            routes=[
                route_to_proto(state, self._uses[state.route.name], now) for state in left[:size]
            ],
            next_page_token=_token_of(left[size - 1].route.name) if len(left) > size else "",
            process=self._parts.process,
        )

    async def InspectRequest(  # noqa: N802
        self,
        request: admin_pb.InspectRequestRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> admin_pb.InspectRequestResponse:
        """See the contract."""
        if not (may_be_id(request.account_id) and may_be_id(request.id)):
            raise RequestNotFound(request.id)
        record = await self._parts.requests.get_request(request.account_id, request.id)
        rate = self._parts.read_rate(record.rate_json)
        return admin_pb.InspectRequestResponse(
            request=request_to_proto(record),
            attempts=[
                inspected_to_proto(attempt, house_cost(record, attempt, rate))
                for attempt in record.attempts
            ],
        )


def _uses(router: Router, models: Sequence[str]) -> Mapping[str, list[admin_pb.RouteUse]]:
    uses: defaultdict[str, list[admin_pb.RouteUse]] = defaultdict(list)
    for model in models:
        for number, group in enumerate(router.groups(model), 1):
            for state, weight in group:
                use = admin_pb.RouteUse(model=model, group_number=number, weight=weight)
                uses[state.route.name].append(use)
    return uses


def _token_of(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _name_of(token: str) -> str:
    try:
        return base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise InvalidField("page_token", "`page_token` is not one of ours.") from error
