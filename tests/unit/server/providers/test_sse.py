"""The SSE decoder gives the same events wherever a stream is cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.providers.sse import SSEDecoder, SSELimitExceeded

Event = tuple[str, bytes]

SAMPLES: dict[str, tuple[bytes, list[Event], bytes | None]] = {
    "plain frames": (
        b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n',
        [("", b'{"a":1}'), ("", b'{"b":2}'), ("", b"[DONE]")],
        None,
    ),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", b"a"), ("", b"b")], None),
    "CRLF with other lines": (
        b"data: a\r\n\r\n: ping\r\n\r\ndata: b\r\ndata: c\r\n\r\nevent: x\r\ndata: d\r\n\r\n",
        [("", b"a"), ("", b"b\nc"), ("x", b"d")],
        None,
    ),
    "CRLF with single CR and LF": (
        b"data: a\r\n\r\ndata: b\rdata: c\r\n\r\ndata: d\n\r\ndata: e\r\n\r\n",
        [("", b"a"), ("", b"b\nc"), ("", b"d"), ("", b"e")],
        None,
    ),
    "CRLF without the last blank line": (b"data: a\r\n\r\ndata: b\r\n", [("", b"a")], b"b"),
    "CR": (b"data: a\r\rdata: b\r\r", [("", b"a"), ("", b"b")], None),
    "mixed line ends": (
        b"data: a\r\n\ndata: b\n\r\ndata: c\r\r\n",
        [("", b"a"), ("", b"b"), ("", b"c")],
        None,
    ),
    "no space after the colon": (b"data:a\n\ndata:  b\n\n", [("", b"a"), ("", b" b")], None),
    "several data lines": (b"data: a\ndata: b\ndata\n\n", [("", b"a\nb\n")], None),
    "empty data": (b"data: \n\ndata\n\n", [("", b""), ("", b"")], None),
    "comments": (
        b": ping\n\ndata: a\n\n:\n\n: pong\ndata: b\n: x\n\n",
        [("", b"a"), ("", b"b")],
        None,
    ),
    "event names": (
        b"event: error\ndata: a\n\ndata: b\n\ndata: c\nevent:done\n\n",
        [("error", b"a"), ("", b"b"), ("done", b"c")],
        None,
    ),
    "a name without data": (b"event: ping\n\ndata: a\n\n", [("", b"a")], None),
    "id and retry": (b"id: 7\nretry: 10\ndata: a\n\n", [("", b"a")], None),
    "unknown fields": (b"datum: x\ndata: a\nDATA: y\n\n", [("", b"a")], None),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\ndata: b\n\n", [("", b"a"), ("", b"b")], None),
    "a mark later on": (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [("", b"a")], None),
    "blank lines": (b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n", [("", b"a"), ("", b"b")], None),
    "multi-byte text": (
        "data: é€😀\n\ndata: ü\n\n".encode(),
        [("", "é€😀".encode()), ("", "ü".encode())],
        None,
    ),
    "no blank line at the end": (b"data: a\n\ndata: b\n", [("", b"a")], b"b"),
    "no line end at the end": (b"data: a\n\ndata: [DO", [("", b"a")], b"[DO"),
    "only a comment at the end": (b"data: a\n\n: bye", [("", b"a")], None),
    "nothing": (b"", [], None),
}


def decode(chunks: list[bytes], **options: int) -> tuple[list[Event], bytes | None]:
    decoder = SSEDecoder(**options)
    events: list[Event] = []
    for chunk in chunks:
        batch = decoder.feed(chunk)
        events += [(batch.names.get(i, ""), p) for i, p in enumerate(batch.payloads)]
    return events, decoder.flush()


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_decodes_whole(name: str) -> None:
    wire, events, rest = SAMPLES[name]
    assert decode([wire]) == (events, rest)


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_decodes_alike_at_every_split(name: str) -> None:
    wire, events, rest = SAMPLES[name]
    for cut in range(len(wire) + 1):
        assert decode([wire[:cut], wire[cut:]]) == (events, rest), cut
    for first, second in itertools.combinations(range(len(wire) + 1), 2):
        chunks = [wire[:first], wire[first:second], wire[second:]]
        assert decode(chunks) == (events, rest), (first, second)


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_decodes_alike_byte_by_byte(name: str) -> None:
    wire, events, rest = SAMPLES[name]
    assert decode([wire[i : i + 1] for i in range(len(wire))]) == (events, rest)


LINES = st.lists(
    st.one_of(
        st.just(b""),
        st.binary(max_size=6).map(lambda b: b"data: " + b.translate(None, b"\r\n")),
        st.binary(max_size=6).map(lambda b: b.translate(None, b"\r\n")),
        st.sampled_from([b"data", b"data:", b"event: e", b": c", b"id: 1", b"data: [DONE]"]),
    ),
    max_size=12,
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(data=st.data())
def test_random_streams_decode_alike_however_they_are_cut(data: st.DataObject) -> None:
    wire = b"".join(line + data.draw(ENDS) for line in data.draw(LINES))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    bounds = [0, *cuts, len(wire)]
    chunks = [wire[a:b] for a, b in itertools.pairwise(bounds)]
    assert decode(chunks) == decode([wire])


@given(wire=st.binary(max_size=64), size=st.integers(1, 5))
def test_arbitrary_bytes_never_raise_and_decode_alike(wire: bytes, size: int) -> None:
    chunks = [wire[i : i + size] for i in range(0, len(wire), size)]
    assert decode(chunks) == decode([wire])


def test_flush_leaves_the_decoder_empty() -> None:
    decoder = SSEDecoder()
    decoder.feed(b"data: a\ndata: b")
    assert decoder.flush() == b"a\nb"
    assert decoder.flush() is None


@pytest.mark.parametrize(
    "chunks",
    [
        [b"data: " + b"x" * 200 + b"\n\n"],
        [b"data: " + b"x" * 50, b"x" * 60],
        [b"data: " + b"x" * 50 + b"\n"] * 3,
        [b": " + b"x" * 60, b"x" * 60],
        [b"data: a\n\ndata: " + b"x" * 200],
    ],
    ids=["in one read", "one line in two reads", "many lines", "a comment", "after another event"],
)
def test_event_over_the_limit_is_refused(chunks: list[bytes]) -> None:
    with pytest.raises(SSELimitExceeded) as caught:
        decode(chunks, limit_bytes=100)
    assert caught.value.limit_bytes == 100


def test_many_small_events_pass_a_small_limit() -> None:
    events, _ = decode([b"data: abc\n\n" * 1000, b": ping\n" * 1000], limit_bytes=100)
    assert len(events) == 1000
