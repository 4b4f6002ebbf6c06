"""Pieces of text as JSON, many at once: what all the streams that the bridge renders consist of.

A call of the encoder costs more than a short text does. So pieces are encoded as one text, joined
by DEL, which JSON leaves as it is: no escape and no other character's UTF-8 has that byte. Where a
piece has a DEL of its own, which their number gives away, the pieces are encoded one by one.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

_encode: Final = msgspec.json.Encoder().encode
_SEPARATOR: Final = "\x7f"
_ENCODED_SEPARATOR: Final = b"\x7f"


def encode_pieces(pieces: Sequence[str]) -> list[bytes]:
    """Each piece as JSON text without its quotes."""
    if len(pieces) > 1:
        encoded = _encode_joined(pieces)[1:-1].split(_ENCODED_SEPARATOR)
        if len(encoded) == len(pieces):
            return encoded
    return [_encode(piece)[1:-1] for piece in pieces]


def frame_pieces(before: bytes, pieces: Sequence[str], after: bytes) -> bytes:
    """Each piece as JSON text, quotes included, between the same two parts; all together."""
    count = len(pieces)
    if count == 1:
        return before + _encode(pieces[0]) + after
    joined = _encode_joined(pieces)
    if joined.count(_ENCODED_SEPARATOR) == count - 1:
        between = b'"' + after + before + b'"'
        return before + joined.replace(_ENCODED_SEPARATOR, between) + after
    return b"".join([before + _encode(piece) + after for piece in pieces])


def _encode_joined(pieces: Sequence[str]) -> bytes:
    # A slice reads a message's repeated field in one call.
    return _encode(_SEPARATOR.join(pieces[:]))
