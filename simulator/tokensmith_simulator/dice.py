"""Choices that look varied and are always the same for the same seed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

_MULTIPLIER = 6364136223846793005
_INCREMENT = 1442695040888963407
_MASK = (1 << 64) - 1


class Dice:
    """A small linear congruential generator, seeded by the request instead of by chance."""

    def __init__(self, *seed: str | bytes) -> None:
        digest = hashlib.blake2b(digest_size=8)
        for part in seed:
            digest.update(part.encode("utf-8", "replace") if isinstance(part, str) else part)
            digest.update(b"\x1f")
        self._state = int.from_bytes(digest.digest(), "big")

    def below(self, bound: int) -> int:
        """Return an integer in `0 <= x < bound`."""
        self._state = (self._state * _MULTIPLIER + _INCREMENT) & _MASK
        if bound <= 1 << 31:
            return (self._state >> 33) % bound
        high = self._state
        self._state = (self._state * _MULTIPLIER + _INCREMENT) & _MASK
        return ((high << 64) | self._state) % bound

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options, which must not be empty."""
        return options[self.below(len(options))]
