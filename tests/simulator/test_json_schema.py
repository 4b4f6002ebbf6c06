from __future__ import annotations

import datetime
import ipaddress
import uuid
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter

from tests.simulator.schema_judge import accepts
from tokensmith_simulator.dice import Dice
from tokensmith_simulator.json_schema import SchemaError, generate_value

_KEYS = st.sampled_from(["city", "unit", "amount", "tags", "nested", "when"])
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-50, 50), st.text("abcé中", max_size=4))


@st.composite
def _integers(draw: st.DrawFn) -> dict[str, Any]:
    low, span = draw(st.integers(-30, 30)), draw(st.integers(2, 40))
    schema: dict[str, Any] = {"type": draw(st.sampled_from(["integer", "number"]))}
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["minimum", "exclusiveMinimum"]))] = low
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = low + span
    elif draw(st.booleans()):
        schema["multipleOf"] = draw(st.sampled_from([1, 2, 5, 0.5, 0.01]))
    return schema


@st.composite
def _strings(draw: st.DrawFn) -> dict[str, Any]:
    least = draw(st.integers(0, 12))
    schema: dict[str, Any] = {"type": "string"}
    if draw(st.booleans()):
        schema["minLength"] = least
    if draw(st.booleans()):
        schema["maxLength"] = least + draw(st.integers(0, 9))
    return schema


_LEAVES = st.one_of(
    _integers(),
    _strings(),
    st.sampled_from(
        [
            {"type": "boolean"},
            {"type": "null"},
            {"type": ["string", "null"]},
            {"type": "string", "pattern": r"^[A-Z]{2}\d{3}(-x|-y)?$"},
            {"type": "string", "pattern": r"[a-f]+[^0-9a-z]"},
            {"$ref": "#/$defs/leaf"},
            {"$ref": "#/$defs/tree"},
            True,
            {},
        ]
    ),
    st.builds(lambda value: {"const": value}, _SCALARS),
    st.builds(lambda values: {"enum": values}, st.lists(_SCALARS, min_size=1, max_size=4)),
)


@st.composite
def _objects(draw: st.DrawFn, children: st.SearchStrategy[Any]) -> dict[str, Any]:
    properties = draw(st.dictionaries(_KEYS, children, max_size=4))
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if draw(st.booleans()):
        schema["required"] = draw(st.lists(st.sampled_from(list(properties) or ["x"]), unique=True))
        schema["required"] = [key for key in schema["required"] if key in properties]
    if draw(st.booleans()):
        schema["additionalProperties"] = False
    elif draw(st.booleans()):
        schema["minProperties"] = draw(st.integers(0, 6))
        schema["additionalProperties"] = draw(children)
    return schema


@st.composite
def _arrays(draw: st.DrawFn, children: st.SearchStrategy[Any]) -> dict[str, Any]:
    least = draw(st.integers(0, 3))
    schema: dict[str, Any] = {"type": "array", "items": draw(children)}
    if draw(st.booleans()):
        schema["prefixItems"] = draw(st.lists(children, max_size=2))
    if draw(st.booleans()):
        schema["minItems"] = least
    if draw(st.booleans()):
        schema["maxItems"] = least + draw(st.integers(0, 3))
    return schema


def _compound(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        _objects(children),
        _arrays(children),
        st.builds(lambda parts: {"anyOf": parts}, st.lists(children, min_size=1, max_size=3)),
    )


_DEFS = {
    "leaf": {"type": "string", "minLength": 2},
    "tree": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
            "next": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]},
        },
        "required": ["name", "children", "next"],
        "additionalProperties": False,
    },
}


@settings(max_examples=300)
@given(st.recursive(_LEAVES, _compound, max_leaves=8), st.integers(0, 1000))
def test_generated_value_satisfies_its_schema(schema: Any, seed: int) -> None:
    document = {"allOf": [schema], "$defs": _DEFS}
    value = generate_value(document, Dice(str(seed)), ["Paris", "New York"])
    assert accepts(document, value), (document, value)
    assert msgspec.json.decode(msgspec.json.encode(value)) == value


class _Line(BaseModel):
    sku: str = Field(pattern=r"^[A-Z]{3}-\d{4}$")
    quantity: int = Field(ge=1, lt=10)
    price: float = Field(gt=0, le=0.5)
    tags: set[Literal["new", "used", "sold"]] = Field(min_length=3)


class _Order(BaseModel):
    id: uuid.UUID
    placed: datetime.datetime
    day: datetime.date
    address: ipaddress.IPv4Address
    lines: list[_Line] = Field(min_length=2, max_length=3)
    note: str | None
    kind: Literal["web", "shop"] | int
    parent: _Order | None
    extra: dict[str, int]
    pair: tuple[int, str]


@pytest.mark.parametrize("seed", range(40))
def test_generated_value_satisfies_pydantic(seed: int) -> None:
    schema = _Order.model_json_schema()
    value = generate_value(schema, Dice(str(seed)), ["Paris"])
    _Order.model_validate_json(msgspec.json.encode(value))
    TypeAdapter(list[_Order]).validate_json(
        msgspec.json.encode(
            generate_value(TypeAdapter(list[_Order]).json_schema(), Dice(str(seed)))
        )
    )


def test_same_seed_generates_same_value() -> None:
    schema = _Order.model_json_schema()
    assert generate_value(schema, Dice("a")) == generate_value(schema, Dice("a"))


def test_all_of_tightens_bounds_and_adds_properties() -> None:
    schema = {
        "allOf": [
            {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}},
            {"properties": {"n": {"maximum": 4}, "m": {"const": 1}}, "required": ["n", "m"]},
        ]
    }
    value = generate_value(schema, Dice("x"))
    assert value["m"] == 1
    assert value["n"] in {3, 4}


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"enum": []},
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"type": "string", "minLength": 5, "maxLength": 4},
        {"type": "banana"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "https://example.com/schema"},
        {"$ref": "#"},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 3, "uniqueItems": True},
        {"type": "string", "pattern": "("},
        {"type": "object", "properties": [], "required": 3},
    ],
)
def test_schema_without_values_is_refused(schema: Any) -> None:
    with pytest.raises(SchemaError):
        generate_value(schema, Dice("x"))
