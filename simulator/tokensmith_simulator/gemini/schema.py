"""The schemas that the Gemini API takes: its own, a subset of OpenAPI's, and JSON Schema.

Google's own kind (`parameters`, `responseSchema`) refuses what it does not know already when it is
read. JSON Schema (`parametersJsonSchema`, `responseJsonSchema`) may hold any keyword; those that
are not supported are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

_SUPPORTED: Final = frozenset(
    {
        "$id",
        "$defs",
        "$ref",
        "$anchor",
        "type",
        "format",
        "title",
        "description",
        "enum",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "anyOf",
        "oneOf",
        "properties",
        "additionalProperties",
        "required",
        "propertyOrdering",
    }
)
_TYPES: Final = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})
_FORMATS: Final = {
    "STRING": frozenset({"enum", "date-time"}),
    "NUMBER": frozenset({"float", "double"}),
    "INTEGER": frozenset({"int32", "int64"}),
}
_KEPT: Final = (
    "title",
    "description",
    "enum",
    "minItems",
    "maxItems",
    "required",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
)


def own_schema_problem(schema: Schema, path: str) -> str | None:
    """Say what is wrong with a schema of Google's own kind; None when nothing is."""
    problem = _own_node_problem(schema)
    if problem:
        return f"* GenerateContentRequest.{path}{problem}\n"
    for name, child in _own_children(schema):
        found = own_schema_problem(child, f"{path}.{name}")
        if found:
            return found
    return None


def _own_children(schema: Schema) -> Iterator[tuple[str, Schema]]:
    for key, child in schema.get("properties", {}).items():
        yield f"properties[{key}]", child
    if "items" in schema:
        yield "items", schema["items"]
    for index, child in enumerate(schema.get("anyOf", ())):
        yield f"any_of[{index}]", child


def _own_node_problem(schema: Schema) -> str | None:
    kind = schema.get("type")
    if kind is None and "anyOf" not in schema:
        return ".type: must be specified"
    if kind == "OBJECT" and not schema.get("properties"):
        return ".properties: should be non-empty for OBJECT type"
    if kind == "ARRAY" and "items" not in schema:
        return ".items: missing field."
    return _own_value_problem(schema, kind or "")


def _own_value_problem(schema: Schema, kind: str) -> str | None:
    for index, key in enumerate(schema.get("required", ())):
        if key not in schema.get("properties", {}):
            return f".required[{index}]: property is not defined"
    if schema.get("enum") and kind != "STRING":
        return ".enum: only allowed for STRING type"
    form = schema.get("format")
    if form and form not in _FORMATS.get(kind, frozenset()):
        return f".format: '{form}' is not supported for {kind} type"
    return None


def own_to_json_schema(schema: Schema) -> dict[str, Any]:
    """Turn a schema of Google's own kind into JSON Schema."""
    converted: dict[str, Any] = {key: schema[key] for key in _KEPT if key in schema}
    if "type" in schema:
        kind = schema["type"].lower()
        converted["type"] = [kind, "null"] if schema.get("nullable") else kind
    if schema.get("format") == "date-time":
        converted["format"] = "date-time"
    if "items" in schema:
        converted["items"] = own_to_json_schema(schema["items"])
    if "properties" in schema:
        properties = schema["properties"]
        converted["properties"] = {
            key: own_to_json_schema(properties[key]) for key in _ordered(schema)
        }
    if "anyOf" in schema:
        converted["anyOf"] = [own_to_json_schema(child) for child in schema["anyOf"]]
    return converted


def _ordered(schema: Schema) -> list[str]:
    asked = [key for key in schema.get("propertyOrdering", ()) if key in schema["properties"]]
    return [*asked, *(key for key in schema["properties"] if key not in asked)]


def json_schema_problem(schema: Any) -> str | None:
    """Say what is wrong with a JSON Schema; None when nothing is."""
    if not isinstance(schema, dict):
        return "the schema must be an object"
    for node in _nodes(schema):
        if isinstance(node, bool):
            continue
        if not isinstance(node, dict):
            return "a schema must be an object or a boolean"
        problem = _json_node_problem(node, schema)
        if problem:
            return problem
    return None


def _json_node_problem(node: Schema, root: Schema) -> str | None:
    kinds = node.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if not isinstance(kind, str) or kind.lower() not in _TYPES:
            return f"unknown type {kind!r}"
    if not isinstance(node.get("properties", {}), dict):
        return "'properties' must be an object"
    if not isinstance(node.get("required", []), list) or not isinstance(node.get("enum", []), list):
        return "'required' and 'enum' must be arrays"
    if "$ref" not in node:
        return None
    others = sorted(key for key in node if not key.startswith("$"))
    if others:
        return f"a sub-schema with $ref must have no other properties, but has {others[0]!r}"
    target = str(node["$ref"])
    defined = root.get("$defs")
    known = target == "#" or (
        target.startswith("#/$defs/")
        and isinstance(defined, dict)
        and target.removeprefix("#/$defs/") in defined
    )
    return None if known else f"reference to undefined schema {target!r}"


def supported_part(schema: Any) -> Any:
    """Return a JSON Schema without the keywords that the API ignores."""
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for key, held in schema.items():
        if key not in _SUPPORTED:
            continue
        if key in {"properties", "$defs"} and isinstance(held, dict):
            kept[key] = {name: supported_part(child) for name, child in held.items()}
        elif key in {"anyOf", "oneOf", "prefixItems"} and isinstance(held, list):
            kept[key] = [supported_part(child) for child in held]
        else:
            kept[key] = supported_part(held) if key in {"items", "additionalProperties"} else held
    return kept


def _nodes(schema: Any) -> Iterator[Any]:
    """Walk every schema inside a schema, parents first."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, dict):
            continue
        for group in ("properties", "$defs"):
            held = node.get(group)
            waiting.extend(held.values() if isinstance(held, dict) else ())
        for group in ("anyOf", "oneOf", "prefixItems"):
            listed = node.get(group)
            waiting.extend(listed if isinstance(listed, list) else ())
        waiting.extend(node[key] for key in ("items", "additionalProperties") if key in node)
