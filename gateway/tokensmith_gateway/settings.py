"""Settings of the gateway process itself; the server and the bridge have their own."""

from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tokensmith_server.billing.rates import MICROCREDITS_PER_CREDIT

_CREDITS_MAX: Final = (2**63 - 1) // MICROCREDITS_PER_CREDIT


class GatewaySettings(BaseSettings):
    """One field for each variable; ``TOKENSMITH_WORKERS`` is ``workers``."""

    model_config = SettingsConfigDict(
        env_prefix="TOKENSMITH_", extra="ignore", frozen=True, env_ignore_empty=True
    )

    # All-in-one processes that share the ports; more than one needs PostgreSQL.
    workers: int = Field(1, ge=1, le=256)
    # Address that people use, when it is not the one the bridge listens on.
    public_url: str = ""
    # What the first start grants the account `demo`, in credits.
    demo_credits: int = Field(100_000, ge=1, le=_CREDITS_MAX)
    # A worker that dies is started again, at most so often in a minute.
    restarts_per_minute: int = Field(10, ge=0)

    @field_validator("public_url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        parts = urlsplit(url.strip())
        if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("must be an http or https address, like https://ai.example.com")
        return url.strip().rstrip("/")
