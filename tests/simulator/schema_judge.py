"""A JSON Schema validator of the tests' own: it shares no code with the generator."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any


def accepts(schema: Any, value: Any, root: Any = None) -> bool:
    """Tell whether a schema accepts a value."""
    root = schema if root is None else root
    if isinstance(schema, bool):
        return schema
    if not _parts_accept(schema, value, root):
        return False
    if "const" in schema and not same(schema["const"], value):
        return False
    if "enum" in schema and not any(same(option, value) for option in schema["enum"]):
        return False
    if "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(has_type(value, kind) for kind in types):
            return False
    if isinstance(value, dict):
        return _object(schema, value, root)
    if isinstance(value, list):
        return _array(schema, value, root)
    if isinstance(value, str):
        return _string(schema, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(schema, value)
    return True


def _parts_accept(schema: Any, value: Any, root: Any) -> bool:
    if "$ref" in schema and not accepts(_resolve(schema["$ref"], root), value, root):
        return False
    if "anyOf" in schema and not any(accepts(part, value, root) for part in schema["anyOf"]):
        return False
    return all(accepts(part, value, root) for part in schema.get("allOf", ()))


def same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right)


def has_type(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int):
        return kind in {"integer", "number"}
    if isinstance(value, float):
        return kind == "number" or (kind == "integer" and value.is_integer())
    return kind == {str: "string", dict: "object", list: "array", type(None): "null"}[type(value)]


def _resolve(reference: str, root: Any) -> Any:
    node = root
    for step in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
        node = node[step]
    return node


def _object(schema: Any, value: dict[str, Any], root: Any) -> bool:
    properties = schema.get("properties", {})
    rest = schema.get("additionalProperties", True)
    return (
        all(key in value for key in schema.get("required", ()))
        and schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", 10**9)
        and all(accepts(properties.get(key, rest), item, root) for key, item in value.items())
    )


def _array(schema: Any, value: list[Any], root: Any) -> bool:
    prefix = schema.get("prefixItems", [])
    rest = schema.get("items", True)
    unique = not schema.get("uniqueItems") or all(
        not same(left, right) for at, left in enumerate(value) for right in value[:at]
    )
    schemas = [prefix[at] if at < len(prefix) else rest for at in range(len(value))]
    return (
        unique
        and schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9)
        and all(accepts(part, item, root) for part, item in zip(schemas, value, strict=True))
    )


def _string(schema: Any, value: str) -> bool:
    fits = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9)
    return fits and ("pattern" not in schema or bool(re.search(schema["pattern"], value)))


def _number(schema: Any, value: float) -> bool:
    number = Fraction(str(value))
    if "multipleOf" in schema and (number / Fraction(str(schema["multipleOf"]))).denominator != 1:
        return False
    return (
        ("minimum" not in schema or number >= Fraction(str(schema["minimum"])))
        and ("maximum" not in schema or number <= Fraction(str(schema["maximum"])))
        and ("exclusiveMinimum" not in schema or number > Fraction(str(schema["exclusiveMinimum"])))
        and ("exclusiveMaximum" not in schema or number < Fraction(str(schema["exclusiveMaximum"])))
    )
