"""Several keys at one provider: how they are written in one variable, and what each is called.

A credential's name is the provider's where it has one key, else ``provider#1`` and so on, in the
order they are written. It goes into rows, logs and metrics; nothing of the key itself does.
"""

from collections.abc import Iterable
from typing import Final

from tokensmith_server.providers.base import ProviderSettings

_SEPARATOR: Final = ","
_NUMBER: Final = "#"


def split_keys(text: str | None) -> tuple[str, ...]:
    """The keys of a variable: parted by commas, blanks around them and empty ones left out.

    Raises:
        ValueError: a key is there twice, or is none that a header could hold; the message repeats
            none.
    """
    keys = tuple(filter(None, (key.strip() for key in (text or "").split(_SEPARATOR))))
    if len(set(keys)) != len(keys):
        raise ValueError("a key is listed twice")
    if not all(key.isascii() and key.isprintable() for key in keys):
        raise ValueError("a key must be printable ASCII, and several are parted by commas")
    return keys


def credentials_of(
    provider: str, keys: Iterable[str], base_url: str | None = None
) -> dict[str, ProviderSettings]:
    """What is known of each of a provider's keys, by the credential's name."""
    each = [ProviderSettings(api_key=key, base_url=base_url) for key in keys]
    if len(each) == 1:
        return {provider: each[0]}
    return {f"{provider}{_NUMBER}{place}": known for place, known in enumerate(each, 1)}


def provider_of(credential: str) -> str:
    """The provider that a credential's name belongs to."""
    return credential.partition(_NUMBER)[0]


def by_provider(credentials: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The credentials of each provider, in their order."""
    found: dict[str, tuple[str, ...]] = {}
    for name in credentials:
        provider = provider_of(name)
        found[provider] = (*found.get(provider, ()), name)
    return found
