"""What the Messages API has no place for is refused by name, unless it is a hint without effect."""

from typing import Any

import msgspec
import pytest

from tests.unit.server.providers.anthropic.chats import (
    ADAPTIVE,
    ASSISTANT,
    BUDGET,
    SYSTEM,
    body_of,
    called,
    refusal_of,
    refused_param,
    result,
)
from tests.unit.server.providers.chats import function_tool, parts_of, said
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import Support
from tokensmith_server.providers.anthropic.profile import REFUSED, SENT, WITHOUT_EFFECT


def test_every_field_of_the_contract_has_one_fate() -> None:
    fields = {field.name for field in chat_pb.ChatCompletionParams.DESCRIPTOR.fields}
    assert fields == SENT | WITHOUT_EFFECT | REFUSED
    assert len(fields) == len(SENT) + len(WITHOUT_EFFECT) + len(REFUSED)


NOT_HAD: dict[str, dict[str, Any]] = {
    "audio": {"audio": chat_pb.ChatAudioParams(format="wav", voice_name="alloy")},
    "n": {"choice_count": 2},
    "frequency_penalty": {"frequency_penalty": 0.5},
    "presence_penalty": {"presence_penalty": -0.5},
    "function_call": {"function_choice": chat_pb.ChatFunctionChoice(mode="auto")},
    "functions": {"functions": [chat_pb.ChatFunction(name="f")]},
    "logit_bias": {"logit_bias": {"1": 5}},
    "logprobs": {"logprobs": True},
    "modalities": {"modalities": ["text", "audio"]},
    "moderation": {"moderation": chat_pb.ChatModerationParams(model="omni")},
    "prediction": {"prediction": chat_pb.ChatContent(text="x")},
    "prompt_cache_options": {"prompt_cache_options": chat_pb.ChatPromptCacheOptions(ttl="30m")},
    "seed": {"seed": 0},
    "store": {"store": True},
    "top_logprobs": {"top_logprobs": 1},
    "verbosity": {"verbosity": "low"},
    "web_search_options": {"web_search_options": chat_pb.ChatWebSearchOptions()},
}
GENEROUS = ADAPTIVE | {
    "logprobs": Support.YES,
    "verbosity": Support.YES,
    "audio_output": True,
    "n_max": 8,
    "top_logprobs_max": 20,
}


@pytest.mark.parametrize("param", NOT_HAD)
def test_what_the_api_has_not_is_refused_whatever_the_catalog_says(param: str) -> None:
    assert refused_param(GENEROUS, **NOT_HAD[param]) == param


def test_refusals_are_those_of_the_table() -> None:
    assert {next(iter(fields)) for fields in NOT_HAD.values()} == REFUSED


def test_settings_that_ask_for_what_happens_anyway_are_taken_and_not_sent() -> None:
    neutral: dict[str, Any] = {
        "choice_count": 1,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
        "logprobs": False,
        "modalities": ["text"],
        "store": False,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "top_p": 1.0,
        "metadata": {"a": "b"},
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "response_format": chat_pb.ChatResponseFormat(text=chat_pb.ChatTextFormat()),
    }
    none = ADAPTIVE | {"temperature": Support.NO, "top_p": Support.NO}
    assert refusal_of(none, **neutral) is None
    assert body_of(**neutral).keys() == {"model", "max_tokens", "messages"}


def test_sampling_follows_the_catalog_and_the_apis_range() -> None:
    assert refused_param(temperature=1.2) == "temperature"
    assert refused_param(ADAPTIVE | {"temperature": Support.NO}, temperature=0.5) == "temperature"
    assert refused_param(reasoning_effort="high", temperature=0.5) == "temperature"
    one = ADAPTIVE | {"temperature_with_top_p": False}
    assert refused_param(one, temperature=0.5, top_p=0.5) == "top_p"
    assert refused_param(one, temperature=1.0, top_p=0.5) is None


def test_stop_sequences_need_something_visible() -> None:
    assert refused_param(stop_sequences=["END", "\n\n"]) == "stop[1]"
    assert refused_param(stop_sequences=[""]) == "stop[0]"
    assert refused_param(stop_sequences=["\nUser:"]) is None


def test_dear_service_tiers_are_refused() -> None:
    for tier in ("priority", "flex", "scale", "fast"):
        assert refused_param(service_tier=tier) == "service_tier"
    assert refused_param(service_tier="default") is None


