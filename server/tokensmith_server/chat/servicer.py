"""The gRPC edge of chat: read the call, ask the service, report the money."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc.aio

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import chat_service_pb2_grpc as chat_grpc
from tokensmith_server.chat.request import ChatRequest
from tokensmith_server.chat.service import ChatService, as_stream
from tokensmith_server.errors import InvalidField
from tokensmith_server.ids import NAME_LENGTH_MAX, may_be_name
from tokensmith_server.rpc.call import RPCCall, current_call, current_caller

# Ids on sale are shorter; what a client writes there instead may be anything.
_MODEL_LENGTH_LOGGED = 100
# Of any hash there is.
_DIGEST_BYTES_MAX = 64


class ChatServicer(chat_grpc.ChatServiceServicer):
    """ChatService of the contract."""

    def __init__(self, service: ChatService, *, total_seconds_max: float) -> None:
        self._service = service
        self._total_seconds_max = total_seconds_max

    async def CreateChatCompletion(  # noqa: N802
        self,
        request: chat_pb.CreateChatCompletionRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> chat_pb.CreateChatCompletionResponse:
        """See the contract."""
        call = current_call()
        chat = self._read(request, context, call)
        try:
            if request.repeat_only:
                return await self._service.repeat(chat)
            return await self._service.complete(chat)
        finally:
            _report(chat, call)

    async def StreamChatCompletion(  # noqa: N802
        self,
        request: chat_pb.StreamChatCompletionRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[chat_pb.StreamChatCompletionResponse]:
        """See the contract."""
        call = current_call()
        chat = self._read(request, context, call)
        try:
            if request.repeat_only:
                yield as_stream(await self._service.repeat(chat))
                return
            # Closed here and now, not when the collector comes by: it settles.
            async with aclosing(self._service.stream(chat)) as messages:
                async for message in messages:
                    if message.HasField("start"):
                        _report(chat, call)
                    yield message
        finally:
            _report(chat, call)

    def _read(
        self,
        request: chat_pb.CreateChatCompletionRequest | chat_pb.StreamChatCompletionRequest,
        context: Any,
        call: RPCCall,
    ) -> ChatRequest:
        if request.request_id and not may_be_name(request.request_id):
            raise InvalidField(
                "request_id",
                "The idempotency key is too long, or has characters that it cannot have.",
                allowed=f"at most {NAME_LENGTH_MAX} printable ASCII characters",
            )
        if len(request.request_digest) > _DIGEST_BYTES_MAX:
            raise InvalidField(
                "request_digest",
                "The request's digest is too long.",
                allowed=f"at most {_DIGEST_BYTES_MAX} bytes",
            )
        call.model = request.params.model[:_MODEL_LENGTH_LOGGED]
        # The type stubs do not know that it is None for a call without a deadline.
        remaining: float | None = context.time_remaining()
        if remaining is None:
            remaining = call.time_limit_seconds
        return ChatRequest(
            caller=current_caller(),
            request_id=call.request_id,
            params=request.params,
            remaining_seconds=min(
                remaining if remaining is not None else self._total_seconds_max,
                self._total_seconds_max,
            ),
            idempotency_key=request.request_id or None,
            retry_count=_retry_count(call.text("x-stainless-retry-count")),
            request_digest=request.request_digest,
        )


def _retry_count(header: str | None) -> int | None:
    """The OpenAI SDKs' own retry counter; anything that is no small number is no counter."""
    if header is None or not header.isdecimal() or len(header) > 3:
        return None
    return int(header)


def _report(chat: ChatRequest, call: RPCCall) -> None:
    """Tell the edge what the call's money is by now: for headers, the log and errors."""
    receipt = chat.receipt
    call.rename(chat.request_id)
    call.held_microcredits = receipt.held_microcredits
    call.charged_microcredits = receipt.charged_microcredits
    call.balance_microcredits = receipt.balance_microcredits
    if not call.initial_metadata_sent and len(call.initial_metadata) == 1:
        call.initial_metadata.extend(receipt.headers)
