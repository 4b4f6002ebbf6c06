"""What every chat request must be, rule by rule, and by property over arbitrary requests."""

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.chat import params
from tests.support.protos import messages_of
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.chat.validate import _CHECKS, check_params
from tokensmith_server.errors import InvalidField

USER = chat_pb.CHAT_ROLE_USER
ASSISTANT = chat_pb.CHAT_ROLE_ASSISTANT
TOOL = chat_pb.CHAT_ROLE_TOOL


def say(role: Any = USER, text: str | None = "Hi", **fields: Any) -> chat_pb.ChatMessage:
    if text is not None:
        fields["content"] = chat_pb.ChatContent(text=text)
    return chat_pb.ChatMessage(role=role, **fields)


def show(role: Any, *parts: chat_pb.ChatContentPart) -> chat_pb.ChatMessage:
    content = chat_pb.ChatContent(parts=chat_pb.ChatContentParts(parts=parts))
    return chat_pb.ChatMessage(role=role, content=content)


def image(url: str, **fields: Any) -> chat_pb.ChatContentPart:
    return chat_pb.ChatContentPart(image=chat_pb.ChatImage(url=url, **fields))


def sound(data: bytes = b"x", sound_format: str = "wav") -> chat_pb.ChatContentPart:
    return chat_pb.ChatContentPart(
        input_audio=chat_pb.ChatInputAudio(data=data, format=sound_format)
    )


def function(name: str = "f", schema: str = "") -> chat_pb.ChatFunction:
    return chat_pb.ChatFunction(name=name, parameters_json=schema)


def tool(name: str = "f", schema: str = "") -> chat_pb.ChatTool:
    return chat_pb.ChatTool(function=function(name, schema))


def custom(name: str) -> chat_pb.ChatTool:
    return chat_pb.ChatTool(custom=chat_pb.ChatCustomTool(name=name))


def shaped(name: str = "s", schema: str = "{}") -> chat_pb.ChatResponseFormat:
    return chat_pb.ChatResponseFormat(
        json_schema=chat_pb.ChatJsonSchemaFormat(name=name, schema_json=schema)
    )


def choice(**fields: Any) -> chat_pb.ChatToolChoice:
    return chat_pb.ChatToolChoice(**fields)


def allowed(mode: str, *names: str) -> chat_pb.ChatToolChoice:
    tools = [chat_pb.ChatToolReference(name=name) for name in names]
    return choice(allowed_tools=chat_pb.ChatAllowedTools(mode=mode, tools=tools))


def nested(depth: int) -> str:
    return '{"a":' * depth + "{}" + "}" * depth


