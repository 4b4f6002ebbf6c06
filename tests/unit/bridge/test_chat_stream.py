from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from tests.integration.bridge import answers
from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.openai.chat_stream import ChatStreamEncoder
from tokensmith_bridge.openai.errors import Refusal


def encoder(*, include_usage: bool = False) -> ChatStreamEncoder:
    return ChatStreamEncoder(answers.first_message().start, include_usage=include_usage)


def frames_of(data: bytes) -> list[Any]:
    """The frames' JSON, ``[DONE]`` as a text; checks that each is one line of data."""
    frames = data.decode().split("\n\n")
    assert frames.pop() == ""
    parsed: list[Any] = []
    for frame in frames:
        assert frame.startswith("data: ")
        assert "\n" not in frame
        assert "\r" not in frame
        payload = frame.removeprefix("data: ")
        parsed.append(payload if payload == "[DONE]" else msgspec.json.decode(payload))
    return parsed


def deltas_of(data: bytes) -> list[Any]:
    return [frame["choices"][0]["delta"] for frame in frames_of(data)]


def message(**delta: Any) -> chat.StreamChatCompletionResponse:
    return chat.StreamChatCompletionResponse(deltas=[chat.ChatCompletionDelta(**delta)])


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1), st.booleans())
@example(["a\x7fb", "c"], False)
@example(["\\u007f", "c"], True)
@example(["\\", "\\", "\\\\u007f\\"], False)
@example(['"', "\n\n", "\r\n", "\u2028", ""], False)
@example(["data: [DONE]", "x"], False)
def test_every_piece_is_a_chunk_of_its_own(pieces: list[str], include_usage: bool) -> None:
    stream = encoder(include_usage=include_usage)
    stream.encode(answers.first_message())
    frames = frames_of(stream.encode(answers.pieces(pieces)))
    assert [frame["choices"][0]["delta"] for frame in frames] == [
        {"content": piece} for piece in pieces
    ]
    assert all(("usage" in frame) == include_usage for frame in frames)


def test_the_first_chunk_has_the_role_and_nothing_else() -> None:
    stream = encoder()
    assert stream.encode(answers.first_message()) == (
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,'
        b'"model":"gpt-5.4","system_fingerprint":null,"choices":[{"index":0,"delta":'
        b'{"role":"assistant","content":"","refusal":null},"logprobs":null,'
        b'"finish_reason":null}]}\n\n'
    )


def test_the_role_comes_first_though_the_server_did_not_send_it() -> None:
    assert deltas_of(encoder().encode(answers.pieces(["a"])))[0]["role"] == "assistant"


def test_with_usage_the_finish_and_the_usage_are_chunks_of_their_own() -> None:
    stream = encoder(include_usage=True)
    stream.encode(answers.first_message())
    finish, last = answers.last_messages()
    (finished,) = frames_of(stream.encode(finish))
    assert finished["choices"][0] == {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert finished["usage"] is None
    usage, done = frames_of(stream.encode(last))
    assert usage["choices"] == []
    assert usage["usage"]["cost"] == 0.123456
    assert done == "[DONE]"


def test_without_usage_the_finish_waits_for_the_price() -> None:
    stream = encoder()
    stream.encode(answers.first_message())
    finish, last = answers.last_messages()
    assert stream.encode(finish) == b""
    finished, done = frames_of(stream.encode(last))
    assert finished["choices"][0]["finish_reason"] == "stop"
    assert finished["usage"]["cost"] == 0.123456
    assert done == "[DONE]"


def test_a_finish_that_others_follow_does_not_wait_any_longer() -> None:
    stream = encoder()
    both = chat.StreamChatCompletionResponse()
    both.deltas.add(finish_reason=chat.FINISH_REASON_LENGTH)
    both.deltas.add(choice_index=1, content_pieces=["b"])
    frames = frames_of(stream.encode(both))
    assert [frame["choices"][0]["finish_reason"] for frame in frames] == [
        None,
        "length",
        None,
        None,
    ]
    _, last = answers.last_messages()
    end = message(choice_index=1, finish_reason=chat.FINISH_REASON_STOP)
    end.MergeFrom(last)
    finished, done = frames_of(stream.encode(end))
    assert finished["choices"][0]["index"] == 1
    assert finished["usage"]["total_tokens"] == 21
    assert done == "[DONE]"


def test_a_stream_without_a_finish_still_tells_the_price() -> None:
    _, last = answers.last_messages()
    last.service_tier = "default"
    last.moderation_json = "{}"
    end, done = frames_of(encoder().encode(last))
    assert end["usage"]["cost"] == 0.123456
    assert end["service_tier"] == "default"
    assert end["moderation"] == {}
    assert done == "[DONE]"


def test_an_error_ends_the_stream_after_what_waited() -> None:
    stream = encoder()
    stream.encode(answers.first_message())
    finish, _ = answers.last_messages()
    stream.encode(finish)
    frames = frames_of(stream.encode_error(Refusal("INTERNAL", "Oops."), "req_1"))
    assert frames[0]["choices"][0]["finish_reason"] == "stop"
    assert frames[1]["error"]["code"] == "internal_error"
    assert frames[1]["request_id"] == "req_1"


def test_a_custom_tools_input_stays_input_on_later_parts() -> None:
    stream = encoder()
    first = message(
        tool_calls=[
            chat.ChatToolCallDelta(index=0, id="c", kind=chat.CHAT_TOOL_KIND_CUSTOM, name="g")
        ]
    )
    later = message(tool_calls=[chat.ChatToolCallDelta(index=0, arguments="abc")])
    role, begun = deltas_of(stream.encode(first))
    assert role["content"] is None
    assert begun["tool_calls"][0]["type"] == "custom"
    assert begun["tool_calls"][0]["custom"]["name"] == "g"
    (more,) = deltas_of(stream.encode(later))
    assert more["tool_calls"] == [{"index": 0, "custom": {"input": "abc"}}]


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        ({"refusal": "No."}, {"refusal": "No."}),
        ({"reasoning_content": "Hm."}, {"reasoning_content": "Hm."}),
        (
            {"function_call": chat.ChatFunctionCall(name="f", arguments="{")},
            {"function_call": {"name": "f", "arguments": "{"}},
        ),
        (
            {"audio": chat.ChatAudioDelta(id="a", data=b"\x00", transcript="t")},
            {"audio": {"id": "a", "data": "AA==", "transcript": "t"}},
        ),
        (
            {"annotations": [chat.ChatAnnotation(start_index=1, end_index=2, title="t", url="u")]},
            {
                "annotations": [
                    {
                        "type": "url_citation",
                        "url_citation": {
                            "start_index": 1,
                            "end_index": 2,
                            "title": "t",
                            "url": "u",
                        },
                    }
                ]
            },
        ),
        (
            {
                "content_pieces": ["a", "b"],
                "logprobs": chat.ChatLogprobs(content=[chat.ChatTokenLogprob(token="ab")]),
            },
            {"content": "ab"},
        ),
    ],
)
def test_every_kind_of_delta_is_openais(delta: dict[str, Any], expected: dict[str, Any]) -> None:
    frames = frames_of(encoder().encode(message(**delta)))
    assert frames[-1]["choices"][0]["delta"] == expected
    assert (frames[-1]["choices"][0]["logprobs"] is not None) == ("logprobs" in delta)
    for frame in frames:
        ChatCompletionChunk.model_validate(frame, strict=True)
