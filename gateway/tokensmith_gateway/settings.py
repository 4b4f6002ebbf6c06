"""Settings of the gateway process itself; the server and the bridge have their own."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class GatewaySettings(BaseSettings):
    """One field for each variable; ``TOKENSMITH_WORKERS`` is ``workers``."""

    model_config = SettingsConfigDict(env_prefix="TOKENSMITH_", extra="ignore", frozen=True)

    # All-in-one processes that share the ports; more than one needs PostgreSQL.
    workers: int = Field(1, ge=1, le=256)
    # Address that people use, when it is not the one the bridge listens on.
    public_url: str = ""
    # What the first start grants the account `demo`, in credits.
    demo_credits: int = Field(100_000, ge=1)
    # A worker that dies is started again, at most so often in a minute.
    restarts_per_minute: int = Field(10, ge=0)
