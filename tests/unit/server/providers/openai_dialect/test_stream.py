"""Streams become batches of deltas that lose nothing, and end well or say why not."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.server.providers.openai_dialect.frames import (
    COMPATIBLE,
    DONE,
    ORDINARY,
    STOP,
    USAGE_FRAME,
    WORDS,
    finish,
    frame,
    good,
    opening,
    part,
    text,
    usage,
)
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers import together, xai
from tokensmith_server.providers.openai_dialect import stream as stream_module


def test_frames_of_one_read_are_one_batch_with_a_piece_for_each() -> None:
    outcome = good([ORDINARY])
    [batch] = outcome.batches
    assert len(batch.deltas) == 3  # the opening, the text, the end
    assert list(batch.deltas[1].content_pieces) == WORDS
    assert batch.deltas[0].role == chat_pb.CHAT_ROLE_ASSISTANT
    assert outcome.finishes() == [(0, STOP)]
    assert batch.usage == TokenUsage(9, 12)
    assert batch.returned_model == "up-1"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 127, 128, 129])
def test_batches_follow_the_reads_and_lose_nothing(size: int) -> None:
    reads = [ORDINARY[i : i + size] for i in range(0, len(ORDINARY), size)]
    outcome = good(reads)
    assert outcome.pieces() == WORDS
    assert outcome.usage == TokenUsage(9, 12)
    assert len(outcome.batches) <= len(reads)


def test_fast_path_is_taken_for_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    slow: list[bytes] = []
    decode = stream_module._decode_chunk

    def count(payload: bytes) -> Any:
        slow.append(payload)
        return decode(payload)

    monkeypatch.setattr(stream_module, "_decode_chunk", count)
    good([ORDINARY])
    assert len(slow) == 3  # the opening, the finish and the usage


@pytest.mark.parametrize("place", [1, 5, 150, 299, 300])
def test_frame_that_is_not_plain_interrupts_a_run_and_loses_nothing(place: int) -> None:
    odd = part({"content": "odd", "reasoning_content": "hm"})
    frames = [*ORDINARY[:place], odd, *ORDINARY[place:]]
    outcome = good([frames])
    assert outcome.pieces() == [*WORDS[: place - 1], "odd", *WORDS[place - 1 :]]


Kinds = st.sampled_from(["text", "empty", "reasoning", "tool", "nothing", "both", "usage"])


def frame_of(kind: str, number: int) -> bytes:
    call = {"index": 0, "function": {"arguments": str(number)}}
    return {
        "text": text(f"t{number}"),
        "empty": text(""),
        "reasoning": part({"reasoning": f"r{number}"}),
        "tool": part({"content": None, "tool_calls": [call]}),
        "nothing": part({}),
        "both": part({"content": f"t{number}", "reasoning_content": f"r{number}"}),
        "usage": frame([], usage=usage(number)),
    }[kind]


@settings(max_examples=60)
@given(kinds=st.lists(Kinds, max_size=40), size=st.integers(1, 50))
def test_any_mixture_says_the_same_in_any_reads(kinds: list[str], size: int) -> None:
    frames = [frame_of(kind, number) for number, kind in enumerate(kinds, 1)]
    frames = [opening(), *frames, finish(), DONE]
    outcome = good([frames[i : i + size] for i in range(0, len(frames), size)])
    numbered = list(enumerate(kinds, 1))
    assert outcome.pieces() == [f"t{n}" for n, kind in numbered if kind in ("text", "both")]
    reasoning = "".join(delta.reasoning_content for delta in outcome.deltas)
    assert reasoning == "".join(f"r{n}" for n, kind in numbered if kind in ("reasoning", "both"))
    arguments = "".join(c.arguments for delta in outcome.deltas for c in delta.tool_calls)
    assert arguments == "".join(str(n) for n, kind in numbered if kind == "tool")
    usages = [n for n, kind in numbered if kind == "usage"]
    assert outcome.usage == (TokenUsage(9, usages[-1]) if usages else None)


def test_interleaved_choices_stay_apart() -> None:
    frames = [opening(0), opening(1), text("a", 0), text("x", 1), text("b", 0), text("c", 0)]
    frames += [text("y", 1), finish(index=0), finish("length", 1), USAGE_FRAME, DONE]
    outcome = good([frames], choice_count=2)
    assert (outcome.pieces(0), outcome.pieces(1)) == (["a", "b", "c"], ["x", "y"])
    assert outcome.roles() == [0, 1]
    assert outcome.finishes() == [(0, STOP), (1, chat_pb.FINISH_REASON_LENGTH)]


def test_several_choices_in_one_frame() -> None:
    both = [{"index": i, "delta": {"content": f"c{i}"}, "finish_reason": "stop"} for i in (0, 1)]
    outcome = good([[frame(both), DONE]], choice_count=2)
    assert (outcome.pieces(0), outcome.pieces(1)) == (["c0"], ["c1"])


def test_tool_call_in_fragments() -> None:
    def fragment(**call: Any) -> bytes:
        return part({"tool_calls": [call]})

    frames = [
        part({"role": "assistant", "content": None}),
        fragment(index=0, id="a", type="function", function={"name": "f", "arguments": ""}),
        fragment(index=0, function={"arguments": '{"x"'}),
        fragment(index=0, function={"arguments": ":1}"}),
        fragment(index=1, id="b", type="custom", custom={"name": "g", "input": ""}),
        fragment(index=1, custom={"input": "free"}),
        finish("tool_calls"),
        USAGE_FRAME,
        DONE,
    ]
    calls = [call for delta in good([frames]).deltas for call in delta.tool_calls]
    assert [(c.index, c.id, c.name, c.arguments) for c in calls] == [
        (0, "a", "f", ""),
        (0, "", "", '{"x"'),
        (0, "", "", ":1}"),
        (1, "b", "g", ""),
        (1, "", "", "free"),
    ]
    kinds = [call.kind for call in calls]
    assert kinds[0] == chat_pb.CHAT_TOOL_KIND_FUNCTION
    assert kinds[3] == chat_pb.CHAT_TOOL_KIND_CUSTOM


def test_whole_tool_call_in_one_frame_as_xai_sends_it() -> None:
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    opening_with_call = frame([{"index": 0, "delta": {"role": "assistant", "tool_calls": [call]}}])
    outcome = good([[opening_with_call, finish("tool_calls"), USAGE_FRAME, DONE]], xai.PROFILE)
    [delta] = [delta for delta in outcome.deltas if delta.tool_calls]
    assert delta.role == chat_pb.CHAT_ROLE_ASSISTANT
    assert delta.tool_calls[0].arguments == "{}"


def test_tool_calls_without_index_are_told_apart_by_id() -> None:
    def call(**fields: Any) -> bytes:
        return part({"tool_calls": [fields]})

    frames = [
        call(id="a", function={"name": "f", "arguments": "1"}),
        call(function={"arguments": "2"}),
        call(id="b", function={"name": "g", "arguments": "3"}),
        call(id="a", function={"arguments": "4"}),
        finish(),
        DONE,
    ]
    outcome = good([frames], COMPATIBLE)
    calls = [(c.index, c.arguments) for delta in outcome.deltas for c in delta.tool_calls]
    assert calls == [(0, "1"), (0, "2"), (1, "3"), (0, "4")]
    assert outcome.finishes() == [(0, chat_pb.FINISH_REASON_TOOL_CALLS)]


def test_a_call_is_named_once_whatever_a_host_repeats() -> None:
    """SGLang and LMDeploy repeat the id, older vLLM the name, with an id that is new each time."""

    def call(call_id: str, name: str | None, arguments: str) -> bytes:
        function = {"name": name, "arguments": arguments}
        named = {"index": 0, "id": call_id, "type": "function", "function": function}
        return part({"tool_calls": [named]})

    repeated = [call("a", "f", ""), call("a", None, '{"x"'), call("a", "f", ":1}")]
    changing = [call("a", "f", ""), call("b", "f", '{"x"'), call("c", "f", ":1}")]
    for frames in (repeated, changing):
        outcome = good([[*frames, finish("tool_calls"), DONE]], COMPATIBLE)
        calls = [(c.id, c.name, c.arguments) for d in outcome.deltas for c in d.tool_calls]
        assert calls == [("a", "f", ""), ("", "", '{"x"'), ("", "", ":1}")]


def test_together_repeats_the_role_and_puts_usage_on_the_finish() -> None:
    def chunk(content: str, **choice: Any) -> dict[str, Any]:
        delta = {"token_id": 5, "role": "assistant", "content": content}
        return {"index": 0, "text": content, "seed": 7, "delta": delta, **choice}

    frames = [frame([chunk(word, finish_reason=None, logprobs=None)]) for word in ("a", "b", "c")]
    frames += [frame([chunk("", finish_reason="eos")], usage=usage() | {"cached_tokens": 3}), DONE]
    outcome = good([frames], together.PROFILE)
    assert outcome.roles() == [0]
    assert outcome.pieces() == ["a", "b", "c"]
    assert outcome.finishes() == [(0, STOP)]
    assert outcome.usage == TokenUsage(9, 12, cached_input_tokens=3)


def test_running_usage_is_overwritten_never_added() -> None:
    running = [
        frame([{"index": 0, "delta": {"content": "x"}}], usage=usage(count)) for count in (1, 2, 3)
    ]
    assert good([[*running, finish(), DONE]]).usage == TokenUsage(9, 3)


def test_logprobs_come_with_their_text() -> None:
    logprobs = {"content": [{"token": "hi", "logprob": -0.5, "bytes": None, "top_logprobs": []}]}
    frames = [opening(), part({"content": "hi"}, logprobs=logprobs), finish(), DONE]
    [delta] = [delta for delta in good([frames]).deltas if delta.content_pieces]
    assert delta.logprobs.content[0].logprob == -0.5
    lone = [opening(), part({"content": "hi"}, logprobs=-0.25), finish("eos"), DONE]
    [delta] = [d for d in good([lone], together.PROFILE).deltas if d.content_pieces]
    assert (delta.logprobs.content[0].token, delta.logprobs.content[0].logprob) == ("hi", -0.25)


def test_refusal_audio_legacy_call_and_citations() -> None:
    frames = [
        part({"role": "assistant", "refusal": "no"}),
        part({"audio": {"id": "a", "data": "AP8=", "transcript": "t"}}),
        part({"audio": {"expires_at": 7}}),
        part({"function_call": {"name": "f", "arguments": "{"}}),
        part({"annotations": [{"type": "url_citation", "url_citation": {"url": "https://e.org"}}]}),
        finish("function_call"),
        DONE,
    ]
    refusal, sound, expiry, call, cited, _ = good([frames]).deltas
    assert refusal.refusal == "no"
    assert (sound.audio.data, sound.audio.transcript) == (b"\x00\xff", "t")
    assert expiry.audio.expire_time.seconds == 7
    assert call.function_call.name == "f"
    assert cited.annotations[0].url == "https://e.org"


def test_facts_of_the_answer_are_passed_on() -> None:
    prompt_filter = frame([], prompt_filter_results=[{}])
    first = frame(
        [{"index": 0, "delta": {"role": "assistant"}}], service_tier="flex", system_fingerprint="fp"
    )
    moderated = frame([], moderation={"input": {}})
    outcome = good([[prompt_filter], [first], [finish(), moderated, DONE]])
    assert outcome.batches[0].returned_model == "up-1"
    assert outcome.batches[0].service_tier == "flex"
    assert outcome.batches[0].system_fingerprint == "fp"
    assert outcome.batches[1].moderation_json == '{"input":{}}'


def test_frames_after_the_end_mark_are_ignored() -> None:
    outcome = good([[opening(), text("a"), finish(), DONE, text("b")], [text("c")]])
    assert outcome.pieces() == ["a"]


def test_blank_payloads_are_ignored() -> None:
    assert good([[b"", opening(), b" ", text("a"), finish(), b" [DONE] "]]).pieces() == ["a"]


@pytest.mark.parametrize("end", [[finish()], [finish(), USAGE_FRAME]])
def test_stream_that_said_everything_needs_no_end_mark(end: list[bytes]) -> None:
    good([[opening(), text("a"), *end]])


def test_last_event_without_its_blank_line_counts_if_it_is_whole() -> None:
    frames = [opening(), text("a"), finish()]
    assert good([frames], incomplete=USAGE_FRAME).usage == TokenUsage(9, 12)
    assert good([frames], incomplete=USAGE_FRAME[:-5]).usage is None
    good([[opening(), text("a")]], COMPATIBLE, incomplete=DONE)
