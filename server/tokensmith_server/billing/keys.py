"""API keys: 32 random bytes behind a prefix, kept as a hash, shown once.

A key has 256 bits of entropy, so one SHA-256 is as good a lock as a slow hash, and cheap enough
for every request.
"""

import base64
import hashlib
import re
from typing import Final

KEY_PREFIX: Final = "pk_live_"
KEY_RANDOM_BYTES: Final = 32

_FORM = re.compile(r"pk_live_[A-Za-z0-9_-]{43}", re.ASCII)


def format_api_key(random_bytes: bytes) -> str:
    """The secret made from 32 random bytes: the prefix and 43 characters of URL-safe base64."""
    if len(random_bytes) != KEY_RANDOM_BYTES:
        raise ValueError(f"an API key is made from {KEY_RANDOM_BYTES} bytes")
    return KEY_PREFIX + base64.urlsafe_b64encode(random_bytes).rstrip(b"=").decode("ascii")


def looks_like_api_key(secret: str) -> bool:
    """Whether the text has the form of a key; spares the database what cannot be one."""
    return _FORM.fullmatch(secret) is not None


def hash_api_key(secret: str) -> bytes:
    """What is kept of a key: its SHA-256."""
    return hashlib.sha256(secret.encode("ascii")).digest()


def key_hint(secret: str) -> str:
    """The last four characters, by which a person tells keys apart."""
    return secret[-4:]
