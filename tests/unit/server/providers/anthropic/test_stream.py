"""Streams become batches of deltas that lose nothing, and end well or say why not."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.server.providers.anthropic.events import (
    END,
    MODEL,
    ORDINARY,
    OVERLOADED,
    PING,
    STOP,
    WORDS,
    arguments,
    block,
    delta,
    ending,
    event,
    good,
    run,
    signature,
    start,
    stop,
    text,
    thought,
)
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers.anthropic import stream as stream_module
from tokensmith_server.providers.anthropic.stream import MessagesStreamParser
from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError


def test_events_of_one_read_are_one_batch_with_a_piece_for_each() -> None:
    outcome = good([ORDINARY])
    [batch] = outcome.batches
    assert len(batch.deltas) == 3  # who speaks, the text, the end
    assert batch.deltas[0].role == chat_pb.CHAT_ROLE_ASSISTANT
    assert list(batch.deltas[1].content_pieces) == WORDS
    assert outcome.finishes == [STOP]
    assert batch.usage == TokenUsage(9, 12)
    assert batch.returned_model == MODEL


@pytest.mark.parametrize("size", [1, 2, 3, 7, 127, 128, 129])
def test_batches_follow_the_reads_and_lose_nothing(size: int) -> None:
    reads = [ORDINARY[i : i + size] for i in range(0, len(ORDINARY), size)]
    outcome = good(reads)
    assert outcome.pieces == WORDS
    assert outcome.usage == TokenUsage(9, 12)
    assert [d.role for d in outcome.deltas].count(chat_pb.CHAT_ROLE_ASSISTANT) == 1
    assert outcome.batches[0].returned_model == MODEL


def test_a_read_is_decoded_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(payload: bytes) -> Any:
        raise AssertionError(payload)

    monkeypatch.setattr(stream_module, "_decode_event", refuse)
    good([ORDINARY])


def test_nothing_is_passed_on_before_the_first_content() -> None:
    parser = MessagesStreamParser()
    assert parser.feed([start(), PING]) is None
    assert parser.feed([block(0), PING]) is None
    batch = parser.feed([text("a")])
    assert batch is not None
    assert batch.deltas[0].role == chat_pb.CHAT_ROLE_ASSISTANT


Kinds = st.sampled_from(["text", "empty", "thought", "arguments", "ping", "citation", "unknown"])


@settings(max_examples=60)
@given(kinds=st.lists(Kinds, max_size=40), size=st.integers(1, 50))
def test_any_mixture_says_the_same_in_any_reads(kinds: list[str], size: int) -> None:
    numbered = list(enumerate(kinds))
    made = {
        "text": lambda n: text(f"t{n}", 1),
        "empty": lambda n: text("", 1),
        "thought": lambda n: thought(f"r{n}", 0),
        "arguments": lambda n: arguments(str(n), 2),
        "ping": lambda n: PING,
        "citation": lambda n: delta(1, "citations_delta", citation={"n": n}),
        "unknown": lambda n: event("later", n=n),
    }
    body = [made[kind](number) for number, kind in numbered]
    opening = [start(), block(0, "thinking"), block(1), block(2, "tool_use")]
    frames = [*opening, *body, stop(2), ending("tool_use"), END]
    outcome = good([frames[i : i + size] for i in range(0, len(frames), size)])
    assert outcome.pieces == [f"t{n}" for n, kind in numbered if kind == "text"]
    assert outcome.reasoning == "".join(f"r{n}" for n, kind in numbered if kind == "thought")
    expected = "".join(str(n) for n, kind in numbered if kind == "arguments") or "{}"
    assert outcome.calls == {0: ("toolu_2", "look_up", expected)}


def test_tool_calls_are_numbered_among_themselves() -> None:
    frames = [start(), block(0), text("So:"), stop(0)]
    frames += [block(1, "tool_use"), arguments("", 1), arguments('{"a":', 1), arguments("1}", 1)]
    frames += [stop(1), block(2, "tool_use", name="g"), arguments('{"b":2}', 2), stop(2)]
    outcome = good([[*frames, ending("tool_use"), END]])
    assert outcome.calls == {
        0: ("toolu_1", "look_up", '{"a":1}'),
        1: ("toolu_2", "g", '{"b":2}'),
    }
    assert outcome.finishes == [chat_pb.FINISH_REASON_TOOL_CALLS]
    parts = [part for d in outcome.deltas for part in d.tool_calls]
    assert {part.kind for part in parts if part.id} == {chat_pb.CHAT_TOOL_KIND_FUNCTION}
    # The start, and then one part for the fragments of one read.
    assert len(parts) == 4


@pytest.mark.parametrize(("given", "expected"), [({}, "{}"), ({"a": [1, 2]}, '{"a":[1,2]}')])
def test_call_without_fragments_has_the_input_of_its_start(
    given: dict[str, Any], expected: str
) -> None:
    frames = [start(), block(0, "tool_use", input=given), arguments("", 0), stop(0)]
    outcome = good([[*frames, ending("tool_use"), END]])
    assert outcome.calls[0][2] == expected


def test_placeholder_input_of_a_start_is_never_part_of_the_arguments() -> None:
    frames = [start(), block(0, "tool_use"), arguments('{"a":1}'), stop(0), ending("tool_use"), END]
    for size in (1, 10):
        outcome = good([frames[i : i + size] for i in range(0, len(frames), size)])
        assert outcome.calls[0][2] == '{"a":1}'


def test_thinking_is_reasoning_and_its_signature_stands_apart() -> None:
    frames = [start(), block(0, "thinking"), thought("hm"), thought("m"), signature("SEAL"), stop()]
    frames += [block(1, "redacted_thinking"), stop(1), block(2, "thinking"), stop(2)]
    frames += [block(3, "thinking"), thought("so", 3), signature("S2", 3), stop(3)]
    frames += [block(4), text("Yes", 4), stop(4), ending(), END]
    outcome = good([frames])
    assert outcome.reasoning == "hmm\n\nso"
    assert outcome.pieces == ["Yes"]
    signed = [block for delta in outcome.deltas for block in delta.signed_thinking]
    assert signed == [
        chat_pb.ChatSignedThinking(text="hmm", signature="SEAL"),
        chat_pb.ChatSignedThinking(redacted_data="sealed"),
        chat_pb.ChatSignedThinking(text="so", signature="S2"),
    ]
    # Each after its text and before what follows.
    kinds = [
        "seal" if d.signed_thinking else "thought" if d.reasoning_content else "text"
        for d in outcome.deltas
        if d.signed_thinking or d.reasoning_content or d.content_pieces
    ]
    assert kinds == ["thought", "seal", "seal", "thought", "seal", "text"]
    assert outcome.parser.turn.blocks() == [
        {"type": "thinking", "thinking": "hmm", "signature": "SEAL"},
        {"type": "redacted_thinking", "data": "sealed"},
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking", "thinking": "so", "signature": "S2"},
        {"type": "text", "text": "Yes"},
    ]


def test_usage_is_cumulative_and_the_last_one_counts() -> None:
    frames = [start(cache_read_input_tokens=4, cache_creation_input_tokens=2), block(0), text("a")]
    frames += [ending(None, {"output_tokens": 5}), text("b")]
    last = {"output_tokens": 8, "output_tokens_details": {"thinking_tokens": 3}}
    outcome = good([[*frames, ending("end_turn", last), END]])
    assert outcome.usage == TokenUsage(
        15, 8, cached_input_tokens=4, cache_write_tokens=2, reasoning_tokens=3
    )


def test_input_in_the_last_event_replaces_the_first() -> None:
    last = {"input_tokens": 20, "cache_read_input_tokens": None, "output_tokens": 7}
    outcome = good([[start(), block(0), text("a"), ending("end_turn", last), END]])
    assert outcome.usage == TokenUsage(20, 7)


@pytest.mark.parametrize(
    "last", [{"output_tokens": -1}, {"output_tokens": "x"}, {"output_tokens": 2**40}, {}]
)
def test_unusable_usage_costs_the_usage_and_not_the_answer(last: Any) -> None:
    first = start(output_tokens=None)
    outcome = good([[first, block(0), text("a"), ending("end_turn", last), END]])
    assert outcome.usage is None
    assert outcome.text == "a"
    assert outcome.parser.usage_problem


@pytest.mark.parametrize("last", [None, {}, {"input_tokens": 9}])
def test_output_of_the_first_event_is_not_the_answers(last: Any) -> None:
    """It counts what had come when the stream began, which is next to nothing."""
    bare = event("message_delta", delta={"stop_reason": "end_turn"}, usage=last)
    outcome = good([[start(), block(0), text("a"), bare, END]])
    assert outcome.usage is None
    assert outcome.parser.usage_problem


def test_input_is_told_with_the_first_content_and_without_output() -> None:
    """What a stream that breaks off later is charged by."""
    outcome = good(
        [[start(cache_read_input_tokens=4), block(0), text("a")], [stop(), ending(), END]]
    )
    first, *others = outcome.batches
    assert first.input_usage == TokenUsage(13, 0, cached_input_tokens=4)
    assert [batch.input_usage for batch in others] == [None] * len(others)


@pytest.mark.parametrize("usage", [{"input_tokens": -1}, {"input_tokens": None}])
def test_input_that_makes_no_sense_is_not_told(usage: Any) -> None:
    outcome = good([[start(**usage), block(0), text("a")], [stop(), ending(), END]])
    assert outcome.batches[0].input_usage is None


def test_stream_without_usage_has_none_and_no_problem() -> None:
    message = {"id": "m", "model": MODEL, "content": []}
    frames = [event("message_start", message=message), block(0), text("a")]
    bare = event("message_delta", delta={"stop_reason": "end_turn"})
    outcome = good([[*frames, bare, END]])
    assert outcome.usage is None
    assert outcome.parser.usage_problem is None


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", chat_pb.FINISH_REASON_STOP),
        ("stop_sequence", chat_pb.FINISH_REASON_STOP),
        ("max_tokens", chat_pb.FINISH_REASON_LENGTH),
        ("model_context_window_exceeded", chat_pb.FINISH_REASON_LENGTH),
        ("tool_use", chat_pb.FINISH_REASON_TOOL_CALLS),
        ("pause_turn", chat_pb.FINISH_REASON_LENGTH),
        ("refusal", chat_pb.FINISH_REASON_CONTENT_FILTER),
        ("something_new", chat_pb.FINISH_REASON_STOP),
    ],
)
def test_stop_reasons(reason: str, finish: int) -> None:
    assert good([[start(), block(0), text("a"), ending(reason), END]]).finishes == [finish]


def test_refusal_says_why() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "Not this."}
    outcome = good([[start(), ending("refusal", stop_details=details), END]])
    assert (outcome.refusal, outcome.text) == ("Not this.", "")
    assert outcome.finishes == [chat_pb.FINISH_REASON_CONTENT_FILTER]
    plain = good([[start(), ending("refusal"), END]])
    assert "safety" in plain.refusal


def test_empty_answer_is_an_answer() -> None:
    outcome = good([[start(), ending(), END]])
    assert (outcome.text, outcome.finishes) == ("", [STOP])


def test_standard_tier_is_openais_default() -> None:
    usage = {"output_tokens": 2, "service_tier": "standard"}
    outcome = good([[start(), block(0), text("a"), ending(usage=usage), END]])
    assert [b.service_tier for b in outcome.batches] == ["default"]


def test_error_before_any_content_can_be_tried_elsewhere() -> None:
    outcome = run([[start(), PING], [OVERLOADED]])
    assert outcome.batches == []
    assert outcome.failure.kind is ErrorKind.OVERLOADED
    assert outcome.failure.phase is Phase.ANSWERED


@pytest.mark.parametrize("size", [1, 50])
def test_error_in_mid_stream_comes_after_what_was_delivered(size: int) -> None:
    frames = [start(), block(0), text("a"), OVERLOADED, text("never")]
    outcome = run([frames[i : i + size] for i in range(0, len(frames), size)])
    assert outcome.text == "a"
    assert outcome.failure.kind is ErrorKind.OVERLOADED
    assert outcome.failure.phase is Phase.STREAMING
    assert outcome.failure.may_have_run
    assert outcome.failure.usage is None  # Only the input is known: nothing to bill by.


def test_fault_of_the_request_in_mid_stream_is_the_providers() -> None:
    error = event("error", error={"type": "invalid_request_error", "message": "no"})
    outcome = run([[start(), block(0), text("a")], [error]])
    assert outcome.failure.kind is ErrorKind.OVERLOADED


@pytest.mark.parametrize("count", range(1, 6))
def test_end_without_the_end_mark_is_a_cut(count: int) -> None:
    frames = [start(), block(0), text("a"), stop(), ending()][:count]
    outcome = run([frames])
    assert outcome.failure.kind is ErrorKind.CONNECTION
    assert outcome.finishes == []
    assert outcome.failure.usage == (TokenUsage(9, 12) if count == 5 else None)


def test_end_mark_without_a_stop_reason_is_a_cut() -> None:
    outcome = run([[start(), block(0), text("a"), ending(None), END]])
    assert outcome.failure.kind is ErrorKind.CONNECTION


def test_stream_of_nothing_makes_no_sense() -> None:
    assert run([]).failure.kind is ErrorKind.MALFORMED_RESPONSE
    assert run([[PING]]).failure.kind is ErrorKind.MALFORMED_RESPONSE


@pytest.mark.parametrize(
    "broken",
    [
        b"{not json",
        b'{"type":"content_block_delta","index":0}',
        b'{"type":"content_block_delta","index":"x","delta":{"type":"text_delta","text":"a"}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta"}}',
        b'{"index":0}',
        b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":5}}',
        b'{"type":"content_block_start","index":"x","content_block":{"type":"new"}}',
        b'{"type":"content_block_start","index":0,"content_block":5}',
        b'{"type":"ping"},{"type":"ping"}',
        b"\xff",
        arguments("{}", 7),
    ],
)
@pytest.mark.parametrize("size", [1, 50])
def test_broken_event_ends_the_stream_after_what_came_before(broken: bytes, size: int) -> None:
    frames = [start(), block(0), text("a"), broken, text("b"), ending(), END]
    outcome = run([frames[i : i + size] for i in range(0, len(frames), size)])
    assert outcome.text == "a"
    assert outcome.failure.kind is ErrorKind.MALFORMED_RESPONSE


def test_what_a_later_version_adds_is_ignored() -> None:
    frames = [start(), event("brand_new", data={"a": 1}), block(0), delta(0, "new_delta", x=1)]
    frames += [text("a"), block(1, "server_tool_use", x=1)]
    frames += [arguments("{", 1), stop(1), ending(), END, text("late")]
    outcome = good([frames])
    assert outcome.text == "a"
    assert outcome.calls == {}


def test_block_of_a_later_version_may_call_its_fields_as_it_likes() -> None:
    frames = [start(), block(0, "hologram", data={"a": 1}, text=[]), delta(0, "ray_delta", x=1)]
    frames += [arguments("{", 0), stop(0), block(1), text("a", 1), ending(), END]
    assert good([frames]).text == "a"


def test_last_event_without_its_blank_line_counts() -> None:
    outcome = good([ORDINARY[:-1]], incomplete=END)
    assert outcome.finishes == [STOP]
    assert run([ORDINARY[:-1]], incomplete=END[:-1]).failure.kind is ErrorKind.CONNECTION


def test_interruption_after_the_end_is_none() -> None:
    parser = MessagesStreamParser()
    cut = ProviderError(ErrorKind.CONNECTION, "cut", phase=Phase.ANSWERED)
    parser.feed(ORDINARY)
    parser.interrupt(cut)
    assert parser.failure is None
    other = MessagesStreamParser()
    other.feed(ORDINARY[:-1])
    other.interrupt(cut)
    assert other.failure is cut
    assert cut.phase is Phase.STREAMING
    assert cut.usage == TokenUsage(9, 12)


FENCED = '```json\n{"a": "```"}\n```\n'


@pytest.mark.parametrize("said", [FENCED, '{"a": "```"}', ' {"a": "```"}', "``", "```\n{}"])
def test_json_answer_loses_its_fence_in_any_pieces(said: str) -> None:
    expected = {FENCED: '{"a": "```"}', "```\n{}": "{}"}.get(said, said)
    for size, reads in itertools.product((1, 2, 3, 5, 100), (1, 100)):
        pieces = [text(said[i : i + size]) for i in range(0, len(said), size)]
        frames = [start(), block(0), *pieces, stop(), ending(), END]
        outcome = good(
            [frames[i : i + reads] for i in range(0, len(frames), reads)], json_object=True
        )
        assert outcome.text == expected
    assert good([[start(), block(0), text(said), ending(), END]]).text == said
