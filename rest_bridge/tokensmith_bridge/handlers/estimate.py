"""``POST /v1/estimate``: what a call would cost, without making it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

from aiohttp import web

from tokensmith.v1 import billing_service_pb2 as billing
from tokensmith.v1 import model_service_pb2 as model
from tokensmith_bridge.anthropic.errors import in_anthropics_terms
from tokensmith_bridge.anthropic.recognition import is_messages_body
from tokensmith_bridge.anthropic.request import fill_params as fill_messages
from tokensmith_bridge.anthropic.request import messages_request_from_json
from tokensmith_bridge.backend import Backend, call_server
from tokensmith_bridge.call import CALL, Call, Metadata, call_metadata, deadline_seconds
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.handlers.conversations import Conversations
from tokensmith_bridge.handlers.fitting import ask_within_context, fit_effort
from tokensmith_bridge.model_facts import ModelFactsReader
from tokensmith_bridge.openai.errors import BridgeReason, MoneyFacts, Refusal
from tokensmith_bridge.openai.estimate import (
    CHAT,
    MESSAGES,
    READERS,
    RESPONSES,
    Outline,
    Reader,
    body_of_endpoint,
    estimate_to_json,
    outline_from_json,
    reader_name,
)
from tokensmith_bridge.openai.responses_conversation import PlacedItem
from tokensmith_bridge.openai.responses_reading import input_items, response_request_from_json
from tokensmith_bridge.openai.responses_request import fill_params as fill_response
from tokensmith_bridge.openai.responses_request import in_own_words
from tokensmith_bridge.reading import BodyReader
from tokensmith_bridge.replies import ServerHeaders, json_reply

_MODEL_LENGTH_LOGGED: Final = 256


class _Priced(NamedTuple):
    estimate: billing.EstimateResponse
    server_headers: ServerHeaders


_Pricer = Callable[[bytes, Metadata, float], Awaitable[_Priced]]


class EstimateHandlers:
    """Prices before the call."""

    def __init__(self, backend: Backend, settings: BridgeSettings, bodies: BodyReader) -> None:
        self._billing = backend.billing
        self._models = backend.models
        self._settings = settings
        self._bodies = bodies
        self._facts = ModelFactsReader(backend)
        self._conversations = Conversations(backend)
        self._pricers: Mapping[str, _Pricer] = {
            **{endpoint: self._pricer(read) for endpoint, read in READERS.items()},
            MESSAGES: self._price_message,
            RESPONSES: self._price_response,
        }

    async def estimate(self, request: web.Request) -> web.StreamResponse:
        """Price the body of another endpoint."""
        call = request[CALL]
        metadata = call_metadata(request.headers, call.request_id)
        body = await self._bodies.read_json(request, metadata)
        outline = outline_from_json(body)
        call.model = (outline.model or "")[:_MODEL_LENGTH_LOGGED]
        seconds = deadline_seconds(request.headers, self._settings, stream=False)
        endpoint = await self._endpoint(body, outline, call, metadata, seconds)
        price = self._pricers.get(reader_name(endpoint))
        if price is None:
            raise self._not_priced(endpoint)
        estimate, server_headers = await price(body_of_endpoint(body, outline), metadata, seconds)
        return json_reply(
            call,
            estimate_to_json(estimate, model=outline.model, endpoint=endpoint),
            server_headers=server_headers,
            money=MoneyFacts(balance_microcredits=estimate.available_microcredits),
        )

    async def _endpoint(
        self, body: bytes, outline: Outline, call: Call, metadata: Metadata, seconds: float
    ) -> str:
        """Whose body it is: as it says, else by what only one has, else the model's own."""
        if outline.endpoint is not None:
            return outline.endpoint
        if bytes(outline.messages):
            return MESSAGES if call.speaks_anthropic or is_messages_body(body) else CHAT
        if bytes(outline.input) or bytes(outline.previous_response_id):
            return RESPONSES
        if not outline.model:
            raise Refusal(
                BridgeReason.MISSING_PARAMETER,
                "Missing required parameter: 'model'.",
                param="model",
            )
        request = model.GetModelRequest(model_id=outline.model)
        rpc = self._models.GetModel(request, metadata=metadata, timeout=seconds)
        endpoint: str = (await call_server(rpc)).model.endpoint
        return endpoint

    def _pricer(self, read: Reader) -> _Pricer:
        async def price(body: bytes, metadata: Metadata, seconds: float) -> _Priced:
            return await self._ask(read(body), metadata, seconds)

        return price

    async def _price_message(self, body: bytes, metadata: Metadata, seconds: float) -> _Priced:
        asked = messages_request_from_json(body)
        facts = await self._facts.read(asked.model, metadata, seconds=seconds)
        message = billing.EstimateRequest()
        origins = fill_messages(message.chat, asked, facts)
        try:
            return await self._ask(message, metadata, seconds)
        except Refusal as refusal:
            raise in_anthropics_terms(refusal, origins) from None

    async def _price_response(self, body: bytes, metadata: Metadata, seconds: float) -> _Priced:
        asked = response_request_from_json(body)
        await fit_effort(asked, self._facts, metadata, seconds=seconds)
        _, conversation = await self._conversations.put_together(
            asked, input_items(asked), metadata, seconds=seconds
        )

        async def ask(turns: Sequence[PlacedItem]) -> _Priced:
            message = billing.EstimateRequest()
            places = fill_response(message.chat, asked, turns)
            try:
                return await self._ask(message, metadata, seconds)
            except Refusal as refusal:
                raise in_own_words(refusal, places) from None

        return await ask_within_context(asked, conversation, ask)

    async def _ask(
        self, message: billing.EstimateRequest, metadata: Metadata, seconds: float
    ) -> _Priced:
        rpc = self._billing.Estimate(message, metadata=metadata, timeout=seconds)
        return _Priced(await call_server(rpc), await rpc.initial_metadata())

    def _not_priced(self, endpoint: str) -> Refusal:
        known = ", ".join(self._pricers)
        return Refusal(
            "INVALID_ARGUMENT",
            f"There is no price for {endpoint[:200]!r}. 'endpoint' may be one of: {known}.",
            param="endpoint",
        )
