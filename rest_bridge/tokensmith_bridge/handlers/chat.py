"""``POST /v1/chat/completions``, whole or streamed."""

import functools
from typing import Any

from aiohttp import web

from tokensmith.v1 import chat_service_pb2 as chat
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
from tokensmith_bridge.openai.bodies import chat_request_from_json
from tokensmith_bridge.openai.chat_request import fill_params
from tokensmith_bridge.openai.chat_response import chat_completion_to_json
from tokensmith_bridge.openai.chat_stream import ChatStreamEncoder
from tokensmith_bridge.reading import BodyReader
from tokensmith_bridge.relay import money_of, relay_stream
from tokensmith_bridge.replies import json_reply


class ChatHandlers:
    """The chat endpoint."""

    def __init__(self, backend: Backend, settings: BridgeSettings, bodies: BodyReader) -> None:
        self._chat = backend.chat
        self._settings = settings
        self._bodies = bodies

    async def create_completion(self, request: web.Request) -> web.StreamResponse:
        """Complete a chat."""
        settings = self._settings
        call = request[CALL]
        metadata = call_metadata(request.headers, call.request_id)
        body = await self._bodies.read_json(request, metadata)
        asked = chat_request_from_json(body)
        call.model = asked.model
        call.stream = bool(asked.stream)
        message: chat.CreateChatCompletionRequest | chat.StreamChatCompletionRequest
        if call.stream:
            message, method = chat.StreamChatCompletionRequest(), self._chat.StreamChatCompletion
        else:
            message, method = chat.CreateChatCompletionRequest(), self._chat.CreateChatCompletion
        fill_params(message.params, asked)
        message.request_id = idempotency_key(request.headers)
        message.request_digest = request_digest(request, body)
        seconds = deadline_seconds(request.headers, settings, stream=call.stream)
        rpc = method(message, metadata=metadata, timeout=seconds)
        if not call.stream:
            return await _complete(call, rpc)
        options = asked.stream_options
        make_encoder = functools.partial(
            ChatStreamEncoder, include_usage=bool(options and options.include_usage)
        )
        return await relay_stream(
            request, call, rpc, make_encoder, heartbeat_seconds=settings.heartbeat_seconds
        )


async def _complete(call: Call, rpc: Any) -> web.Response:
    response = await call_server(rpc)
    charge = response.charge
    call.charged_microcredits = charge.charged_microcredits
    return json_reply(
        call,
        chat_completion_to_json(response),
        server_headers=await rpc.initial_metadata(),
        money=money_of(charge),
        replayed=charge.replayed,
    )
