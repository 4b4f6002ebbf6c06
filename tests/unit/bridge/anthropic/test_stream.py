"""Streams as Anthropic's events, judged by its own types and compared with whole answers."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.integration.bridge import answers
from tests.support.anthropic_shapes import content_of, frames_of, judged_events
from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.anthropic.response import AnswerShown, content_blocks
from tokensmith_bridge.anthropic.stream import PING, MessageStreamEncoder
from tokensmith_bridge.openai.errors import Refusal

EVERYTHING = AnswerShown()
Delta = chat.ChatCompletionDelta
TOOL_CALLS = chat.FINISH_REASON_TOOL_CALLS


def encoder(shown: AnswerShown = EVERYTHING) -> MessageStreamEncoder:
    return MessageStreamEncoder(answers.first_message().start, shown=shown)


def stream_of(
    *deltas: Delta,
    finish: chat.FinishReason = chat.FINISH_REASON_STOP,
    shown: AnswerShown = EVERYTHING,
) -> bytes:
    """A whole stream, each delta in a message of its own."""
    stream = encoder(shown)
    data = stream.encode(answers.first_message())
    for delta in deltas:
        data += stream.encode(chat.StreamChatCompletionResponse(deltas=[delta]))
    for message in answers.last_messages(finish):
        data += stream.encode(message)
    return data


def call_part(index: int, arguments: str = "", **first: Any) -> Delta:
    return Delta(tool_calls=[chat.ChatToolCallDelta(index=index, arguments=arguments, **first)])


def seal(text: str, signature: str) -> Delta:
    block = chat.ChatSignedThinking(model="claude", text=text, signature=signature)
    return Delta(signed_thinking=[block])


@pytest.mark.parametrize(("one_call", "count"), [(False, 2), (True, 1)])
def test_one_call_is_shown_where_one_is_wanted(one_call: bool, count: int) -> None:
    calls = [{"id": f"c{number}", "name": "f"} for number in range(2)]
    parts = [call_part(0, "{", **calls[0]), call_part(1, "{", **calls[1]), call_part(0, "}")]
    shown = AnswerShown(one_call=one_call)
    data = stream_of(*parts, call_part(1, "}"), finish=TOOL_CALLS, shown=shown)
    assert data.count(b"content_block_start\ndata") == count
    assert data.count(b"input_json_delta") == 2 * count
    answer = chat.ChatAnswer(tool_calls=[chat.ChatToolCall(**call) for call in calls])
    assert len(content_blocks(answer, TOOL_CALLS, shown)) == count


def test_a_stream_of_text_to_the_letter() -> None:
    data = stream_of(Delta(content_pieces=["Hel", "lo"]))
    assert data.decode() == (
        'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1",'
        '"type":"message","role":"assistant","model":"gpt-5.4","content":[],"stop_reason":null,'
        '"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":0,'
        '"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0,'
        '"service_tier":"standard"}}}\n\n'
        'event: ping\ndata: {"type":"ping"}\n\n'
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        '"content_block":{"type":"text","text":""}}\n\n'
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":"Hel"}}\n\n'
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":"lo"}}\n\n'
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn",'
        '"stop_sequence":null,"stop_details":null},"usage":{"input_tokens":9,'
        '"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":12,'
        '"cost":0.123456,"output_tokens_details":{"thinking_tokens":4}}}\n\n'
        'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )
    assert data.count(PING) == 1
    judged_events(data)


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1))
@example(["a\x7fb", "c"])
@example(["\\u007f", "c"])
@example(['"', "\n\n", "\r\n", "\u2028", ""])
@example(["event: error", "data: x"])
def test_every_piece_is_a_delta_of_its_own(pieces: list[str]) -> None:
    stream = encoder()
    stream.encode(answers.first_message())
    frames = frames_of(stream.encode(answers.pieces(pieces)))
    deltas = [msgspec.json.decode(data)["delta"] for name, data in frames[1:]]
    assert deltas == [{"type": "text_delta", "text": piece} for piece in pieces]


def test_thinking_text_and_calls_are_blocks_in_turn() -> None:
    data = stream_of(
        Delta(reasoning_content="h"),
        Delta(reasoning_content="m"),
        seal("hm", "S1"),
        Delta(reasoning_content="\n\nso"),
        seal("so", "S2"),
        Delta(signed_thinking=[chat.ChatSignedThinking(model="claude", redacted_data="D")]),
        Delta(content_pieces=["On ", "it."]),
        call_part(0, id="c1", name="f", kind=chat.CHAT_TOOL_KIND_FUNCTION),
        call_part(0, '{"a"'),
        call_part(0, ":1}"),
        call_part(1, "{}", id="c2", name="g", kind=chat.CHAT_TOOL_KIND_FUNCTION),
        call_part(2, id="c3", name="h", kind=chat.CHAT_TOOL_KIND_FUNCTION),
        finish=chat.FINISH_REASON_TOOL_CALLS,
    )
    assert content_of(data) == [
        {"type": "thinking", "thinking": "hm", "signature": "claude:S1"},
        {"type": "thinking", "thinking": "so", "signature": "claude:S2"},
        {"type": "redacted_thinking", "data": "claude:D"},
        {"type": "text", "text": "On it."},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "c2", "name": "g", "input": {}},
        {"type": "tool_use", "id": "c3", "name": "h", "input": {}},
    ]


def test_reasoning_that_nobody_signs_ends_where_text_begins() -> None:
    data = stream_of(Delta(reasoning_content="hm\n\nso"), Delta(content_pieces=["Yes."]))
    assert content_of(data) == [
        {"type": "thinking", "thinking": "hm\n\nso", "signature": ""},
        {"type": "text", "text": "Yes."},
    ]


def test_a_signed_block_without_text_is_a_block() -> None:
    data = stream_of(seal("", "S"), Delta(content_pieces=["Yes."]))
    assert content_of(data)[0] == {"type": "thinking", "thinking": "", "signature": "claude:S"}


def test_disabled_thinking_shows_none_of_it() -> None:
    nothing = AnswerShown(blocks=False, text=False)
    data = stream_of(
        Delta(reasoning_content="hm"), seal("hm", "S"), Delta(content_pieces=["a"]), shown=nothing
    )
    assert content_of(data) == [{"type": "text", "text": "a"}]


def test_omitted_thinking_travels_in_its_signature() -> None:
    data = stream_of(Delta(reasoning_content="hm"), seal("hm", "S"), shown=AnswerShown(text=False))
    assert content_of(data) == [{"type": "thinking", "thinking": "", "signature": "claude:S.aG0="}]


def test_a_late_piece_of_an_earlier_call_finds_its_block() -> None:
    stream = encoder()
    stream.encode(answers.first_message())
    data = b""
    for delta in (call_part(0, '{"a":', id="c", name="f"), call_part(1, "{}", id="d", name="g")):
        data += stream.encode(chat.StreamChatCompletionResponse(deltas=[delta]))
    late = stream.encode(chat.StreamChatCompletionResponse(deltas=[call_part(0, "1}")]))
    ((name, payload),) = frames_of(late)
    assert name == "content_block_delta"
    assert msgspec.json.decode(payload)["index"] == 0


def test_a_refusal_of_the_model_is_text_and_a_reason() -> None:
    data = stream_of(Delta(refusal="I "), Delta(refusal="won't."))
    assert content_of(data) == [{"type": "text", "text": "I won't."}]
    ending: Any = judged_events(data)[-2]
    assert ending.delta.stop_reason == "refusal"
    assert ending.delta.stop_details.explanation == "I won't."


def test_a_refusal_of_a_filter_is_a_reason_alone() -> None:
    filtered = Delta(refusal="Blocked.", finish_reason=chat.FINISH_REASON_CONTENT_FILTER)
    data = stream_of(Delta(content_pieces=["So"]), filtered, finish=0)  # type: ignore[arg-type]
    assert content_of(data) == [{"type": "text", "text": "So"}]
    ending: Any = judged_events(data)[-2]
    assert ending.delta.stop_reason == "refusal"


def test_a_stop_sequence_is_named() -> None:
    last = Delta(finish_reason=chat.FINISH_REASON_STOP, stop_sequence="END")
    ending: Any = judged_events(stream_of(last))[-2]
    assert (ending.delta.stop_reason, ending.delta.stop_sequence) == ("stop_sequence", "END")


def test_other_choices_are_left_out() -> None:
    assert content_of(stream_of(Delta(choice_index=1, content_pieces=["x"]))) == []


def test_an_answer_of_nothing_has_no_blocks() -> None:
    assert content_of(stream_of()) == []


@pytest.mark.parametrize("begun", [False, True])
def test_a_failure_is_an_event(begun: bool) -> None:
    stream = encoder()
    if begun:
        stream.encode(answers.first_message())
    data = stream.encode_error(Refusal("STREAM_INTERRUPTED", "It broke off."), "req_1")
    frames = frames_of(data)
    assert (frames[0][0] == "message_start") == (not begun)
    name, payload = frames[-1]
    assert name == "error"
    assert msgspec.json.decode(payload) == {
        "type": "error",
        "error": {
            "type": "api_error",
            "message": "It broke off.",
            "param": None,
            "code": "stream_interrupted",
            "charged": 0,
        },
        "request_id": "req_1",
    }


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=5)
_SIGNED = st.lists(
    st.builds(
        chat.ChatSignedThinking,
        model=st.just("claude"),
        text=_TEXT,
        signature=st.just("S"),
        text_before=st.integers(0, 6),
        tool_calls_before=st.just(0),
    ),
    max_size=3,
)


@given(_SIGNED, _TEXT, st.integers(0, 2))
def test_a_replay_is_the_whole_answer(
    signed: Sequence[chat.ChatSignedThinking], text: str, calls: int
) -> None:
    answer = chat.ChatAnswer(
        content=text,
        reasoning_content="\n\n".join(block.text for block in signed),
        signed_thinking=signed,
    )
    delta = Delta(
        content_pieces=[text],
        reasoning_content=answer.reasoning_content,
        signed_thinking=signed,
        finish_reason=chat.FINISH_REASON_STOP,
    )
    for index in range(calls):
        answer.tool_calls.add(id=f"c{index}", name="f", arguments='{"a":1}')
        delta.tool_calls.add(index=index, id=f"c{index}", name="f", arguments='{"a":1}')
    replay = answers.first_message()
    del replay.deltas[:]
    replay.deltas.append(delta)
    replay.usage.CopyFrom(answers.USAGE)
    whole = msgspec.json.decode(
        msgspec.json.encode(content_blocks(answer, delta.finish_reason, EVERYTHING))
    )
    assert content_of(encoder().encode(replay)) == whole
