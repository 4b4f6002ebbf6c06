"""``GET /v1/models`` and ``GET /v1/models/{id}``, in Anthropic's shape for its clients."""

from typing import Final

from aiohttp import web

from tokensmith.v1 import model_service_pb2 as model
from tokensmith_bridge.anthropic.models import model_info_to_json, model_page_to_json
from tokensmith_bridge.backend import Backend, call_server
from tokensmith_bridge.call import CALL, Metadata, call_metadata, deadline_seconds
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.openai.errors import MoneyFacts
from tokensmith_bridge.openai.models import model_list_to_json, model_to_json
from tokensmith_bridge.replies import json_reply

_PREFIX: Final = "/v1/models/"


class ModelHandlers:
    """The catalog's endpoints."""

    def __init__(self, backend: Backend, settings: BridgeSettings) -> None:
        self._backend = backend
        self._models = backend.models
        self._settings = settings

    async def list_models(self, request: web.Request) -> web.StreamResponse:
        """Every model on sale."""
        call = request[CALL]
        metadata = call_metadata(request.headers, call.request_id)
        found: list[model.Model] = []
        page_token = ""
        while True:
            rpc = self._models.ListModels(
                model.ListModelsRequest(page_token=page_token),
                metadata=metadata,
                timeout=self._timeout(request),
            )
            page = await call_server(rpc)
            found.extend(page.models)
            page_token = page.next_page_token
            if not page_token:
                break
        if call.speaks_anthropic:
            body = model_page_to_json(found, request.query)
        else:
            body = model_list_to_json(found, page.catalog_version)
        return json_reply(
            call,
            body,
            server_headers=await rpc.initial_metadata(),
            money=await self._money(metadata),
        )

    async def get_model(self, request: web.Request) -> web.StreamResponse:
        """One model. Its id's slashes may be encoded or not."""
        call = request[CALL]
        metadata = call_metadata(request.headers, call.request_id)
        model_id = request.path.removeprefix(_PREFIX)
        call.model = model_id[:256]
        rpc = self._models.GetModel(
            model.GetModelRequest(model_id=model_id),
            metadata=metadata,
            timeout=self._timeout(request),
        )
        found = (await call_server(rpc)).model
        body = model_info_to_json(found) if call.speaks_anthropic else model_to_json(found)
        return json_reply(
            call,
            body,
            server_headers=await rpc.initial_metadata(),
            money=await self._money(metadata),
        )

    async def _money(self, metadata: Metadata) -> MoneyFacts:
        """Today's balance, where the ledger says it."""
        facts = await self._backend.check_key(metadata, seconds=self._settings.key_check_seconds)
        return facts.money

    def _timeout(self, request: web.Request) -> float:
        return deadline_seconds(request.headers, self._settings, stream=False)
