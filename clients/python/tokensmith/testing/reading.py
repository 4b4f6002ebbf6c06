"""The fake server's methods that only look: models, balance, receipts, estimates."""
# ruff: noqa: N802 - methods are named as in the contract

from typing import Any

from tokensmith.testing.chat import price_chat
from tokensmith.testing.desk import Context, Desk
from tokensmith.testing.ledger import CATALOG_VERSION
from tokensmith.testing.made import price_images, price_video
from tokensmith.testing.script import Failure, FailureRaised
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import billing_service_pb2_grpc, error_reason_pb2, model_service_pb2_grpc
from tokensmith.v1 import model_service_pb2 as model_pb

_DEFAULT_PAGE_SIZE = 50


class FakeModels(model_service_pb2_grpc.ModelServiceServicer):
    """The models that the fake server was given."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ListModels(
        self, request: model_pb.ListModelsRequest, context: "Context[Any, Any]"
    ) -> model_pb.ListModelsResponse:
        """All of them in one page."""

        async def answer(_: str) -> model_pb.ListModelsResponse:
            models = self._desk.models.values()
            return model_pb.ListModelsResponse(
                models=[model for model in models if request.kind in {0, model.kind}],
                catalog_version=CATALOG_VERSION,
            )

        return await self._desk.serve("ListModels", request, context, answer)

    async def GetModel(
        self, request: model_pb.GetModelRequest, context: "Context[Any, Any]"
    ) -> model_pb.GetModelResponse:
        """One of them, or near matches."""

        async def answer(_: str) -> model_pb.GetModelResponse:
            model = self._desk.find_model(request.model_id, model_pb.MODEL_KIND_UNSPECIFIED)
            return model_pb.GetModelResponse(model=model, catalog_version=CATALOG_VERSION)

        return await self._desk.serve("GetModel", request, context, answer)


class FakeBilling(billing_service_pb2_grpc.BillingServiceServicer):
    """Balance, holds, receipts and estimates of the one account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def GetBalance(
        self, request: billing_pb.GetBalanceRequest, context: "Context[Any, Any]"
    ) -> billing_pb.GetBalanceResponse:
        """The money now."""

        async def answer(_: str) -> billing_pb.GetBalanceResponse:
            return billing_pb.GetBalanceResponse(balance=self._desk.ledger.balance)

        return await self._desk.serve("GetBalance", request, context, answer)

    async def ListHolds(
        self, request: billing_pb.ListHoldsRequest, context: "Context[Any, Any]"
    ) -> billing_pb.ListHoldsResponse:
        """Newest first, by pages."""

        async def answer(_: str) -> billing_pb.ListHoldsResponse:
            wanted = billing_pb.ListRequestsRequest(state=request.state)
            records = self._desk.ledger.newest_requests(wanted)
            start, end = _page(request.page_size, request.page_token)
            return billing_pb.ListHoldsResponse(
                holds=[record.hold for record in records[start:end]],
                next_page_token=str(end) if end < len(records) else "",
            )

        return await self._desk.serve("ListHolds", request, context, answer)

    async def GetRequest(
        self, request: billing_pb.GetRequestRequest, context: "Context[Any, Any]"
    ) -> billing_pb.GetRequestResponse:
        """One receipt."""

        async def answer(_: str) -> billing_pb.GetRequestResponse:
            record = self._desk.ledger.requests.get(request.id)
            if record is None:
                reason = error_reason_pb2.ERROR_REASON_REQUEST_NOT_FOUND
                raise FailureRaised(Failure(reason, metadata={"resource": request.id}))
            return billing_pb.GetRequestResponse(request=record)

        return await self._desk.serve("GetRequest", request, context, answer)

    async def ListRequests(
        self, request: billing_pb.ListRequestsRequest, context: "Context[Any, Any]"
    ) -> billing_pb.ListRequestsResponse:
        """Newest first, by pages; time and key are not filtered by."""

        async def answer(_: str) -> billing_pb.ListRequestsResponse:
            records = self._desk.ledger.newest_requests(request)
            start, end = _page(request.page_size, request.page_token)
            return billing_pb.ListRequestsResponse(
                requests=records[start:end],
                next_page_token=str(end) if end < len(records) else "",
            )

        return await self._desk.serve("ListRequests", request, context, answer)

    async def Estimate(
        self, request: billing_pb.EstimateRequest, context: "Context[Any, Any]"
    ) -> billing_pb.EstimateResponse:
        """The price that the call itself would be held at."""

        async def answer(_: str) -> billing_pb.EstimateResponse:
            estimate = self._price(request)
            estimate.catalog_version = CATALOG_VERSION
            return estimate

        return await self._desk.serve("Estimate", request, context, answer)

    def _price(self, request: billing_pb.EstimateRequest) -> billing_pb.EstimateResponse:
        kind = request.WhichOneof("params")
        if kind == "chat":
            return price_chat(self._desk, request.chat)[1]
        if kind == "image":
            held = price_images(self._desk, request.image)[1]
        elif kind == "video":
            held = price_video(self._desk, request.video)[1]
        else:
            raise FailureRaised(Failure(error_reason_pb2.ERROR_REASON_METHOD_UNIMPLEMENTED))
        available = self._desk.ledger.balance.available_microcredits
        return billing_pb.EstimateResponse(
            held_microcredits=held,
            likely_microcredits=held,
            required_microcredits=held,
            available_microcredits=available,
            affordable=held <= available,
        )


def _page(page_size: int, page_token: str) -> tuple[int, int]:
    start = int(page_token or 0)
    return start, start + (page_size or _DEFAULT_PAGE_SIZE)
