"""Settings of a server process: the environment, read once.

Every variable begins with ``TOKENSMITH_``. Secrets are ``SecretStr`` and print as stars.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tokensmith_server.faults import parse_faults
from tokensmith_server.ids import NAME_LENGTH_MAX, may_be_name
from tokensmith_server.listen_address import split_listen
from tokensmith_server.providers.base import ProviderSettings
from tokensmith_server.providers.credentials import credentials_of, split_keys
from tokensmith_server.providers.http import parse_base_url

# Where the simulator serves each provider, below its own address.
_SIMULATOR_PATHS: Final = {
    "openai": "/openai/v1",
    "anthropic": "/anthropic",
    "gemini": "/gemini",
    "xai": "/xai/v1",
    "together": "/together",
}

_YEAR_SECONDS: Final = 365 * 86_400

Seconds = Annotated[float, Field(gt=0, le=_YEAR_SECONDS)]
SecondsOrNone = Annotated[float, Field(ge=0, le=_YEAR_SECONDS)]

BEATS_MISSED: Final = 3
"""How many beats in a row a process must miss, at least, before it may count as dead."""


class Profile(StrEnum):
    """What a process is for: production shows less to strangers."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class ServerSettings(BaseSettings):
    """One field for each variable; ``TOKENSMITH_GRPC_LISTEN`` is ``grpc_listen``."""

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

    data_dir: Path = Path(".tokensmith")
    # Empty: ``sqlite:///<data dir>/tokensmith.db``.
    database_url: str = ""
    grpc_listen: str = "127.0.0.1:50051"
    metrics_listen: str = ""
    profile: Profile = Profile.DEVELOPMENT
    log_format: Literal["console", "json"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    catalog: Path | None = None
    # Address of the upstream simulator; it serves every provider that has no key.
    simulator_url: str = ""

    calls_max: int = Field(2_000, ge=1)
    requests_per_minute: int = Field(30_000, ge=1)
    tokens_per_minute: int = Field(100_000_000, ge=1)
    total_seconds_max: Seconds = 3_600.0
    first_byte_seconds: Seconds = 120.0
    idle_seconds: Seconds = 60.0
    slow_reader_seconds: Seconds = 30.0
    default_deadline_seconds: Seconds = 600.0
    # How long a hold stays that no living process owns.
    reconcile_seconds: SecondsOrNone = 20.0
    sweep_seconds: Seconds = 2.0
    # Validated even if it is left to its default, since it must fit the setting above.
    owner_silent_seconds: Seconds = Field(15.0, validate_default=True)
    drain_seconds: SecondsOrNone = 20.0
    # How long a process that goes down listens on, so that balancers hear of it.
    notice_seconds: SecondsOrNone = 5.0
    # Of whoever may see routes and costs; one is made in the data directory where none is given.
    admin_token: SecretStr | None = None
    # How long a response is kept that was asked for with `store`.
    response_kept_days: float = Field(30.0, gt=0, le=36_500)
    # For tests alone: see ``faults``.
    fault_points: str = ""

    # One key, or several parted by commas.
    openai_api_key: SecretStr | None = None
    openai_base_url: str = ""
    anthropic_api_key: SecretStr | None = None
    anthropic_base_url: str = ""
    gemini_api_key: SecretStr | None = None
    gemini_base_url: str = ""
    xai_api_key: SecretStr | None = None
    xai_base_url: str = ""
    together_api_key: SecretStr | None = None
    together_base_url: str = ""

    @field_validator("grpc_listen", "metrics_listen")
    @classmethod
    def _can_be_listened_on(cls, listen: str) -> str:
        if listen:
            split_listen(listen)
        return listen

    @field_validator("fault_points")
    @classmethod
    def _are_faults(cls, text: str) -> str:
        parse_faults(text)
        return text

    @field_validator(
        "simulator_url",
        "openai_base_url",
        "anthropic_base_url",
        "gemini_base_url",
        "xai_base_url",
        "together_base_url",
    )
    @classmethod
    def _is_address(cls, url: str) -> str:
        if url:
            parse_base_url(url)
        return url.strip().rstrip("/")

    @field_validator(*(f"{name}_api_key" for name in _SIMULATOR_PATHS))
    @classmethod
    def _are_keys(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            split_keys(secret.get_secret_value())
        return secret

    @field_validator("admin_token")
    @classmethod
    def _is_token(cls, secret: SecretStr | None) -> SecretStr | None:
        token = secret.get_secret_value() if secret is not None else None
        if token is not None and (len(token) < 16 or not may_be_name(token)):
            raise ValueError(f"must be 16 to {NAME_LENGTH_MAX} printable ASCII characters")
        return secret

    @field_validator("owner_silent_seconds")
    @classmethod
    def _outlasts_beats(cls, seconds: float, others: ValidationInfo) -> float:
        sweep_seconds = others.data.get("sweep_seconds")
        if sweep_seconds is not None and seconds < sweep_seconds * BEATS_MISSED:
            raise ValueError(
                f"{seconds:g} s are too few for TOKENSMITH_SWEEP_SECONDS={sweep_seconds:g}: it must"
                f" be {BEATS_MISSED} times as long, or processes that live would count as dead"
                " between two of their beats"
            )
        return seconds

    @property
    def database(self) -> str:
        """The database's URL, the default one filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'tokensmith.db'}"

    @property
    def response_kept_seconds(self) -> float:
        """How long a response is kept, in seconds."""
        return self.response_kept_days * 86_400.0

    @property
    def simulated(self) -> frozenset[str]:
        """The providers that the simulator stands in for."""
        if not self.simulator_url:
            return frozenset()
        return self.keyless

    @property
    def keyless(self) -> frozenset[str]:
        """The providers that have no key of their own."""
        return frozenset(name for name in _SIMULATOR_PATHS if not self._keys(name))

    @property
    def addressed_without_key(self) -> tuple[str, ...]:
        """The providers whose address is set though they have no key: nobody is called there."""
        return tuple(
            name for name in _SIMULATOR_PATHS if self._base_url(name) and not self._keys(name)
        )

    def providers(self) -> dict[str, ProviderSettings]:
        """How to reach each provider that can be reached, by the name of each of its keys."""
        reachable: dict[str, ProviderSettings] = {}
        for name, path in _SIMULATOR_PATHS.items():
            if keys := self._keys(name):
                reachable |= credentials_of(name, keys, self._base_url(name) or None)
            elif self.simulator_url:
                reachable[name] = ProviderSettings(
                    api_key="simulated", base_url=self.simulator_url + path
                )
        return reachable

    def _keys(self, name: str) -> tuple[str, ...]:
        secret: SecretStr | None = getattr(self, f"{name}_api_key")
        return split_keys(secret.get_secret_value() if secret is not None else None)

    def _base_url(self, name: str) -> str:
        base_url: str = getattr(self, f"{name}_base_url")
        return base_url
