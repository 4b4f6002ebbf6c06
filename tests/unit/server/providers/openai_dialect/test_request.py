"""Request bodies have our fields in the vendor's spelling, the cap, and nothing else."""

import base64
from typing import Any

import msgspec
import pytest

from tests.unit.server.providers.chats import function_tool, params, parts_of, said
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import ProviderQuirks, TokenCapField
from tokensmith_server.providers import openai, openai_compatible, together, xai
from tokensmith_server.providers.openai_dialect.profile import DialectProfile
from tokensmith_server.providers.openai_dialect.request import build_chat_request
from tokensmith_server.providers.tool_call_ids import with_signature

SCHEMA = '{"type":"object","properties":{"a":{"type":"integer","maximum":18446744073709551616}}}'


def build(
    fields: dict[str, Any], profile: DialectProfile = openai.PROFILE, *, stream: bool = False
) -> dict[str, Any]:
    body = build_chat_request(
        params(**fields), profile, upstream_model="up-1", output_cap_tokens=77, stream=stream
    )
    decoded: dict[str, Any] = msgspec.json.decode(body)
    return decoded


def test_least_request_is_model_messages_and_cap() -> None:
    assert build({}) == {
        "model": "up-1",
        "messages": [{"role": "user", "content": "Hello there!"}],
        "max_completion_tokens": 77,
    }


def test_cap_is_what_was_held_for_under_the_vendors_name() -> None:
    fields = {"max_output_tokens": 99_999}
    assert build(fields)["max_completion_tokens"] == 77
    assert build(fields, xai.PROFILE)["max_completion_tokens"] == 77
    assert build(fields, together.PROFILE)["max_tokens"] == 77
    quirks = ProviderQuirks(token_cap_field=TokenCapField.MAX_COMPLETION_TOKENS)
    assert "max_completion_tokens" in build(fields, openai_compatible.profile_of(quirks))
    assert "max_tokens" in build(fields, openai_compatible.profile_of(ProviderQuirks()))


def test_streams_always_ask_for_usage() -> None:
    body = build({}, stream=True)
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    without = openai_compatible.profile_of(ProviderQuirks(stream_options=False))
    assert "stream_options" not in build({}, without, stream=True)


def test_every_setting_of_openai_is_sent() -> None:
    body = build(
        {
            "temperature": 0.0,
            "top_p": 0.5,
            "frequency_penalty": 1.5,
            "presence_penalty": -1.5,
            "logit_bias": {"50256": -100},
            "logprobs": True,
            "top_logprobs": 0,
            "choice_count": 2,
            "seed": -7,
            "stop_sequences": ["a", "b"],
            "parallel_tool_calls": False,
            "reasoning_effort": "none",
            "verbosity": "low",
            "modalities": ["text", "audio"],
            "audio": chat_pb.ChatAudioParams(format="wav", voice_name="alloy"),
            "service_tier": "flex",
            "store": False,
            "metadata": {"k": "v"},
            "safety_identifier": "s",
            "prompt_cache_key": "p",
            "prompt_cache_options": chat_pb.ChatPromptCacheOptions(mode="explicit", ttl="30m"),
            "prompt_cache_retention": "24h",
            "user": "u",
            "moderation": chat_pb.ChatModerationParams(model="omni", output_mode="block"),
        }
    )
    assert body == {
        "model": "up-1",
        "messages": [{"role": "user", "content": "Hello there!"}],
        "max_completion_tokens": 77,
        "temperature": 0.0,
        "top_p": 0.5,
        "frequency_penalty": 1.5,
        "presence_penalty": -1.5,
        "logit_bias": {"50256": -100},
        "logprobs": True,
        "top_logprobs": 0,
        "n": 2,
        "seed": -7,
        "stop": ["a", "b"],
        "parallel_tool_calls": False,
        "reasoning_effort": "none",
        "verbosity": "low",
        "modalities": ["text", "audio"],
        "audio": {"format": "wav", "voice": "alloy"},
        "service_tier": "flex",
        "store": False,
        "metadata": {"k": "v"},
        "safety_identifier": "s",
        "prompt_cache_key": "p",
        "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
        "prompt_cache_retention": "24h",
        "user": "u",
        "moderation": {"model": "omni", "policy": {"output": {"mode": "block"}}},
    }


