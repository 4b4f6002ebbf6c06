"""What becomes of each field of a Messages request."""

import hashlib
from typing import Any

import msgspec
import pytest

from tests.unit.bridge.anthropic.requests import (
    PLAIN,
    REASONER,
    params_of,
    refusal_of,
    request_body,
)
from tokensmith_bridge.anthropic import schema
from tokensmith_bridge.anthropic.effort import ModelFacts
from tokensmith_bridge.anthropic.request import (
    THREAD_UNSUPPORTED,
    count_request_from_json,
    messages_request_from_json,
)
from tokensmith_bridge.openai.errors import Refusal

TOOL = {"name": "f", "input_schema": {"type": "object"}}
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


def effort_of(facts: ModelFacts = REASONER, **fields: Any) -> str | None:
    params = params_of(facts, **fields)
    return params.reasoning_effort if params.HasField("reasoning_effort") else None


def test_plain_settings_are_sent() -> None:
    params = params_of(
        PLAIN, temperature=0.5, top_p=0.9, stop_sequences=["a"], service_tier="standard_only"
    )
    assert (params.model, params.max_output_tokens) == ("m", 100)
    assert (params.temperature, params.top_p) == (0.5, 0.9)
    assert list(params.stop_sequences) == ["a"]
    assert params.service_tier == "default"


def test_a_limit_beyond_the_model_is_lowered_to_it() -> None:
    assert params_of(PLAIN, max_tokens=32_000).max_output_tokens == 8_192
    assert params_of(ModelFacts(), max_tokens=32_000).max_output_tokens == 32_000


def test_anthropics_defaults_are_left_out_where_a_model_restricts_them() -> None:
    restricted = params_of(temperature=1.0, top_p=1)
    assert not restricted.HasField("temperature")
    assert not restricted.HasField("top_p")
    assert params_of(PLAIN, temperature=1).temperature == 1
    assert params_of(temperature=0.3).temperature == 0.3


def test_a_users_id_is_hashed() -> None:
    params = params_of(metadata={"user_id": "u" * 500})
    assert params.safety_identifier == hashlib.sha256(b"u" * 500).hexdigest()
    assert not params_of(metadata={"user_id": None}).HasField("safety_identifier")


def test_hints_have_no_effect() -> None:
    hints: dict[str, Any] = {
        "cache_control": {"type": "ephemeral"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "diagnostics": {"previous_message_id": None},
        "service_tier": "auto",
        "speed": "standard",
        "container": None,
        "mcp_servers": [],
        "fallbacks": [],
        "thread": None,
        "top_k": None,
    }
    assert params_of(**hints) == params_of()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"top_k": 3}, "top_k"),
        ({"speed": "fast"}, "speed"),
        ({"container": "c"}, "container"),
        ({"inference_geo": "us"}, "inference_geo"),
        ({"fallbacks": [{"model": "x"}]}, "fallbacks"),
        ({"mcp_servers": [{"url": "https://a"}]}, "mcp_servers"),
        ({"context_management": {"edits": [{"type": "compact_20260112"}]}}, "context_management"),
        ({"temperature": 1.5}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"thinking": {"type": "enabled", "budget_tokens": 5}}, "thinking.budget_tokens"),
        ({"system": [{"type": "image"}]}, "system"),
        ({"messages": []}, "messages"),
    ],
)
def test_what_is_not_offered_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    refusal = refusal_of(**fields)
    assert refusal.row.status == 400
    assert (refusal.param or "").startswith(param)


def test_a_thread_is_refused_so_that_sdks_send_the_whole_conversation() -> None:
    refusal = refusal_of(thread={"type": "create"})
    assert refusal.facts["error_code"] == THREAD_UNSUPPORTED


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({}, None),
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"thinking": {"type": "between_tools"}}, "none"),
        ({"thinking": {"type": "adaptive"}}, "high"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, "low"),
        ({"output_config": {"effort": "max"}}, "high"),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "max"}}, "none"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10_000}}, "high"),
    ],
)
def test_thinking_is_the_nearest_effort(fields: dict[str, Any], effort: str | None) -> None:
    assert effort_of(**fields) == effort


