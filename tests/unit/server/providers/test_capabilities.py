"""What the catalog says that a model cannot do is refused by name, before anything is held."""

from typing import Any

import pytest

from tests.unit.server.providers.chats import function_tool, model, params, parts_of
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.loader import load_catalog
from tokensmith_server.catalog.model import ReasoningEffort, Support
from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError
from tokensmith_server.providers.capabilities import check_capabilities

EFFORTS = (ReasoningEffort.NONE, ReasoningEffort.LOW, ReasoningEffort.HIGH)
CUSTOM_TOOL = chat_pb.ChatTool(custom=chat_pb.ChatCustomTool(name="sketch"))
IMAGE = chat_pb.ChatContentPart(image=chat_pb.ChatImage(url="https://example.com/a.png"))
SOUND = chat_pb.ChatContentPart(input_audio=chat_pb.ChatInputAudio(data=b"x", format="wav"))
FILE = chat_pb.ChatContentPart(file=chat_pb.ChatFile(file_data="data:;base64,eA=="))
TEXT = chat_pb.ChatContentPart(text="hi")
JSON_OBJECT = chat_pb.ChatResponseFormat(json_object=chat_pb.ChatJsonObjectFormat())
JSON_SCHEMA = chat_pb.ChatResponseFormat(json_schema=chat_pb.ChatJsonSchemaFormat(name="s"))


def message_of(*parts: chat_pb.ChatContentPart) -> list[chat_pb.ChatMessage]:
    return [chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_USER, content=parts_of(*parts))]


REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "temperature": (
        {"temperature": 1.0},
        {"temperature": Support.NO},
        "temperature",
        "leave it out",
    ),
    "temperature with reasoning": (
        {"temperature": 0.5, "reasoning_effort": "low"},
        {"temperature": Support.WITHOUT_REASONING, "reasoning_efforts": EFFORTS},
        "temperature",
        "reasoning_effort none",
    ),
    "temperature with reasoning by default": (
        {"temperature": 0.5},
        {
            "temperature": Support.WITHOUT_REASONING,
            "default_reasoning_effort": ReasoningEffort.HIGH,
        },
        "temperature",
        "reasoning_effort none",
    ),
    "top_p": ({"top_p": 0.5}, {"top_p": Support.NO}, "top_p", "leave it out"),
    "temperature and top_p": (
        {"top_p": 0.5, "temperature": 0.5},
        {"temperature_with_top_p": False},
        "top_p",
        "one of temperature and top_p",
    ),
    "frequency penalty": (
        {"frequency_penalty": 0.5},
        {"penalties": Support.NO},
        "frequency_penalty",
        "leave it out",
    ),
    "presence penalty": (
        {"presence_penalty": -0.5},
        {"penalties": Support.NO},
        "presence_penalty",
        "leave it out",
    ),
    "logit bias": (
        {"logit_bias": {"1": 5}},
        {"logit_bias": Support.NO},
        "logit_bias",
        "leave it out",
    ),
    "logprobs": ({"logprobs": True}, {}, "logprobs", "leave it out"),
    "top_logprobs without logprobs": ({"top_logprobs": 1}, {}, "top_logprobs", "leave it out"),
    "too many top_logprobs": (
        {"logprobs": True, "top_logprobs": 9},
        {"logprobs": Support.YES, "top_logprobs_max": 8},
        "top_logprobs",
        "0 to 8",
    ),
    "n": ({"choice_count": 2}, {}, "n", "1"),
    "too large n": ({"choice_count": 9}, {"n_max": 8}, "n", "1 to 8"),
    "seed": ({"seed": 1}, {"seed": Support.NO}, "seed", "leave it out"),
    "stop": ({"stop_sequences": ["x"]}, {"stop": Support.NO}, "stop", "leave it out"),
    "effort where there is none": (
        {"reasoning_effort": "none"},
        {},
        "reasoning_effort",
        "leave it out",
    ),
    "effort that the model lacks": (
        {"reasoning_effort": "minimal"},
        {"reasoning_efforts": EFFORTS},
        "reasoning_effort",
        "none, low, high",
    ),
    "verbosity": ({"verbosity": "low"}, {}, "verbosity", "leave it out"),
    "tools": ({"tools": [function_tool()]}, {"tools": False}, "tools", "leave it out"),
    "functions": (
        {"functions": [chat_pb.ChatFunction(name="f")]},
        {"tools": False},
        "functions",
        "leave it out",
    ),
    "custom tools": (
        {"tools": [function_tool(), CUSTOM_TOOL]},
        {"default_reasoning_effort": ReasoningEffort.NONE},
        "tools[1].type",
        "function",
    ),
    "tools with reasoning": (
        {"tools": [function_tool()], "reasoning_effort": "low"},
        {"tools_with_reasoning": False, "reasoning_efforts": EFFORTS},
        "reasoning_effort",
        "none",
    ),
    "one tool call a turn": (
        {"tools": [function_tool()], "parallel_tool_calls": False},
        {},
        "parallel_tool_calls",
        "true",
    ),
    "JSON object": (
        {"response_format": JSON_OBJECT},
        {"json_object": False},
        "response_format.type",
        "text, json_schema",
    ),
    "JSON schema": (
        {"response_format": JSON_SCHEMA},
        {"json_schema": False},
        "response_format.type",
        "text, json_object",
    ),
    "spoken answer": ({"modalities": ["text", "audio"]}, {}, "modalities", "text"),
    "unknown modality": (
        {"modalities": ["smell"]},
        {"audio_output": True},
        "modalities",
        "text, audio",
    ),
    "audio settings": (
        {"audio": chat_pb.ChatAudioParams(format="wav", voice_name="alloy")},
        {},
        "audio",
        "leave it out",
    ),
    "image": ({"messages": message_of(TEXT, IMAGE)}, {}, "messages[0].content[1].type", "text"),
    "sound": (
        {"messages": message_of(SOUND)},
        {"image_input": True},
        "messages[0].content[0].type",
        "text, image_url",
    ),
    "file": (
        {"messages": message_of(FILE)},
        {"image_input": True, "audio_input": True},
        "messages[0].content[0].type",
        "text, image_url, input_audio",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_setting_that_the_model_lacks_is_refused_by_name(name: str) -> None:
    fields, capabilities, param, allowed = REFUSALS[name]
    with pytest.raises(ProviderError) as caught:
        check_capabilities(params(**fields), model(**capabilities))
    error = caught.value
    assert (error.kind, error.phase) == (ErrorKind.INVALID_REQUEST, Phase.CONNECT)
    assert (error.param, error.allowed) == (param, allowed)
    assert error.code in {"unsupported_parameter", "unsupported_value"}
    assert not error.may_have_run


NEUTRAL: dict[str, dict[str, Any]] = {
    "n of 1": {"choice_count": 1},
    "no penalty": {"frequency_penalty": 0.0, "presence_penalty": 0.0},
    "no logprobs": {"logprobs": False},
    "parallel tool calls": {"parallel_tool_calls": True},
    "text modality": {"modalities": ["text"]},
    "text format": {"response_format": chat_pb.ChatResponseFormat(text=chat_pb.ChatTextFormat())},
}


@pytest.mark.parametrize("name", NEUTRAL)
def test_setting_that_asks_for_what_happens_anyway_is_taken_by_any_model(name: str) -> None:
    least = model(penalties=Support.NO, json_object=False, json_schema=False, tools=False)
    check_capabilities(params(**NEUTRAL[name]), least)


def test_settings_that_go_only_without_reasoning_are_taken_without_it() -> None:
    capabilities: dict[str, Any] = {
        "temperature": Support.WITHOUT_REASONING,
        "tools_with_reasoning": False,
        "reasoning_efforts": EFFORTS,
    }
    fields = {"temperature": 0.5, "tools": [function_tool()]}
    by_default = model(**capabilities, default_reasoning_effort=ReasoningEffort.NONE)
    check_capabilities(params(**fields), by_default)
    check_capabilities(params(**fields, reasoning_effort="none"), model(**capabilities))


def test_model_that_does_not_chat_is_refused() -> None:
    image = load_catalog().find("gpt-image-2")
    assert image is not None
    with pytest.raises(ProviderError, match="not a chat model"):
        check_capabilities(params(), image)


@pytest.mark.parametrize(
    ("model_id", "fields", "param"),
    [
        ("gpt-5.4", {"temperature": 0.2, "reasoning_effort": "high"}, "temperature"),
        (
            "gpt-5.4-mini",
            {"tools": [function_tool()], "reasoning_effort": "low"},
            "reasoning_effort",
        ),
        ("gpt-5.4-nano", {"reasoning_effort": "minimal"}, "reasoning_effort"),
        ("grok-4.20-0309-reasoning", {"stop_sequences": ["x"]}, "stop"),
        ("grok-4.20-0309-reasoning", {"presence_penalty": 1.0}, "presence_penalty"),
        ("grok-4.20-0309-non-reasoning", {"reasoning_effort": "none"}, "reasoning_effort"),
        ("grok-4.20-0309-non-reasoning", {"logprobs": True}, "logprobs"),
        ("openai/gpt-oss-120b", {"tools": [function_tool()]}, "tools"),
        ("zai-org/GLM-5", {"reasoning_effort": "low"}, "reasoning_effort"),
    ],
)
def test_known_traps_of_sold_models_are_refused(
    model_id: str, fields: dict[str, Any], param: str
) -> None:
    sold = load_catalog().find(model_id)
    assert sold is not None
    with pytest.raises(ProviderError) as caught:
        check_capabilities(params(**fields), sold)
    assert caught.value.param == param
