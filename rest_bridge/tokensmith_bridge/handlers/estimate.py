"""``POST /v1/estimate``: what a call would cost, without making it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from tokensmith.v1 import billing_service_pb2 as billing
from tokensmith.v1 import model_service_pb2 as model
from tokensmith_bridge.anthropic.errors import in_anthropics_terms
from tokensmith_bridge.anthropic.request import fill_params as fill_messages
from tokensmith_bridge.anthropic.request import messages_request_from_json
from tokensmith_bridge.backend import Backend, call_server
from tokensmith_bridge.call import CALL, Call, Metadata, call_metadata, deadline_seconds
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.handlers.conversations import Conversations
from tokensmith_bridge.handlers.fitting import fit_effort
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
from tokensmith_bridge.openai.responses_reading import input_items, response_request_from_json
from tokensmith_bridge.openai.responses_request import fill_params as fill_response
from tokensmith_bridge.openai.responses_request import in_own_words
from tokensmith_bridge.reading import BodyReader
from tokensmith_bridge.replies import json_reply

_MODEL_LENGTH_LOGGED: Final = 256

Reword = Callable[[Refusal], Refusal]
"""From what is said of the chat that a body became to what is true of the body."""

AsyncReader = Callable[
    [bytes, Metadata, float], Awaitable[tuple[billing.EstimateRequest, Reword | None]]
]


class EstimateHandlers:
    """Prices before the call."""

    def __init__(self, backend: Backend, settings: BridgeSettings, bodies: BodyReader) -> None:
        self._billing = backend.billing
        self._models = backend.models
        self._settings = settings
        self._bodies = bodies
        self._facts = ModelFactsReader(backend)
        self._conversations = Conversations(backend)
        self._readers: Mapping[str, AsyncReader] = {
            **{endpoint: _at_once(read) for endpoint, read in READERS.items()},
            MESSAGES: self._read_messages,
            RESPONSES: self._read_response,
        }

    async def estimate(self, request: web.Request) -> web.StreamResponse:
        """Price the body of another endpoint."""
        call = request[CALL]
        metadata = call_metadata(request.headers, call.request_id)
        body = await self._bodies.read_json(request, metadata)
        outline = outline_from_json(body)
        call.model = (outline.model or "")[:_MODEL_LENGTH_LOGGED]
        seconds = deadline_seconds(request.headers, self._settings, stream=False)
        endpoint = await self._endpoint(outline, call, metadata, seconds)
        read = self._readers.get(reader_name(endpoint))
        if read is None:
            raise self._not_priced(endpoint)
        message, reword = await read(body_of_endpoint(body, outline), metadata, seconds)
        rpc = self._billing.Estimate(message, metadata=metadata, timeout=seconds)
        try:
            estimate = await call_server(rpc)
        except Refusal as refusal:
            raise (reword(refusal) if reword else refusal) from None
        return json_reply(
            call,
            estimate_to_json(estimate, model=outline.model, endpoint=endpoint),
            server_headers=await rpc.initial_metadata(),
            money=MoneyFacts(balance_microcredits=estimate.available_microcredits),
        )

    async def _endpoint(
        self, outline: Outline, call: Call, metadata: Metadata, seconds: float
    ) -> str:
        """Whose body it is: as it says, else by what only one has, else the model's own."""
        if outline.endpoint is not None:
            return outline.endpoint
        if bytes(outline.messages):
            return MESSAGES if call.speaks_anthropic else CHAT
        if bytes(outline.input):
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

    async def _read_messages(
        self, body: bytes, metadata: Metadata, seconds: float
    ) -> tuple[billing.EstimateRequest, Reword]:
        asked = messages_request_from_json(body)
        facts = await self._facts.read(asked.model, metadata, seconds=seconds)
        message = billing.EstimateRequest()
        origins = fill_messages(message.chat, asked, facts)
        return message, lambda refusal: in_anthropics_terms(refusal, origins)

    async def _read_response(
        self, body: bytes, metadata: Metadata, seconds: float
    ) -> tuple[billing.EstimateRequest, Reword]:
        asked = response_request_from_json(body)
        await fit_effort(asked, self._facts, metadata, seconds=seconds)
        _, conversation = await self._conversations.put_together(
            asked, input_items(asked), metadata, seconds=seconds
        )
        message = billing.EstimateRequest()
        places = fill_response(message.chat, asked, conversation)
        return message, lambda refusal: in_own_words(refusal, places)

    def _not_priced(self, endpoint: str) -> Refusal:
        known = ", ".join(self._readers)
        return Refusal(
            "INVALID_ARGUMENT",
            f"There is no price for {endpoint[:200]!r}. 'endpoint' may be one of: {known}.",
            param="endpoint",
        )


def _at_once(read: Reader) -> AsyncReader:
    async def read_at_once(
        body: bytes, _: Metadata, __: float
    ) -> tuple[billing.EstimateRequest, None]:
        return read(body), None

    return read_at_once
