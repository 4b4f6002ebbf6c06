"""Together: open-weight models behind the dialect.

``logprobs`` is a count, ``eos`` is a finish reason, usage rides on the last finish frame, cached
tokens may lie flat in it, 402 is the operator's credit and 403 a context that is too long.
"""

from typing import Final

import aiohttp

from tokensmith_server.providers.base import ErrorKind, ProviderSettings
from tokensmith_server.providers.http import parse_base_url
from tokensmith_server.providers.openai_dialect.profile import CORE_FIELDS, DialectProfile
from tokensmith_server.providers.openai_dialect.provider import OpenAIDialectProvider

NAME: Final = "together"
BASE_URL: Final = "https://api.together.ai"

PROFILE: Final = DialectProfile(
    fields=CORE_FIELDS,
    token_cap_field="max_tokens",  # noqa: S106 - a field name
    reasoning_message_field="reasoning",
    logprobs_as_count=True,
    forbidden_kind=ErrorKind.CONTEXT_LENGTH,
)


def create(
    settings: ProviderSettings, session: aiohttp.ClientSession, name: str = NAME
) -> OpenAIDialectProvider:
    """Create the adapter; a host of the overlay file has a ``name`` of its own.

    The base URL is the host's root, because chat is under ``/v1`` and video under ``/v2``; one
    that already ends with ``/v1`` is taken as it is.

    Raises:
        ValueError: the base URL or the key cannot be used; neither is repeated.
    """
    root = parse_base_url(settings.base_url or BASE_URL)
    versioned = root.path.rstrip("/").endswith("/v1")
    return OpenAIDialectProvider(
        name,
        PROFILE,
        base_url=root if versioned else root / "v1",
        settings=settings,
        session=session,
    )
