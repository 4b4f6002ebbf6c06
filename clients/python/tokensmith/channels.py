"""How a client reaches the server: the channel, its settings, and the stubs on it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import grpc

from tokensmith.v1.billing_service_pb2_grpc import BillingServiceStub
from tokensmith.v1.chat_service_pb2_grpc import ChatServiceStub
from tokensmith.v1.image_service_pb2_grpc import ImageServiceStub
from tokensmith.v1.media_service_pb2_grpc import MediaServiceStub
from tokensmith.v1.model_service_pb2_grpc import ModelServiceStub
from tokensmith.v1.response_service_pb2_grpc import ResponseServiceStub
from tokensmith.v1.video_service_pb2_grpc import VideoServiceStub

if TYPE_CHECKING:
    # Only type checkers know these: at run time one stub class serves both kinds of channels.
    from tokensmith.v1.billing_service_pb2_grpc import BillingServiceAsyncStub
    from tokensmith.v1.chat_service_pb2_grpc import ChatServiceAsyncStub
    from tokensmith.v1.image_service_pb2_grpc import ImageServiceAsyncStub
    from tokensmith.v1.media_service_pb2_grpc import MediaServiceAsyncStub
    from tokensmith.v1.model_service_pb2_grpc import ModelServiceAsyncStub
    from tokensmith.v1.response_service_pb2_grpc import ResponseServiceAsyncStub
    from tokensmith.v1.video_service_pb2_grpc import VideoServiceAsyncStub

KEEPALIVE_SECONDS: Final = 60
"""Ping interval on a busy connection; servers refuse clients that ping twice in 30 s."""

_SERVICE_CONFIG: Final = '{"loadBalancingConfig":[{"round_robin":{}}]}'

CHANNEL_OPTIONS: Final[tuple[tuple[str, int | str], ...]] = (
    ("grpc.primary_user_agent", "tokensmith-python"),
    ("grpc.keepalive_time_ms", KEEPALIVE_SECONDS * 1000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Pings only while calls run: an idle connection may be closed, and is opened again when needed.
    ("grpc.keepalive_permit_without_calls", 0),
    # A name with several addresses gets all of them used.
    ("grpc.service_config", _SERVICE_CONFIG),
)
"""The settings of every channel that a client opens by itself."""

_LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


def is_local(target: str) -> bool:
    """Whether the target is this machine, so that a key may travel there without TLS."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    address = target.rpartition("/")[2].removeprefix("dns:").removeprefix("ipv4:")
    return address.rpartition(":")[0] in _LOCAL_HOSTS or address in _LOCAL_HOSTS


def open_channel(
    target: str,
    *,
    credentials: grpc.ChannelCredentials | None = None,
    tls: bool | None = None,
) -> grpc.aio.Channel:
    """Open a channel; TLS is on unless the target is local or ``tls`` is false.

    Raises:
        ValueError: credentials are given and TLS is off.
    """
    if credentials is not None and tls is False:
        raise ValueError("credentials need TLS")
    if tls is None:
        tls = credentials is not None or not is_local(target)
    if not tls:
        return grpc.aio.insecure_channel(target, CHANNEL_OPTIONS)
    return grpc.aio.secure_channel(
        target, credentials or grpc.ssl_channel_credentials(), CHANNEL_OPTIONS
    )


@dataclass(frozen=True, slots=True)
class Stubs:
    """The generated stubs on one channel. Pass ``Client.metadata`` when calling them yourself."""

    chat: "ChatServiceAsyncStub"
    image: "ImageServiceAsyncStub"
    video: "VideoServiceAsyncStub"
    billing: "BillingServiceAsyncStub"
    model: "ModelServiceAsyncStub"
    media: "MediaServiceAsyncStub"
    response: "ResponseServiceAsyncStub"

    @classmethod
    def on(cls, channel: grpc.aio.Channel) -> Self:
        """Make every stub on ``channel``."""
        return cls(
            chat=ChatServiceStub(channel),
            image=ImageServiceStub(channel),
            video=VideoServiceStub(channel),
            billing=BillingServiceStub(channel),
            model=ModelServiceStub(channel),
            media=MediaServiceStub(channel),
            response=ResponseServiceStub(channel),
        )
