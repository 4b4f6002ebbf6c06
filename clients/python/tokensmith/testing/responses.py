"""The fake server's kept responses: in memory, for the one account, for as long as it runs."""
# ruff: noqa: N802 - methods are named as in the contract

from collections.abc import AsyncIterator
from typing import Any, Final

from tokensmith.testing.desk import Context, Desk, abort
from tokensmith.testing.script import Failure, FailureRaised
from tokensmith.v1 import error_reason_pb2, response_service_pb2_grpc
from tokensmith.v1 import response_service_pb2 as response_pb

_KEPT_SECONDS: Final = 30 * 86_400


class FakeResponses(response_service_pb2_grpc.ResponseServiceServicer):
    """Keeps what it is given."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._kept: dict[str, response_pb.StoredResponse] = {}

    async def SaveResponse(
        self, request: response_pb.SaveResponseRequest, context: "Context[Any, Any]"
    ) -> response_pb.SaveResponseResponse:
        """Keep it; saving it again leaves its times as they were."""

        async def answer(_: str) -> response_pb.SaveResponseResponse:
            response = response_pb.StoredResponse()
            response.CopyFrom(request.response)
            known = self._kept.get(response.id)
            if known is None:
                response.create_time.GetCurrentTime()
                response.expire_time.FromSeconds(response.create_time.seconds + _KEPT_SECONDS)
            else:
                response.create_time.CopyFrom(known.create_time)
                response.expire_time.CopyFrom(known.expire_time)
            self._kept[response.id] = response
            return response_pb.SaveResponseResponse(expire_time=response.expire_time)

        return await self._desk.serve("SaveResponse", request, context, answer)

    async def GetResponse(
        self, request: response_pb.GetResponseRequest, context: "Context[Any, Any]"
    ) -> response_pb.GetResponseResponse:
        """One that was kept."""

        async def answer(_: str) -> response_pb.GetResponseResponse:
            return response_pb.GetResponseResponse(response=self._find(request.response_id))

        return await self._desk.serve("GetResponse", request, context, answer)

    async def DeleteResponse(
        self, request: response_pb.DeleteResponseRequest, context: "Context[Any, Any]"
    ) -> response_pb.DeleteResponseResponse:
        """Forget one."""

        async def answer(_: str) -> response_pb.DeleteResponseResponse:
            del self._kept[self._find(request.response_id).id]
            return response_pb.DeleteResponseResponse()

        return await self._desk.serve("DeleteResponse", request, context, answer)

    async def StreamConversation(
        self, request: response_pb.StreamConversationRequest, context: "Context[Any, Any]"
    ) -> AsyncIterator[response_pb.StreamConversationResponse]:
        """One and those before it, newest first."""
        call = self._desk.admit("StreamConversation", request, context)
        try:
            self._desk.check(call)
            response = self._find(request.response_id)
            chain = [response]
            while response.previous_id:
                response = self._find(response.previous_id)
                chain.append(response)
        except FailureRaised as raised:
            await abort(context, raised.failure, call.request_id)
        for response in chain:
            yield response_pb.StreamConversationResponse(response=response)

    def _find(self, response_id: str) -> response_pb.StoredResponse:
        response = self._kept.get(response_id)
        if response is None:
            raise FailureRaised(
                Failure(
                    error_reason_pb2.ERROR_REASON_RESPONSE_NOT_FOUND,
                    message=f"There is no response {response_id}.",
                    metadata={"resource": response_id},
                )
            )
        return response
