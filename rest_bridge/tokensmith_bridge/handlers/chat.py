"""``POST /v1/chat/completions``, whole or streamed."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
import grpc.aio
import structlog
from aiohttp import web

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith.v1.usage_pb2 import Charge
from tokensmith_bridge.backend import Backend, call_server
from tokensmith_bridge.call import (
    CALL,
    Call,
    call_metadata,
    deadline_seconds,
    idempotency_key,
)
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.heartbeat import Heartbeat
from tokensmith_bridge.openai.bodies import chat_request_from_json
from tokensmith_bridge.openai.chat_request import fill_params
from tokensmith_bridge.openai.chat_response import chat_completion_to_json
from tokensmith_bridge.openai.chat_stream import ChatStreamEncoder
from tokensmith_bridge.openai.errors import MoneyFacts, Refusal
from tokensmith_bridge.reading import read_json_body
from tokensmith_bridge.replies import EventStream, json_reply, stream_reply
from tokensmith_bridge.server_errors import refusal_from_rpc

_log = structlog.get_logger("tokensmith.bridge")

_CUT_SHORT: Final = "The answer broke off before its end."

Messages = AsyncIterator[chat.StreamChatCompletionResponse]


class ChatHandlers:
    """The chat endpoint."""

    def __init__(self, backend: Backend, settings: BridgeSettings) -> None:
        self._chat = backend.chat
        self._settings = settings

    async def create_completion(self, request: web.Request) -> web.StreamResponse:
        """Complete a chat."""
        settings = self._settings
        call = request[CALL]
        metadata = call_metadata(request.headers, call.request_id)
        body = await read_json_body(
            request, bytes_max=settings.body_bytes_max, seconds_max=settings.body_seconds
        )
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
        seconds = deadline_seconds(
            request.headers,
            default_seconds=settings.default_deadline_seconds,
            seconds_max=settings.deadline_seconds_max,
            stream=call.stream,
        )
        rpc = method(message, metadata=metadata, timeout=seconds)
        if not call.stream:
            return await _complete(call, rpc)
        options = asked.stream_options
        include_usage = bool(options and options.include_usage)
        return await self._stream(request, call, rpc, include_usage=include_usage)

    async def _stream(
        self, request: web.Request, call: Call, rpc: Any, *, include_usage: bool
    ) -> web.StreamResponse:
        """Answer with the stream's head once its first message is there, and then with the rest.

        Until then a failure still is an error with a status of its own.
        """
        try:
            messages = aiter(rpc)
            first = await _first_message(messages)
            response = stream_reply(
                call,
                server_headers=await rpc.initial_metadata(),
                money=_money(first.charge),
                replayed=first.charge.replayed,
            )
            await response.prepare(request)
            call.first_frame_seconds = call.seconds()
            encoder = ChatStreamEncoder(first.start, include_usage=include_usage)
            with Heartbeat(request, response, self._settings.heartbeat_seconds) as heartbeat:
                await _Relay(call, encoder, response, heartbeat).run(first, messages)
        finally:
            # Nothing to cancel when it has ended; else the client has gone.
            rpc.cancel()
        return response


async def _complete(call: Call, rpc: Any) -> web.Response:
    response = await call_server(rpc)
    charge = response.charge
    call.charged_microcredits = charge.charged_microcredits
    return json_reply(
        call,
        chat_completion_to_json(response),
        server_headers=await rpc.initial_metadata(),
        money=_money(charge),
        replayed=charge.replayed,
    )


async def _first_message(messages: Messages) -> chat.StreamChatCompletionResponse:
    try:
        return await anext(messages)
    except grpc.aio.AioRpcError as error:
        raise refusal_from_rpc(error) from None
    except StopAsyncIteration:
        raise Refusal("INTERNAL", "The server ended the stream before it began.") from None


class _Relay:
    """Carries a stream to its client, and in the end says why there is no more."""

    def __init__(
        self, call: Call, encoder: ChatStreamEncoder, response: EventStream, heartbeat: Heartbeat
    ) -> None:
        self._call = call
        self._encoder = encoder
        self._response = response
        self._heartbeat = heartbeat

    async def run(self, first: chat.StreamChatCompletionResponse, messages: Messages) -> None:
        """Write every message's frames at once, until the last one or a failure."""
        try:
            message = first
            while not message.HasField("usage"):
                await self._write(message)
                message = await anext(messages)
            await self._end(message)
        except grpc.aio.AioRpcError as error:
            refusal: Refusal = refusal_from_rpc(error)
        except StopAsyncIteration:
            refusal = Refusal("STREAM_INTERRUPTED", _CUT_SHORT)
        except ConnectionError:
            raise
        except Exception:
            _log.exception("stream failed", request_id=self._call.request_id)
            refusal = Refusal("INTERNAL", "Something went wrong on our side.")
        else:
            # The server has nothing more to say; hear it end, so that nothing is cancelled.
            with contextlib.suppress(grpc.aio.AioRpcError):
                async for _ in messages:
                    pass
            return
        await self._fail(refusal)

    async def _write(self, message: chat.StreamChatCompletionResponse) -> None:
        frames = self._encoder.encode(message)
        self._heartbeat.defer()
        if frames:
            await self._response.write(frames)

    async def _end(self, message: chat.StreamChatCompletionResponse) -> None:
        self._call.charged_microcredits = message.charge.charged_microcredits
        await self._response.write_eof(self._encoder.encode(message))

    async def _fail(self, refusal: Refusal) -> None:
        self._call.reason = refusal.reason
        self._call.charged_microcredits = refusal.money.charged_microcredits
        self._response.force_close()
        await self._response.write_eof(self._encoder.encode_error(refusal, self._call.request_id))


def _money(charge: Charge) -> MoneyFacts:
    return MoneyFacts(
        held_microcredits=charge.held_microcredits,
        charged_microcredits=charge.charged_microcredits,
        balance_microcredits=charge.balance_microcredits,
    )
