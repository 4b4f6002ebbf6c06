"""Any further host of the dialect: vLLM, llama.cpp, Ollama and others, named in the overlay file.

Such hosts are taken as they come: a key is optional, reasoning may be counted either way, and
``[DONE]`` ends what no finish reason ended. Images are fetched for them.
"""

import aiohttp

from tokensmith_server.catalog.model import ExtraProvider, ProviderQuirks
from tokensmith_server.providers.base import ProviderSettings
from tokensmith_server.providers.http import parse_base_url
from tokensmith_server.providers.openai_dialect.profile import (
    CORE_FIELDS,
    DialectProfile,
    ReasoningCount,
)
from tokensmith_server.providers.openai_dialect.provider import OpenAIDialectProvider


def profile_of(quirks: ProviderQuirks) -> DialectProfile:
    """Return the lenient profile with what the operator says of the host."""
    return DialectProfile(
        fields=CORE_FIELDS | {"parallel_tool_calls"},
        token_cap_field=quirks.token_cap_field.value,
        stream_options=quirks.stream_options,
        developer_role=quirks.developer_role,
        reasoning_count=ReasoningCount.BY_TOTAL,
        fetches_images=False,
        lenient_end=True,
    )


def create(
    extra: ExtraProvider, settings: ProviderSettings, session: aiohttp.ClientSession
) -> OpenAIDialectProvider:
    """Create the adapter of one host. ``settings.base_url`` wins over the overlay's.

    Raises:
        ValueError: the base URL or the key cannot be used; neither is repeated.
    """
    return OpenAIDialectProvider(
        extra.name,
        profile_of(extra.quirks),
        base_url=parse_base_url(settings.base_url or extra.base_url),
        settings=settings,
        session=session,
    )