def test_thinking_by_budget_needs_room_and_no_forced_call() -> None:
    forced = [
        chat_pb.ChatToolChoice(mode="required"),
        chat_pb.ChatToolChoice(function_name="look_up"),
        chat_pb.ChatToolChoice(
            allowed_tools=chat_pb.ChatAllowedTools(
                mode="required", tools=[chat_pb.ChatToolReference(name="look_up")]
            )
        ),
    ]
    for choice in forced:
        fields: dict[str, Any] = {"tools": [function_tool()], "tool_choice": choice}
        assert refused_param(BUDGET, reasoning_effort="low", **fields) == "tool_choice"
        assert refused_param(BUDGET, reasoning_effort="none", **fields) is None
        assert refused_param(ADAPTIVE, reasoning_effort="low", **fields) is None
    tight = {"reasoning_effort": "low", "max_output_tokens": 1024}
    assert refused_param(BUDGET, **tight) == "max_completion_tokens"
    assert refused_param(ADAPTIVE, **tight) is None


def user_part(**part: Any) -> dict[str, Any]:
    message = chat_pb.ChatMessage(
        role=chat_pb.CHAT_ROLE_USER, content=parts_of(chat_pb.ChatContentPart(**part))
    )
    return {"messages": [message]}


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"image": chat_pb.ChatImage(url="http://h/a.png")}, "image_url.url"),
        ({"image": chat_pb.ChatImage(url="data:image/bmp;base64,QUJD")}, "image_url.url"),
        ({"image": chat_pb.ChatImage(url="data:image/png,abc")}, "image_url.url"),
        ({"image": chat_pb.ChatImage(url="data:image/png;base64,")}, "image_url.url"),
        ({"file": chat_pb.ChatFile(file_id="file-1")}, "file.file_id"),
        ({"file": chat_pb.ChatFile(file_data="data:text/csv;base64,QUJD")}, "file.file_data"),
        ({"file": chat_pb.ChatFile(file_data="data:text/plain;base64,!")}, "file.file_data"),
        ({"file": chat_pb.ChatFile(file_data="QUJD")}, "file.file_data"),
        ({"input_audio": chat_pb.ChatInputAudio(data=b"x", format="wav")}, "type"),
        (
            {
                "text": "x",
                "prompt_cache_breakpoint": chat_pb.ChatPromptCacheBreakpoint(mode="explicit"),
            },
            "prompt_cache_breakpoint",
        ),
    ],
)
def test_parts_that_can_not_be_sent_are_named(part: dict[str, Any], field: str) -> None:
    assert refused_param(**user_part(**part)) == f"messages[0].content[0].{field}"


def test_results_must_match_the_calls_as_at_openai() -> None:
    two = called(("a", "f", "{}"), ("b", "g", ""))
    cases: list[tuple[list[chat_pb.ChatMessage], str | None]] = [
        ([two, result("a"), result("b")], None),
        ([two, result("b"), said("wait"), result("a"), said("go on")], None),
        ([two, result("a")], "messages[1].tool_calls[1].id"),
        ([two], "messages[1].tool_calls[0].id"),
        ([two, result("a"), result("b"), result("b")], "messages[4].tool_call_id"),
        ([result("a")], "messages[1].tool_call_id"),
        ([two, result("a"), result("c")], "messages[3].tool_call_id"),
        ([two, result("a"), called(("c", "f", ""))], "messages[1].tool_calls[1].id"),
        ([called(("a", "f", ""), ("a", "g", ""))], "messages[1].tool_calls[1].id"),
    ]
    for messages, expected in cases:
        assert refused_param(messages=[said("hi"), *messages]) == expected


@pytest.mark.parametrize("arguments", ["[1]", "{", "1", '{"a":1} {}', "null"])
def test_arguments_must_be_an_object(arguments: str) -> None:
    messages = [said("hi"), called(("a", "f", arguments)), result("a")]
    assert refused_param(messages=messages) == "messages[1].tool_calls[0].function.arguments"