CALL = chat_pb.ChatToolCall(id="c", name="f")
TEXT = chat_pb.ChatContentPart(text="x")
REFUSAL = chat_pb.ChatContentPart(refusal="no")
LOW = image("data:image/png;base64,eA==", detail="low")
BIG = image("https://a", detail="big")
FILE = chat_pb.ChatContentPart(file=chat_pb.ChatFile(file_data="eA=="))

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"messages": []}, "messages"),
    ({"messages": [say()] * 4_097}, "messages"),
    ({"messages": [say(role=0)]}, "messages[0].role"),
    ({"messages": [say(), say(role=99)]}, "messages[1].role"),
    ({"messages": [say(text=None)]}, "messages[0].content"),
    ({"messages": [say(role=ASSISTANT, text=None)]}, "messages[0].content"),
    ({"messages": [say(role=TOOL)]}, "messages[0].tool_call_id"),
    ({"messages": [say(ASSISTANT, tool_calls=[CALL, {"id": "c"}])]}, "messages[0].tool_calls[1]"),
    ({"messages": [say(role=ASSISTANT, tool_calls=[{"name": "f"}])]}, "messages[0].tool_calls[0]"),
    ({"messages": [say(role=ASSISTANT, function_call={})]}, "messages[0].function_call.name"),
    ({"messages": [show(USER)]}, "messages[0].content"),
    ({"messages": [show(USER, *[TEXT] * 2_049)]}, "messages[0].content"),
    ({"messages": [show(USER, chat_pb.ChatContentPart())]}, "messages[0].content[0].type"),
    ({"messages": [show(USER, REFUSAL)]}, "messages[0].content[0].type"),
    ({"messages": [show(ASSISTANT, TEXT, image("https://a"))]}, "messages[0].content[1].type"),
    ({"messages": [show(TOOL, FILE)], "_tool": "c"}, "messages[0].content[0].type"),
    ({"messages": [show(USER, image("ftp://a"))]}, "messages[0].content[0].image_url.url"),
    ({"messages": [show(USER, image("data:text/html,x"))]}, "messages[0].content[0].image_url.url"),
    ({"messages": [show(USER, BIG)]}, "messages[0].content[0].image_url.detail"),
    ({"messages": [show(USER, sound(b""))]}, "messages[0].content[0].input_audio.data"),
    ({"messages": [show(USER, sound(b"x", "ogg"))]}, "messages[0].content[0].input_audio.format"),
    ({"messages": [show(USER, chat_pb.ChatContentPart(file={}))]}, "messages[0].content[0].file"),
    ({"max_output_tokens": 0}, "max_completion_tokens"),
    ({"max_output_tokens": -1}, "max_completion_tokens"),
    ({"temperature": 2.01}, "temperature"),
    ({"temperature": -0.01}, "temperature"),
    ({"temperature": math.nan}, "temperature"),
    ({"temperature": math.inf}, "temperature"),
    ({"top_p": 1.1}, "top_p"),
    ({"frequency_penalty": 2.1}, "frequency_penalty"),
    ({"presence_penalty": -2.1}, "presence_penalty"),
    ({"logit_bias": {"1": 101}}, "logit_bias"),
    ({"logit_bias": {str(n): 1 for n in range(1_025)}}, "logit_bias"),
    ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
    ({"top_logprobs": 5}, "top_logprobs"),
    ({"choice_count": 0}, "n"),
    ({"choice_count": 129}, "n"),
    ({"stop_sequences": ["a"] * 5}, "stop"),
    ({"tools": [tool()] * 129}, "tools"),
    ({"tools": [tool(), tool("no space")]}, "tools[1].function.name"),
    ({"tools": [tool("f" * 65)]}, "tools[0].function.name"),
    ({"tools": [tool("")]}, "tools[0].function.name"),
    ({"tools": [tool("f", "[]")]}, "tools[0].function.parameters"),
    ({"tools": [tool("f", "{")]}, "tools[0].function.parameters"),
    ({"tools": [tool("f", nested(100))]}, "tools[0].function.parameters"),
    ({"tools": [tool("f", nested(100_000))]}, "tools[0].function.parameters"),
    ({"tools": [custom("é")]}, "tools[0].custom.name"),
    ({"tools": [chat_pb.ChatTool()]}, "tools[0]"),
    ({"tool_choice": choice(mode="sometimes")}, "tool_choice"),
    ({"tool_choice": choice(mode="required")}, "tool_choice"),
    ({"tool_choice": choice(function_name="g"), "tools": [tool()]}, "tool_choice"),
    ({"tool_choice": choice(custom_name="f")}, "tool_choice"),
    ({"tool_choice": choice()}, "tool_choice"),
    ({"tool_choice": allowed("never", "f"), "tools": [tool()]}, "tool_choice.allowed_tools.mode"),
    ({"tool_choice": allowed("auto", "g"), "tools": [tool()]}, "tool_choice"),
    ({"functions": [function()] * 129}, "functions"),
    ({"functions": [function("f", "1")]}, "functions[0].parameters"),
    ({"function_choice": chat_pb.ChatFunctionChoice(name="g")}, "function_call"),
    ({"function_choice": chat_pb.ChatFunctionChoice(mode="required")}, "function_call"),
    ({"function_choice": chat_pb.ChatFunctionChoice()}, "function_call"),
    ({"response_format": shaped("no space")}, "response_format.json_schema.name"),
    ({"response_format": shaped("s", "null")}, "response_format.json_schema.schema"),
    ({"reasoning_effort": "extreme"}, "reasoning_effort"),
    ({"verbosity": "chatty"}, "verbosity"),
    ({"modalities": ["text", "smell"]}, "modalities"),
    ({"modalities": ["audio"]}, "audio"),
    ({"service_tier": "first"}, "service_tier"),
    ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
    ({"metadata": {"k" * 65: ""}}, "metadata." + "k" * 64),
    ({"metadata": {"k": "v" * 513}}, "metadata.k"),
    ({"safety_identifier": "x" * 129}, "safety_identifier"),
    ({"prompt_cache_retention": "1y"}, "prompt_cache_retention"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "param"), REFUSED)
