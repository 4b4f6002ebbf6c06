"""The chat adapters by provider name: what the composition root asks for them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import aiohttp

from tokensmith_server.catalog.model import Dialect, ExtraProvider
from tokensmith_server.providers import openai, openai_compatible, together, xai
from tokensmith_server.providers.anthropic import provider as anthropic
from tokensmith_server.providers.anthropic.profile import NAME as ANTHROPIC
from tokensmith_server.providers.base import ChatProvider, ProviderSettings
from tokensmith_server.providers.gemini import provider as gemini

ChatFactory = Callable[[ProviderSettings, aiohttp.ClientSession, str], ChatProvider]
"""Makes an adapter from what is known of its host, and the name that the host has here."""

CHAT_FACTORIES: Final[Mapping[str, ChatFactory]] = {
    openai.NAME: openai.create,
    ANTHROPIC: anthropic.create,
    gemini.NAME: gemini.create,
    xai.NAME: xai.create,
    together.NAME: together.create,
}
"""The built-in providers of chat."""


def create_chat_providers(
    session: aiohttp.ClientSession,
    settings: Mapping[str, ProviderSettings],
    extra_providers: Iterable[ExtraProvider] = (),
) -> dict[str, ChatProvider]:
    """Create every chat adapter that can work.

    A built-in provider needs a key in ``settings``; one without is left out. A host from the
    overlay needs one only if it names a variable for it.

    Raises:
        ValueError: a base URL or a key cannot be used; the message names the provider and repeats
            neither.
    """
    providers: dict[str, ChatProvider] = {}
    nothing = ProviderSettings()
    for name, factory in CHAT_FACTORIES.items():
        known = settings.get(name, nothing)
        if known.api_key:
            providers[name] = _create(name, partial(factory, known, session, name))
    for extra in extra_providers:
        known = settings.get(extra.name, nothing)
        if known.api_key or extra.api_key_env is None:
            make = partial(_create_extra, extra, known, session)
            providers[extra.name] = _create(extra.name, make)
    return providers


def _create_extra(
    extra: ExtraProvider, known: ProviderSettings, session: aiohttp.ClientSession
) -> ChatProvider:
    """Create the adapter of a host of the overlay file: the lenient one, or a vendor's own."""
    if extra.dialect is Dialect.OPENAI:
        return openai_compatible.create(extra, known, session)
    settings = replace(known, base_url=known.base_url or extra.base_url)
    return CHAT_FACTORIES[extra.dialect](settings, session, extra.name)


def _create(name: str, make: Callable[[], ChatProvider]) -> ChatProvider:
    try:
        return make()
    except ValueError as error:
        raise ValueError(f"provider {name}: {error}") from None
