"""Streams become batches of deltas that lose nothing, and end well or say why not."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.server.providers.gemini.wires import (
    SIGNATURE,
    answer,
    call,
    candidate,
    counted_usage,
    text,
    thought,
)
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers.base import ChatBatch, ErrorKind, Phase, ProviderError
from tokensmith_server.providers.gemini import stream as stream_module
from tokensmith_server.providers.gemini.stream import ChatStreamParser
from tokensmith_server.providers.sse import SSEDecoder
from tokensmith_server.providers.tool_call_ids import plain_id, signature_of

STOP = chat_pb.FINISH_REASON_STOP
CALLS = chat_pb.FINISH_REASON_TOOL_CALLS


def frame(*parts: dict[str, Any], finish: str | None = None, output: int = 12, **top: Any) -> bytes:
    return answer(candidate(*parts, finish=finish), usage=counted_usage(output), **top)


class Outcome:
    """What a stream came to."""

    def __init__(self, parser: ChatStreamParser, batches: list[ChatBatch | None]) -> None:
        self.parser = parser
        self.batches = [batch for batch in batches if batch is not None]
        self.deltas = [delta for batch in self.batches for delta in batch.deltas]

    def pieces(self, index: int = 0) -> list[str]:
        return [p for d in self.deltas if d.choice_index == index for p in d.content_pieces]

    @property
    def reasoning(self) -> str:
        return "".join(delta.reasoning_content for delta in self.deltas)

    def finishes(self) -> list[tuple[int, int]]:
        return [(d.choice_index, d.finish_reason) for d in self.deltas if d.finish_reason]

    @property
    def usage(self) -> TokenUsage | None:
        reported = [batch.usage for batch in self.batches if batch.usage is not None]
        return reported[-1] if reported else None

    @property
    def failure(self) -> ProviderError:
        assert self.parser.failure is not None
        assert not self.parser.done
        return self.parser.failure


def run(
    reads: Iterable[Sequence[bytes]], *, choice_count: int = 1, incomplete: bytes | None = None
) -> Outcome:
    numbers = iter(range(1000))
    parser = ChatStreamParser(choice_count=choice_count, new_id=lambda: f"new_{next(numbers)}")
    batches = [parser.feed(payloads) for payloads in reads]
    batches.append(parser.finish(incomplete))
    return Outcome(parser, batches)


def good(*args: Any, **options: Any) -> Outcome:
    outcome = run(*args, **options)
    assert outcome.parser.failure is None
    assert outcome.parser.done
    return outcome


WORDS = [f" w{i}" for i in range(300)]
END = frame(text(""), finish="STOP", output=300)
ORDINARY = [*(frame(text(word), output=i) for i, word in enumerate(WORDS, 1)), END]


def test_frames_of_one_read_are_one_batch_with_a_piece_for_each() -> None:
    outcome = good([ORDINARY])
    words, end = outcome.batches
    [delta] = words.deltas
    assert list(delta.content_pieces) == WORDS
    assert delta.role == chat_pb.CHAT_ROLE_ASSISTANT
    assert words.returned_model == "gemini-3-flash-preview"
    assert [d.finish_reason for d in end.deltas] == [STOP]
    assert outcome.usage == TokenUsage(9, 300)
    assert outcome.parser.response_id == "resp-1"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 127, 128, 129])
def test_batches_follow_the_reads_and_lose_nothing(size: int) -> None:
    reads = [ORDINARY[i : i + size] for i in range(0, len(ORDINARY), size)]
    outcome = good(reads)
    assert outcome.pieces() == WORDS
    assert outcome.usage == TokenUsage(9, 300)
    assert sum(bool(delta.role) for delta in outcome.deltas) == 1


@pytest.mark.parametrize("kind", [text, thought])
def test_fast_path_is_taken_for_text_and_for_thought(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow: list[bytes] = []
    decode = stream_module._decode_frame

    def count(payload: bytes) -> Any:
        slow.append(payload)
        return decode(payload)

    monkeypatch.setattr(stream_module, "_decode_frame", count)
    good([[frame(kind(word)) for word in WORDS] + [frame(text("x")), END]])
    assert len(slow) <= 3  # the first one, where thoughts become text, and the end


Kinds = st.sampled_from(["text", "empty", "thought", "call", "both", "signed", "nothing", "usage"])


def frame_of(kind: str, number: int) -> bytes:
    parts = {
        "text": [text(f"t{number}")],
        "empty": [text("")],
        "thought": [thought(f"r{number}")],
        "call": [call("f", {"n": number}, id=f"c{number}")],
        "both": [thought(f"r{number}"), text(f"t{number}")],
        "signed": [text(f"t{number}", thoughtSignature=SIGNATURE)],
        "nothing": [],
    }
    if kind == "usage":
        return msgspec.json.encode({"usageMetadata": counted_usage(number)})
    return frame(*parts[kind], output=number)


@settings(max_examples=80)
@given(kinds=st.lists(Kinds, max_size=40), size=st.integers(1, 50))
def test_any_mixture_says_the_same_in_any_reads(kinds: list[str], size: int) -> None:
    numbered = list(enumerate(kinds, 1))
    frames = [frame_of(kind, number) for number, kind in numbered] + [END]
    outcome = good([frames[i : i + size] for i in range(0, len(frames), size)])
    assert outcome.pieces() == [f"t{n}" for n, k in numbered if k in ("text", "both", "signed")]
    assert outcome.reasoning == "".join(f"r{n}" for n, k in numbered if k in ("thought", "both"))
    calls = [c for delta in outcome.deltas for c in delta.tool_calls]
    assert [c.arguments for c in calls] == [f'{{"n":{n}}}' for n, k in numbered if k == "call"]
    assert [c.index for c in calls] == list(range(len(calls)))
    assert outcome.finishes() == [(0, CALLS if calls else STOP)]
    assert outcome.usage == TokenUsage(9, 300)


@pytest.mark.parametrize("place", [0, 1, 5, 127, 128, 150, 299])
def test_frame_that_is_not_plain_interrupts_a_run_and_loses_nothing(place: int) -> None:
    odd = frame(thought("hm"), text("odd"))
    outcome = good([[*ORDINARY[:place], odd, *ORDINARY[place:]]])
    assert outcome.pieces() == [*WORDS[:place], "odd", *WORDS[place:]]
    assert outcome.reasoning == "hm"


def test_thoughts_then_text_keep_their_order() -> None:
    frames = [frame(thought(w)) for w in "abc"] + [frame(text(w)) for w in "xyz"] + [END]
    reasoning, said, end = good([frames]).deltas
    assert reasoning.reasoning_content == "abc"
    assert list(said.content_pieces) == ["x", "y", "z"]
    assert end.finish_reason == STOP


def test_calls_come_whole_with_their_signature_and_a_stop_after_them_is_tool_calls() -> None:
    frames = [
        frame(thought("hm")),
        frame(call("f", {"x": 1}, id="a", signature=SIGNATURE), call("g", {}, id="b")),
        frame(call("h")),
        frame(text(""), finish="STOP"),
    ]
    outcome = good([[one] for one in frames])
    calls = [c for delta in outcome.deltas for c in delta.tool_calls]
    assert [(c.index, plain_id(c.id), c.name, c.arguments) for c in calls] == [
        (0, "a", "f", '{"x":1}'),
        (1, "b", "g", "{}"),
        (2, "new_2", "h", "{}"),
    ]
    assert [signature_of(c.id) for c in calls] == [SIGNATURE, None, None]
    assert outcome.finishes() == [(0, CALLS)]


def test_a_finish_reason_on_every_frame_ends_the_choice_once() -> None:
    frames = [frame(text(word), finish="STOP") for word in ("a", "b", "c")]
    outcome = good([[one] for one in frames])
    assert outcome.pieces() == ["a", "b", "c"]
    assert outcome.finishes() == [(0, STOP)]


def test_text_on_the_last_frame_is_kept() -> None:
    outcome = good([[frame(text("a")), frame(text("b"), finish="MAX_TOKENS")]])
    assert outcome.pieces() == ["a", "b"]
    assert outcome.finishes() == [(0, chat_pb.FINISH_REASON_LENGTH)]


def test_interleaved_candidates_stay_apart() -> None:
    def at(index: int, *parts: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return candidate(*parts, finish=finish) | {"index": index}

    frames = [
        answer(at(0, text("a")), at(1, text("x"))),
        answer(at(1, text("y"))),
        answer(at(0, text("b"), finish="STOP")),
        answer(at(1, finish="MAX_TOKENS")),
    ]
    outcome = good([frames], choice_count=2)
    assert (outcome.pieces(0), outcome.pieces(1)) == (["a", "b"], ["x", "y"])
    assert outcome.finishes() == [(0, STOP), (1, chat_pb.FINISH_REASON_LENGTH)]


def test_running_usage_is_overwritten_never_added() -> None:
    reads = [[frame(text("x"), output=n)] for n in range(1, 60)]
    outcome = good([*reads, [frame(finish="STOP", output=60)]])
    assert outcome.usage == TokenUsage(9, 60)
    seen = [batch.usage.output_tokens for batch in outcome.batches if batch.usage]
    assert seen == sorted(seen)
    assert max(after - before for before, after in pairwise(seen)) <= 16


def test_a_last_usage_that_breaks_the_algebra_is_not_billed() -> None:
    broken = answer(candidate(finish="STOP"), usage={"promptTokenCount": -3})
    outcome = good([[frame(text("x"))], [broken]])
    assert outcome.parser.usage is None
    assert outcome.parser.usage_problem


def test_logprobs_come_with_their_text() -> None:
    result = {"chosenCandidates": [{"token": "b", "logProbability": -0.5}]}
    frames = [
        frame(text("a")),
        answer(candidate(text("b"), logprobsResult=result)),
        frame(text("c")),
        END,
    ]
    outcome = good([frames])
    [with_logprobs] = [delta for delta in outcome.deltas if delta.HasField("logprobs")]
    assert list(with_logprobs.content_pieces) == ["b"]
    assert with_logprobs.logprobs.content[0].logprob == -0.5
    assert outcome.pieces() == ["a", "b", "c"]


def test_a_blocked_prompt_fails_before_anything_is_said() -> None:
    payload = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
               "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}}  # fmt: skip
    outcome = run([[msgspec.json.encode(payload)]])
    assert outcome.batches == []
    failure = outcome.failure
    assert (failure.kind, failure.phase) == (ErrorKind.CONTENT_REFUSED, Phase.ANSWERED)
    assert failure.usage == TokenUsage(9, 0)


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "PROHIBITED_CONTENT"])
def test_a_block_in_the_middle_is_a_content_filter(reason: str) -> None:
    outcome = good([[frame(text("a"))], [frame(finish=reason)]])
    assert outcome.finishes() == [(0, chat_pb.FINISH_REASON_CONTENT_FILTER)]


def test_a_prompt_that_is_blocked_late_is_a_content_filter() -> None:
    late = msgspec.json.encode({"promptFeedback": {"blockReason": "SAFETY"}})
    outcome = good([[frame(thought("hm"))], [frame(text("a")), late]])
    assert outcome.pieces() == ["a"]
    assert outcome.finishes() == [(0, chat_pb.FINISH_REASON_CONTENT_FILTER)]


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "OTHER", "NEW"])
def test_a_bad_end_after_something_is_a_stop(reason: str) -> None:
    assert good([[frame(text("a"))], [frame(finish=reason)]]).finishes() == [(0, STOP)]


def test_a_bad_end_after_nothing_can_be_tried_again() -> None:
    outcome = run([[frame(finish="MALFORMED_FUNCTION_CALL")]])
    assert outcome.batches == []
    failure = outcome.failure
    assert (failure.kind, failure.phase) == (ErrorKind.MALFORMED_RESPONSE, Phase.ANSWERED)


def test_a_bad_end_after_thoughts_alone_is_a_failure_in_mid_stream() -> None:
    outcome = run([[frame(thought("hm"))], [frame(finish="MALFORMED_FUNCTION_CALL")]])
    assert outcome.failure.phase is Phase.STREAMING
    assert outcome.failure.usage == TokenUsage(9, 12)


@pytest.mark.parametrize(
    "frames",
    [
        [frame(text("a"))],
        [frame(text("a")), frame(text("b")), msgspec.json.encode({"usageMetadata": {}})],
    ],
)
def test_stream_that_ends_without_a_finish_reason_is_cut(frames: list[bytes]) -> None:
    outcome = run([frames])
    assert outcome.pieces()[0] == "a"
    failure = outcome.failure
    assert (failure.kind, failure.phase) == (ErrorKind.CONNECTION, Phase.STREAMING)
    assert failure.may_have_run
    assert failure.usage == TokenUsage(9, 12)


def test_candidate_that_never_began_is_missed() -> None:
    outcome = run([[frame(text("a"), finish="STOP")]], choice_count=2)
    assert outcome.failure.kind is ErrorKind.CONNECTION


def test_an_empty_stream_is_malformed() -> None:
    assert run([]).failure.kind is ErrorKind.MALFORMED_RESPONSE
    assert run([[b"", b" "]]).failure.kind is ErrorKind.MALFORMED_RESPONSE


def test_last_event_without_its_blank_line_counts_if_it_is_whole() -> None:
    assert good([[frame(text("a"))]], incomplete=END).finishes() == [(0, STOP)]
    assert run([[frame(text("a"))]], incomplete=END[:-5]).failure.kind is ErrorKind.CONNECTION


ERROR = b'{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}'


@pytest.mark.parametrize("payload", [ERROR, b"[" + ERROR + b"]", b"[{\n  " + ERROR[1:] + b"\n]\n"])
def test_error_frame_at_the_start_can_be_tried_again(payload: bytes) -> None:
    outcome = run([[payload]])
    assert outcome.batches == []
    assert (outcome.failure.kind, outcome.failure.phase) == (ErrorKind.OVERLOADED, Phase.ANSWERED)


def test_error_frame_in_the_middle_fails_after_what_was_said() -> None:
    outcome = run([[frame(text("a")), frame(text("b")), ERROR, frame(text("c"))]])
    assert outcome.pieces() == ["a", "b"]
    failure = outcome.failure
    assert (failure.kind, failure.phase) == (ErrorKind.OVERLOADED, Phase.STREAMING)
    assert failure.usage == TokenUsage(9, 12)


def test_fault_with_the_request_is_not_found_any_more_once_the_answer_has_begun() -> None:
    late = b'{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}'
    assert run([[frame(text("a"))], [late]]).failure.kind is ErrorKind.OVERLOADED


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"nonsense",
        b'{"candidates":[{"content":{"parts":[{"te',
        b'{"candidates":3}',
        b"\xff",
        b"[" * 9999,
        frame({"functionCall": {"name": "f", "args": [1]}}),
        answer(candidate(text("x")) | {"index": 2**40}),
        frame(text("a"))[:-1] + b"},{",
    ],
)
def test_malformed_frame_fails_after_what_was_said(payload: bytes) -> None:
    for reads in ([[frame(text("a")), payload]], [[frame(text("a"))], [payload]]):
        outcome = run(reads)
        assert outcome.pieces() == ["a"]
        assert outcome.failure.kind is ErrorKind.MALFORMED_RESPONSE
        assert outcome.failure.phase is Phase.STREAMING


def test_interruption_after_the_end_is_a_good_end() -> None:
    reset = ProviderError(ErrorKind.CONNECTION, "cut", phase=Phase.STREAMING)
    parser = ChatStreamParser()
    batches = [parser.feed([frame(text("a"), finish="STOP")]), parser.interrupt(reset)]
    assert parser.done
    assert parser.failure is None
    assert Outcome(parser, batches).finishes() == [(0, STOP)]


def test_interruption_in_the_middle_keeps_its_reason_and_the_usage() -> None:
    reset = ProviderError(ErrorKind.TIMEOUT, "silent", phase=Phase.STREAMING)
    parser = ChatStreamParser()
    parser.feed([frame(text("a"))])
    parser.feed([frame(text("b"), output=20)])
    assert parser.interrupt(reset) is None
    assert parser.failure is reset
    assert reset.usage == TokenUsage(9, 20)


def test_the_wire_with_crlf_in_any_reads() -> None:
    wire = b"".join(b"data: " + payload + b"\r\n\r\n" for payload in [*ORDINARY[:5], END])
    for size in (1, 7, 64, 333, len(wire)):
        decoder, parser = SSEDecoder(), ChatStreamParser()
        reads = [wire[i : i + size] for i in range(0, len(wire), size)]
        batches = [parser.feed(decoder.feed(read).payloads) for read in reads]
        batches.append(parser.finish(decoder.flush()))
        assert parser.done
        assert Outcome(parser, batches).pieces() == WORDS[:5]
