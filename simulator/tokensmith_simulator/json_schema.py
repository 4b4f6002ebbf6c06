"""Write a JSON value that a JSON Schema accepts: tool arguments and structured answers.

Covers type, enum, const, properties, required, minProperties, additionalProperties, items,
prefixItems, minItems, maxItems, uniqueItems, numeric bounds, multipleOf, string lengths, pattern,
the common formats, anyOf, oneOf (one branch is taken; that the others refuse it is not checked),
allOf and local `$ref`. `not` and `if` are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from tokensmith_simulator.pattern import PatternError, sample_pattern
from tokensmith_simulator.schema_merge import (
    SchemaError,
    implied_type,
    merge_schemas,
    schema_types,
)
from tokensmith_simulator.schema_numbers import generate_number

if TYPE_CHECKING:
    from tokensmith_simulator.dice import Dice

__all__ = ["SchemaError", "generate_value"]

_SHALLOW = 4  # Below this depth optional fields and long arrays are left out.
_STEP_LIMIT = 20_000
_DEPTH_LIMIT = 40
_TRIES = 400
_TEXT_LIMIT = 100_000

_FORMATS: Final = {
    "date-time": "2026-11-21T10:{:02d}:00Z",
    "date": "2026-11-{:02d}",
    "time": "10:{:02d}:00Z",
    "duration": "PT{}M",
    "email": "person{}@example.com",
    "hostname": "host{}.example.com",
    "ipv4": "192.0.2.{}",
    "ipv6": "2001:db8::{}",
    "uuid": "6f1e0d2c-3b4a-4958-8776-6554433221{:02d}",
    "uri": "https://example.com/{}",
    "url": "https://example.com/{}",
}

Schema = Mapping[str, Any] | bool


def generate_value(schema: Schema, dice: Dice, hints: Sequence[str] = ()) -> Any:
    """Return a value that the schema accepts.

    Args:
        schema: The JSON Schema, which is also the document that `$ref` points into.
        dice: Decides between the values that would do.
        hints: Words for strings that may be anything.

    Raises:
        SchemaError: The schema has no value that this generator can find.
    """
    try:
        return _Generator(schema, dice, hints).value(schema, 0, "")
    except (TypeError, AttributeError, KeyError, IndexError, OverflowError) as error:
        raise SchemaError("the schema is not a well-formed JSON Schema") from error


class _Generator:
    """One generation: the root for references, and a budget against schemas without end."""

    def __init__(self, root: Schema, dice: Dice, hints: Sequence[str]) -> None:
        self._root = root
        self._dice = dice
        self._hints = list(hints)
        self._steps = 0

    def value(self, schema: Schema, depth: int, name: str) -> Any:
        self._steps += 1
        if depth > _DEPTH_LIMIT or self._steps > _STEP_LIMIT:
            raise SchemaError("the schema has no end")
        if isinstance(schema, bool):
            if not schema:
                raise SchemaError("the schema 'false' accepts nothing")
            return self._text(name, 0, None)
        schema = self._flatten(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._enumerated(schema)
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return self._branch(schema, union, depth, name)
        return self._typed(schema, depth, name)

    def _flatten(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow `$ref` and fold `allOf` into the schema itself."""
        for _ in range(_DEPTH_LIMIT):
            if "$ref" in schema:
                rest = {key: item for key, item in schema.items() if key != "$ref"}
                schema = merge_schemas(self._resolve(schema["$ref"]), rest)
            elif "allOf" in schema:
                merged = {key: item for key, item in schema.items() if key != "allOf"}
                for part in schema["allOf"]:
                    merged = merge_schemas(merged, self._flatten(_as_mapping(part)))
                schema = merged
            else:
                return schema
        raise SchemaError("references without end")

    def _resolve(self, reference: str) -> Mapping[str, Any]:
        if not reference.startswith("#"):
            raise SchemaError(f"only local references are followed, not {reference!r}")
        node: Any = self._root
        for step in reference[1:].split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            try:
                node = node[int(key)] if isinstance(node, list) else node[key]
            except (KeyError, IndexError, ValueError, TypeError):
                raise SchemaError(f"reference {reference!r} points to nothing") from None
        return _as_mapping(node)

    def _enumerated(self, schema: Mapping[str, Any]) -> Any:
        types = schema_types(schema)
        options = [
            option
            for option in schema["enum"]
            if types is None or any(_is_type(option, kind) for kind in types)
        ]
        if not options:
            raise SchemaError("no enum value has the schema's type")
        return self._dice.pick(options)

    def _branch(self, schema: Mapping[str, Any], union: str, depth: int, name: str) -> Any:
        rest = {key: item for key, item in schema.items() if key != union}
        branches = list(schema[union])
        if not branches:
            raise SchemaError(f"an empty {union} accepts nothing")
        start = self._dice.below(len(branches))
        ordered = branches[start:] + branches[:start]
        if depth >= _SHALLOW:
            ordered.sort(key=_weight)
        failure: SchemaError | None = None
        for branch in ordered:
            try:
                merged = merge_schemas(rest, _as_mapping(branch))
                return self.value(merged, depth + 1, name)
            except SchemaError as error:
                failure = error
        raise failure or SchemaError(f"no branch of {union} has a value")

    def _typed(self, schema: Mapping[str, Any], depth: int, name: str) -> Any:
        kinds = schema_types(schema) or [implied_type(schema)]
        deep = depth >= _SHALLOW
        ordered = sorted(kinds, key=lambda kind: (kind == "null") != deep)
        failure: SchemaError | None = None
        for kind in ordered:
            try:
                return self._of_type(kind, schema, depth, name)
            except SchemaError as error:
                failure = error
        raise failure or SchemaError("an empty list of types accepts nothing")

    def _of_type(self, kind: str, schema: Mapping[str, Any], depth: int, name: str) -> Any:
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth, name)
        if kind == "string":
            return self._string(schema, name)
        if kind in {"integer", "number"}:
            return generate_number(schema, self._dice, whole=kind == "integer")
        if kind == "boolean":
            return self._dice.below(2) == 1
        if kind == "null":
            return None
        raise SchemaError(f"{kind!r} is not a JSON Schema type")

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = list(schema.get("required") or ())
        if not isinstance(properties, dict) or not all(isinstance(key, str) for key in required):
            raise SchemaError("'properties' must be an object and 'required' a list of names")
        most = schema.get("maxProperties")
        chosen = {key: self._property(schema, key, depth) for key in required}
        for key in properties:
            full = most is not None and len(chosen) >= most
            if key in chosen or full or depth >= _SHALLOW:
                continue
            try:
                chosen[key] = self.value(properties[key], depth + 1, key)
            except SchemaError:
                continue  # Optional, and impossible: left out.
        self._fill(schema, chosen, depth)
        if most is not None and len(chosen) > most:
            raise SchemaError("more properties are required than allowed")
        order = [key for key in properties if key in chosen]
        return {key: chosen[key] for key in [*order, *(key for key in chosen if key not in order)]}

    def _property(self, schema: Mapping[str, Any], key: str, depth: int) -> Any:
        properties = schema.get("properties") or {}
        if key in properties:
            return self.value(properties[key], depth + 1, key)
        return self.value(schema.get("additionalProperties", True), depth + 1, key)

    def _fill(self, schema: Mapping[str, Any], chosen: dict[str, Any], depth: int) -> None:
        """Add properties, declared ones first, until `minProperties` is met."""
        least = schema.get("minProperties", 0)
        for key in schema.get("properties") or {}:
            if len(chosen) >= least:
                return
            if key not in chosen:
                chosen[key] = self._property(schema, key, depth)
        for number in range(1, least + 1):
            if len(chosen) >= least:
                return
            chosen.setdefault(f"key_{number}", self._property(schema, f"key_{number}", depth))

    def _array(self, schema: Mapping[str, Any], depth: int, name: str) -> list[Any]:
        least = schema.get("minItems", 0)
        most = schema.get("maxItems")
        prefix = schema.get("prefixItems") or ()
        rest: Schema = schema.get("items", True)
        wanted = max(least, 0 if depth >= _SHALLOW else 1 + self._dice.below(2), len(prefix))
        count = wanted if most is None else min(wanted, most)
        if count < least:
            raise SchemaError("minItems is above maxItems")
        items: list[Any] = []
        for index in range(count):
            item_schema = prefix[index] if index < len(prefix) else rest
            try:
                items.append(self._item(schema, item_schema, items, depth, name))
            except SchemaError:
                if len(items) >= least:
                    break
                raise
        return items

    def _item(
        self, array: Mapping[str, Any], schema: Schema, before: list[Any], depth: int, name: str
    ) -> Any:
        if "contains" in array and not before:
            asked = self._flatten(_as_mapping(array["contains"]))
            schema = merge_schemas(self._flatten(_as_mapping(schema)), asked)
        if not array.get("uniqueItems"):
            return self.value(schema, depth + 1, name)
        for _ in range(_TRIES):
            item = self.value(schema, depth + 1, name)
            if item not in before:
                return item
            if isinstance(item, str) and self._free_text(schema):
                return f"{item} {len(before) + 1}"
        raise SchemaError("not enough different values for uniqueItems")

    def _free_text(self, schema: Schema) -> bool:
        if isinstance(schema, bool):
            return True
        flat = self._flatten(schema)
        return not flat.keys() & {
            "enum",
            "const",
            "pattern",
            "format",
            "maxLength",
            "anyOf",
            "oneOf",
        }

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        least, most = schema.get("minLength", 0), schema.get("maxLength")
        if most is not None and most < least:
            raise SchemaError("minLength is above maxLength")
        if least > _TEXT_LIMIT:
            raise SchemaError("minLength is more than this model writes")
        if "pattern" in schema:
            try:
                return sample_pattern(schema["pattern"], self._dice, least=least, most=most)
            except PatternError as error:
                raise SchemaError(str(error)) from error
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]].format(10 + self._dice.below(19))
        return self._text(name, least, most)

    def _text(self, name: str, least: int, most: int | None) -> str:
        text = self._dice.pick(self._hints) if self._hints else f"sample {name}".strip()
        if len(text) < least:
            text += "x" * (least - len(text))
        return text if most is None else text[:most]


def _as_mapping(schema: Schema) -> Mapping[str, Any]:
    """Write the schemas `true` and `false` as objects: everything, and nothing at all."""
    if isinstance(schema, bool):
        return {} if schema else {"enum": []}
    return schema


def _is_type(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int | float) and kind in {"integer", "number"}:
        return kind == "number" or float(value).is_integer()
    names: dict[str, type] = {"string": str, "array": list, "object": dict, "null": type(None)}
    return kind in names and isinstance(value, names[kind])


def _weight(branch: Schema) -> int:
    """Order branches by how soon they end: null and scalars, then arrays, then the rest."""
    if isinstance(branch, bool):
        return 0
    kind = branch.get("type")
    if "const" in branch or "enum" in branch or kind == "null":
        return 0
    if kind in {"string", "integer", "number", "boolean"}:
        return 1
    return 2 if kind == "array" and not branch.get("minItems") else 3
