"""The JSON Schemas that OpenAI accepts: for functions at all, and under `strict: true`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

_REFUSED_KEYWORDS: Final = (
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "unevaluatedProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "unevaluatedItems",
    "contains",
    "minContains",
    "maxContains",
    "uniqueItems",
    "default",
)
_FORMATS: Final = frozenset(
    {
        "date-time",
        "time",
        "date",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "uuid",
    }
)
_DEPTH_LIMIT: Final = 10
_PROPERTY_LIMIT: Final = 5_000

Node = tuple[tuple[str, ...], Any]


def find_schema_problem(schema: Mapping[str, Any], *, strict: bool) -> str | None:
    """Say what is wrong with a function's schema; whatever cannot even be read is invalid."""
    check = strict_schema_problem if strict else function_schema_problem
    try:
        return check(schema)
    except (TypeError, AttributeError, ValueError):
        return "the schema is not a well-formed JSON Schema."


def function_schema_problem(schema: Mapping[str, Any]) -> str | None:
    """Say what is wrong with a function's parameters, strict or not; None when nothing is."""
    kind = schema.get("type")
    if kind != "object":
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
    for path, node in _nodes(schema):
        if not isinstance(node, dict):
            continue
        if node.get("type") == "array" and "items" not in node and "prefixItems" not in node:
            return f"In context={_context(path)}, array schema missing items."
        if path == () and not isinstance(node.get("properties", {}), dict):
            return "In context=(), 'properties' must be an object."
    return None


def strict_schema_problem(schema: Mapping[str, Any]) -> str | None:
    """Say what a strict schema lacks or has too much of; None when nothing.

    Every object forbids additional properties and requires all of its own; only the documented
    subset of keywords is there; nesting and size are bounded.
    """
    kind = schema.get("type")
    if kind != "object":
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
    if "anyOf" in schema:
        return "In context=(), 'anyOf' is not permitted at the root."
    for path, node in _nodes(schema):
        problem = _node_problem(node)
        if problem:
            return f"In context={_context(path)}, {problem}"
    return _size_problem(schema)


def _size_problem(schema: Mapping[str, Any]) -> str | None:
    property_count = sum(len(node.get("properties") or ()) for _, node in _nodes(schema))
    if property_count > _PROPERTY_LIMIT:
        return f"the schema has more than {_PROPERTY_LIMIT} properties."
    if _depth(schema) > _DEPTH_LIMIT:
        return f"the schema exceeds the limit of {_DEPTH_LIMIT} levels of nesting."
    return None


def _node_problem(node: Any) -> str | None:
    if not isinstance(node, dict):
        return "schema must be an object."
    for check in _CHECKS:
        problem = check(node)
        if problem:
            return problem
    return None


def _reference_problem(node: Mapping[str, Any]) -> str | None:
    if "$ref" in node and len(node) > 1:
        others = ", ".join(f"'{key}'" for key in sorted(node) if key != "$ref")
        return f"$ref cannot have keywords {{{others}}}."
    return None


def _keyword_problem(node: Mapping[str, Any]) -> str | None:
    for keyword in _REFUSED_KEYWORDS:
        if keyword in node:
            return f"'{keyword}' is not permitted."
    return None


def _type_problem(node: Mapping[str, Any]) -> str | None:
    if not node.keys() & {"type", "$ref", "anyOf", "enum", "const"}:
        return "schema must have a 'type' key."
    if node.get("type") == "array" and "items" not in node and "prefixItems" not in node:
        return "array schema missing items."
    if "format" in node and node["format"] not in _FORMATS:
        return f"'{node['format']}' is not a valid format."
    return None


def _object_problem(node: Mapping[str, Any]) -> str | None:
    kind = node.get("type")
    if kind != "object" and not (isinstance(kind, list) and "object" in kind):
        return None
    if node.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    properties = node.get("properties") or {}
    required = node.get("required") or []
    missing = [key for key in properties if key not in required]
    if missing:
        return (
            "'required' is required to be supplied and to be an array including every key in "
            f"properties. Missing '{missing[0]}'."
        )
    extra = [key for key in required if key not in properties]
    if extra:
        return f"'required' has a key that is not in properties: '{extra[0]}'."
    return None


_CHECKS: Final[tuple[Callable[[Mapping[str, Any]], str | None], ...]] = (
    _reference_problem,
    _keyword_problem,
    _type_problem,
    _object_problem,
)


def _nodes(schema: Any) -> Iterator[Node]:
    """Walk every schema inside a schema, parents first."""
    stack: list[Node] = [((), schema)]
    while stack:
        path, node = stack.pop()
        yield path, node
        if isinstance(node, dict):
            stack.extend((path + step, child) for step, child in _children(node))


def _children(node: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for group in ("properties", "$defs", "definitions"):
        held = node.get(group)
        for key, child in held.items() if isinstance(held, dict) else ():
            yield (group, key), child
    for group in ("anyOf", "prefixItems"):
        listed = node.get(group)
        for index, child in enumerate(listed if isinstance(listed, list) else ()):
            yield (group, str(index)), child
    if isinstance(node.get("items"), dict):
        yield ("items",), node["items"]


def _depth(schema: Any) -> int:
    deepest = 0
    for path, _ in _nodes(schema):
        levels = sum(1 for step in path if step in {"properties", "items"})
        deepest = max(deepest, levels)
    return deepest


def _context(path: tuple[str, ...]) -> str:
    inside = ", ".join(f"'{step}'" for step in path)
    return f"({inside},)" if len(path) == 1 else f"({inside})"
