"""``/v1/responses``: answers that may be kept, and what is done with those that were."""

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio
import structlog
from aiohttp import web

from tokensmith.v1 import billing_service_pb2 as billing
from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith.v1 import response_service_pb2 as kept
from tokensmith_bridge.backend import Backend, call_server
from tokensmith_bridge.call import (
    CALL,
    Call,
    Metadata,
    call_metadata,
    deadline_seconds,
    idempotency_key,
)
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.digest import request_digest
from tokensmith_bridge.handlers.conversations import Conversations
from tokensmith_bridge.handlers.fitting import ask_within_context, fit_effort
from tokensmith_bridge.model_facts import ModelFactsReader
from tokensmith_bridge.openai.errors import BridgeReason, Refusal
from tokensmith_bridge.openai.responses_conversation import PlacedItem
from tokensmith_bridge.openai.responses_items import Item
from tokensmith_bridge.openai.responses_kept import (
    deletion_to_json,
    input_items_page,
    response_to_keep,
)
from tokensmith_bridge.openai.responses_reading import input_items, response_request_from_json
from tokensmith_bridge.openai.responses_request import Places, fill_params, in_own_words
from tokensmith_bridge.openai.responses_response import (
    ResponseShell,
    input_tokens_to_json,
    response_to_json,
    status_of,
)
from tokensmith_bridge.openai.responses_schema import ResponseRequest
from tokensmith_bridge.openai.responses_stream import ResponseStreamEncoder
from tokensmith_bridge.reading import BodyReader
from tokensmith_bridge.relay import money_of, relay_stream
from tokensmith_bridge.replies import json_reply
from tokensmith_bridge.server_errors import refusal_from_rpc

_log = structlog.get_logger("tokensmith.bridge")

# What the contract keeps of one response; a larger one need not travel to be refused.
_KEPT_BYTES_MAX: Final = 3_932_160

_SYNCHRONOUS: Final = (
    "Cannot cancel a synchronous response. Responses are not made in the background here."
)


@dataclass(slots=True)
class _Asked:
    """A request for a response, ready to be sent as a chat."""

    request: ResponseRequest
    # Of its own input, references replaced.
    items: Sequence[Item]
    # Where the chat came from, for what is said of it.
    places: Places
    metadata: Metadata


