"""Runs of alike frames make of a stream exactly what decoding every frame would."""

from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.server.providers.openai_dialect.frames import (
    DONE,
    ORDINARY,
    USAGE_FRAME,
    WORDS,
    finish,
    good,
    opening,
    part,
    text,
)
from tests.unit.server.providers.openai_dialect.test_text_runs import SHARDS
from tokensmith_server.providers import openai
from tokensmith_server.providers.openai_dialect import stream as stream_module
from tokensmith_server.providers.openai_dialect.stream import ChatStreamParser
from tokensmith_server.providers.sse import SSEDecoder, SSELimitExceeded

BEFORE, AFTER = text("|").split(b"|")
NEVER = 2**31

PLAIN = st.lists(SHARDS, max_size=2).map(lambda shards: BEFORE + b"".join(shards) + AFTER)
TEXTS = st.sampled_from([text("a"), text(""), text("é💡"), text('"\\\n'), text("\x7f")])
OTHERS = st.sampled_from(
    [
        opening(),
        part({"content": "odd", "reasoning": "r"}),
        part({"content": "x"}, obfuscation="pad"),
        text("later").replace(b'"created":1', b'"created":2'),
        text("of another choice", 1),
        finish(),
        USAGE_FRAME,
        DONE,
        b"",
        b'{"error":{"message":"x","type":"server_error"}}',
    ]
)
FRAMES = st.lists(st.one_of(TEXTS, TEXTS, TEXTS, PLAIN, OTHERS), max_size=12)


def outcome_of(wire: bytes, cuts: list[int], *, run_min: int) -> list[Any]:
    """Everything that can be seen of a stream whose bytes come cut at those places."""
    decoder, parser = SSEDecoder(limit_bytes=2000), ChatStreamParser(openai.PROFILE)
    seen: list[Any] = []
    with mock.patch.object(stream_module, "RUN_MIN", run_min):
        for start, stop in zip([0, *cuts], [*cuts, len(wire)], strict=True):
            try:
                events = decoder.feed(wire[start:stop])
            except SSELimitExceeded:
                return [*seen, "too large"]
            seen.append(parser.feed(events.payloads, events.names))
            if parser.failure is not None or parser.done:
                break
        else:
            seen.append(parser.finish(decoder.flush()))
    failure = parser.failure
    told = None if failure is None else (failure.kind, failure.phase, failure.message)
    return [*seen, told, parser.done, parser.usage, parser.usage_problem]


@settings(max_examples=60)
@given(frames=FRAMES, end=st.sampled_from([b"\n\n", b"\r\n\r\n", b"\n: x\n\n"]))
def test_a_stream_says_the_same_with_and_without_runs_wherever_it_is_cut(
    frames: list[bytes], end: bytes
) -> None:
    wire = b"".join(b"data: " + frame + end for frame in (opening(), text("a"), *frames))
    for cut in range(0, len(wire), 7):
        with_runs = outcome_of(wire, [cut], run_min=1)
        assert with_runs == outcome_of(wire, [cut], run_min=NEVER), cut


@given(frames=FRAMES, sizes=st.lists(st.integers(1, 500), max_size=30))
def test_a_stream_says_the_same_with_and_without_runs_in_any_reads(
    frames: list[bytes], sizes: list[int]
) -> None:
    wire = b"".join(b"data: %b\n\n" % frame for frame in (opening(), *frames, finish(), DONE))
    cuts = [stop for place in range(len(sizes)) if (stop := sum(sizes[: place + 1])) < len(wire)]
    assert outcome_of(wire, cuts, run_min=1) == outcome_of(wire, cuts, run_min=NEVER)


def test_alike_frames_are_not_decoded_each(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = mock.Mock(wraps=stream_module._decode_plain)
    monkeypatch.setattr(stream_module, "_decode_plain", decoded)
    monkeypatch.setattr(stream_module, "_decode_run", None)
    assert good([ORDINARY]).pieces() == WORDS
    assert decoded.call_count == 2  # The probes.
