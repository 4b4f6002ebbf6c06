"""Pieces of text are encoded as if one by one, whatever is in them."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.pieces import encode_pieces, frame_pieces

PIECES = st.lists(st.text(st.sampled_from('ab"\\\x7f\x1f\n{}é💡u007f'), max_size=6), max_size=8)


@given(PIECES)
def test_pieces_are_encoded_as_if_one_by_one(pieces: list[str]) -> None:
    assert encode_pieces(pieces) == [msgspec.json.encode(piece)[1:-1] for piece in pieces]


@given(PIECES)
def test_pieces_stand_between_the_same_two_parts(pieces: list[str]) -> None:
    each = [b"<" + msgspec.json.encode(piece) + b">" for piece in pieces]
    if pieces:
        assert frame_pieces(b"<", pieces, b">") == b"".join(each)


@given(PIECES)
def test_pieces_of_a_message_are_encoded_like_a_list_of_them(pieces: list[str]) -> None:
    delta = chat.ChatCompletionDelta(content_pieces=pieces)
    assert encode_pieces(delta.content_pieces) == encode_pieces(pieces)


def test_pieces_are_encoded_together() -> None:
    """The separator stays as it is, alone of all control characters."""
    assert msgspec.json.encode("".join(map(chr, range(0x80)))).count(b"\x7f") == 1
