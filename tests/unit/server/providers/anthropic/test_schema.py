"""Schemas keep their meaning on the way, or are refused by the keyword that would lose it."""

from typing import Any

import pytest

from tokensmith_server.providers.anthropic.schema import fit_schema
from tokensmith_server.providers.base import ErrorKind, ProviderError

STRING = {"type": "string"}


def fit(schema: dict[str, Any], *, strict: bool = False) -> dict[str, Any]:
    return fit_schema(schema, strict=strict, param="p")


def refusal(schema: dict[str, Any], *, strict: bool = False) -> str:
    with pytest.raises(ProviderError) as caught:
        fit(schema, strict=strict)
    assert caught.value.kind is ErrorKind.INVALID_REQUEST
    assert caught.value.param == "p"
    return caught.value.message


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


SAME: list[dict[str, Any]] = [
    closed(a=STRING) | {"required": ["a"]},
    closed(),
    {"type": "array", "items": {"type": "integer"}, "minItems": 1},
    {"enum": ["a", 1, None, True]},
    {"const": "x"},
    {"anyOf": [STRING, {"type": "null"}]},
    {"type": ["string", "null"]},
    {"type": "string", "format": "date-time", "title": "T", "description": "D", "default": "x"},
    closed(a={"$ref": "#/$defs/A"}) | {"$defs": {"A": closed(b=STRING)}},
    closed(a={"$ref": "#/definitions/A"}) | {"definitions": {"A": STRING}},
]


@pytest.mark.parametrize("schema", SAME)
@pytest.mark.parametrize("strict", [False, True])
def test_what_is_in_the_subset_is_sent_as_it_is(schema: dict[str, Any], *, strict: bool) -> None:
    assert fit(schema, strict=strict) == schema


@pytest.mark.parametrize("strict", [False, True])
def test_missing_parts_that_are_understood_are_added(*, strict: bool) -> None:
    assert fit({"properties": {"a": {"items": STRING}}}, strict=strict) == closed(
        a={"type": "array", "items": STRING}
    )


def test_open_object_is_closed_where_nothing_is_promised() -> None:
    schema = closed(a=STRING) | {"additionalProperties": True}
    assert fit(schema) == closed(a=STRING)
    assert "additionalProperties" in refusal(schema, strict=True)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("schema", "word"),
    [
        ({"type": "object"}, "not listed"),
        ({"type": "object", "properties": {}}, "not listed"),
        (closed() | {"additionalProperties": STRING}, "not listed"),
        (closed(a={}), "without a type (at `#/properties/a`)"),
        (closed(a=True), "no schema object"),
        (closed(a={"$ref": "https://h/x"}), "outside its `$defs`"),
        (closed(a={"$ref": "#"}), "outside its `$defs`"),
        (closed(a={"$ref": "#/$defs/B"}) | {"$defs": {"A": STRING}}, "outside its `$defs`"),
        (
            {"$ref": "#/$defs/A", "$defs": {"A": closed(a={"$ref": "#/$defs/A"})}},
            "recursive",
        ),
        (
            {
                "$ref": "#/$defs/A",
                "$defs": {
                    "A": closed(b={"anyOf": [{"$ref": "#/$defs/B"}, {"type": "null"}]}),
                    "B": {"type": "array", "items": {"$ref": "#/$defs/A"}},
                },
            },
            "recursive",
        ),
        (
            closed(a={"$ref": "#/$defs/A", "minLength": 1}) | {"$defs": {"A": STRING}},
            "`minLength` beside",
        ),
        ({"enum": [{"a": 1}]}, "plain values"),
        ({"const": []}, "plain values"),
        ({"anyOf": []}, "lists nothing"),
        ({"type": 5}, "`type`"),
        (closed(**{f"p{n}": STRING for n in range(25)}), "25 optional"),
        (
            closed(**{f"p{n}": {"type": ["string", "null"]} for n in range(17)})
            | {"required": [f"p{n}" for n in range(17)]},
            "17 union",
        ),
    ],
)
def test_what_can_not_be_expressed_is_refused(
    schema: dict[str, Any], word: str, *, strict: bool
) -> None:
    assert word in refusal(schema, strict=strict)


@pytest.mark.parametrize(
    ("kind", "keyword", "value"),
    [
        ("integer", "minimum", 1),
        ("number", "multipleOf", 0.5),
        ("string", "minLength", 2),
        ("string", "pattern", "^a"),
        ("string", "format", "phone"),
        ("array", "maxItems", 3),
        ("array", "minItems", 2),
        ("array", "uniqueItems", True),
        ("string", "not", {"const": "a"}),
        ("integer", "format", "date"),
    ],
)
def test_constraint_is_refused_if_promised_and_described_if_not(
    kind: str, keyword: str, value: Any
) -> None:
    schema = {"type": kind, keyword: value, "description": "Some."}
    assert f"`{keyword}`" in refusal(schema, strict=True)
    fitted = fit(schema)
    assert fitted.keys() == {"type", "description"}
    assert fitted["description"].startswith("Some.\n\n{")
    assert keyword in fitted["description"]


def test_one_of_is_any_of_where_nothing_is_promised() -> None:
    schema = {"oneOf": [STRING, {"type": "integer"}]}
    assert fit(schema) == {"anyOf": schema["oneOf"]}
    assert "`oneOf`" in refusal(schema, strict=True)


def test_remarks_for_people_are_described_or_left_out() -> None:
    schema = {"$schema": "https://json-schema.org/x", "$id": "i", **STRING, "examples": ["a"]}
    assert fit(schema, strict=True) == {**STRING, "description": '{examples: ["a"]}'}


def test_reference_stands_alone() -> None:
    schema = closed(a={"$ref": "#/$defs/A", "description": "D"}) | {"$defs": {"A": STRING}}
    assert fit(schema)["properties"]["a"] == {"$ref": "#/$defs/A"}


def test_the_clients_schema_is_not_changed() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
    fit(schema)
    assert schema == {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
