"""How a stream of the dialect ends: in order, cut, with an error, or malformed."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.server.providers.openai_dialect.frames import (
    COMPATIBLE,
    DONE,
    STOP,
    USAGE_FRAME,
    finish,
    frame,
    good,
    opening,
    part,
    run,
    text,
    usage,
)
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers import openai
from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError
from tokensmith_server.providers.openai_dialect.stream import ChatStreamParser
from tokensmith_server.providers.sse import SSEDecoder


@pytest.mark.parametrize(
    "frames",
    [
        [opening(), text("a")],
        [opening(), text("a"), USAGE_FRAME],
        [opening(), text("a"), DONE],
        [opening(), opening(1), finish(), text("b", 1)],
    ],
    ids=["no finish", "usage but no finish", "end mark but no finish", "one choice of two"],
)
def test_stream_that_ends_in_mid_answer_is_cut(frames: list[bytes]) -> None:
    outcome = run([frames])
    assert outcome.pieces()[:1] in (["a"], [])
    assert outcome.failure.kind is ErrorKind.CONNECTION
    assert outcome.failure.phase is Phase.STREAMING
    assert outcome.failure.may_have_run


def test_choice_that_never_began_is_missed() -> None:
    outcome = run([[opening(), text("a"), finish()]], choice_count=2)
    assert outcome.failure.kind is ErrorKind.CONNECTION


def test_lenient_hosts_may_end_with_the_mark_alone() -> None:
    outcome = good([[opening(), text("a"), DONE]], COMPATIBLE)
    assert outcome.finishes() == [(0, STOP)]


@pytest.mark.parametrize("frames", [[], [DONE], [USAGE_FRAME, DONE], [frame([])]])
def test_stream_without_an_answer_is_malformed(frames: list[bytes]) -> None:
    outcome = run([frames])
    assert outcome.failure.kind is ErrorKind.MALFORMED_RESPONSE
    assert outcome.failure.phase is Phase.ANSWERED


ERROR_FRAMES: list[tuple[bytes, ErrorKind]] = [
    (
        b'{"error":{"message":"x","type":"server_error","param":null,"code":null}}',
        ErrorKind.OVERLOADED,
    ),
    (
        b'{"error":"The service is busy","code":"The service is currently unavailable"}',
        ErrorKind.OVERLOADED,
    ),
    (b'{"type":"error","message":"x","code":"rate_limit_exceeded"}', ErrorKind.RATE_LIMITED),
    (b'{"object":"error","message":"x","code":503}', ErrorKind.OVERLOADED),
    (b'{"error":{"message":"flagged","code":"content_filter"}}', ErrorKind.CONTENT_REFUSED),
    (b'{"error":{}, "choices":[{"index":0,"mess', ErrorKind.MALFORMED_RESPONSE),
    (b"<html>", ErrorKind.MALFORMED_RESPONSE),
    (b'{"choices":[{"delta":{"content":7}}]}', ErrorKind.MALFORMED_RESPONSE),
    (b'{"choices":[{"index":-99999999999,"delta":{"content":"x"}}]}', ErrorKind.MALFORMED_RESPONSE),
    (b'{"choices":[{"delta":{"tool_calls":[{"index":999999}]}}]}', ErrorKind.MALFORMED_RESPONSE),
]


@pytest.mark.parametrize(("payload", "kind"), ERROR_FRAMES)
def test_error_frame_ends_the_stream_after_what_came_before_it(
    payload: bytes, kind: ErrorKind
) -> None:
    counted = frame([{"index": 0, "delta": {"content": "c"}}], usage=usage())
    outcome = run([[opening(), text("a"), text("b"), counted, payload, text("lost"), DONE]])
    assert outcome.pieces() == ["a", "b", "c"]
    assert outcome.failure.kind is kind
    assert (outcome.failure.phase, outcome.failure.may_have_run) == (Phase.STREAMING, True)
    assert outcome.failure.usage == TokenUsage(9, 12)


def test_event_named_error_is_one_whatever_its_shape() -> None:
    parser = ChatStreamParser(openai.PROFILE)
    parser.feed([opening(), text("a")])
    batch = parser.feed([text("b"), b'{"message":"x","code":"server_error"}'], {1: "error"})
    assert batch is not None
    assert batch.deltas[0].content_pieces == ["b"]
    assert parser.failure is not None
    assert parser.failure.kind is ErrorKind.OVERLOADED
    other = ChatStreamParser(openai.PROFILE)
    assert other.feed([opening()], {0: "message"}) is not None


def test_request_is_not_to_blame_once_the_answer_has_begun() -> None:
    payload = b'{"error":{"message":"x","type":"invalid_request_error"}}'
    assert run([[payload]]).failure.kind is ErrorKind.INVALID_REQUEST
    begun = run([[opening(), text("a"), payload]]).failure
    assert (begun.kind, begun.phase) == (ErrorKind.OVERLOADED, Phase.STREAMING)


@pytest.mark.parametrize(("payload", "kind"), ERROR_FRAMES[:5])
def test_error_as_the_first_frame_is_before_the_stream(payload: bytes, kind: ErrorKind) -> None:
    outcome = run([[payload]])
    assert (outcome.failure.kind, outcome.failure.phase) == (kind, Phase.ANSWERED)
    assert outcome.batches == []


def test_neighbours_that_only_make_sense_together_are_no_frames() -> None:
    whole = text("a,b")
    cut = whole.index(b",b")
    frames = [
        opening(),
        text("x"),
        text("y"),
        whole[:cut],
        whole[cut + 1 :],
        finish(),
        USAGE_FRAME,
        DONE,
    ]
    outcome = run([frames])
    assert outcome.pieces() == ["x", "y"]
    assert outcome.failure.kind is ErrorKind.MALFORMED_RESPONSE


def cut() -> ProviderError:
    return ProviderError(ErrorKind.CONNECTION, "cut", phase=Phase.STREAMING)


def test_interruption_after_everything_was_said_is_an_end() -> None:
    parser = ChatStreamParser(openai.PROFILE)
    parser.feed([opening(), text("a"), finish()])
    parser.interrupt(cut())
    assert parser.done
    assert parser.failure is None


def test_interruption_keeps_the_usage_known_so_far() -> None:
    parser = ChatStreamParser(openai.PROFILE)
    parser.feed([opening(), frame([{"index": 0, "delta": {"content": "a"}}], usage=usage())])
    parser.interrupt(cut())
    assert parser.failure is not None
    assert parser.failure.usage == TokenUsage(9, 12)


def test_broken_usage_is_a_problem_and_no_usage() -> None:
    broken = frame([], usage=usage(total=5))
    outcome = good([[opening(), text("a"), finish(), broken, DONE]])
    assert outcome.usage is None
    assert outcome.parser.usage_problem


def test_bytes_cut_anywhere_say_the_same() -> None:
    frames = [opening(), text("é"), text("😀"), part({"reasoning": "r"}), text("z"), finish()]
    wire = b"".join(b"data: " + payload + b"\n\n" for payload in [*frames, USAGE_FRAME, DONE])
    for cut_at in range(0, len(wire), 3):
        decoder = SSEDecoder()
        reads = [decoder.feed(chunk).payloads for chunk in (wire[:cut_at], wire[cut_at:])]
        outcome = good(reads)
        assert outcome.pieces() == ["é", "😀", "z"], cut_at
        assert outcome.usage == TokenUsage(9, 12)


@given(payloads=st.lists(st.binary(max_size=40), max_size=6))
def test_any_payloads_end_in_an_answer_or_an_error(payloads: list[bytes]) -> None:
    parser = ChatStreamParser(openai.PROFILE)
    parser.feed([opening(), *payloads])
    parser.finish(None)
    assert parser.done or parser.failure is not None


def test_reads_can_be_grouped_in_any_way() -> None:
    frames = [opening(), text("a"), text("b"), finish(), USAGE_FRAME, DONE]
    for cuts in itertools.product([True, False], repeat=len(frames) - 1):
        reads: list[list[bytes]] = [[frames[0]]]
        for cut_here, payload in zip(cuts, frames[1:], strict=True):
            if cut_here:
                reads.append([])
            reads[-1].append(payload)
        outcome = good(reads)
        assert outcome.pieces() == ["a", "b"]
        assert outcome.usage == TokenUsage(9, 12)
