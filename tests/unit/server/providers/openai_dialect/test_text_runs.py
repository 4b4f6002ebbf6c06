"""A run of frames is read as if each frame were decoded, or not at all."""

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokensmith_server.providers.openai_dialect.text_runs import UNREADABLE, TextRuns, text_place

BEFORE, AFTER = b'{"id":7,"delta":{"content":"', b'"},"finish":null}'
PLACE = text_place("content")


class Delta(msgspec.Struct):
    content: str


class Frame(msgspec.Struct):
    delta: Delta
    finish: None = None


_decode = msgspec.json.Decoder(Frame).decode


def read(frame: bytes) -> str:
    return _decode(frame).delta.content


def read_each(frames: list[bytes]) -> list[str] | None:
    """What a run must come to, if it comes to anything."""
    try:
        return [read(frame) for frame in frames]
    except UNREADABLE:
        return None


def texts_of(frames: list[bytes]) -> list[str] | None:
    runs = TextRuns(PLACE, read)
    assert runs.texts_of(framed(b"learnt")) == ["learnt"]
    return runs.texts_of(frames)


def framed(*bodies: bytes) -> list[bytes]:
    return [BEFORE + body + AFTER for body in bodies]


TEXT = st.text(st.characters(exclude_characters="\x7f", codec="utf-8"), max_size=6)


@given(texts=st.lists(TEXT, min_size=1, max_size=12))
def test_frames_of_any_text_are_read_as_a_run(texts: list[str]) -> None:
    encoded = framed(*(msgspec.json.encode(text)[1:-1] for text in texts))
    assert texts_of(encoded) == texts
    escaped = framed(*("".join(f"\\u{ord(c):04X}" for c in t).encode() for t in ("a", "é", "")))
    assert texts_of(escaped) == ["a", "é", ""]


# Whatever ends, splits or hides a string, an escape, a character or a frame.
ESCAPES = rb'\ \\ " \" \ud83d \udca1 n \u 00 7f 1f \u007F'.split()
RAW = [b"", b"a", b"\x7f", b"\xf0\x9f", b"\x92\xa1", b"\xed\xa0\x80", b"\n", b"\x1f"]
FRAMING = [BEFORE, AFTER, AFTER + BEFORE, b'","content":"', b'"},"delta":{"content":"', b"}", b","]
SHARDS = st.sampled_from([*ESCAPES, *RAW, *FRAMING])
BODIES = st.lists(SHARDS, max_size=4).map(b"".join)
HEADS = st.sampled_from(
    [
        BEFORE,
        BEFORE + b"x",
        BEFORE + b"\\ud83d",
        BEFORE[:-1],
        b' {"delta": {"content" : "',
        b'{"delta":{"content":"a","x\\"content":"',
        b'{"delta":{"content":"a"},"content":"',
        b'{"delta":{"content":"a","content":"',
        b'{"delta":{"content":"a","x":{"content":"',
        b'{"delta":{"c\\u006fntent":"probe","x\\"content":"',
        b'{"delta":{"c\\u006fntent":"other","x\\"content":"',
        b'"content":"',
    ]
)
TAILS = st.sampled_from(
    [AFTER, b'"}}', b'"}} ', b'x"}}', b'","content":"b"}}', b'"},"finish":"stop"}', b'":1}}', b'"']
)
FRAMES = st.lists(BODIES, min_size=1, max_size=6)


@settings(max_examples=500)
@given(head=HEADS, tail=TAILS, bodies=FRAMES, odd=st.none() | BODIES)
def test_a_run_is_read_as_each_of_its_frames_is(
    head: bytes, tail: bytes, bodies: list[bytes], odd: bytes | None
) -> None:
    frames = [head + body + tail for body in bodies]
    if odd is not None:
        frames[len(frames) // 2] = odd
    runs = TextRuns(PLACE, read)
    for run in ([head + b"learnt" + tail], frames, frames[::-1]):
        texts = runs.texts_of(run)
        assert texts is None or texts == read_each(run)


@settings(max_examples=300)
@given(wire=st.lists(BODIES, min_size=1, max_size=5).map(lambda b: b"".join(framed(*b))))
def test_frames_cut_in_wrong_places_are_never_taken_for_others(wire: bytes) -> None:
    for cut in range(0, len(wire), 5):
        frames = [wire[:cut], wire[cut:]]
        runs = TextRuns(PLACE, read)
        runs.texts_of(framed(b"a"))
        texts = runs.texts_of(frames)
        assert texts is None or texts == read_each(frames), cut


@pytest.mark.parametrize(
    "bodies",
    [
        (b"a\\", b"b", b"c\\u007fd"),
        (b"a\\", b"\\u007f\\", b"b"),
        (b"\\ud83d", b"\\udca1"),
        (b"\xf0\x9f", b"\x92\xa1"),
        (b"\\u00", b"7f"),
        (b"a", b"\x7f", b"b"),
        (b'a","finish":1,"x":"b', b"c"),
        (b"a\nb", b"c"),
    ],
    ids=["an escaped quote", "two", "surrogates", "UTF-8", "an escape", "DEL", "a quote", "a line"],
)
def test_bodies_that_only_make_sense_together_are_no_run(bodies: tuple[bytes, ...]) -> None:
    assert texts_of(framed(*bodies)) is None


def test_halves_are_learnt_anew_when_frames_change() -> None:
    runs = TextRuns(PLACE, read)
    later = [frame.replace(b"7", b"8") for frame in framed(b"c", b"d")]
    for frames, texts in itertools.repeat((framed(b"a", b"b"), ["a", "b"]), 3):
        assert runs.texts_of(frames) == texts
        assert runs.texts_of(later) == ["c", "d"]
    mixed = framed(b"a") + later
    assert runs.texts_of(mixed) is None


def test_frames_that_are_never_alike_are_not_learnt_from_for_ever() -> None:
    tried: list[bytes] = []

    def counted(frame: bytes) -> str:
        tried.append(frame)
        return read(frame)

    runs = TextRuns(PLACE, counted)
    for padding in range(20):
        last = BEFORE + b'z"},"padding":"%d"}' % padding
        assert runs.texts_of([BEFORE + b'a"},"padding":"x%d"}' % padding, last]) is None
    assert tried == []
    assert runs.texts_of(framed(b"a", b"b")) is None
