"""API keys as they arrive, and the part of one that vendors show in their errors."""

from __future__ import annotations

from collections.abc import Mapping


def bearer_key(headers: Mapping[str, str]) -> str:
    """Return the key of an `Authorization: Bearer` header, or an empty string."""
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def masked_key(key: str) -> str:
    """Show a key's beginning and end, as the vendors' own error messages do."""
    if len(key) <= 12:
        return f"{key[:2]}{'*' * max(0, len(key) - 2)}"
    return f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"