def test_budgets_have_levels() -> None:
    every = ModelFacts(efforts=("low", "medium", "high", "xhigh", "max"))
    levels = [
        effort_of(every, thinking={"type": "enabled", "budget_tokens": budget})
        for budget in (1_024, 2_048, 4_096, 8_192, 16_384, 31_999)
    ]
    assert levels == ["low", "medium", "high", "xhigh", "max", "max"]


def test_a_model_without_the_setting_gets_none() -> None:
    assert effort_of(PLAIN, thinking={"type": "adaptive"}) is None
    assert effort_of(PLAIN, thinking={"type": "disabled"}) is None


def test_a_model_that_always_reasons_gets_its_least() -> None:
    always = ModelFacts(efforts=("low", "medium"))
    assert effort_of(always, thinking={"type": "disabled"}) == "low"
    only_more = ModelFacts(efforts=("high",))
    assert effort_of(only_more, output_config={"effort": "low"}) == "high"
    only_none = ModelFacts(efforts=("none",))
    assert effort_of(only_none, output_config={"effort": "low"}) is None


def test_tools_go_before_reasoning_where_a_model_cannot_have_both() -> None:
    either = ModelFacts(efforts=("none", "high"), default_effort="none", tools_with_reasoning=False)
    assert effort_of(either, thinking={"type": "adaptive"}) == "high"
    assert effort_of(either, thinking={"type": "adaptive"}, tools=[TOOL]) == "none"
    assert effort_of(either, tools=[TOOL]) is None
    thinker = ModelFacts(
        efforts=("none", "high"), default_effort="high", tools_with_reasoning=False
    )
    assert effort_of(thinker, tools=[TOOL]) == "none"


@pytest.mark.parametrize("field", ["output_config", "output_format"])
def test_a_schema_is_a_response_format(field: str) -> None:
    shape = {"type": "json_schema", "schema": SCHEMA}
    wanted: Any = {"format": shape} if field == "output_config" else shape
    described = params_of(**{field: wanted}).response_format.json_schema
    assert msgspec.json.decode(described.schema_json) == SCHEMA
    assert described.strict


@pytest.mark.parametrize(
    "schema_of",
    [
        {**SCHEMA, "required": []},
        {**SCHEMA, "additionalProperties": True},
        {**SCHEMA, "properties": {"a": {"type": "string", "format": "date"}}},
        {**SCHEMA, "properties": {"a": {"type": "array", "items": {"type": "object"}}}},
        {**SCHEMA, "properties": {"a": True}},
        {**SCHEMA, "properties": []},
    ],
)
def test_a_schema_that_strict_modes_lack_is_followed_as_best_can(schema_of: Any) -> None:
    shape = {"format": {"type": "json_schema", "schema": schema_of}}
    assert not params_of(output_config=shape).response_format.json_schema.strict


def test_deep_schemas_are_no_trouble() -> None:
    deep: Any = {"type": "string"}
    for _ in range(300):
        deep = {"anyOf": [deep]}
    shape = {"format": {"type": "json_schema", "schema": deep}}
    assert params_of(output_config=shape).response_format.json_schema.strict


def test_counting_takes_the_same_but_settings() -> None:
    body = msgspec.json.decode(request_body(tools=[TOOL], thinking={"type": "adaptive"}))
    del body["max_tokens"]
    assert count_request_from_json(msgspec.json.encode(body)).tools
    with pytest.raises(Refusal) as refused:
        count_request_from_json(msgspec.json.encode(body | {"temperature": 1}))
    assert refused.value.param == "temperature"


def test_unused_betas_do_not_change_how_bodies_are_read() -> None:
    asked = messages_request_from_json(request_body(stream=True))
    assert isinstance(asked, schema.MessagesRequest)
    assert asked.stream
