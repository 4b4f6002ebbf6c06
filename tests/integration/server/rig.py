"""A whole server on fakes, behind a network channel or an in-process one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tests.support.chat import ChatRig, open_chat, params
from tests.support.responses import KEPT_SECONDS
from tokensmith.v1 import (
    admin_service_pb2_grpc,
    billing_service_pb2_grpc,
    chat_service_pb2_grpc,
    image_service_pb2_grpc,
    media_service_pb2_grpc,
    model_service_pb2_grpc,
    response_service_pb2_grpc,
    video_service_pb2_grpc,
)
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_gateway.inprocess import InProcessChannel, InProcessServer
from tokensmith_server.app import SERVICES, admin_servicer, billing_parts
from tokensmith_server.billing.keys import format_api_key, hash_api_key
from tokensmith_server.billing.servicer import BillingServicer
from tokensmith_server.billing.store import ApiKey
from tokensmith_server.catalog.servicer import ModelServicer
from tokensmith_server.chat.servicer import ChatServicer
from tokensmith_server.responses.memory import MemoryResponseStore
from tokensmith_server.responses.service import ResponseService
from tokensmith_server.responses.servicer import ResponseServicer
from tokensmith_server.rpc.auth import Authenticator
from tokensmith_server.rpc.interceptors import LoadLayer, build_layers
from tokensmith_server.rpc.layer import LayerStack
from tokensmith_server.rpc.operator import OperatorGate
from tokensmith_server.rpc.server import Health, build_network_server, enable_reflection

SECRET = format_api_key(bytes(range(32)))
KEY = ("authorization", f"Bearer {SECRET}")
OPERATOR_TOKEN = "adm_0123456789abcdef"
OPERATOR = ("authorization", f"Bearer {OPERATOR_TOKEN}")
KINDS = ("network", "inprocess")


@dataclass
class ServerRig:
    """A channel, and what is behind it. ``chat`` is the service's own rig."""

    chat: ChatRig
    channel: Any
    server: grpc.aio.Server
    health: Health
    layers: LayerStack

    @property
    def calls_running(self) -> int:
        """Calls that the server has not seen end yet."""
        return self.layers.get(LoadLayer).running

    @property
    def chats(self) -> Any:
        return chat_service_pb2_grpc.ChatServiceStub(self.channel)

    @property
    def billing(self) -> Any:
        return billing_service_pb2_grpc.BillingServiceStub(self.channel)

    @property
    def responses(self) -> Any:
        return response_service_pb2_grpc.ResponseServiceStub(self.channel)

    @property
    def admin(self) -> Any:
        return admin_service_pb2_grpc.AdminServiceStub(self.channel)

    @property
    def models(self) -> Any:
        return model_service_pb2_grpc.ModelServiceStub(self.channel)

    def complete(self, *metadata: tuple[str, str], **fields: Any) -> Any:
        """Begin a unary call."""
        timeout = fields.pop("timeout", 30.0)
        request = chat_pb.CreateChatCompletionRequest(**({"params": params()} | fields))
        return self.chats.CreateChatCompletion(request, metadata=(KEY, *metadata), timeout=timeout)

    def stream(self, *metadata: tuple[str, str], **fields: Any) -> Any:
        """Begin a streamed call."""
        request = chat_pb.StreamChatCompletionRequest(**({"params": params()} | fields))
        return self.chats.StreamChatCompletion(request, metadata=(KEY, *metadata), timeout=30.0)


def add_services(server: Any, chat: ChatRig) -> None:
    """Register the whole contract, as the composition root does."""
    chat_service_pb2_grpc.add_ChatServiceServicer_to_server(
        ChatServicer(chat.service, total_seconds_max=3_600.0), server
    )
    billing_service_pb2_grpc.add_BillingServiceServicer_to_server(
        BillingServicer(billing_parts(chat.parts, chat.store)), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(
        ModelServicer(chat.parts.catalog, chat.clock), server
    )
    responses = MemoryResponseStore(lambda *_: True)
    response_service_pb2_grpc.add_ResponseServiceServicer_to_server(
        ResponseServicer(ResponseService(responses, chat.clock, kept_seconds=KEPT_SECONDS)),
        server,
    )
    admin_service_pb2_grpc.add_AdminServiceServicer_to_server(admin_servicer(chat.parts), server)
    image_service_pb2_grpc.add_ImageServiceServicer_to_server(
        image_service_pb2_grpc.ImageServiceServicer(), server
    )
    media_service_pb2_grpc.add_MediaServiceServicer_to_server(
        media_service_pb2_grpc.MediaServiceServicer(), server
    )
    video_service_pb2_grpc.add_VideoServiceServicer_to_server(
        video_service_pb2_grpc.VideoServiceServicer(), server
    )


@asynccontextmanager
async def open_server(
    kind: str,
    *,
    calls_max: int = 1_000,
    default_deadline_seconds: float = 30.0,
    **chat_options: Any,
) -> AsyncIterator[ServerRig]:
    """Serve until the block ends; then the chat rig's own closing holds."""
    async with open_chat(**chat_options) as chat:
        key = ApiKey("key-1", "account-1", "k", SECRET[-4:], chat.clock.now(), None, None, None)
        await chat.store.create_key(key, hash_api_key(SECRET))
        layers = build_layers(
            clock=chat.clock,
            ids=chat.ids,
            authenticator=Authenticator(chat.store, chat.clock),
            calls_max=calls_max,
            default_deadline_seconds=default_deadline_seconds,
            read_balance=chat.store.get_balance,
            operator=OperatorGate(OPERATOR_TOKEN),
            look_at_limits=chat.parts.rate_limiter.look,
        )
        health = Health(SERVICES)
        server: Any = InProcessServer((layers,))
        if kind == "network":
            server = build_network_server(layers, share_port=False)
            enable_reflection(server, SERVICES)
        add_services(server, chat)
        health.add_to(server)
        port = server.add_insecure_port("127.0.0.1:0") if kind == "network" else 0
        await server.start()
        await health.set_serving(True)
        channel: Any = (
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") if port else InProcessChannel(server)
        )
        try:
            yield ServerRig(chat, channel, server, health, layers)
        finally:
            await channel.close()
            await server.stop(None)


@dataclass
class Failure:
    """An error as a client reads it."""

    code: grpc.StatusCode
    message: str
    reason: str
    facts: dict[str, str]
    trailing: dict[str, str]
    retry_seconds: float | None


async def failure_of(call: Any) -> Failure:
    """What a call, unary or streamed, fails with."""
    try:
        if hasattr(call, "__aiter__"):
            async for _ in call:
                pass
        else:
            await call
    except grpc.aio.AioRpcError as error:
        return read_failure(error)
    raise AssertionError("the call was answered")


def read_failure(error: grpc.aio.AioRpcError) -> Failure:
    """The error's details: exactly one ErrorInfo of our domain."""
    # An AioRpcError has all of a Call that is read here.
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None, error
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    infos = [detail for detail in status.details if detail.Unpack(info)]
    retries = [detail for detail in status.details if detail.Unpack(retry)]
    assert len(infos) == 1
    assert info.domain == "tokensmith"
    assert status.code == error.code().value[0]
    return Failure(
        error.code(),
        error.details() or "",
        info.reason,
        dict(info.metadata),
        {key: str(value) for key, value in error.trailing_metadata() or ()},
        retry.retry_delay.ToMilliseconds() / 1000 if retries else None,
    )
