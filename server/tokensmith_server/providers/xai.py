"""xAI: Grok behind the dialect.

Reasoning tokens are counted beside the completion, errors are flat, a wrong key is a 400, a 403
can be about content, and a tool call comes whole in one frame.
"""

from typing import Final

import aiohttp

from tokensmith_server.providers.base import ProviderSettings
from tokensmith_server.providers.http import parse_base_url
from tokensmith_server.providers.openai_dialect.profile import (
    CORE_FIELDS,
    DialectProfile,
    ReasoningCount,
)
from tokensmith_server.providers.openai_dialect.provider import OpenAIDialectProvider

NAME: Final = "xai"
BASE_URL: Final = "https://api.x.ai/v1"

PROFILE: Final = DialectProfile(
    fields=CORE_FIELDS | {"parallel_tool_calls", "prompt_cache_key", "user"},
    service_tiers=("default",),
    token_cap_field="max_completion_tokens",  # noqa: S106 - a field name
    reasoning_count=ReasoningCount.BY_TOTAL,
    cached_may_be_beside=True,
    auth_messages=("incorrect api key", "invalid api key"),
)


def create(
    settings: ProviderSettings, session: aiohttp.ClientSession, name: str = NAME
) -> OpenAIDialectProvider:
    """Create the adapter; a host of the overlay file has a ``name`` of its own.

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
