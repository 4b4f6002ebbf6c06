"""Reading an extra provider, a host that the overlay file adds."""

import re
from typing import Final
from urllib.parse import urlsplit

from tokensmith_server.catalog.model import (
    BUILT_IN_PROVIDERS,
    Dialect,
    ExtraProvider,
    ProviderQuirks,
    TokenCapField,
)
from tokensmith_server.catalog.reader import Table

_PROVIDER_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_ENVIRONMENT_NAME: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")


def read_provider(name: str, table: Table) -> ExtraProvider:
    """A host of the overlay file. Noted problems never quote a value."""
    if name in BUILT_IN_PROVIDERS:
        table.note(None, "is built in; its base URL and key are set in the environment")
    elif not _PROVIDER_NAME.fullmatch(name):
        table.note(None, "the name must be a-z, 0-9, _ and -, from a letter, 32 at most")
    base_url = table.text("base_url")
    if base_url and not _is_base_url(base_url):
        table.note("base_url", "must be an http(s) URL without user, query and fragment")
    key_name = table.optional_text("api_key_env")
    if key_name and not _ENVIRONMENT_NAME.fullmatch(key_name):
        table.note("api_key_env", "must be the name of an environment variable, not the key")
    dialect = table.choice("dialect", Dialect, Dialect.OPENAI)
    quirks = ProviderQuirks()
    quirks_table = table.table("quirks")
    if quirks_table is not None:
        quirks = _read_quirks(quirks_table)
        if dialect is not Dialect.OPENAI:
            table.note("quirks", "are for hosts of the dialect openai")
    table.close()
    return ExtraProvider(name, base_url.rstrip("/"), key_name, dialect, quirks)


def _read_quirks(table: Table) -> ProviderQuirks:
    usual = ProviderQuirks()
    quirks = ProviderQuirks(
        token_cap_field=table.choice("token_cap_field", TokenCapField, usual.token_cap_field),
        stream_options=table.flag("stream_options", usual.stream_options),
        developer_role=table.flag("developer_role", usual.developer_role),
    )
    table.close()
    return quirks


def _is_base_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and parts.username is None
        and not parts.query
        and not parts.fragment
        and port != 0
        and text.isascii()
        and " " not in text
    )