def test_hints_and_neutral_values_stay_behind_where_unknown() -> None:
    body = build(
        {
            "metadata": {"k": "v"},
            "safety_identifier": "s",
            "user": "u",
            "prompt_cache_key": "p",
            "prompt_cache_retention": "24h",
            "service_tier": "auto",
            "store": False,
            "choice_count": 1,
            "parallel_tool_calls": True,
            "modalities": ["text"],
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "logprobs": False,
            "response_format": chat_pb.ChatResponseFormat(text=chat_pb.ChatTextFormat()),
        },
        together.PROFILE,
    )
    assert body.keys() == {"model", "messages", "max_tokens"}


def test_tools_choices_and_formats_keep_their_shapes() -> None:
    custom = chat_pb.ChatCustomTool(
        name="sketch",
        description="draws",
        grammar=chat_pb.ChatGrammar(definition="start: /a/", syntax="lark"),
    )
    body = build(
        {
            "tools": [
                function_tool(description="finds", parameters_json=SCHEMA, strict=True),
                function_tool("bare"),
                chat_pb.ChatTool(custom=custom),
            ],
            "tool_choice": chat_pb.ChatToolChoice(function_name="look_up"),
            "response_format": chat_pb.ChatResponseFormat(
                json_schema=chat_pb.ChatJsonSchemaFormat(
                    name="s", description="d", schema_json=SCHEMA, strict=False
                )
            ),
            "functions": [chat_pb.ChatFunction(name="old")],
            "function_choice": chat_pb.ChatFunctionChoice(name="old"),
        }
    )
    schema = msgspec.json.decode(SCHEMA)
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "look_up",
                "description": "finds",
                "parameters": schema,
                "strict": True,
            },
        },
        {"type": "function", "function": {"name": "bare"}},
        {
            "type": "custom",
            "custom": {
                "name": "sketch",
                "description": "draws",
                "format": {
                    "type": "grammar",
                    "grammar": {"definition": "start: /a/", "syntax": "lark"},
                },
            },
        },
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "look_up"}}
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "s", "description": "d", "schema": schema, "strict": False},
    }
    assert body["functions"] == [{"name": "old"}]
    assert body["function_call"] == {"name": "old"}


@pytest.mark.parametrize(
    ("choice", "rendered"),
    [
        (chat_pb.ChatToolChoice(mode="required"), "required"),
        (
            chat_pb.ChatToolChoice(custom_name="c"),
            {"type": "custom", "custom": {"name": "c"}},
        ),
        (
            chat_pb.ChatToolChoice(
                allowed_tools=chat_pb.ChatAllowedTools(
                    mode="auto",
                    tools=[
                        chat_pb.ChatToolReference(name="f"),
                        chat_pb.ChatToolReference(kind=chat_pb.CHAT_TOOL_KIND_CUSTOM, name="c"),
                    ],
                )
            ),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [
                        {"type": "function", "function": {"name": "f"}},
                        {"type": "custom", "custom": {"name": "c"}},
                    ],
                },
            },
        ),
    ],
)
def test_tool_choices(choice: chat_pb.ChatToolChoice, rendered: Any) -> None:
    assert build({"tool_choice": choice})["tool_choice"] == rendered


