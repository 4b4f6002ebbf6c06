"""OpenAI's own chat completions."""

from typing import Final

import aiohttp

from tokensmith_server.providers.base import ProviderSettings
from tokensmith_server.providers.http import parse_base_url
from tokensmith_server.providers.openai_dialect.profile import CORE_FIELDS, DialectProfile
from tokensmith_server.providers.openai_dialect.provider import OpenAIDialectProvider

NAME: Final = "openai"
BASE_URL: Final = "https://api.openai.com/v1"

PROFILE: Final = DialectProfile(
    fields=CORE_FIELDS
    | {
        "audio",
        "function_choice",
        "functions",
        "metadata",
        "modalities",
        "moderation",
        "parallel_tool_calls",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "store",
        "user",
        "verbosity",
    },
    # Priority, fast and scale cost more than the price list charges.
    service_tiers=("auto", "default", "flex"),
    token_cap_field="max_completion_tokens",  # noqa: S106 - a field name
    developer_role=True,
    refusals=True,
    cache_breakpoints=True,
    allowed_tools=True,
)


def create(
    settings: ProviderSettings, session: aiohttp.ClientSession, name: str = NAME
) -> OpenAIDialectProvider:
    """Create the adapter.

    Raises:
        ValueError: the base URL or the key cannot be used; neither is repeated.
    """
    return OpenAIDialectProvider(
        name,
        PROFILE,
        base_url=parse_base_url(settings.base_url or BASE_URL),
        settings=settings,
        session=session,
    )
