"""Ids enter the server here: those that it makes, and those that come from outside.

One that it makes is a prefix and a UUIDv7: unique across processes, and in time order, so that a
newest-first page is a walk along the primary key. What comes from outside goes on into SQL, logs
and headers as it is, so the rules of what it may be are here too. None lets in a NUL, which no
text of PostgreSQL can have, or a line's end.
"""

from typing import Final, Protocol

import uuid_utils

ID_LENGTH_MAX: Final = 128

NAME_LENGTH_MAX: Final = 255
"""The longest that others' names for their own things may be: idempotency keys, grants."""


def may_be_id(text: str) -> bool:
    """Whether text can be an id of the server's, or one that a client offers for its request.

    It is 1 to 128 ASCII letters, digits, ``-`` and ``_``, and not of the last two alone. Nothing
    that the server keeps under an id is found by any other text.
    """
    return (
        0 < len(text) <= ID_LENGTH_MAX
        and text.isascii()
        and text.replace("-", "").replace("_", "").isalnum()
    )


def may_be_name(text: str, length_max: int = NAME_LENGTH_MAX) -> bool:
    """Whether text can be somebody else's name for something: not empty, short, printable ASCII."""
    return 0 < len(text) <= length_max and text.isascii() and text.isprintable()


def namesake(made_id: str, prefix: str) -> str:
    """The id with another prefix, of the one such thing that belongs to what has ``made_id``.

    A call's hold is ``hold_1``, its answer ``chatcmpl-1``, and the response kept of it ``resp_1``.
    """
    return prefix + made_id.partition("_")[2]


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
