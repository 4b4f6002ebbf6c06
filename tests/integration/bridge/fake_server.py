"""A gRPC server on loopback whose answers a test decides, speaking the contract for real."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tokensmith.v1 import (
    billing_service_pb2,
    billing_service_pb2_grpc,
    chat_service_pb2,
    chat_service_pb2_grpc,
    model_service_pb2,
    model_service_pb2_grpc,
    response_service_pb2,
    response_service_pb2_grpc,
)

KEY = "pk_live_good"
MESSAGE_BYTES_MAX = 32 * 1024 * 1024

Completion = Callable[[Any, Any], Awaitable[chat_service_pb2.CreateChatCompletionResponse]]
Stream = Callable[[Any, Any], AsyncIterator[chat_service_pb2.StreamChatCompletionResponse]]


@dataclass
class Received:
    """One call as it arrived."""

    method: str
    request: Any
    metadata: dict[str, str]
    seconds_remaining: float | None


@dataclass
class FakeServer:
    """What the fake answers and what it was asked."""

    complete: Completion
    stream: Stream
    balance_microcredits: int = 5_000_000
    models: list[model_service_pb2.Model] = field(default_factory=list)
    requests: dict[str, billing_service_pb2.RequestRecord] = field(default_factory=dict)
    kept: dict[str, response_service_pb2.StoredResponse] = field(default_factory=dict)
    # Called before a response is kept; may fail the call, or wait.
    before_save: Callable[[Any], Awaitable[None]] | None = None
    entries: list[billing_service_pb2.Entry] = field(default_factory=list)
    estimate: billing_service_pb2.EstimateResponse = field(
        default_factory=billing_service_pb2.EstimateResponse
    )
    key: billing_service_pb2.GetCurrentKeyResponse = field(
        default_factory=billing_service_pb2.GetCurrentKeyResponse
    )
    received: list[Received] = field(default_factory=list)
    status: Any = field(default_factory=health.aio.HealthServicer)
    page_size: int = 2

    def last(self) -> Received:
        return self.received[-1]

    async def admit(self, method: str, request: Any, context: Any) -> None:
        metadata = dict(context.invocation_metadata())
        self.received.append(Received(method, request, metadata, context.time_remaining()))
        if metadata.get("authorization") != f"Bearer {KEY}":
            await fail(
                context,
                grpc.StatusCode.UNAUTHENTICATED,
                "INVALID_API_KEY",
                "The API key is unknown, revoked or expired.",
            )
        await context.send_initial_metadata(
            (
                ("x-request-id", metadata["x-request-id"]),
                ("x-ratelimit-limit-requests", "30000"),
                ("x-ratelimit-remaining-requests", "29999"),
                ("x-ratelimit-reset-requests", "2ms"),
            )
        )


async def fail(
    context: Any,
    code: grpc.StatusCode,
    reason: str,
    message: str,
    *,
    facts: dict[str, str] | None = None,
    trailing: tuple[tuple[str, str], ...] = (),
    retry_after_ms: int | None = None,
) -> None:
    """End a call the way the server does."""
    status = status_pb2.Status(code=code.value[0], message=message)
    info = error_details_pb2.ErrorInfo(domain="tokensmith", reason=reason)
    info.metadata.update(facts or {})
    status.details.add().Pack(info)
    if retry_after_ms is not None:
        delay = Duration()
        delay.FromMilliseconds(retry_after_ms)
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    context.set_trailing_metadata(
        (("grpc-status-details-bin", status.SerializeToString()), *trailing)
    )
    await context.abort(code, message)


class _Chat(chat_service_pb2_grpc.ChatServiceServicer):
    def __init__(self, fake: FakeServer) -> None:
        self._fake = fake

    async def CreateChatCompletion(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._fake.admit("CreateChatCompletion", request, context)
        return await self._fake.complete(request, context)

    async def StreamChatCompletion(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._fake.admit("StreamChatCompletion", request, context)
        async for message in self._fake.stream(request, context):
            yield message


class _Models(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, fake: FakeServer) -> None:
        self._fake = fake

    async def ListModels(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._fake.admit("ListModels", request, context)
        begin = int(request.page_token or 0)
        end = begin + self._fake.page_size
        more = end < len(self._fake.models)
        return model_service_pb2.ListModelsResponse(
            models=self._fake.models[begin:end],
            next_page_token=str(end) if more else "",
            catalog_version="v1",
        )

    async def GetModel(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._fake.admit("GetModel", request, context)
        for model in self._fake.models:
            if model.id == request.model_id:
                return model_service_pb2.GetModelResponse(model=model, catalog_version="v1")
        return await fail_model_not_found(context, request.model_id)


async def fail_model_not_found(context: Any, model: str, near: str = "gpt-5.4") -> Any:
    await fail(
        context,
        grpc.StatusCode.NOT_FOUND,
        "MODEL_NOT_FOUND",
        f"The model `{model}` does not exist.",
        facts={"model": model, "near_matches": near},
    )


class _Billing(billing_service_pb2_grpc.BillingServiceServicer):
    def __init__(self, fake: FakeServer) -> None:
        self._fake = fake

    async def GetBalance(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._fake.admit("GetBalance", request, context)
        available = self._fake.balance_microcredits
        return billing_service_pb2.GetBalanceResponse(
            balance=billing_service_pb2.Balance(
                available_microcredits=available,
                held_microcredits=250_000,
                granted_microcredits=available + 250_000 + 1,
                charged_microcredits=1,
            )
        )

    async def GetRequest(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._fake.admit("GetRequest", request, context)
        record = self._fake.requests.get(request.id)
        if record is None:
            await fail(
                context,
                grpc.StatusCode.NOT_FOUND,
                "REQUEST_NOT_FOUND",
                "The account has no such request.",
                facts={"resource": request.id},
            )
        return billing_service_pb2.GetRequestResponse(request=record)

    async def Estimate(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._fake.admit("Estimate", request, context)
        return self._fake.estimate

    async def ListRequests(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._fake.admit("ListRequests", request, context)
        return billing_service_pb2.ListRequestsResponse(
            requests=self._fake.requests.values(), next_page_token="more"
        )

    async def ListHolds(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._fake.admit("ListHolds", request, context)
        return billing_service_pb2.ListHoldsResponse(
            holds=[record.hold for record in self._fake.requests.values()]
        )

    async def ListEntries(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._fake.admit("ListEntries", request, context)
        return billing_service_pb2.ListEntriesResponse(entries=self._fake.entries)

    async def GetCurrentKey(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._fake.admit("GetCurrentKey", request, context)
        return self._fake.key


class _Responses(response_service_pb2_grpc.ResponseServiceServicer):
    def __init__(self, fake: FakeServer) -> None:
        self._fake = fake

    async def SaveResponse(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._fake.admit("SaveResponse", request, context)
        if self._fake.before_save is not None:
            await self._fake.before_save(context)
        self._fake.kept[request.response.id] = request.response
        return response_service_pb2.SaveResponseResponse()

    async def GetResponse(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._fake.admit("GetResponse", request, context)
        found = await self._find(context, request.response_id)
        return response_service_pb2.GetResponseResponse(response=found)

    async def DeleteResponse(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._fake.admit("DeleteResponse", request, context)
        del self._fake.kept[(await self._find(context, request.response_id)).id]
        return response_service_pb2.DeleteResponseResponse()

    async def StreamConversation(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._fake.admit("StreamConversation", request, context)
        response_id = request.response_id
        while response_id:
            found = await self._find(context, response_id)
            yield response_service_pb2.StreamConversationResponse(response=found)
            response_id = found.previous_id

    async def _find(self, context: Any, response_id: str) -> Any:
        if response_id not in self._fake.kept:
            await fail(
                context,
                grpc.StatusCode.NOT_FOUND,
                "RESPONSE_NOT_FOUND",
                f"Response with id '{response_id}' not found.",
                facts={"resource": response_id},
            )
        return self._fake.kept[response_id]


async def start(fake: FakeServer) -> tuple[grpc.aio.Server, int]:
    """Serve ``fake`` on a free port."""
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
            ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
            ("grpc.so_reuseport", 0),
        ]
    )
    chat_service_pb2_grpc.add_ChatServiceServicer_to_server(_Chat(fake), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(fake), server)
    billing_service_pb2_grpc.add_BillingServiceServicer_to_server(_Billing(fake), server)
    response_service_pb2_grpc.add_ResponseServiceServicer_to_server(_Responses(fake), server)
    health_pb2_grpc.add_HealthServicer_to_server(fake.status, server)
    await fake.status.set("", health_pb2.HealthCheckResponse.SERVING)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port
