"""The gRPC edge of kept responses: the caller's account, and never another's."""

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from tokensmith.v1 import response_service_pb2 as response_pb
from tokensmith.v1 import response_service_pb2_grpc as response_grpc
from tokensmith_server.billing.convert import time_to_proto
from tokensmith_server.responses.convert import response_from_proto, response_to_proto
from tokensmith_server.responses.service import ResponseService
from tokensmith_server.rpc.call import current_call, current_caller

# Ids of models are shorter; what a client writes there instead may be anything.
_MODEL_LENGTH_LOGGED = 100


class ResponseServicer(response_grpc.ResponseServiceServicer):
    """ResponseService of the contract."""

    def __init__(self, service: ResponseService) -> None:
        self._service = service

    async def SaveResponse(  # noqa: N802
        self,
        request: response_pb.SaveResponseRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> response_pb.SaveResponseResponse:
        """See the contract."""
        current_call().model = request.response.model[:_MODEL_LENGTH_LOGGED]
        kept_until = await self._service.save(
            response_from_proto(current_caller().account_id, request.response)
        )
        return response_pb.SaveResponseResponse(expire_time=time_to_proto(kept_until))

    async def GetResponse(  # noqa: N802
        self,
        request: response_pb.GetResponseRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> response_pb.GetResponseResponse:
        """See the contract."""
        found = await self._service.get(current_caller().account_id, request.response_id)
        return response_pb.GetResponseResponse(response=response_to_proto(found))

    async def DeleteResponse(  # noqa: N802
        self,
        request: response_pb.DeleteResponseRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> response_pb.DeleteResponseResponse:
        """See the contract."""
        await self._service.delete(current_caller().account_id, request.response_id)
        return response_pb.DeleteResponseResponse()

    async def StreamConversation(  # noqa: N802
        self,
        request: response_pb.StreamConversationRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[response_pb.StreamConversationResponse]:
        """See the contract."""
        account_id = current_caller().account_id
        async for response in self._service.conversation(account_id, request.response_id):
            yield response_pb.StreamConversationResponse(response=response_to_proto(response))
