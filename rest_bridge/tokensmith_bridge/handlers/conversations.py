"""Puts a conversation together from kept responses and from what a request brings."""

import asyncio
from collections.abc import Sequence
from typing import Final

import grpc
import grpc.aio

from tokensmith.v1 import response_service_pb2 as kept
from tokensmith_bridge.backend import Backend, call_server
from tokensmith_bridge.call import Metadata
from tokensmith_bridge.openai.errors import BridgeReason, Refusal
from tokensmith_bridge.openai.responses_conversation import PlacedItem
from tokensmith_bridge.openai.responses_items import Item, ItemReference
from tokensmith_bridge.openai.responses_kept import (
    conversation_of,
    referred_responses,
    with_references,
)
from tokensmith_bridge.openai.responses_schema import ResponseRequest
from tokensmith_bridge.server_errors import ServerRefusal, refusal_from_rpc

_REFERRED_MAX: Final = 64
_PREVIOUS: Final = "previous_response_id"


class Conversations:
    """Reads kept responses of the caller's account."""

    def __init__(self, backend: Backend) -> None:
        self._responses = backend.responses

    async def put_together(
        self, request: ResponseRequest, items: Sequence[Item], metadata: Metadata, *, seconds: float
    ) -> tuple[Sequence[Item], list[PlacedItem]]:
        """The input's items with references replaced, and the whole conversation.

        Raises:
            Refusal: something that it goes on from or refers to is not there, or it is too long.
        """
        if any(isinstance(item, ItemReference) for item in items):
            items = await self._replace_references(items, metadata, seconds)
        placed = [PlacedItem(item, f"input[{index}]") for index, item in enumerate(items)]
        if isinstance(request.input, str):
            placed = [PlacedItem(one.item, "input") for one in placed]
        if request.previous_response_id is not None:
            earlier = await self._earlier(request.previous_response_id, metadata, seconds)
            placed = conversation_of(earlier) + placed
        return items, placed

    async def _earlier(
        self, response_id: str, metadata: Metadata, seconds: float
    ) -> list[kept.StoredResponse]:
        """The response that is gone on from and those before it, newest first."""
        rpc = self._responses.StreamConversation(
            kept.StreamConversationRequest(response_id=response_id),
            metadata=metadata,
            timeout=seconds,
        )
        try:
            return [message.response async for message in rpc]
        except grpc.aio.AioRpcError as error:
            raise _about_previous(refusal_from_rpc(error), response_id) from None
        finally:
            rpc.cancel()

    async def _replace_references(
        self, items: Sequence[Item], metadata: Metadata, seconds: float
    ) -> list[Item]:
        wanted = referred_responses(items)
        if len(wanted) > _REFERRED_MAX:
            raise Refusal(
                "INVALID_ARGUMENT",
                f"'input' refers to items of more than {_REFERRED_MAX} responses.",
                param="input",
            )
        found = await asyncio.gather(*(self._find(one, metadata, seconds) for one in wanted))
        by_id = {response.id: response for response in found if response is not None}
        return with_references(items, by_id)

    async def _find(
        self, response_id: str, metadata: Metadata, seconds: float
    ) -> kept.StoredResponse | None:
        rpc = self._responses.GetResponse(
            kept.GetResponseRequest(response_id=response_id), metadata=metadata, timeout=seconds
        )
        try:
            response: kept.StoredResponse = (await call_server(rpc)).response
        except ServerRefusal as refusal:
            if refusal.reason == "RESPONSE_NOT_FOUND":
                return None
            raise
        return response


def _about_previous(refusal: Refusal, response_id: str) -> Refusal:
    """Say of which field a refusal is, and what OpenAI says of a response that isn't there."""
    if refusal.reason == "INVALID_ARGUMENT":
        refusal.param = _PREVIOUS
    if refusal.reason != "RESPONSE_NOT_FOUND":
        return refusal
    message = f"Previous response with id '{response_id}' not found."
    missing = refusal.facts.get("resource", response_id)
    if missing != response_id:
        message = (
            f"Response '{response_id}' can't be gone on from: '{missing}', from earlier in the "
            "conversation, was deleted or is not kept any more."
        )
    return Refusal(BridgeReason.PREVIOUS_RESPONSE_NOT_FOUND, message, param=_PREVIOUS)
