"""The JSON Schemas that Anthropic takes: of tools, and the subset of structured outputs.

Source of the subset: Anthropic's page on structured outputs; of the texts: published errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

_TYPES: Final = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})
_FORMATS: Final = frozenset(
    {
        "date-time",
        "time",
        "date",
        "duration",
        "email",
        "hostname",
        "uri",
        "ipv4",
        "ipv6",
        "uuid",
    }
)
_ANYWHERE: Final = frozenset(
    {
        "$defs",
        "definitions",
        "$ref",
        "$schema",
        "$id",
        "type",
        "title",
        "description",
        "default",
        "examples",
        "enum",
        "const",
        "anyOf",
        "allOf",
    }
)
_BY_TYPE: Final[dict[Any, frozenset[str]]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems"}),
    "string": frozenset({"format"}),
}
_OPTIONAL_LIMIT: Final = 24
_UNION_LIMIT: Final = 16
_KEY: Final = re.compile(r"[a-zA-Z0-9_.-]{1,64}")


def tool_schema_problem(schema: Mapping[str, Any]) -> tuple[str, str] | None:
    """Say where a tool's schema is wrong and why; None when it is not."""
    if "type" not in schema:
        return ".type", "Field required"
    if schema["type"] != "object":
        return ".type", "Input should be 'object'"
    if schema.keys() & {"oneOf", "allOf", "anyOf"}:
        problem = "input_schema does not support oneOf, allOf, or anyOf at the top level"
        return "", problem
    for node in _nodes(schema):
        if not _is_well_formed(node):
            return "", (
                "JSON schema is invalid. It must match JSON Schema draft 2020-12 "
                "(https://json-schema.org/draft/2020-12). Learn more about tool use at "
                "https://docs.claude.com/en/docs/tool-use."
            )
    for key in schema.get("properties") or ():
        if not _KEY.fullmatch(key):
            pattern = "^[a-zA-Z0-9_.-]{1,64}$"
            return ".properties", f"Property keys should match pattern '{pattern}'"
    return None


def _is_well_formed(node: Any) -> bool:
    if isinstance(node, bool):
        return True
    if not isinstance(node, dict):
        return False
    kinds = node.get("type", [])
    listed = kinds if isinstance(kinds, list) else [kinds]
    required = node.get("required") or []
    return (
        all(isinstance(kind, str) and kind in _TYPES for kind in listed)
        and isinstance(node.get("properties") or {}, dict)
        and isinstance(required, list)
        and all(isinstance(key, str) for key in required)
        and isinstance(node.get("enum", []), list)
    )


def output_schema_problem(schema: Mapping[str, Any]) -> str | None:
    """Say what is outside the subset of structured outputs; None when nothing is."""
    for node in _nodes(schema):
        if not isinstance(node, dict) or not _is_well_formed(node):
            return "Schema is not a valid JSON Schema"
        problem = _node_problem(node, schema)
        if problem:
            return problem
    return None


def totals_problem(schemas: Iterable[Mapping[str, Any]]) -> str | None:
    """Say which limit the enforced schemas of one request pass together; None when none."""
    optionals = unions = 0
    for node in (node for schema in schemas for node in _nodes(schema)):
        optionals += len((node.get("properties") or {}).keys() - set(node.get("required") or ()))
        unions += "anyOf" in node or isinstance(node.get("type"), list)
    if optionals > _OPTIONAL_LIMIT:
        return f"Too many optional parameters: {optionals} > {_OPTIONAL_LIMIT}"
    if unions > _UNION_LIMIT:
        return f"Too many parameters with union types: {unions} > {_UNION_LIMIT}"
    return None


def _node_problem(node: Mapping[str, Any], root: Mapping[str, Any]) -> str | None:
    if "$ref" in node:
        return _reference_problem(node["$ref"], root)
    if not node.keys() & {"type", "anyOf", "allOf", "enum", "const"}:
        return "Schema type '' is not supported"
    kind = node.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    own = frozenset().union(*(_BY_TYPE.get(one, frozenset()) for one in kinds))
    for key in node:
        if key not in _ANYWHERE and key not in own:
            return f"For '{kind}' type, property '{key}' is not supported"
    return _value_problem(node, kinds)


def _value_problem(node: Mapping[str, Any], kinds: Sequence[Any]) -> str | None:
    if "object" in kinds and node.get("additionalProperties") is not False:
        return "For 'object' type, 'additionalProperties' must be explicitly set to false"
    if node.get("minItems", 0) not in (0, 1):
        return "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
    if "format" in node and node["format"] not in _FORMATS:
        return f"For 'string' type, format '{node['format']}' is not supported"
    if any(isinstance(option, dict | list) for option in node.get("enum", ())):
        return "Enum values must be strings, numbers, booleans or null"
    return None


def _reference_problem(reference: Any, root: Mapping[str, Any]) -> str | None:
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return f"External $ref is not supported: {reference}"
    group, _, name = reference[2:].partition("/")
    defined = root.get(group)
    if (
        group not in {"$defs", "definitions"}
        or not isinstance(defined, dict)
        or name not in defined
    ):
        return f"$ref not found: {reference}"
    if name in _reached(name, group, defined):
        return "Recursive schemas are not supported"
    return None


def _reached(name: str, group: str, defined: Mapping[str, Any]) -> set[str]:
    """Return the definitions that one leads to, over any number of references."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for node in _nodes(defined.get(waiting.pop(), {})):
            reference = node.get("$ref") if isinstance(node, dict) else None
            if isinstance(reference, str) and reference.startswith(f"#/{group}/"):
                target = reference.removeprefix(f"#/{group}/")
                if target not in found:
                    found.add(target)
                    waiting.append(target)
    return found


def _nodes(schema: Any) -> Iterator[Any]:
    """Walk every schema inside a schema, parents first."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, dict):
            continue
        for group in ("properties", "$defs", "definitions"):
            held = node.get(group)
            waiting.extend(held.values() if isinstance(held, dict) else ())
        for group in ("anyOf", "allOf", "oneOf", "prefixItems"):
            listed = node.get(group)
            waiting.extend(listed if isinstance(listed, list) else ())
        if "items" in node:
            waiting.append(node["items"])
