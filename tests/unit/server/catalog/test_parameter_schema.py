"""A model's parameter schema says what the gateway takes, as the code that refuses has it."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.support.chat import BUILT_IN
from tests.support.gateway_checks import Gateway
from tests.unit.bridge.requests import chat_requests
from tests.unit.server.catalog.chat_settings import CHAT_SETTINGS, WITH_REASONING
from tests.unit.server.catalog.media_settings import (
    IMAGE_SETTINGS,
    MOTION_SETTINGS,
    VIDEO_SETTINGS,
)
from tokensmith_bridge.openai.media_schema import (
    ImageRequest,
    MotionControlRequest,
    VideoRequest,
)
from tokensmith_bridge.openai.schema import ChatRequest
from tokensmith_server.catalog.loader import Source, build_catalog, load_catalog
from tokensmith_server.catalog.model import Dialect, Kind, ModelSpec
from tokensmith_server.catalog.parameter_schema import ParameterSchemas, parameter_schema
from tokensmith_server.catalog.parameter_vendors import VENDORS
from tokensmith_server.providers.registry import CHAT_FACTORIES

GATEWAY = Gateway(BUILT_IN)
MODELS = list(BUILT_IN.values())
TEXTS = [model for model in MODELS if model.kind is Kind.TEXT]
BODIES = {
    Kind.TEXT: ChatRequest,
    Kind.IMAGE: ImageRequest,
    Kind.VIDEO: VideoRequest,
    Kind.MOTION_CONTROL: MotionControlRequest,
}


@cache
def validator(model_id: str) -> Draft202012Validator:
    return Draft202012Validator(parameter_schema(BUILT_IN[model_id], BUILT_IN.providers))


def fits(model: ModelSpec, body: dict[str, Any]) -> bool:
    return bool(validator(model.id).is_valid(body))


def least_body(model: ModelSpec) -> dict[str, Any]:
    """What a call must say, and nothing else."""
    match model.kind:
        case Kind.TEXT:
            return {"model": model.id, "messages": [{"role": "user", "content": "Hello"}]}
        case Kind.MOTION_CONTROL:
            return {"model": model.id, "character_orientation": "image"}
        case _:
            return {"model": model.id, "prompt": "A wave"}


SETTINGS = {
    Kind.TEXT: [*CHAT_SETTINGS, *WITH_REASONING],
    Kind.IMAGE: IMAGE_SETTINGS,
    Kind.VIDEO: VIDEO_SETTINGS,
    Kind.MOTION_CONTROL: MOTION_SETTINGS,
}


def told_apart(
    gateway: Gateway, model: ModelSpec, schema: Draft202012Validator
) -> Iterator[tuple[dict[str, Any], Exception | None]]:
    """The settings that the schema and the gateway think differently of."""
    for setting in SETTINGS[model.kind]:
        body = least_body(model) | setting
        refusal = gateway.refusal(model, body)
        if schema.is_valid(body) != (refusal is None):
            yield setting, refusal


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_every_schema_is_one_of_the_draft_and_speaks_of_the_models_endpoint(
    model: ModelSpec,
) -> None:
    schema = parameter_schema(model, BUILT_IN.providers)
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == model.name
    assert model.endpoint in schema["description"]
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) <= set(BODIES[model.kind].__struct_fields__)
    for name, term in schema["properties"].items():
        assert term.get("description"), name


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_a_setting_fits_just_where_the_gateway_takes_it(model: ModelSpec) -> None:
    schema = validator(model.id)
    assert list(told_apart(GATEWAY, model, schema)) == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_defaults_fit_and_are_taken(model: ModelSpec) -> None:
    schema = parameter_schema(model, BUILT_IN.providers)
    defaults = {
        name: term["default"] for name, term in schema["properties"].items() if "default" in term
    }
    body = least_body(model) | defaults
    assert fits(model, body)
    assert GATEWAY.refusal(model, body) is None


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_all_that_is_on_offer_is_taken(model: ModelSpec) -> None:
    schema = parameter_schema(model, BUILT_IN.providers)
    for name, term in schema["properties"].items():
        for value in _offered(term):
            body = least_body(model) | {name: value}
            if fits(model, body):
                assert GATEWAY.refusal(model, body) is None, (name, value)
            else:
                assert "Needs" in term["description"] or "Only" in term["description"], name


def _offered(term: dict[str, Any]) -> Iterator[Any]:
    """The values that a form would show for a field."""
    for shape in term.get("anyOf", ()):
        yield from shape.get("enum", ())
    yield from term.get("enum", ())
    yield from term.get("examples", ())
    for bound in ("const", "minimum", "maximum"):
        if bound in term:
            yield term[bound]
    if term.get("type") == "boolean":
        yield from (True, False)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_the_gateway_takes_fits(data: st.DataObject) -> None:
    model = data.draw(st.sampled_from(TEXTS))
    drawn = data.draw(chat_requests)
    optional = sorted(drawn.keys() - {"model", "messages"})
    kept = data.draw(st.sets(st.sampled_from(optional), max_size=3)) if optional else set()
    body = least_body(model) | {name: drawn[name] for name in kept}
    if data.draw(st.booleans()):
        body["messages"] = drawn["messages"]
    taken = GATEWAY.takes(model, body)
    event(f"taken: {taken}")
    if taken:
        assert not list(validator(model.id).iter_errors(body))


def test_every_field_of_chat_is_some_models() -> None:
    offered = {name for model in TEXTS for name in parameter_schema(model, {})["properties"]}
    # What nobody takes, and what only a model that speaks would.
    assert set(ChatRequest.__struct_fields__) - offered == {
        "audio",
        "prediction",
        "web_search_options",
    }


def test_every_vendor_of_chat_is_known() -> None:
    assert set(VENDORS) == set(CHAT_FACTORIES)
    assert set(Dialect) <= set(VENDORS)


def test_a_schema_names_aliases_too() -> None:
    for model in MODELS:
        for name in (model.id, *model.aliases):
            assert fits(model, least_body(model) | {"model": name})
        assert not fits(model, least_body(model) | {"model": "another"})


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "gemini", "xai", "together"])
def test_a_host_of_the_overlay_is_described_by_its_dialect(dialect: str) -> None:
    overlay = f"""
        [providers.local]
        base_url = "http://127.0.0.1:1/v1"
        dialect = "{dialect}"

        [[models]]
        id = "local/model"
        kind = "text"
        context_tokens = 8_000
        rate = {{ input = 1, output = 1 }}
        routes = [{{ provider = "local", model = "m" }}]
        capabilities = {{ image_input = true, n_max = 3, tools_with_reasoning = true }}
    """
    catalog = build_catalog([], Source("overlay", overlay))
    model = catalog["local/model"]
    gateway = Gateway(catalog)
    schema = Draft202012Validator(parameter_schema(model, catalog.providers))
    assert list(told_apart(gateway, model, schema)) == []


def test_routes_of_several_vendors_offer_what_one_of_them_takes(tmp_path: Any) -> None:
    overlay = tmp_path / "overlay.toml"
    overlay.write_text(
        """
        [[models]]
        id = "gpt-5.4-mini"
        routes = [
            { provider = "anthropic", model = "a" },
            { provider = "openai", model = "gpt-5.4-mini" },
        ]
        """,
        "utf-8",
    )
    catalog = load_catalog(overlay)
    schema = parameter_schema(catalog["gpt-5.4-mini"], {})["properties"]
    assert schema["n"]["maximum"] == 128
    assert schema["service_tier"]["enum"] == ["auto", "default", "flex"]
    assert schema["temperature"]["maximum"] == 2


def test_a_schema_is_made_once() -> None:
    schemas = ParameterSchemas(BUILT_IN)
    model = BUILT_IN["gpt-5.4-mini"]
    text = schemas.json_of(model)
    assert schemas.json_of(model) is text
    assert json.loads(text) == parameter_schema(model, {})