def test_messages_of_other_shapes_are_refused() -> None:
    custom = called(("a", "f", "{}"))
    custom.tool_calls[0].kind = chat_pb.CHAT_TOOL_KIND_CUSTOM
    legacy = chat_pb.ChatMessage(
        role=ASSISTANT, function_call=chat_pb.ChatFunctionCall(name="f", arguments="{}")
    )
    cases = [
        (custom, "messages[1].tool_calls[0].type"),
        (legacy, "messages[1].function_call"),
        (chat_pb.ChatMessage(role=ASSISTANT, audio_id="a"), "messages[1].audio"),
        (said("x", chat_pb.CHAT_ROLE_FUNCTION), "messages[1].role"),
    ]
    for message, param in cases:
        assert refused_param(messages=[said("hi"), message]) == param


def test_assistant_speaks_last_only_where_it_can_be_continued() -> None:
    messages = [said("hi"), said("I am", ASSISTANT)]
    after = [*messages, said("be brief", SYSTEM)]
    assert refused_param(ADAPTIVE, messages=messages) == "messages[1].role"
    assert refused_param(ADAPTIVE, messages=after) == "messages[2].role"
    assert refused_param(BUDGET, messages=messages) is None
    assert refused_param(BUDGET, messages=messages, reasoning_effort="low") == "messages[1].role"
    schema = chat_pb.ChatJsonSchemaFormat(name="s", schema_json='{"type":"string"}')
    wanted = chat_pb.ChatResponseFormat(json_schema=schema)
    assert refused_param(BUDGET, messages=messages, response_format=wanted) == "messages[1].role"


def test_tools_that_can_not_be_declared_are_refused() -> None:
    assert (
        refused_param(tools=[function_tool(parameters_json='{"type":"array"}')])
        == "tools[0].function.parameters"
    )
    strict = '{"type":"object","properties":{"a":{"type":"integer","minimum":1}}}'
    assert (
        refused_param(tools=[function_tool(parameters_json=strict, strict=True)])
        == "tools[0].function.parameters"
    )
    assert refused_param(tools=[function_tool(parameters_json=strict)]) is None
    many = [function_tool(f"f{n}", strict=True) for n in range(21)]
    assert refused_param(tools=many) == "tools"
    assert refused_param(tools=many[:20]) is None
    custom = chat_pb.ChatTool(custom=chat_pb.ChatCustomTool(name="c"))
    assert refused_param(ADAPTIVE | {"custom_tools": True}, tools=[custom]) == "tools[0].type"


def test_schema_itself_is_needed() -> None:
    wanted = chat_pb.ChatResponseFormat(json_schema=chat_pb.ChatJsonSchemaFormat(name="s"))
    assert refused_param(response_format=wanted) == "response_format.json_schema.schema"


def strict_tool(name: str, **properties: Any) -> chat_pb.ChatTool:
    schema = {"type": "object", "properties": properties}
    return function_tool(name, strict=True, parameters_json=msgspec.json.encode(schema).decode())


def wanted(schema: dict[str, Any]) -> chat_pb.ChatResponseFormat:
    text = msgspec.json.encode(schema).decode()
    return chat_pb.ChatResponseFormat(
        json_schema=chat_pb.ChatJsonSchemaFormat(name="s", schema_json=text)
    )


def test_schemas_of_one_request_are_counted_together() -> None:
    half = {f"p{number}": {"type": "string"} for number in range(12)}
    tools = [strict_tool("f", **half), strict_tool("g", **half)]
    one_more = {"type": "object", "properties": {"a": {"type": "string"}}}
    schema = "response_format.json_schema.schema"
    assert refused_param(tools=tools) is None
    assert refused_param(tools=tools, response_format=wanted(one_more)) == schema
    third = [*tools, strict_tool("h", a={"type": "string"})]
    assert refused_param(tools=third) == "tools[2].function.parameters"
    unchecked = [*tools, function_tool("h", parameters_json=tools[0].function.parameters_json)]
    assert refused_param(tools=unchecked) is None


def test_unions_of_one_request_are_counted_together() -> None:
    many = {f"p{number}": {"type": ["string", "null"]} for number in range(9)}
    assert refused_param(tools=[strict_tool("f", **many)]) is None
    tools = [strict_tool("f", **many), strict_tool("g", **many)]
    refusal = refusal_of(tools=tools)
    assert refusal is not None
    assert refusal.param == "tools[1].function.parameters"
    assert "18 union types; at most 16" in refusal.message