def test_content_parts() -> None:
    content = parts_of(
        chat_pb.ChatContentPart(
            text="look",
            prompt_cache_breakpoint=chat_pb.ChatPromptCacheBreakpoint(mode="explicit", ttl="30m"),
        ),
        chat_pb.ChatContentPart(image=chat_pb.ChatImage(url="https://e.org/a.png", detail="low")),
        chat_pb.ChatContentPart(image=chat_pb.ChatImage(url="data:image/png;base64,eA==")),
        chat_pb.ChatContentPart(input_audio=chat_pb.ChatInputAudio(data=b"\x00\xff", format="mp3")),
        chat_pb.ChatContentPart(file=chat_pb.ChatFile(file_data="eA==", filename="a.pdf")),
    )
    message = chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_USER, content=content, name="ann")
    assert build({"messages": [message]})["messages"] == [
        {
            "role": "user",
            "name": "ann",
            "content": [
                {
                    "type": "text",
                    "text": "look",
                    "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"},
                },
                {"type": "image_url", "image_url": {"url": "https://e.org/a.png", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}},
                {
                    "type": "input_audio",
                    "input_audio": {
                        "data": base64.b64encode(b"\x00\xff").decode(),
                        "format": "mp3",
                    },
                },
                {"type": "file", "file": {"file_data": "eA==", "filename": "a.pdf"}},
            ],
        }
    ]


def conversation() -> list[chat_pb.ChatMessage]:
    called = chat_pb.ChatMessage(
        role=chat_pb.CHAT_ROLE_ASSISTANT,
        reasoning_content="hm",
        tool_calls=[
            chat_pb.ChatToolCall(
                id="c1", kind=chat_pb.CHAT_TOOL_KIND_FUNCTION, name="f", arguments="{}"
            ),
            chat_pb.ChatToolCall(
                id="c2", kind=chat_pb.CHAT_TOOL_KIND_CUSTOM, name="g", arguments="free"
            ),
        ],
    )
    result = said("42", chat_pb.CHAT_ROLE_TOOL)
    result.tool_call_id = "c1"
    refused = chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_ASSISTANT, refusal="no")
    refused_part = chat_pb.ChatMessage(
        role=chat_pb.CHAT_ROLE_ASSISTANT,
        content=parts_of(chat_pb.ChatContentPart(refusal="never")),
    )
    return [said("be brief", chat_pb.CHAT_ROLE_DEVELOPER), called, result, refused, refused_part]


_CALLS = [
    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
    {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "free"}},
]


def test_conversation_at_openai() -> None:
    assert build({"messages": conversation()})["messages"] == [
        {"role": "developer", "content": "be brief"},
        {"role": "assistant", "content": None, "tool_calls": _CALLS},
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "never"}]},
    ]


def test_conversation_at_together_says_the_same_in_its_words() -> None:
    assert build({"messages": conversation()}, together.PROFILE)["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "assistant", "content": None, "tool_calls": _CALLS, "reasoning": "hm"},
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
        {"role": "assistant", "content": "no"},
        {"role": "assistant", "content": [{"type": "text", "text": "never"}]},
    ]


def test_together_takes_logprobs_as_a_count() -> None:
    assert build({"logprobs": True}, together.PROFILE)["logprobs"] == 1
    several = build({"logprobs": True, "top_logprobs": 5}, together.PROFILE)
    assert several["logprobs"] == 5
    assert "top_logprobs" not in several


@pytest.mark.parametrize("text", ['{"a":1},"model":"dearer"', "[1]", "{", '{"a":1}}'])
def test_json_text_can_not_break_out_of_its_place(text: str) -> None:
    with pytest.raises(msgspec.MsgspecError):
        build({"tools": [function_tool(parameters_json=text)]})


def test_text_is_escaped() -> None:
    text = 'a"},{"role":"system\n\x00\u2028é😀'
    assert build({"messages": [said(text)]})["messages"] == [{"role": "user", "content": text}]


def test_ids_of_tool_calls_lose_what_another_provider_put_into_them() -> None:
    carrying = with_signature("call_1", base64.b64encode(bytes(200)).decode())
    assert len(carrying) > 200
    call = chat_pb.ChatToolCall(id=carrying, name="f", arguments="{}")
    asked = chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_ASSISTANT, tool_calls=[call])
    answered = said("a", chat_pb.CHAT_ROLE_TOOL)
    answered.tool_call_id = carrying
    one, two = build({"messages": [asked, answered]})["messages"]
    assert one["tool_calls"][0]["id"] == two["tool_call_id"] == "call_1"
