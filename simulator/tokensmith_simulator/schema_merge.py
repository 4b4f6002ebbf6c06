"""Two JSON Schemas into one that asks for both, and what types a schema means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class SchemaError(ValueError):
    """No value can be written for a schema: it contradicts itself, never ends or is not covered."""


def merge_schemas(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that asks for both: bounds tighten, properties and required add up."""
    merged = dict(left)
    for key, item in right.items():
        if key not in merged:
            merged[key] = item
        elif key in {"minimum", "minLength", "minItems", "minProperties", "exclusiveMinimum"}:
            merged[key] = max(merged[key], item)
        elif key in {"maximum", "maxLength", "maxItems", "maxProperties", "exclusiveMaximum"}:
            merged[key] = min(merged[key], item)
        elif key == "properties":
            merged[key] = _merge_properties(merged[key], item)
        elif key == "required":
            merged[key] = list(dict.fromkeys([*merged[key], *item]))
        elif key == "type":
            merged[key] = _common_types(merged[key], item)
        elif key == "enum":
            merged[key] = [option for option in merged[key] if option in item]
        elif key in {"anyOf", "oneOf"}:
            merged.setdefault("allOf", [])
            merged["allOf"] = [*merged["allOf"], {key: item}] if merged[key] != item else []
        else:
            merged[key] = item
    if not merged.get("allOf", True):
        del merged["allOf"]
    return merged


def _merge_properties(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(left)
    for key, schema in right.items():
        known = merged.get(key, True)
        if isinstance(known, bool) or isinstance(schema, bool):
            merged[key] = (
                False if known is False or schema is False else (known, schema)[known is True]
            )
        else:
            merged[key] = {"allOf": [known, schema]}
    return merged


def _common_types(left: Any, right: Any) -> list[str]:
    ours, theirs = _type_list(left), _type_list(right)
    common = [kind for kind in ours if kind in theirs]
    if "integer" not in common and {"integer", "number"} <= {*ours, *theirs}:
        common.append("integer")
    return common


def _type_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def schema_types(schema: Mapping[str, Any]) -> list[str] | None:
    """Return the types that a schema names, or None when it names none."""
    return _type_list(schema["type"]) if "type" in schema else None


def implied_type(schema: Mapping[str, Any]) -> str:
    """Guess the type of a schema without one from its other keywords."""
    if schema.keys() & {"properties", "required", "additionalProperties", "minProperties"}:
        return "object"
    if schema.keys() & {"items", "prefixItems", "minItems", "maxItems", "uniqueItems"}:
        return "array"
    bounds = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    return "number" if schema.keys() & bounds else "string"
