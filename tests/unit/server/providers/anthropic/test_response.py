"""Whole answers in our own shape, and what is no answer."""

from typing import Any

import msgspec
import pytest

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers.anthropic.response import ParsedAnswer, parse_answer
from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError

# As in Anthropic's reference.
REFERENCE = (
    b'{"id":"msg_x","type":"message","role":"assistant","model":"claude-up",'
    b'"content":[{"type":"text","text":"hi"}],'
    b'"stop_reason":"end_turn","stop_sequence":null,"stop_details":null,'
    b'"usage":{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,'
    b'"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},'
    b'"output_tokens":5,"output_tokens_details":{"thinking_tokens":0},"service_tier":"standard"}}'
)


def parse(*content: dict[str, Any], **fields: Any) -> ParsedAnswer:
    json_object = fields.pop("json_object", False)
    body = {"type": "message", "content": content, "stop_reason": "end_turn", **fields}
    return parse_answer(msgspec.json.encode(body), json_object=json_object)


def choice_of(parsed: ParsedAnswer) -> chat_pb.ChatChoice:
    [choice] = parsed.completion.choices
    return choice


def test_plain_answer() -> None:
    parsed = parse_answer(REFERENCE)
    choice = choice_of(parsed)
    assert choice.message == chat_pb.ChatAnswer(content="hi")
    assert choice.finish_reason == chat_pb.FINISH_REASON_STOP
    assert parsed.usage.usage == TokenUsage(12, 5, 0, 0, 0)
    assert parsed.completion.service_tier == "default"
    assert parsed.returned_model == "claude-up"
    assert parsed.blocks == []


def test_tool_calls_and_thinking() -> None:
    parsed = parse(
        {"type": "thinking", "thinking": "a", "signature": "S"},
        {"type": "thinking", "thinking": "", "signature": "S"},
        {"type": "thinking", "thinking": "b", "signature": "S"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": [1, {"y": "ä"}]}},
        {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
        stop_reason="tool_use",
    )
    choice = choice_of(parsed)
    assert choice.finish_reason == chat_pb.FINISH_REASON_TOOL_CALLS
    assert not choice.message.HasField("content")
    assert choice.message.reasoning_content == "a\n\nb"
    kind = chat_pb.CHAT_TOOL_KIND_FUNCTION
    assert list(choice.message.tool_calls) == [
        chat_pb.ChatToolCall(id="t1", kind=kind, name="f", arguments='{"x":[1,{"y":"ä"}]}'),
        chat_pb.ChatToolCall(id="t2", kind=kind, name="g", arguments="{}"),
    ]


def test_texts_are_one_and_unknown_blocks_are_left_out() -> None:
    parsed = parse(
        {"type": "text", "text": "a"},
        {"type": "server_tool_use", "id": "x", "name": "web", "input": {}},
        {"type": "text", "text": "b", "citations": [{"type": "char_location"}]},
    )
    assert choice_of(parsed).message == chat_pb.ChatAnswer(content="ab")


def test_block_of_a_later_version_may_call_its_fields_as_it_likes() -> None:
    arguments = {"n": 12345678901234567890, "x": 1.10}
    parsed = parse(
        {"type": "hologram", "data": {"x": 1}, "text": []},
        {"type": "text", "text": "a"},
        {"type": "tool_use", "id": "t", "name": "f", "input": arguments},
        usage={"input_tokens": 3, "output_tokens": 4},
    )
    message = choice_of(parsed).message
    assert message.content == "a"
    assert msgspec.json.decode(message.tool_calls[0].arguments) == arguments
    assert parsed.usage.usage is not None


def test_empty_answer_is_an_empty_text() -> None:
    message = choice_of(parse()).message
    assert message.HasField("content")
    assert message.content == ""


def test_refusal() -> None:
    details = {"type": "refusal", "category": None, "explanation": "Not this."}
    choice = choice_of(parse(stop_reason="refusal", stop_details=details))
    assert choice.finish_reason == chat_pb.FINISH_REASON_CONTENT_FILTER
    assert choice.message == chat_pb.ChatAnswer(refusal="Not this.")
    cut = choice_of(parse({"type": "text", "text": "Well"}, stop_reason="refusal"))
    assert (cut.message.content, bool(cut.message.refusal)) == ("Well", True)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("max_tokens", chat_pb.FINISH_REASON_LENGTH),
        ("model_context_window_exceeded", chat_pb.FINISH_REASON_LENGTH),
        ("stop_sequence", chat_pb.FINISH_REASON_STOP),
        (None, chat_pb.FINISH_REASON_STOP),
        ("new", chat_pb.FINISH_REASON_STOP),
    ],
)
def test_stop_reasons(reason: str | None, finish: int) -> None:
    assert (
        choice_of(parse({"type": "text", "text": "a"}, stop_reason=reason)).finish_reason == finish
    )


def test_json_answer_loses_its_fence_only_if_json_was_asked_for() -> None:
    fenced = {"type": "text", "text": '```json\n{"a":1}\n```'}
    assert choice_of(parse(fenced, json_object=True)).message.content == '{"a":1}'
    assert choice_of(parse(fenced)).message.content == fenced["text"]


def test_broken_usage_costs_the_usage_and_not_the_answer() -> None:
    parsed = parse({"type": "text", "text": "a"}, usage={"input_tokens": "x"})
    assert parsed.usage.usage is None
    assert parsed.usage.problem
    assert choice_of(parsed).message.content == "a"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"content":5}',
        b'{"content":[{}]}',
        b'{"content":[5]}',
        b'{"content":[{"type":"text","text":5}]}',
        b"\xff",
    ],
)
def test_what_is_no_answer_makes_no_sense(body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        parse_answer(body)
    assert caught.value.kind is ErrorKind.MALFORMED_RESPONSE
    assert caught.value.may_have_run


def test_error_in_a_200_is_an_error() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    with pytest.raises(ProviderError) as caught:
        parse_answer(body)
    assert (caught.value.kind, caught.value.phase) == (ErrorKind.OVERLOADED, Phase.ANSWERED)
