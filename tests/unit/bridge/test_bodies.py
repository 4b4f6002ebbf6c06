from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.bridge.requests import chat_requests, json_values
from tokensmith_bridge.openai.bodies import allowed_values, chat_request_from_json
from tokensmith_bridge.openai.errors import BridgeReason, Refusal
from tokensmith_bridge.openai.schema import ChatRequest

MINIMAL: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def refusal_of(body: bytes) -> Refusal:
    with pytest.raises(Refusal) as raised:
        chat_request_from_json(body)
    return raised.value


def refusal_or_none(body: bytes) -> Refusal | None:
    try:
        chat_request_from_json(body)
    except Refusal as refusal:
        return refusal
    return None


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content, **more}]}


@pytest.mark.parametrize(
    ("more", "code", "param", "message"),
    [
        ({"top_k": 1}, "unknown_parameter", "top_k", "Unknown parameter: 'top_k'."),
        (
            user("x", foo=1),
            "unknown_parameter",
            "messages[0].foo",
            "Unknown parameter: 'messages[0].foo'.",
        ),
        ({"model": 1}, "invalid_type", "model", "expected a string, but got an integer instead"),
        ({"n": 1.5}, "invalid_type", "n", "expected an integer, but got a number instead"),
        ({"messages": None}, "invalid_type", "messages", "expected an array, but got null"),
        (
            user(3),
            "invalid_type",
            "messages[0].content",
            "a string or an array, but got an integer",
        ),
        (
            user([{"text": "x"}]),
            "missing_required_parameter",
            "messages[0].content[0].type",
            "Missing required parameter: 'messages[0].content[0].type'.",
        ),
        ({"messages": []}, "invalid_value", "messages", "expected at least 1 items"),
        (
            {"messages": [{"role": "robot", "content": "x"}]},
            "invalid_value",
            "messages[0].role",
            "'robot'. Supported values are: 'developer', 'system', 'user', 'assistant', 'tool'",
        ),
        (
            user([{"type": "video"}]),
            "invalid_value",
            "messages[0].content[0].type",
            "'video'. Supported values are: 'text', ",
        ),
        (
            {"reasoning_effort": "lots"},
            "invalid_value",
            "reasoning_effort",
            "Supported values are: 'high', 'low', 'max', 'medium', 'minimal', 'none', 'xhigh'.",
        ),
        ({"temperature": 3}, "invalid_value", "temperature", "expected a value <= 2."),
        ({"top_logprobs": -1}, "invalid_value", "top_logprobs", "expected a value >= 0."),
        ({"stop": list("abcde")}, "invalid_value", "stop", "expected at most 4 items"),
        ({"metadata": {"k": "v" * 513}}, "invalid_value", "metadata", "at most 512 characters"),
        ({"logit_bias": {"x": 1}}, "invalid_value", "logit_bias", "a token id, in digits"),
        ({"logit_bias": {"1": 101}}, "invalid_value", "logit_bias", "expected a value <= 100"),
        (
            {"tools": [{"type": "function", "function": {"name": "a b"}}]},
            "invalid_value",
            "tools[0].function.name",
            "1 to 64 letters, digits, underscores or dashes",
        ),
        (
            user([{"type": "input_audio", "input_audio": {"data": "?", "format": "wav"}}]),
            "invalid_value",
            "messages[0].content[0].input_audio.data",
            "invalid base64",
        ),
    ],
)
def test_what_is_wrong_is_said_in_openais_way(
    more: dict[str, Any], code: str, param: str, message: str
) -> None:
    refusal = refusal_of(msgspec.json.encode(MINIMAL | more))
    assert refusal.row.status == 400
    assert refusal.row.code == code
    assert refusal.param == param
    assert message in refusal.message


def test_a_field_of_another_role_is_not_proposed_in_its_own_place() -> None:
    message = {"role": "user", "content": "x", "tool_call_id": "c"}
    with pytest.raises(Refusal) as refused:
        chat_request_from_json(msgspec.json.encode({"model": "m", "messages": [message]}))
    assert refused.value.message == "Unknown parameter: 'messages[0].tool_call_id'."


def test_a_missing_field_is_named() -> None:
    refusal = refusal_of(b'{"model":"m"}')
    assert (refusal.row.code, refusal.param) == ("missing_required_parameter", "messages")


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","model":"m","messages":[{"role":"user","content":"x"}]}',
        b'{ "model":"m", "n":1, "n":1, "messages":[{"role":"user","content":"x"}]}',
        b'{"model":"m","n":1,"\\u006e":1,"messages":[{"role":"user","content":"x"}]}',
    ],
)
def test_a_field_named_twice_is_refused(body: bytes) -> None:
    assert "more than once" in refusal_of(body).message


@settings(max_examples=100)
@given(chat_requests, st.sampled_from([-1, 0, 2]))
def test_a_body_is_accepted_however_it_is_indented(request: dict[str, Any], indent: int) -> None:
    body = msgspec.json.format(msgspec.json.encode(request), indent=indent)
    assert chat_request_from_json(body).model == request["model"]


@settings(max_examples=300)
@given(chat_requests, st.data())
def test_no_refusal_shows_our_machinery(request: dict[str, Any], data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(sorted(ChatRequest.__struct_fields__)))
    body = msgspec.json.encode(request | {place: data.draw(json_values)})
    refusal = refusal_or_none(body)
    if refusal is not None:
        assert refusal.row.status == 400
        assert not (refusal.param or "").startswith(("$", "."))
        assert "Expected `" not in refusal.message
        assert "`$" not in refusal.message
        assert "msgspec" not in refusal.message


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_a_request_or_a_refusal(body: bytes) -> None:
    refusal = refusal_or_none(body)
    assert refusal is None or refusal.row.status == 400


def test_allowed_values_are_found_in_the_schema() -> None:
    values = allowed_values(ChatRequest)
    assert values["response_format.type"] == ("text", "json_object", "json_schema")
    assert values["tool_choice"] == ("auto", "none", "required")
    assert values["audio.format"] == ("aac", "flac", "mp3", "opus", "pcm16", "wav")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"model":"\\ud800"}', "half of a surrogate pair"),
        (b'{"model":"\\uD83Dx"}  ', "half of a surrogate pair"),
        (b'{"model":"\\udc00"}', "invalid utf-16 surrogate pair"),
        (b'{"model":"x', "Input data was truncated"),
        (b'{"model":"\\ud800', "Input data was truncated"),
        (b'{"model":"\\ud83d\\ude00","metadata":{}', "Input data was truncated"),
    ],
)
def test_half_a_character_is_told_from_half_a_body(body: bytes, words: str) -> None:
    refusal = refusal_of(body)
    assert refusal.reason == BridgeReason.MALFORMED_JSON
    assert words in refusal.message
