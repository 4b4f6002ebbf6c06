"""The body has what was asked for, in Gemini's words, and nothing else."""

from typing import Any

import msgspec
import pytest

from tests.unit.server.providers.chats import function_tool, params, said
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import Capabilities, ReasoningEffort, Thinking
from tokensmith_server.providers.gemini.check import WITHOUT_EFFECT
from tokensmith_server.providers.gemini.request import RENDERED_FIELDS, build_chat_request

CAN = Capabilities(
    thinking=Thinking.ADAPTIVE,
    thinking_levels=(ReasoningEffort.LOW, ReasoningEffort.HIGH),
    signed_tool_calls=True,
)


def body(capabilities: Capabilities = CAN, **fields: Any) -> Any:
    built = build_chat_request(params(**fields), capabilities, output_cap_tokens=77)
    return msgspec.json.decode(built)


def config(**fields: Any) -> Any:
    built = body(Capabilities(), **fields)["generationConfig"]
    assert built.pop("maxOutputTokens") == 77
    return built


def test_a_plain_request() -> None:
    assert body(messages=[said("Be brief.", chat_pb.CHAT_ROLE_SYSTEM), said("Hi")]) == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {
            "maxOutputTokens": 77,
            "thinkingConfig": {"includeThoughts": True},
        },
    }


def test_instructions_alone_are_what_is_to_be_answered() -> None:
    built = body(messages=[said("Say hi.", chat_pb.CHAT_ROLE_SYSTEM)])
    assert built["contents"] == [{"role": "user", "parts": [{"text": "Say hi."}]}]
    assert "systemInstruction" not in built


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"temperature": 0.0}, {"temperature": 0.0}),
        ({"top_p": 0.5}, {"topP": 0.5}),
        ({"frequency_penalty": 0.5}, {"frequencyPenalty": 0.5}),
        ({"presence_penalty": -0.5}, {"presencePenalty": -0.5}),
        ({"seed": -7}, {"seed": -7}),
        ({"choice_count": 2}, {"candidateCount": 2}),
        ({"stop_sequences": ["a", "", "b"]}, {"stopSequences": ["a", "b"]}),
        ({"stop_sequences": [""]}, {}),
        ({"logprobs": True, "top_logprobs": 3}, {"responseLogprobs": True, "logprobs": 3}),
        ({"choice_count": 1, "logprobs": False, "frequency_penalty": 0}, {}),
        ({"user": "u", "safety_identifier": "s", "metadata": {"a": "b"}, "store": False}, {}),
        ({"service_tier": "auto", "prompt_cache_key": "k", "modalities": ["text"]}, {}),
    ],
)
def test_settings(fields: dict[str, Any], sent: dict[str, Any]) -> None:
    assert config(**fields) == sent


def test_the_cap_that_was_held_for_is_sent_whatever_is_asked() -> None:
    assert body(max_output_tokens=5)["generationConfig"]["maxOutputTokens"] == 77


def test_an_effort_is_a_level() -> None:
    thinking = body(reasoning_effort="minimal")["generationConfig"]["thinkingConfig"]
    assert thinking == {"includeThoughts": True, "thinkingLevel": "low"}


def test_json_alone() -> None:
    wanted = chat_pb.ChatResponseFormat(json_object=chat_pb.ChatJsonObjectFormat())
    assert config(response_format=wanted) == {"responseMimeType": "application/json"}


def test_json_by_a_schema() -> None:
    schema = chat_pb.ChatJsonSchemaFormat(
        name="a", description="D", schema_json='{"type":"object","$schema":"x"}', strict=True
    )
    assert config(response_format=chat_pb.ChatResponseFormat(json_schema=schema)) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object", "description": "D"},
    }


def test_functions_are_declared_in_one_tool() -> None:
    tools = [
        function_tool("a", description="D", parameters_json='{"properties":{"x":{"const":1}}}'),
        function_tool("b", parameters_json='{"type":"object","properties":{}}', strict=True),
        function_tool("c"),
    ]
    built = body(tools=tools)
    schema = {"type": "object", "properties": {"x": {"enum": [1]}}}
    assert built["tools"] == [
        {
            "functionDeclarations": [
                {"name": "a", "description": "D", "parametersJsonSchema": schema},
                {"name": "b"},
                {"name": "c"},
            ]
        }
    ]
    assert "toolConfig" not in built


def allowed(mode: str, *names: str) -> chat_pb.ChatToolChoice:
    tools = [chat_pb.ChatToolReference(name=name) for name in names]
    return chat_pb.ChatToolChoice(allowed_tools=chat_pb.ChatAllowedTools(mode=mode, tools=tools))


@pytest.mark.parametrize(
    ("choice", "sent", "shown"),
    [
        (chat_pb.ChatToolChoice(mode="auto"), None, "abc"),
        (chat_pb.ChatToolChoice(mode="none"), {"mode": "NONE"}, "abc"),
        (chat_pb.ChatToolChoice(mode="required"), {"mode": "ANY"}, "abc"),
        (
            chat_pb.ChatToolChoice(function_name="b"),
            {"mode": "ANY", "allowedFunctionNames": ["b"]},
            "abc",
        ),
        (allowed("required", "a", "b"), {"mode": "ANY", "allowedFunctionNames": ["a", "b"]}, "abc"),
        (allowed("auto", "c", "a"), None, "ac"),
    ],
)
def test_tool_choice(
    choice: chat_pb.ChatToolChoice, sent: dict[str, Any] | None, shown: str
) -> None:
    built = body(tools=[function_tool(name) for name in "abc"], tool_choice=choice)
    assert built.get("toolConfig", {}).get("functionCallingConfig") == sent
    declared = built["tools"][0]["functionDeclarations"]
    assert "".join(declaration["name"] for declaration in declared) == shown


def test_a_choice_among_no_tools_is_nothing() -> None:
    built = body(tool_choice=chat_pb.ChatToolChoice(mode="none"))
    assert built.keys() == {"contents", "generationConfig"}


# Everything else in ChatCompletionParams, so that a new field of the contract must be decided upon.
REFUSED = {
    "audio",
    "function_choice",
    "functions",
    "logit_bias",
    "modalities",
    "moderation",
    "parallel_tool_calls",
    "prediction",
    "prompt_cache_options",
    "verbosity",
    "web_search_options",
}


def test_every_field_of_the_contract_has_a_fate() -> None:
    fields = {field.name for field in chat_pb.ChatCompletionParams.DESCRIPTOR.fields}
    decided = RENDERED_FIELDS | WITHOUT_EFFECT | REFUSED | {"store", "service_tier"}
    assert fields == decided
