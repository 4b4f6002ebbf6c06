"""What a vendor's wire format has no place for is refused, unless it is a hint without effect."""

from typing import Any

import pytest

from tests.unit.server.providers.chats import function_tool, model, params, parts_of, said
from tests.unit.server.providers.test_media_address import HOSTILE
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import ProviderQuirks
from tokensmith_server.providers import openai, openai_compatible, together, xai
from tokensmith_server.providers.base import ErrorKind, ProviderError
from tokensmith_server.providers.openai_dialect.check import check_dialect
from tokensmith_server.providers.openai_dialect.profile import (
    NEVER_SENT,
    WITHOUT_EFFECT,
    DialectProfile,
)
from tokensmith_server.providers.openai_dialect.request import RENDERED_FIELDS

PROFILES = {
    "openai": openai.PROFILE,
    "xai": xai.PROFILE,
    "together": together.PROFILE,
    "compatible": openai_compatible.profile_of(ProviderQuirks()),
}
_SPECIAL = {"model", "messages", "max_output_tokens", "service_tier"}


def test_every_field_of_the_contract_has_a_fate() -> None:
    fields = {field.name for field in chat_pb.ChatCompletionParams.DESCRIPTOR.fields}
    assert fields == RENDERED_FIELDS | NEVER_SENT | _SPECIAL
    assert not RENDERED_FIELDS & NEVER_SENT
    assert WITHOUT_EFFECT <= RENDERED_FIELDS


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_name_only_fields_that_can_be_rendered(name: str) -> None:
    assert PROFILES[name].fields <= RENDERED_FIELDS


EVERYWHERE_REFUSED: dict[str, dict[str, Any]] = {
    "prediction": {"prediction": chat_pb.ChatContent(text="x")},
    "web_search_options": {"web_search_options": chat_pb.ChatWebSearchOptions()},
    "service_tier": {"service_tier": "priority"},
}
ONLY_OPENAI: dict[str, dict[str, Any]] = {
    "functions": {"functions": [chat_pb.ChatFunction(name="f")]},
    "function_call": {"function_choice": chat_pb.ChatFunctionChoice(mode="auto")},
    "verbosity": {"verbosity": "low"},
    "audio": {"audio": chat_pb.ChatAudioParams(format="wav", voice_name="alloy")},
    "store": {"store": True},
    "moderation": {"moderation": chat_pb.ChatModerationParams(model="omni")},
    "prompt_cache_options": {"prompt_cache_options": chat_pb.ChatPromptCacheOptions(ttl="30m")},
}


def refused_param(
    fields: dict[str, Any], profile: DialectProfile, **capabilities: Any
) -> str | None:
    refusal: ProviderError | None = None
    try:
        check_dialect(params(**fields), model(**capabilities), profile)
    except ProviderError as error:
        refusal = error
    if refusal is None:
        return None
    assert refusal.kind is ErrorKind.INVALID_REQUEST
    assert refusal.allowed
    return refusal.param


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("param", EVERYWHERE_REFUSED)
def test_settings_that_cost_more_than_their_price_are_refused(param: str, profile: str) -> None:
    assert refused_param(EVERYWHERE_REFUSED[param], PROFILES[profile]) == param


@pytest.mark.parametrize("param", ONLY_OPENAI)
def test_settings_of_openai_alone_are_refused_elsewhere(param: str) -> None:
    assert refused_param(ONLY_OPENAI[param], PROFILES["openai"]) is None
    for name in ("xai", "together", "compatible"):
        assert refused_param(ONLY_OPENAI[param], PROFILES[name]) == param, name


@pytest.mark.parametrize("profile", PROFILES)
def test_hints_are_taken_everywhere(profile: str) -> None:
    hints = {
        "metadata": {"a": "b"},
        "safety_identifier": "s",
        "user": "u",
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "store": False,
        "service_tier": "auto",
    }
    assert refused_param(hints, PROFILES[profile]) is None


