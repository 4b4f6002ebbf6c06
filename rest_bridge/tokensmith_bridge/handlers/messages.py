"""``POST /v1/messages``, whole or streamed, and ``POST /v1/messages/count_tokens``."""

import functools
from typing import Any

from aiohttp import web

from tokensmith.v1 import billing_service_pb2 as billing
from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.anthropic.errors import in_anthropics_terms
from tokensmith_bridge.anthropic.request import (
    count_request_from_json,
    fill_input,
    fill_params,
    messages_request_from_json,
)
from tokensmith_bridge.anthropic.response import (
    AnswerShown,
    answer_shown,
    message_to_json,
    token_count_to_json,
)
from tokensmith_bridge.anthropic.stream import PING, MessageStreamEncoder
from tokensmith_bridge.backend import Backend, call_server
from tokensmith_bridge.call import (
    CALL,
    Call,
    call_metadata,
    deadline_seconds,
    idempotency_key,
)
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.digest import request_digest
from tokensmith_bridge.model_facts import ModelFactsReader
from tokensmith_bridge.openai.errors import Refusal
from tokensmith_bridge.reading import BodyReader
from tokensmith_bridge.relay import money_of, relay_stream
from tokensmith_bridge.replies import json_reply


class MessagesHandlers:
    """Anthropic's endpoints."""

    def __init__(self, backend: Backend, settings: BridgeSettings, bodies: BodyReader) -> None:
        self._chat = backend.chat
        self._billing = backend.billing
        self._facts = ModelFactsReader(backend)
        self._settings = settings
        self._bodies = bodies

    async def create_message(self, request: web.Request) -> web.StreamResponse:
        """Answer a conversation."""
        call = request[CALL]
        metadata = call_metadata(request.headers, call.request_id)
        body = await self._bodies.read_json(request, metadata)
        asked = messages_request_from_json(body)
        call.model = asked.model
        call.stream = bool(asked.stream)
        message: chat.CreateChatCompletionRequest | chat.StreamChatCompletionRequest
        if call.stream:
            message, method = chat.StreamChatCompletionRequest(), self._chat.StreamChatCompletion
        else:
            message, method = chat.CreateChatCompletionRequest(), self._chat.CreateChatCompletion
        seconds = deadline_seconds(request.headers, self._settings, stream=call.stream)
        facts = await self._facts.read(asked.model, metadata, seconds=seconds)
        origins = fill_params(message.params, asked, facts)
        message.request_id = idempotency_key(request.headers)
        message.request_digest = request_digest(request, body)
        rpc = method(message, metadata=metadata, timeout=seconds)
        shown = answer_shown(asked)
        try:
            if not call.stream:
                return await _complete(call, rpc, shown)
            return await relay_stream(
                request,
                call,
                rpc,
                functools.partial(MessageStreamEncoder, shown=shown),
                heartbeat_seconds=self._settings.heartbeat_seconds,
                beat=PING,
            )
        except Refusal as refusal:
            raise in_anthropics_terms(refusal, origins) from None

    async def count_tokens(self, request: web.Request) -> web.StreamResponse:
        """Estimate the input of a message, free of charge."""
        call = request[CALL]
        metadata = call_metadata(request.headers, call.request_id)
        asked = count_request_from_json(await self._bodies.read_json(request, metadata))
        call.model = asked.model
        seconds = deadline_seconds(request.headers, self._settings, stream=False)
        facts = await self._facts.read(asked.model, metadata, seconds=seconds)
        message = billing.EstimateRequest()
        origins = fill_input(message.chat, asked, facts)
        rpc = self._billing.Estimate(message, metadata=metadata, timeout=seconds)
        try:
            estimate = await call_server(rpc)
        except Refusal as refusal:
            raise in_anthropics_terms(refusal, origins) from None
        return json_reply(
            call,
            token_count_to_json(estimate.input_tokens),
            server_headers=await rpc.initial_metadata(),
        )


async def _complete(call: Call, rpc: Any, shown: AnswerShown) -> web.Response:
    response = await call_server(rpc)
    charge = response.charge
    call.charged_microcredits = charge.charged_microcredits
    return json_reply(
        call,
        message_to_json(response, shown),
        server_headers=await rpc.initial_metadata(),
        money=money_of(charge),
        replayed=charge.replayed,
    )