def test_rule(fields: dict[str, Any], param: str) -> None:
    fields = dict(fields)
    tool_call_id = fields.pop("_tool", "")
    chat = params(**fields)
    if tool_call_id:
        chat.messages[0].tool_call_id = tool_call_id
    with pytest.raises(InvalidField) as caught:
        check_params(chat)
    assert caught.value.param == param
    assert str(caught.value)


def test_every_checked_field_has_a_rule_above() -> None:
    tried = {name for fields, _ in REFUSED for name in fields}
    assert set(_CHECKS) <= tried


ACCEPTED: list[dict[str, Any]] = [
    {},
    {"messages": [say(role=role) for role in (1, 2, 3, 4, 6)]},
    {"messages": [say(ASSISTANT, None, tool_calls=[CALL]), say(TOOL, tool_call_id="c")]},
    {"messages": [say(role=ASSISTANT, text=None, refusal="no")]},
    {"messages": [say(role=ASSISTANT, text=None, function_call={"name": "f"})]},
    {"messages": [say(role=ASSISTANT, text=None, audio_id="a")]},
    {"messages": [say(text="")]},
    {"messages": [show(USER, TEXT, image("https://a"), LOW, sound(), FILE)]},
    {"temperature": 0, "top_p": 1, "frequency_penalty": -2, "presence_penalty": 2},
    {"temperature": 2, "max_output_tokens": 1, "choice_count": 128, "seed": -5},
    {"logprobs": True, "top_logprobs": 0, "logit_bias": {"50256": -100}},
    {"tools": [tool("f", "{}"), custom("g-1")], "tool_choice": allowed("required", "f", "g-1")},
    {"tools": [tool("f", nested(99))], "tool_choice": choice(mode="required")},
    {"tools": [tool("f", json.dumps({"a": [[]] * 200}))], "tool_choice": choice(function_name="f")},
    {"functions": [function()], "function_choice": chat_pb.ChatFunctionChoice(name="f")},
    {"response_format": shaped(), "reasoning_effort": "xhigh", "verbosity": "low"},
    {"modalities": ["text", "audio"], "audio": chat_pb.ChatAudioParams(format="wav")},
    {"metadata": {"k" * 64: "v" * 512}, "safety_identifier": "x" * 128, "service_tier": "flex"},
]  # fmt: skip


@pytest.mark.parametrize("fields", ACCEPTED)
def test_accepted(fields: dict[str, Any]) -> None:
    check_params(params(**fields))


@settings(max_examples=150)
@given(messages_of(chat_pb.ChatCompletionParams))
def test_nothing_but_a_named_field_is_ever_raised(chat: chat_pb.ChatCompletionParams) -> None:
    with suppress(InvalidField):
        check_params(chat)


OUT_OF_RANGE = [
    fields
    for fields, param in REFUSED
    if len(fields) == 1 and not isinstance(next(iter(fields.values())), list | dict)
    if "." not in param and param not in {"top_logprobs", "tool_choice", "function_call"}
]


@settings(max_examples=100)
@given(messages_of(chat_pb.ChatCompletionParams), st.sampled_from(OUT_OF_RANGE))
def test_field_out_of_range_is_found_whatever_else_there_is(
    chat: chat_pb.ChatCompletionParams, fields: dict[str, Any]
) -> None:
    chat.MergeFrom(chat_pb.ChatCompletionParams(**fields))
    with pytest.raises(InvalidField):
        check_params(chat)


def test_bounds_are_told_to_the_last_digit() -> None:
    with pytest.raises(InvalidField) as caught:
        check_params(params(max_output_tokens=0))
    assert caught.value.allowed == "1 to 2147483647"
