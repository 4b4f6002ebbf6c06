import typing
from typing import Any

import msgspec
import openai.types.chat.completion_create_params as documented
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.shared.reasoning_effort import ReasoningEffort

from tests.unit.bridge.requests import chat_requests
from tests.unit.bridge.reverse import request_from_params
from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.openai.bodies import chat_request_from_json
from tokensmith_bridge.openai.chat_request import fill_params
from tokensmith_bridge.openai.errors import Refusal
from tokensmith_bridge.openai.schema import ChatRequest

MINIMAL: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def params_of(request: dict[str, Any]) -> chat.ChatCompletionParams:
    params = chat.ChatCompletionParams()
    fill_params(params, chat_request_from_json(msgspec.json.encode(request)))
    return params


@settings(max_examples=200)
@given(chat_requests)
def test_what_is_accepted_arrives_whole(request: dict[str, Any]) -> None:
    assert request_from_params(params_of(request)) == request


@settings(max_examples=50)
@given(chat_requests, st.data())
def test_null_is_the_same_as_absent(request: dict[str, Any], data: st.DataObject) -> None:
    absent = sorted(set(ChatRequest.__struct_fields__) - set(request))
    nulled = data.draw(st.lists(st.sampled_from(absent), unique=True))
    assert params_of(request | dict.fromkeys(nulled)) == params_of(request)


def test_every_field_that_openai_documents_is_known() -> None:
    base = documented.CompletionCreateParamsBase.__annotations__
    streaming = documented.CompletionCreateParamsStreaming.__annotations__
    fields = set(base) | set(streaming)
    assert fields == set(ChatRequest.__struct_fields__)


def test_every_param_of_the_contract_can_be_filled() -> None:
    filled: set[str] = set()

    @settings(max_examples=300, database=None, derandomize=True)
    @given(chat_requests)
    def collect(request: dict[str, Any]) -> None:
        filled.update(field.name for field, _ in params_of(request).ListFields())

    collect()
    filled.add("top_logprobs")
    assert filled == {field.name for field in chat.ChatCompletionParams.DESCRIPTOR.fields}


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, None),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 5}, 5),
    ],
)
def test_both_names_of_the_output_limit_mean_the_same(
    limits: dict[str, int], expected: int | None
) -> None:
    params = params_of(MINIMAL | limits)
    assert (params.max_output_tokens if params.HasField("max_output_tokens") else None) == expected


def test_stop_may_be_one_text() -> None:
    assert list(params_of(MINIMAL | {"stop": "END"}).stop_sequences) == ["END"]


def test_a_custom_tools_text_format_is_the_default() -> None:
    tool = {"type": "custom", "custom": {"name": "t", "format": {"type": "text"}}}
    assert not params_of(MINIMAL | {"tools": [tool]}).tools[0].custom.HasField("grammar")


def test_an_answer_may_be_sent_back_as_it_came() -> None:
    answer = {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "annotations": [],
        "audio": {"id": "a", "data": "AAAA", "expires_at": 1, "transcript": "hi"},
        "function_call": None,
        "tool_calls": [
            {
                "index": 0,
                "id": "c",
                "type": "function",
                "function": {"name": "f", "arguments": "{", "parsed_arguments": None},
            }
        ],
        "parsed": {"a": 1},
        "reasoning_content": "hm",
    }
    message = params_of(MINIMAL | {"messages": [answer]}).messages[0]
    assert message.audio_id == "a"
    assert message.tool_calls[0].arguments == "{"
    assert message.reasoning_content == "hm"


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens", "invalid_value"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
        ({"top_logprobs": 2}, "top_logprobs", "invalid_value"),
        ({"modalities": ["text", "audio"]}, "audio", "missing_required_parameter"),
        (
            {"messages": [{"role": "assistant"}]},
            "messages[0].content",
            "missing_required_parameter",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]},
            "messages[0].content[0].file",
            "invalid_value",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "file", "file": {"file_id": "a", "file_data": "b"}}],
                    }
                ]
            },
            "messages[0].content[0].file",
            "invalid_value",
        ),
    ],
)
def test_fields_that_contradict_each_other_are_refused(
    more: dict[str, Any], param: str, code: str
) -> None:
    with pytest.raises(Refusal) as raised:
        params_of(MINIMAL | more)
    assert (raised.value.param, raised.value.row.code) == (param, code)


def test_what_litellm_adds_to_an_answer_has_no_effect() -> None:
    added = {"provider_specific_fields": {"refusal": None}}
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = {"role": "assistant", "content": "x", "tool_calls": [call]}
    sent = said | added | {"thinking_blocks": [], "tool_calls": [call | added]}
    result = {"role": "tool", "tool_call_id": "c", "content": "done"}
    assert params_of({"model": "m", "messages": [sent, result | {"name": "f"}]}) == params_of(
        {"model": "m", "messages": [said, result]}
    )


def test_marks_for_anthropics_cache_have_no_effect() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    url = {"url": "https://e.example/a.png"}

    def body(mark: dict[str, Any]) -> dict[str, Any]:
        parts: list[Any] = [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": url}]
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        return {
            "model": "m",
            "messages": [
                {"role": "system", "content": [parts[0] | mark]} | mark,
                {"role": "user", "content": [part | mark for part in parts]} | mark,
                {"role": "assistant", "content": None, "tool_calls": [call | mark]} | mark,
                {"role": "tool", "tool_call_id": "c", "content": "done"} | mark,
            ],
            "tools": [{"type": "function", "function": {"name": "f"} | mark} | mark],
        }

    assert params_of(body(mark)) == params_of(body({}))


def test_reasoning_efforts_are_openais() -> None:
    for effort in typing.get_args(typing.get_args(ReasoningEffort)[0]):
        assert params_of(MINIMAL | {"reasoning_effort": effort}).reasoning_effort == effort
