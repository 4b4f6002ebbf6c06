"""``GET /v1/credits`` and ``GET /v1/requests/{id}``."""

from aiohttp import web

from tokensmith.v1 import billing_service_pb2 as billing
from tokensmith_bridge.backend import Backend, call_server
from tokensmith_bridge.call import CALL, call_metadata, deadline_seconds
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.openai.billing import balance_to_json, request_to_json
from tokensmith_bridge.openai.errors import MoneyFacts
from tokensmith_bridge.replies import json_reply


class BillingHandlers:
    """The caller's own money."""

    def __init__(self, backend: Backend, settings: BridgeSettings) -> None:
        self._billing = backend.billing
        self._settings = settings

    async def get_credits(self, request: web.Request) -> web.StreamResponse:
        """The account's money at this moment."""
        call = request[CALL]
        rpc = self._billing.GetBalance(
            billing.GetBalanceRequest(),
            metadata=call_metadata(request.headers, call.request_id),
            timeout=self._timeout(request),
        )
        balance = (await call_server(rpc)).balance
        return json_reply(
            call,
            balance_to_json(balance),
            server_headers=await rpc.initial_metadata(),
            money=MoneyFacts(balance_microcredits=balance.available_microcredits),
        )

    async def get_request(self, request: web.Request) -> web.StreamResponse:
        """The receipt of one call."""
        call = request[CALL]
        rpc = self._billing.GetRequest(
            billing.GetRequestRequest(id=request.match_info["request_id"]),
            metadata=call_metadata(request.headers, call.request_id),
            timeout=self._timeout(request),
        )
        record = (await call_server(rpc)).request
        return json_reply(
            call, request_to_json(record), server_headers=await rpc.initial_metadata()
        )

    def _timeout(self, request: web.Request) -> float:
        return deadline_seconds(
            request.headers,
            default_seconds=self._settings.default_deadline_seconds,
            seconds_max=self._settings.deadline_seconds_max,
            stream=False,
        )
