"""Ids enter the server here.

Each is a prefix and a UUIDv7: unique across processes, and in time order, so that a newest-first
page is a walk along the primary key.
"""

from typing import Protocol

import uuid_utils


class Ids(Protocol):
    """Where the server gets new ids."""

    def new(self, prefix: str) -> str:
        """A new id, ``<prefix><32 hex digits>``."""
        ...


class RandomIds:
    """UUIDv7 from the operating system's randomness."""

    def new(self, prefix: str) -> str:
        """A new id, ``<prefix><32 hex digits>``."""
        return prefix + uuid_utils.uuid7().hex
