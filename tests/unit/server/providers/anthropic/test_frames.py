"""Frames are taken apart alike, wherever the body is cut and whatever its line ends."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.server.providers.anthropic.events import ORDINARY, framed, text
from tokensmith_server.providers.anthropic.frames import FrameReader
from tokensmith_server.providers.sse import SSEDecoder, SSELimitExceeded

PAYLOADS = [*ORDINARY[:12], text("line\nevent: ping\ndata: x\n\n"), *ORDINARY[-3:]]
WIRE = framed(PAYLOADS)


def read(chunks: list[bytes]) -> list[bytes]:
    reader = FrameReader()
    payloads = [payload for chunk in chunks for payload in reader.feed(chunk)]
    rest = reader.flush()
    return payloads if rest is None else [*payloads, rest]


def cut(wire: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(wire) + 1) for place in places), len(wire)]
    return [wire[start:end] for start, end in itertools.pairwise(edges)]


def test_every_single_cut() -> None:
    for place in range(len(WIRE)):
        assert read([WIRE[:place], WIRE[place:]]) == PAYLOADS


@pytest.mark.parametrize("size", [1, 2, 3, 50, 121, 122])
def test_even_chunks(size: int) -> None:
    assert read([WIRE[i : i + size] for i in range(0, len(WIRE), size)]) == PAYLOADS


Lines = st.lists(
    st.sampled_from(
        [
            b"event: content_block_delta",
            b"event: ping",
            b"data: {}",
            b"data: x",
            b": c",
            b"",
            b"id: 1",
        ]
    ),
    max_size=25,
)


@settings(max_examples=300)
@given(
    lines=Lines,
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    places=st.lists(st.integers(0, 500), max_size=6),
)
def test_same_payloads_as_the_decoder_by_itself(
    lines: list[bytes], end: bytes, places: list[int]
) -> None:
    wire = b"".join(line + end for line in lines)
    decoder = SSEDecoder()
    expected = list(decoder.feed(wire).payloads)
    rest = decoder.flush()
    assert read(cut(wire, places)) == (expected if rest is None else [*expected, rest])


def test_unfinished_frame_is_handed_out_at_the_end() -> None:
    reader = FrameReader()
    assert reader.feed(framed([text("a")]) + b'event: message_stop\ndata: {"type"') == [text("a")]
    assert reader.flush() == b'{"type"'


def test_frame_that_never_ends_is_bounded() -> None:
    with pytest.raises(SSELimitExceeded):
        read([b"data: x", *[b"x" * 65536] * 200])
