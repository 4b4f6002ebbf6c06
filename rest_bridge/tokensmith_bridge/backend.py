"""The server, as the bridge sees it: generated stubs on a channel that it is given."""

import asyncio
from typing import Any, Final, NamedTuple

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tokensmith.v1 import (
    billing_service_pb2,
    billing_service_pb2_grpc,
    chat_service_pb2_grpc,
    model_service_pb2_grpc,
    response_service_pb2_grpc,
)
from tokensmith_bridge.call import Metadata
from tokensmith_bridge.openai.errors import MoneyFacts
from tokensmith_bridge.server_errors import rate_limit_headers, refusal_from_rpc

_log = structlog.get_logger("tokensmith.bridge")

# Reasons for which a key that could not be looked up counts as refused.
_KEY_REASONS: Final = frozenset({"INVALID_API_KEY", "PERMISSION_DENIED"})


class KeyFacts(NamedTuple):
    """What is known of a key's owner beside a call; nothing where the server could not say."""

    money: MoneyFacts
    rate_limit_headers: tuple[tuple[str, str], ...]


class Backend:
    """Stubs of the services that the bridge uses.

    Args:
        channel: a ``grpc.aio.Channel``, over the network or within the process. Not closed here.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.chat: Any = chat_service_pb2_grpc.ChatServiceStub(channel)
        self.models: Any = model_service_pb2_grpc.ModelServiceStub(channel)
        self.billing: Any = billing_service_pb2_grpc.BillingServiceStub(channel)
        self.responses: Any = response_service_pb2_grpc.ResponseServiceStub(channel)
        self.health: Any = health_pb2_grpc.HealthStub(channel)

    async def check_key(self, metadata: Metadata, *, seconds: float) -> "KeyFacts":
        """Look up the key of a request that goes no further, its account's balance, its limits.

        Raises:
            Refusal: the key is wrong. Where the server can't say, nothing is raised: the request is
                refused in any case.
        """
        rpc = self.billing.GetBalance(
            billing_service_pb2.GetBalanceRequest(), metadata=metadata, timeout=seconds
        )
        try:
            response = await rpc
        except grpc.aio.AioRpcError as error:
            refusal = refusal_from_rpc(error)
            if refusal.reason in _KEY_REASONS:
                raise refusal from None
            _log.warning("key check failed", reason=refusal.reason)
            return KeyFacts(MoneyFacts(), ())
        return KeyFacts(
            MoneyFacts(balance_microcredits=response.balance.available_microcredits),
            tuple(rate_limit_headers(await rpc.initial_metadata())),
        )

    async def require_key(self, metadata: Metadata, *, seconds: float) -> None:
        """Have the key of a request looked up that is not read yet.

        Raises:
            Refusal: the server does not take it, or can't say.
        """
        rpc = self.billing.GetBalance(
            billing_service_pb2.GetBalanceRequest(), metadata=metadata, timeout=seconds
        )
        await call_server(rpc)

    async def is_ready(self, *, seconds: float) -> bool:
        """Whether the server takes calls."""
        try:
            async with asyncio.timeout(seconds):
                response = await self.health.Check(health_pb2.HealthCheckRequest(), timeout=seconds)
        except (grpc.aio.AioRpcError, grpc.aio.UsageError, TimeoutError):
            return False
        serving: bool = response.status == health_pb2.HealthCheckResponse.SERVING
        return serving


async def call_server(rpc: Any) -> Any:
    """Wait for a unary call's response.

    Raises:
        Refusal: the call failed.
    """
    try:
        return await rpc
    except grpc.aio.AioRpcError as error:
        raise refusal_from_rpc(error) from None
