"""What Gemini can't do is refused by name before anything is held."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.unit.server.providers.chats import function_tool, model, params, parts_of, said
from tests.unit.server.providers.gemini.test_contents import calls, result
from tests.unit.server.providers.test_media_address import HOSTILE
from tests.unit.server.providers.test_media_types import IMAGES, PDF, encoded
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError
from tokensmith_server.providers.gemini.check import check_gemini

Part = chat_pb.ChatContentPart
MODEL = model("gemini", image_input=True, audio_input=True, file_input=True)
ASSISTANT = chat_pb.CHAT_ROLE_ASSISTANT


def check(**fields: Any) -> None:
    check_gemini(params(**fields), MODEL)


def refusal(**fields: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        check(**fields)
    error = caught.value
    assert (error.kind, error.phase) == (ErrorKind.INVALID_REQUEST, Phase.CONNECT)
    return error


def user(*parts: chat_pb.ChatContentPart) -> list[chat_pb.ChatMessage]:
    return [chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_USER, content=parts_of(*parts))]


def image(url: str) -> chat_pb.ChatContentPart:
    return Part(image=chat_pb.ChatImage(url=url))


def strict(schema: str, strict: bool = True) -> chat_pb.ChatResponseFormat:
    wanted = chat_pb.ChatJsonSchemaFormat(name="a", schema_json=schema, strict=strict)
    return chat_pb.ChatResponseFormat(json_schema=wanted)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"temperature": 1.5, "top_p": 0.5, "seed": 2**31 - 1, "stop_sequences": ["a"]},
        {"metadata": {"a": "b"}, "user": "u", "safety_identifier": "s", "prompt_cache_key": "k"},
        {"store": False, "service_tier": "default", "modalities": ["text"]},
        {"parallel_tool_calls": True, "choice_count": 1, "logprobs": False},
        {"tools": [function_tool("_a", strict=True)], "reasoning_effort": "low"},
        {"response_format": strict('{"type":"object","properties":{"a":{"const":1}}}')},
        {"response_format": strict('{"pattern":"a"}', strict=False)},
        {"response_format": strict("")},
        {"messages": [said("a", chat_pb.CHAT_ROLE_SYSTEM)]},
        {"messages": [said("a"), said("b", ASSISTANT)]},
        {"messages": user(image("https://example.com/a.png"))},
        {"messages": user(Part(file=chat_pb.ChatFile(file_data=encoded(PDF))))},
    ],
)
def test_what_can_be_done_passes(fields: dict[str, Any]) -> None:
    check(**fields)


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("seed", {"seed": 2**31}),
        ("seed", {"seed": -(2**31) - 1}),
        ("service_tier", {"service_tier": "flex"}),
        ("store", {"store": True}),
        ("logit_bias", {"logit_bias": {"1": 1}}),
        ("verbosity", {"verbosity": "low"}),
        ("parallel_tool_calls", {"parallel_tool_calls": False}),
        ("functions", {"functions": [chat_pb.ChatFunction(name="f")]}),
        ("function_call", {"function_choice": chat_pb.ChatFunctionChoice(mode="auto")}),
        ("modalities", {"modalities": ["audio"]}),
        ("audio", {"audio": chat_pb.ChatAudioParams(format="wav")}),
        ("prediction", {"prediction": chat_pb.ChatContent(text="a")}),
        ("web_search_options", {"web_search_options": chat_pb.ChatWebSearchOptions()}),
        ("moderation", {"moderation": chat_pb.ChatModerationParams(model="m")}),
        ("prompt_cache_options", {"prompt_cache_options": chat_pb.ChatPromptCacheOptions()}),
        ("tools[1].function.name", {"tools": [function_tool("a"), function_tool("1a")]}),
        ("tools[0].function.name", {"tools": [function_tool("-a")]}),
        ("response_format.json_schema.schema", {"response_format": strict('{"pattern":"a"}')}),
    ],
)
def test_settings_that_cannot_be_said_are_refused_by_name(
    param: str, fields: dict[str, Any]
) -> None:
    assert refusal(**fields).param == param


def test_a_refused_schema_names_the_keyword() -> None:
    schema = '{"properties":{"a":{"type":"string","minLength":3}}}'
    assert "`minLength`" in refusal(response_format=strict(schema)).message


def assistant(**fields: Any) -> chat_pb.ChatMessage:
    return chat_pb.ChatMessage(role=ASSISTANT, **fields)


CUSTOM = chat_pb.ChatToolCall(id="1", name="f", kind=chat_pb.CHAT_TOOL_KIND_CUSTOM)


@pytest.mark.parametrize(
    ("param", "messages"),
    [
        ("messages[1].role", [said("a"), said("b", chat_pb.CHAT_ROLE_FUNCTION)]),
        (
            "messages[1].function_call",
            [said("a"), assistant(function_call=chat_pb.ChatFunctionCall(name="f"))],
        ),
        ("messages[1].audio", [said("a"), assistant(audio_id="x")]),
        (
            "messages[1].tool_calls[0].type",
            [said("a"), assistant(tool_calls=[CUSTOM]), result("1", "b")],
        ),
        ("messages[0].tool_calls", [calls(("1", "f", "{}")), result("1", "a")]),
        (
            "messages[1].tool_calls",
            [said("Hello!", ASSISTANT), calls(("1", "f", "{}")), result("1", "a")],
        ),
        ("messages[1].tool_calls", [said(""), calls(("1", "f", "{}")), result("1", "a")]),
        ("messages[1].tool_calls[0]", [said("a"), calls(("1", "f", "{}"))]),
        (
            "messages[1].tool_calls[1]",
            [said("a"), calls(("1", "f", ""), ("2", "f", "")), result("1", "b"), said("c")],
        ),
        ("messages[1].tool_call_id", [said("a"), result("1", "b")]),
        (
            "messages[3].tool_call_id",
            [said("a"), calls(("1", "f", "")), result("1", "b"), result("1", "c")],
        ),
        (
            "messages[3].tool_call_id",
            [said("a"), calls(("1", "f", "")), result("1", "b"), result("2", "c")],
        ),
        (
            "messages[1].tool_calls[1].id",
            [said("a"), calls(("1", "f", ""), ("1", "g", "")), result("1", "b")],
        ),
        ("messages", [said("")]),
        ("messages", [said("", chat_pb.CHAT_ROLE_SYSTEM), said("", ASSISTANT)]),
    ],
)
def test_messages_that_cannot_be_said_are_refused_by_name(
    param: str, messages: Sequence[chat_pb.ChatMessage]
) -> None:
    assert refusal(messages=messages).param == param


@pytest.mark.parametrize(
    ("param", "part"),
    [
        ("file.file_id", Part(file=chat_pb.ChatFile(file_id="file-1"))),
        ("file.file_data", Part(file=chat_pb.ChatFile(file_data=encoded(b"plain text")))),
        ("file.file_data", Part(file=chat_pb.ChatFile(file_data="not base64"))),
        (
            "prompt_cache_breakpoint",
            Part(text="a", prompt_cache_breakpoint=chat_pb.ChatPromptCacheBreakpoint()),
        ),
        ("image_url.url", image("data:image/png;base64,####")),
        ("image_url.url", image(f"data:image/svg+xml;base64,{encoded(b'<svg/>')}")),
        ("image_url.url", image(f"data:image/png;base64,{encoded(IMAGES['image/gif'])}")),
    ],
)
def test_parts_that_cannot_be_said_are_refused_by_name(
    param: str, part: chat_pb.ChatContentPart
) -> None:
    assert refusal(messages=user(Part(text="a"), part)).param == f"messages[0].content[1].{param}"


@pytest.mark.parametrize("mime_type", sorted(IMAGES.keys() - {"image/gif"}))
def test_images_that_gemini_takes_pass(mime_type: str) -> None:
    check(messages=user(image(f"data:;base64,{encoded(IMAGES[mime_type])}")))


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_refused_before_anything_is_held(url: str) -> None:
    error = refusal(messages=user(image(url)))
    assert error.param == "messages[0].content[0].image_url.url"
