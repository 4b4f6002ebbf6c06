"""Looks at one's own money: credits, key, calls, holds, entries. All of them are GET."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from tokensmith.v1 import billing_service_pb2 as billing
from tokensmith_bridge.backend import Backend, call_server
from tokensmith_bridge.call import CALL, call_metadata, deadline_seconds
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.openai.billing import (
    balance_to_json,
    current_key_to_json,
    entry_list_to_json,
    hold_list_to_json,
    request_list_to_json,
    request_to_json,
)
from tokensmith_bridge.openai.errors import MoneyFacts
from tokensmith_bridge.openai.list_query import entries_query, holds_query, requests_query
from tokensmith_bridge.replies import json_reply


class BillingHandlers:
    """The caller's own money."""

    def __init__(self, backend: Backend, settings: BridgeSettings) -> None:
        self._backend = backend
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
        message = billing.GetRequestRequest(id=request.match_info["request_id"])
        return await self._look(
            request,
            self._billing.GetRequest,
            message,
            lambda found: request_to_json(found.request),
        )

    async def list_requests(self, request: web.Request) -> web.StreamResponse:
        """The receipts of the account's calls, page by page."""
        message = requests_query(request.query.items())
        return await self._look(request, self._billing.ListRequests, message, request_list_to_json)

    async def list_holds(self, request: web.Request) -> web.StreamResponse:
        """The account's holds, page by page."""
        message = holds_query(request.query.items())
        return await self._look(request, self._billing.ListHolds, message, hold_list_to_json)

    async def list_entries(self, request: web.Request) -> web.StreamResponse:
        """The account's entries, page by page."""
        message = entries_query(request.query.items())
        return await self._look(request, self._billing.ListEntries, message, entry_list_to_json)

    async def get_key(self, request: web.Request) -> web.StreamResponse:
        """The key that the request is made with."""
        message = billing.GetCurrentKeyRequest()
        return await self._look(request, self._billing.GetCurrentKey, message, current_key_to_json)

    async def _look(
        self,
        request: web.Request,
        method: Any,
        message: Any,
        render: Callable[[Any], bytes],
    ) -> web.StreamResponse:
        """Ask the server and render what it says, with today's balance in the headers."""
        call = request[CALL]
        metadata = call_metadata(request.headers, call.request_id)
        rpc = method(message, metadata=metadata, timeout=self._timeout(request))
        found = await call_server(rpc)
        return json_reply(
            call,
            render(found),
            server_headers=await rpc.initial_metadata(),
            money=(
                await self._backend.check_key(metadata, seconds=self._settings.key_check_seconds)
            ).money,
        )

    def _timeout(self, request: web.Request) -> float:
        return deadline_seconds(request.headers, self._settings, stream=False)
