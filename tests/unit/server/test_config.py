"""The server's settings: what is refused at the start, and who is simulated."""

from dataclasses import fields

import pytest
from pydantic import ValidationError

from tokensmith_server.app import chat_limits
from tokensmith_server.chat.parts import ChatLimits
from tokensmith_server.config import ServerSettings

ADDRESSES = (
    "simulator_url",
    "openai_base_url",
    "anthropic_base_url",
    "gemini_base_url",
    "xai_base_url",
    "together_base_url",
)


@pytest.mark.parametrize("field", ADDRESSES)
def test_an_address_that_is_none_is_refused_at_the_start(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        ServerSettings.model_validate({field: "nonsense"})


def test_a_refused_address_is_not_repeated_by_the_reason() -> None:
    with pytest.raises(ValidationError) as refused:
        ServerSettings.model_validate({"openai_base_url": "http://user:secret@host/"})
    assert "secret" not in refused.value.errors()[0]["msg"]


def test_a_key_without_an_address_leaves_the_providers_own() -> None:
    settings = ServerSettings.model_validate({"openai_api_key": "sk-1"})
    assert settings.providers()["openai"].base_url is None


def test_a_provider_without_a_key_is_simulated_where_there_is_a_simulator() -> None:
    settings = ServerSettings.model_validate(
        {"simulator_url": "http://127.0.0.1:9/", "xai_api_key": "xai-1"}
    )
    assert settings.simulated == {"openai", "anthropic", "gemini", "together"}
    assert settings.providers()["openai"].base_url == "http://127.0.0.1:9/openai/v1"
    assert settings.providers()["anthropic"].base_url == "http://127.0.0.1:9/anthropic"
    assert settings.providers()["gemini"].base_url == "http://127.0.0.1:9/gemini"


def test_without_a_simulator_a_provider_without_a_key_is_not_reached() -> None:
    settings = ServerSettings.model_validate({"xai_api_key": "xai-1"})
    assert set(settings.providers()) == {"xai"}


def test_keys_do_not_show() -> None:
    assert "sk-1" not in repr(ServerSettings.model_validate({"openai_api_key": "sk-1"}))


def test_several_keys_are_several_credentials() -> None:
    settings = ServerSettings.model_validate(
        {"openai_api_key": " sk-1, sk-2 ,", "openai_base_url": "http://127.0.0.1:9/v1"}
    )
    known = settings.providers()
    assert {name: one.api_key for name, one in known.items()} == {
        "openai#1": "sk-1",
        "openai#2": "sk-2",
    }
    assert {one.base_url for one in known.values()} == {"http://127.0.0.1:9/v1"}
    assert "openai" not in settings.keyless


def test_a_key_that_is_there_twice_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValidationError, match="openai_api_key") as refused:
        ServerSettings.model_validate({"openai_api_key": "sk-1,sk-1"})
    assert "sk-1" not in refused.value.errors()[0]["msg"]
    assert ServerSettings.model_validate({"openai_api_key": " , "}).keyless >= {"openai"}


def test_every_bound_of_a_chat_that_has_a_settings_name_is_that_setting() -> None:
    shared = {field.name for field in fields(ChatLimits)} & ServerSettings.model_fields.keys()
    assert shared >= {"first_byte_seconds", "idle_seconds", "reconcile_seconds"}
    limits = chat_limits(ServerSettings.model_validate(dict.fromkeys(shared, 7.0)))
    assert {name: getattr(limits, name) for name in shared} == dict.fromkeys(shared, 7.0)


@pytest.mark.parametrize(
    "given",
    [
        {"sweep_seconds": 60.0},
        {"owner_silent_seconds": 1.0},
        {"sweep_seconds": 2.0, "owner_silent_seconds": 5.9},
    ],
)
def test_silence_shorter_than_three_beats_is_refused_by_the_names_of_both(
    given: dict[str, float],
) -> None:
    with pytest.raises(ValidationError) as refused:
        ServerSettings.model_validate(given)
    (problem,) = refused.value.errors()
    assert problem["loc"] == ("owner_silent_seconds",)
    assert "TOKENSMITH_SWEEP_SECONDS" in problem["msg"]


def test_silence_of_three_beats_is_enough() -> None:
    settings = ServerSettings.model_validate({"sweep_seconds": 2.0, "owner_silent_seconds": 6.0})
    assert settings.owner_silent_seconds == 6.0
