"""Settings of a bridge: the environment, read once.

Every variable begins with ``TOKENSMITH_``; ``TOKENSMITH_REST_LISTEN`` is ``rest_listen``.
"""

from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class BridgeSettings(BaseSettings):
    """One field for each variable."""

    model_config = SettingsConfigDict(env_prefix="TOKENSMITH_", extra="ignore", frozen=True)

    rest_listen: str = "127.0.0.1:8080"
    # Where the gRPC server is; not used where the bridge is given an in-process channel.
    grpc_target: str = "127.0.0.1:50051"
    # Empty: no metrics are served by the bridge.
    metrics_listen: str = ""
    log_format: Literal["console", "json"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    body_bytes_max: int = Field(20 * 1024 * 1024, ge=1)
    # From the request's head until its whole body is here.
    body_seconds: float = Field(60.0, gt=0)
    # From the connection's begin until its first request's head is here.
    head_seconds: float = Field(10.0, gt=0)
    head_bytes_max: int = Field(16 * 1024, ge=1024)
    keepalive_seconds: float = Field(75.0, gt=0)
    # How long a refused body is read on, so that its sender gets to see the refusal.
    linger_seconds: float = Field(10.0, ge=0)
    # A client that leaves our write buffer above its low mark for so long is cut off.
    slow_reader_seconds: float = Field(30.0, gt=0)
    heartbeat_seconds: float = Field(15.0, gt=0)
    connections_max: int = Field(10_000, ge=1)
    connections_per_address_max: int = Field(2_000, ge=1)

    # For calls whose client does not say how long it waits, and for streams.
    default_deadline_seconds: float = Field(600.0, gt=0)
    deadline_seconds_max: float = Field(3_600.0, gt=0)
    # For looking up the key of a request that the bridge itself refuses.
    key_check_seconds: float = Field(2.0, gt=0)
    # A response that can't be kept within this time is answered all the same, and not kept.
    response_save_seconds: float = Field(2.0, gt=0)
    ready_check_seconds: float = Field(2.0, gt=0)
    drain_seconds: float = Field(20.0, ge=0)
    # How long a bridge that goes down listens on, so that balancers hear of it.
    notice_seconds: float = Field(5.0, ge=0)

    @field_validator("rest_listen", "metrics_listen")
    @classmethod
    def _is_address(cls, listen: str) -> str:
        if listen:
            split_listen(listen)
        return listen


def split_listen(listen: str) -> tuple[str, int]:
    """Host and port of "host:port"; an IPv6 host stands in brackets.

    Raises:
        ValueError: it is not of that form.
    """
    host, separator, port = listen.rpartition(":")
    if not separator or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"not host:port: {listen!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)
