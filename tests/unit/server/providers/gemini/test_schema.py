"""Schemas go upstream as Gemini takes them, and nothing of their meaning is lost in silence."""

from typing import Any

import pytest

from tokensmith_server.providers.gemini.schema import (
    first_wish,
    has_parameters,
    to_gemini_schema,
    to_parameters_schema,
)

KEPT: dict[str, Any] = {
    "$id": "a",
    "$anchor": "b",
    "type": "object",
    "title": "T",
    "description": "D",
    "properties": {
        "n": {"type": "integer", "minimum": 1, "maximum": 9, "format": "int32"},
        "l": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
        "t": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "null"}]},
        "e": {"type": ["string", "null"], "enum": ["a", None]},
        "u": {"anyOf": [{"type": "string"}, {"type": "number"}]},
        "o": {"oneOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]},
    },
    "required": ["n"],
    "additionalProperties": False,
    "propertyOrdering": ["n", "l"],
    "$defs": {"A": {"type": "object", "additionalProperties": {"type": "string"}}},
}


def test_what_gemini_takes_is_kept_as_it_is() -> None:
    assert to_gemini_schema(KEPT) == KEPT
    assert first_wish(KEPT) is None


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"$schema": "s", "default": 1, "examples": [1], "x-a": 1, "deprecated": True}, {}),
        ({"const": "a"}, {"enum": ["a"]}),
        ({"const": None}, {"enum": [None]}),
        ({"nullable": True, "type": "string"}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        ({"type": "integer", "exclusiveMinimum": 0}, {"type": "integer", "minimum": 1}),
        (
            {"exclusiveMaximum": 9, "type": "integer", "maximum": 5},
            {"type": "integer", "maximum": 5},
        ),
        ({"allOf": [{"type": "string"}], "title": "T"}, {"type": "string", "title": "T"}),
        ({"items": [{"type": "string"}]}, {"prefixItems": [{"type": "string"}]}),
        ({"items": True}, {"items": True}),
        ({"properties": {"a": True, "b": {}}}, {"properties": {"a": {}, "b": {}}}),
        (
            {"$ref": "#/definitions/A", "definitions": {"A": {"type": "string"}}},
            {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}},
        ),
        (
            {"properties": {"a": {"$ref": "#/$defs/A", "description": "D"}}, "$defs": {"A": {}}},
            {
                "properties": {"a": {"description": "D", "anyOf": [{"$ref": "#/$defs/A"}]}},
                "$defs": {"A": {}},
            },
        ),
        (
            {
                "properties": {"a": {"allOf": [{"$ref": "#/$defs/A"}], "title": "T"}},
                "$defs": {"A": {}},
            },
            {
                "properties": {"a": {"anyOf": [{"$ref": "#/$defs/A"}], "title": "T"}},
                "$defs": {"A": {}},
            },
        ),
        ({"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#"}}}),
    ],
)  # fmt: skip
def test_what_can_be_said_otherwise_is(given: dict[str, Any], sent: dict[str, Any]) -> None:
    assert to_gemini_schema(given) == sent
    assert first_wish(given) is None


def test_a_reference_into_the_schema_becomes_a_definition() -> None:
    given = {
        "type": "object",
        "properties": {
            "a": {"type": "object", "properties": {"deep/er": {"$ref": "#/properties/b/items"}}},
            "b": {"type": "array", "items": {"type": "object", "pattern": "x"}},
            "c": {"$ref": "#/properties/a/properties/deep~1er"},
        },
    }
    sent = to_gemini_schema(given)
    assert sent["properties"]["c"] == {"$ref": "#/$defs/properties_a_properties_deep_1er"}
    assert sent["$defs"]["properties_a_properties_deep_1er"] == {
        "$ref": "#/$defs/properties_b_items"
    }
    assert sent["$defs"]["properties_b_items"]["type"] == "object"


def test_a_schema_that_refers_to_its_own_parts_in_circles_ends() -> None:
    given = {"properties": {"a": {"properties": {"b": {"$ref": "#/properties/a"}}}}}
    sent = to_gemini_schema(given)
    assert sent["$defs"]["properties_a"]["properties"]["b"] == {"$ref": "#/$defs/properties_a"}


@pytest.mark.parametrize(
    ("given", "keyword"),
    [
        ({"type": "string", "pattern": "^a"}, "pattern"),
        ({"type": "number", "exclusiveMinimum": 0}, "exclusiveMinimum"),
        ({"type": "number", "multipleOf": 2}, "multipleOf"),
        ({"minLength": 1}, "minLength"),
        ({"not": {"type": "string"}}, "not"),
        ({"allOf": [{"type": "string"}, {"minimum": 1}]}, "allOf"),
        ({"properties": {"a": {"items": {"uniqueItems": True}}}}, "uniqueItems"),
        ({"$ref": "https://example.com/schema"}, "$ref"),
        ({"$ref": "#/nowhere"}, "$ref"),
        ({"$ref": 3}, "$ref"),
        ({"type": ["string"], "nullable": True}, "nullable"),
        ({"anyOf": "nonsense"}, "anyOf"),
        ({"properties": []}, "properties"),
    ],
)
def test_what_cannot_be_enforced_is_a_wish(given: dict[str, Any], keyword: str) -> None:
    assert first_wish(given) == keyword
    assert keyword in str(to_gemini_schema(given))


def test_a_wish_stands_behind_the_description() -> None:
    given = {"type": "string", "description": "A name.", "pattern": "^a", "minLength": 2}
    assert to_gemini_schema(given) == {
        "type": "string",
        "description": 'A name.\nMust also satisfy: pattern "^a"; minLength 2',
    }


def test_names_of_properties_are_never_taken_for_keywords() -> None:
    given = {"properties": {"pattern": {"type": "string"}, "$ref": {"type": "string"}}}
    assert to_gemini_schema(given) == given


def test_parameters_are_an_objects() -> None:
    assert to_parameters_schema({"properties": {}})["type"] == "object"
    given = {"$ref": "#/$defs/A", "$defs": {"A": {"type": "object"}}}
    assert to_parameters_schema(given) == {
        "$defs": {"A": {"type": "object"}},
        "type": "object",
        "anyOf": [{"$ref": "#/$defs/A"}],
    }


@pytest.mark.parametrize(
    ("schema", "described"),
    [
        ({}, False),
        ({"type": "object", "properties": {}}, False),
        ({"type": "object", "properties": {}, "additionalProperties": False}, False),
        ({"type": "object", "additionalProperties": True}, True),
        ({"properties": {"a": {}}}, True),
        ({"$ref": "#/$defs/A"}, True),
    ],
)
def test_a_schema_without_parameters_is_known(schema: dict[str, Any], described: bool) -> None:
    assert has_parameters(schema) is described
