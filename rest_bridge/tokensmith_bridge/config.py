"""Settings of a bridge: the environment, read once.

Every variable begins with ``TOKENSMITH_``; ``TOKENSMITH_REST_LISTEN`` is ``rest_listen``.
"""

import errno
import os
import re
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

# A host is a name or an IPv4 address, none (every address of this machine), or IPv6 in brackets.
_LISTEN: Final = re.compile(r"([^\s:/@\[\]]*|\[[^\s/@\[\]]+\]):([0-9]{1,5})")
_YEAR_SECONDS: Final = 365 * 86_400

Seconds = Annotated[float, Field(gt=0, le=_YEAR_SECONDS)]
SecondsOrNone = Annotated[float, Field(ge=0, le=_YEAR_SECONDS)]


class BridgeSettings(BaseSettings):
    """One field for each variable."""

    model_config = SettingsConfigDict(
        env_prefix="TOKENSMITH_",
        extra="ignore",
        frozen=True,
        # A value may be a secret, wrong or not.
        hide_input_in_errors=True,
        # Compose files and shells pass on variables that nobody has set.
        env_ignore_empty=True,
        allow_inf_nan=False,
    )

    rest_listen: str = "127.0.0.1:8080"
    # Where the gRPC server is; not used where the bridge is given an in-process channel.
    grpc_target: str = "127.0.0.1:50051"
    # Empty: no metrics are served by the bridge.
    metrics_listen: str = ""
    log_format: Literal["console", "json"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    body_bytes_max: int = Field(20 * 1024 * 1024, ge=1, le=1024**3)
    # Of bodies above 64 KiB, all together, until their requests are answered.
    large_bodies_bytes_max: int = Field(512 * 1024 * 1024, ge=1)
    # From the request's head until its whole body is here.
    body_seconds: Seconds = 60.0
    # From the connection's begin until its first request's head is here.
    head_seconds: Seconds = 10.0
    head_bytes_max: int = Field(16 * 1024, ge=1024)
    keepalive_seconds: Seconds = 75.0
    # How long a refused body is read on, so that its sender gets to see the refusal.
    linger_seconds: SecondsOrNone = 10.0
    # A client that leaves our write buffer above its low mark for so long is cut off.
    slow_reader_seconds: Seconds = 30.0
    heartbeat_seconds: Seconds = 15.0
    connections_max: int = Field(10_000, ge=1)
    connections_per_address_max: int = Field(2_000, ge=1)

    # For calls whose client does not say how long it waits, and for streams.
    default_deadline_seconds: Seconds = 600.0
    deadline_seconds_max: Seconds = 3_600.0
    # For looking up the key of a request that the bridge itself refuses.
    key_check_seconds: Seconds = 2.0
    # A response that can't be kept within this time is answered all the same, and not kept.
    response_save_seconds: Seconds = 2.0
    ready_check_seconds: Seconds = 2.0
    drain_seconds: SecondsOrNone = 20.0
    # How long a bridge that goes down listens on, so that balancers hear of it.
    notice_seconds: SecondsOrNone = 5.0

    @field_validator("rest_listen", "metrics_listen")
    @classmethod
    def _is_address(cls, listen: str) -> str:
        if listen:
            split_listen(listen)
        return listen


def split_listen(listen: str) -> tuple[str, int]:
    """Host and port of "host:port"; an IPv6 host stands in brackets, and is returned without.

    Raises:
        ValueError: it is not of that form.
    """
    match = _LISTEN.fullmatch(listen)
    if match is None or int(match[2]) > 65_535:
        raise ValueError(
            "must be host:port with a port up to 65535, like 127.0.0.1:8080 or [::1]:8080"
        )
    return match[1].strip("[]"), int(match[2])


def cannot_listen(listen: str, variable: str, error: OSError) -> OSError:
    """The error to tell an operator, who knows an address by the setting's variable."""
    # asyncio puts words of its own around the system's.
    code = error.errno or 0
    known = code in errno.errorcode
    reason = os.strerror(code) if known else error.strerror or str(error)
    return OSError(f"cannot listen on {listen} ({variable}): {reason}")