class ResponsesHandlers:
    """The endpoints of responses."""

    def __init__(self, backend: Backend, settings: BridgeSettings, bodies: BodyReader) -> None:
        self._chat = backend.chat
        self._responses = backend.responses
        self._billing = backend.billing
        self._conversations = Conversations(backend)
        self._facts = ModelFactsReader(backend)
        self._settings = settings
        self._bodies = bodies

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Make a response."""
        settings = self._settings
        call = request[CALL]
        metadata = call_metadata(request.headers, call.request_id)
        body = await self._bodies.read_json(request, metadata)
        asked = response_request_from_json(body)
        call.model = asked.model
        call.stream = bool(asked.stream)
        seconds = deadline_seconds(request.headers, settings, stream=call.stream)
        await fit_effort(asked, self._facts, metadata, seconds=seconds)
        client_key = idempotency_key(request.headers)
        items: Sequence[Item] = input_items(asked)
        missing: Refusal | None = None
        try:
            items, conversation = await self._conversations.put_together(
                asked, items, metadata, seconds=seconds
            )
        except Refusal as refusal:
            if not client_key or refusal.reason != BridgeReason.PREVIOUS_RESPONSE_NOT_FOUND:
                raise
            # A repeat of what was answered while it was there is answered once more.
            missing, conversation = refusal, []
        message_type: Any = chat.CreateChatCompletionRequest
        method = self._chat.CreateChatCompletion
        if call.stream:
            message_type = chat.StreamChatCompletionRequest
            method = self._chat.StreamChatCompletion
        digest = request_digest(request, body)
        until = call.seconds() + seconds

        async def ask(turns: Sequence[PlacedItem]) -> web.StreamResponse:
            message = message_type(request_id=client_key, request_digest=digest)
            if missing is None:
                places = fill_params(message.params, asked, turns)
            else:
                message.repeat_only, places = True, Places((), ())
            ready = _Asked(asked, items, places, metadata)
            rpc = method(message, metadata=metadata, timeout=max(0.0, until - call.seconds()))
            try:
                if call.stream:
                    return await self._stream(request, call, rpc, ready)
                return await self._complete(call, rpc, ready)
            except Refusal as refusal:
                if missing is not None and refusal.reason == "REQUEST_NOT_FOUND":
                    raise missing from None
                raise in_own_words(refusal, places) from None

        return await ask_within_context(asked, conversation, ask)

    async def count_input_tokens(self, request: web.Request) -> web.StreamResponse:
        """Estimate the input of a response, free of charge."""
        call = request[CALL]
        metadata = call_metadata(request.headers, call.request_id)
        body = await self._bodies.read_json(request, metadata)
        asked = response_request_from_json(body)
        call.model = asked.model
        seconds = self._timeout(request)
        await fit_effort(asked, self._facts, metadata, seconds=seconds)
        _, conversation = await self._conversations.put_together(
            asked, input_items(asked), metadata, seconds=seconds
        )

        async def ask(turns: Sequence[PlacedItem]) -> web.StreamResponse:
            message = billing.EstimateRequest()
            places = fill_params(message.chat, asked, turns)
            rpc = self._billing.Estimate(message, metadata=metadata, timeout=seconds)
            try:
                estimate = await call_server(rpc)
            except Refusal as refusal:
                raise in_own_words(refusal, places) from None
            return json_reply(
                call,
                input_tokens_to_json(estimate.input_tokens),
                server_headers=await rpc.initial_metadata(),
            )

        return await ask_within_context(asked, conversation, ask)

    async def _complete(self, call: Call, rpc: Any, asked: _Asked) -> web.Response:
        response = await call_server(rpc)
        charge, completion = response.charge, response.completion
        call.charged_microcredits = charge.charged_microcredits
        shell = ResponseShell(
            asked.request,
            completion_id=completion.id,
            created_seconds=completion.create_time.seconds,
            model=completion.model,
        )
        render = functools.partial(response_to_json, shell, response, now_seconds=int(time.time()))
        body = render()
        reason = completion.choices[0].finish_reason if completion.choices else 0
        if not await self._keep(call, asked, shell, body, status_of(reason)):
            body = render()
        return json_reply(
            call,
            body,
            server_headers=await rpc.initial_metadata(),
            money=money_of(charge),
            replayed=charge.replayed,
        )

    async def _stream(
        self, request: web.Request, call: Call, rpc: Any, asked: _Asked
    ) -> web.StreamResponse:
        shell: ResponseShell
        encoder: ResponseStreamEncoder

        def make_encoder(start: chat.ChatCompletionStart) -> ResponseStreamEncoder:
            nonlocal shell, encoder
            shell = ResponseShell(
                asked.request,
                completion_id=start.id,
                created_seconds=start.create_time.seconds,
                model=start.model,
            )
            encoder = ResponseStreamEncoder(shell)
            return encoder

        async def before_end(last: chat.StreamChatCompletionResponse | Refusal) -> None:
            # Kept before the client is told the end, so that it can go on from it at once.
            if isinstance(last, Refusal):
                document = encoder.fail(in_own_words(last, asked.places), call.request_id)
            else:
                document = encoder.end(last, now_seconds=int(time.time()))
            await self._keep(call, asked, shell, document, encoder.status)

        return await relay_stream(
            request,
            call,
            rpc,
            make_encoder,
            heartbeat_seconds=self._settings.heartbeat_seconds,
            before_end=before_end,
        )

    async def _keep(
        self, call: Call, asked: _Asked, shell: ResponseShell, document: bytes, status: str
    ) -> bool:
        """Keep a response if that was asked for; one that can't be kept says so of itself.

        Returns whether ``document`` tells the truth about it.
        """
        if not shell.stored:
            return True
        try:
            stored = response_to_keep(
                asked.request,
                asked.items,
                response_id=shell.response_id,
                status=status,
                response_json=document,
            )
            size = len(stored.response_json) + len(stored.input_items_json)
            if size > _KEPT_BYTES_MAX:
                reason = "PAYLOAD_TOO_LARGE"
            else:
                await self._responses.SaveResponse(
                    kept.SaveResponseRequest(response=stored),
                    metadata=asked.metadata,
                    timeout=self._settings.response_save_seconds,
                )
                return True
        except grpc.aio.AioRpcError as error:
            reason = refusal_from_rpc(error).reason
        except Exception:
            _log.exception("response not kept", request_id=call.request_id)
            reason = ""
        if reason:
            _log.warning("response not kept", request_id=call.request_id, reason=reason)
        shell.stored = False
        return False

    async def get(self, request: web.Request) -> web.StreamResponse:
        """A response that was kept."""
        if request.query.get("stream", "").lower() in {"true", "1"}:
            raise Refusal(
                "UNSUPPORTED_PARAMETER",
                "'stream' is not served here: a kept response comes whole.",
                param="stream",
            )
        call, stored, headers = await self._find(request)
        return json_reply(call, stored.response_json, server_headers=headers)

    async def list_input_items(self, request: web.Request) -> web.StreamResponse:
        """What a kept response was asked with."""
        call, stored, headers = await self._find(request)
        return json_reply(call, input_items_page(stored, request.query), server_headers=headers)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Delete a response for good."""
        call = request[CALL]
        response_id = request.match_info["response_id"]
        rpc = self._responses.DeleteResponse(
            kept.DeleteResponseRequest(response_id=response_id),
            metadata=call_metadata(request.headers, call.request_id),
            timeout=self._timeout(request),
        )
        await call_server(rpc)
        return json_reply(
            call, deletion_to_json(response_id), server_headers=await rpc.initial_metadata()
        )

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """Refuse, as OpenAI does for a response that was not made in the background."""
        await self._find(request)
        raise Refusal("INVALID_ARGUMENT", _SYNCHRONOUS)

    async def _find(self, request: web.Request) -> tuple[Call, kept.StoredResponse, Any]:
        call = request[CALL]
        rpc = self._responses.GetResponse(
            kept.GetResponseRequest(response_id=request.match_info["response_id"]),
            metadata=call_metadata(request.headers, call.request_id),
            timeout=self._timeout(request),
        )
        stored = (await call_server(rpc)).response
        call.model = stored.model
        return call, stored, await rpc.initial_metadata()

    def _timeout(self, request: web.Request) -> float:
        return deadline_seconds(request.headers, self._settings, stream=False)