def test_standard_tier_is_taken_everywhere_and_the_cheap_one_where_it_exists() -> None:
    for name, profile in PROFILES.items():
        assert refused_param({"service_tier": "default"}, profile) is None
        assert (refused_param({"service_tier": "flex"}, profile) is None) == (name == "openai")


def test_allowed_tools_are_refused_where_unknown() -> None:
    choice = chat_pb.ChatToolChoice(
        allowed_tools=chat_pb.ChatAllowedTools(
            mode="auto", tools=[chat_pb.ChatToolReference(name="look_up")]
        )
    )
    fields = {"tools": [function_tool()], "tool_choice": choice}
    assert refused_param(fields, PROFILES["openai"]) is None
    assert refused_param(fields, PROFILES["xai"]) == "tool_choice.type"


def of_role(role: chat_pb.ChatRole, **fields: Any) -> dict[str, Any]:
    message = said("x", role)
    message.MergeFrom(chat_pb.ChatMessage(**fields))
    return {"messages": [said("hi"), message]}


def test_messages_that_a_vendor_has_no_shape_for_are_refused() -> None:
    assistant = chat_pb.CHAT_ROLE_ASSISTANT
    function_call = of_role(assistant, function_call=chat_pb.ChatFunctionCall(name="f"))
    custom = chat_pb.ChatToolCall(id="1", kind=chat_pb.CHAT_TOOL_KIND_CUSTOM, name="c")
    cases: list[tuple[dict[str, Any], str, str]] = [
        (of_role(chat_pb.CHAT_ROLE_FUNCTION, name="f"), "xai", "messages[1].role"),
        (function_call, "together", "messages[1].function_call"),
        (of_role(assistant, audio_id="a"), "openai", "messages[1].audio"),
        (of_role(assistant, tool_calls=[custom]), "xai", "messages[1].tool_calls[0].type"),
    ]
    for fields, profile, param in cases:
        assert refused_param(fields, PROFILES[profile]) == param
    assert refused_param(function_call, PROFILES["openai"]) is None
    assert (
        refused_param(of_role(assistant, audio_id="a"), PROFILES["openai"], audio_output=True)
        is None
    )


def test_file_of_the_operators_account_can_not_be_named() -> None:
    part = chat_pb.ChatContentPart(file=chat_pb.ChatFile(file_id="file-1"))
    fields = {
        "messages": [chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_USER, content=parts_of(part))]
    }
    for profile in PROFILES.values():
        assert (
            refused_param(fields, profile, file_input=True) == "messages[0].content[0].file.file_id"
        )


def test_cache_breakpoints_are_refused_where_unknown() -> None:
    part = chat_pb.ChatContentPart(
        text="x", prompt_cache_breakpoint=chat_pb.ChatPromptCacheBreakpoint(mode="explicit")
    )
    fields = {
        "messages": [chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_USER, content=parts_of(part))]
    }
    assert refused_param(fields, PROFILES["openai"]) is None
    param = "messages[0].content[0].prompt_cache_breakpoint"
    assert refused_param(fields, PROFILES["together"]) == param


@pytest.mark.parametrize("url", [*HOSTILE, "http://example.com/a.png"])
def test_a_host_of_the_operators_is_sent_to_no_strangers_address(url: str) -> None:
    part = chat_pb.ChatContentPart(image=chat_pb.ChatImage(url=url))
    fields = {
        "messages": [chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_USER, content=parts_of(part))]
    }
    param = "messages[0].content[0].image_url.url"
    assert refused_param(fields, PROFILES["compatible"], image_input=True) == param


@pytest.mark.parametrize("name", PROFILES)
def test_public_images_are_taken_by_address(name: str) -> None:
    part = chat_pb.ChatContentPart(image=chat_pb.ChatImage(url="https://example.com/a.png"))
    fields = {
        "messages": [chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_USER, content=parts_of(part))]
    }
    assert refused_param(fields, PROFILES[name], image_input=True) is None
