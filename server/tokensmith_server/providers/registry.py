"""The chat adapters by provider name: what the composition root asks for them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import aiohttp

from tokensmith_server.catalog.model import Dialect, ExtraProvider
from tokensmith_server.providers import openai, openai_compatible, together, xai
from tokensmith_server.providers.anthropic import provider as anthropic
from tokensmith_server.providers.anthropic.memory import ThinkingMemory
from tokensmith_server.providers.anthropic.profile import NAME as ANTHROPIC
from tokensmith_server.providers.base import ChatProvider, ProviderSettings
from tokensmith_server.providers.credentials import by_provider
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
    """Create every chat adapter that can work: one for each credential, by its name.

    A built-in provider needs a key in ``settings``; one without is left out. A host from the
    overlay needs one only if it names a variable for it.

    Raises:
        ValueError: a base URL or a key cannot be used; the message names the credential and repeats
            neither.
    """
    providers: dict[str, ChatProvider] = {}
    extras = {extra.name: extra for extra in extra_providers}
    credentials = by_provider(settings)
    for name in (*CHAT_FACTORIES, *extras):
        factory = _factory(name, extras.get(name))
        needs_key = name not in extras or extras[name].api_key_env is not None
        for credential in credentials.get(name, (name,)):
            known = settings.get(credential, ProviderSettings())
            if known.api_key or not needs_key:
                providers[credential] = _create(credential, partial(factory, known, session, name))
    return providers


def _factory(name: str, extra: ExtraProvider | None) -> ChatFactory:
    """What makes the adapters of one provider, which share what must not depend on the key."""
    vendor = name if extra is None else extra.dialect.value
    if extra is not None and extra.dialect is Dialect.OPENAI:
        return _lenient(extra)
    create = CHAT_FACTORIES[vendor]
    if vendor == ANTHROPIC:
        # The next turn of a conversation may go out with another key.
        create = partial(anthropic.create, memory=ThinkingMemory())
    return create if extra is None else _at(extra, create)


def _lenient(extra: ExtraProvider) -> ChatFactory:
    """What makes the adapter that takes a host of the overlay file as it comes."""
    return lambda known, session, _: openai_compatible.create(extra, known, session)


def _at(extra: ExtraProvider, create: ChatFactory) -> ChatFactory:
    """A vendor's own adapter, at the address of the overlay file."""

    def create_there(
        known: ProviderSettings, session: aiohttp.ClientSession, name: str
    ) -> ChatProvider:
        settings = replace(known, base_url=known.base_url or extra.base_url)
        return create(settings, session, name)

    return create_there


def _create(credential: str, make: Callable[[], ChatProvider]) -> ChatProvider:
    try:
        return make()
    except ValueError as error:
        raise ValueError(f"provider {credential}: {error}") from None
