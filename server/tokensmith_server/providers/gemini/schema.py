"""From a client's JSON Schema to the part of it that Gemini takes. Pure.

``parametersJsonSchema`` and ``responseJsonSchema`` take JSON Schema, but act upon a part of its
keywords alone. (The older ``parameters`` and ``responseSchema`` take a subset of OpenAPI, which is
less, and answer 400 to the rest.) Each keyword meets one of these fates:

======================================  ==========================================================
Kept                                    ``$id $defs $ref $anchor type format title description
                                        enum items prefixItems minItems maxItems minimum maximum
                                        anyOf oneOf properties additionalProperties required
                                        propertyOrdering``; Gemini treats oneOf as anyOf
Said otherwise, same meaning            ``const`` is an enum of one, ``definitions`` are ``$defs``,
                                        ``allOf`` of one is that one, OpenAPI's ``nullable`` is a
                                        type, exclusive bounds of an integer are bounds, a ``$ref``
                                        into the schema itself becomes one to a ``$defs``; what
                                        stands beside a ``$ref``, where only ``$`` keywords may, is
                                        put around it
Left out, no meaning for the answer     ``$schema $comment $vocabulary default deprecated examples
                                        example readOnly writeOnly contentEncoding
                                        contentMediaType discriminator externalDocs xml`` and
                                        extensions (``x-...``)
Put into the description                every other keyword (``pattern``, ``multipleOf``, ``not``
                                        ...), as a wish that the model reads but nothing enforces
======================================  ==========================================================

A schema that an answer *must* follow (``strict``) has no room for wishes: ``first_wish`` finds the
keyword to refuse the request by.
"""

import re
from typing import Any, Final

import msgspec

Json = dict[str, Any]

_KEPT: Final = frozenset(
    {
        "$anchor",
        "$id",
        "description",
        "enum",
        "format",
        "maxItems",
        "maximum",
        "minItems",
        "minimum",
        "propertyOrdering",
        "required",
        "title",
        "type",
    }
)
_WITHOUT_MEANING: Final = frozenset(
    {
        "$comment",
        "$schema",
        "$vocabulary",
        "contentEncoding",
        "contentMediaType",
        "default",
        "deprecated",
        "discriminator",
        "example",
        "examples",
        "externalDocs",
        "readOnly",
        "writeOnly",
        "xml",
    }
)
_ONE: Final = frozenset({"items", "additionalProperties"})
_LISTS: Final = frozenset({"anyOf", "oneOf", "prefixItems"})
_MAPS: Final = {"properties": "properties", "$defs": "$defs", "definitions": "$defs"}
_WISH_CHARACTERS_MAX: Final = 500

_encode = msgspec.json.Encoder().encode

_DEFINED: Final = re.compile(r"#/(?:\$defs|definitions)/([^/]+)")
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_]+")


def to_gemini_schema(schema: Json) -> Json:
    """Return the schema as Gemini takes it; what it can't enforce is said in descriptions."""
    return _Conversion(schema).run()


def to_parameters_schema(schema: Json) -> Json:
    """Return a function's schema as Gemini takes it: always an object's."""
    converted = _Conversion(schema).run()
    converted.setdefault("type", "object")
    return _around_reference(converted)


def first_wish(schema: Json) -> str | None:
    """Return the first keyword that Gemini can't enforce; ``None`` if it can enforce the whole."""
    conversion = _Conversion(schema)
    conversion.run()
    return conversion.wishes[0] if conversion.wishes else None


def has_parameters(schema: Json) -> bool:
    """Whether a function's schema describes any parameter; one that describes none is left out."""
    described = ("properties", "additionalProperties", "$ref", "anyOf", "oneOf", "allOf")
    return any(schema.get(keyword) for keyword in described)


class _Conversion:
    """One schema's way, with what its parts have in common."""

    def __init__(self, root: Json) -> None:
        self.wishes: list[str] = []
        """Keywords that were put into descriptions."""
        self._root = root
        self._pointers: dict[str, str] = {}  # Names of new definitions, by what they stand for.

    def run(self) -> Json:
        converted = self._convert(self._root)
        done: set[str] = set()
        while waiting := self._pointers.keys() - done:
            for pointer in sorted(waiting):
                found = self._convert(_find(self._root, pointer))
                converted.setdefault("$defs", {})[self._pointers[pointer]] = found
            done |= waiting
        return converted

    def _convert(self, schema: Any) -> Json:
        if not isinstance(schema, dict):
            return {}  # ``true``: anything; ``false`` makes sense to no model.
        converted: Json = {}
        wishes: list[str] = []
        for keyword, value in schema.items():
            if keyword in _KEPT:
                converted[keyword] = value
            elif keyword in _WITHOUT_MEANING or keyword.startswith("x-"):
                continue
            elif not (
                (keyword == "$ref" and self._add_reference(converted, value))
                or self._add_nested(converted, keyword, value)
                or self._add_merged(converted, keyword, value)
                or _is_said_otherwise(keyword, value, schema)
            ):
                self.wishes.append(keyword)
                wishes.append(_wish(keyword, value))
        _say_otherwise(converted, schema)
        if wishes:
            said = converted.get("description")
            lead = f"{said}\n" if isinstance(said, str) and said else ""
            converted["description"] = lead + "Must also satisfy: " + "; ".join(wishes)
        return _around_reference(converted)

    def _add_reference(self, converted: Json, value: Any) -> bool:
        """Add a reference if it leads to a part of the schema; say whether it does."""
        if not isinstance(value, str) or _find(self._root, value) is None:
            return False
        defined = _DEFINED.fullmatch(value)
        if value == "#":
            name = "#"
        elif defined:
            name = f"#/$defs/{defined[1]}"
        else:
            named = self._pointers.setdefault(value, _NOT_IN_NAMES.sub("_", value[2:]))
            name = f"#/$defs/{named}"
        converted["$ref"] = name
        return True

    def _add_nested(self, converted: Json, keyword: str, value: Any) -> bool:
        """Convert a keyword that holds schemas; say whether it was one."""
        if keyword == "items" and isinstance(value, list):
            keyword = "prefixItems"  # What older drafts call it.
        if keyword in _ONE:
            converted[keyword] = value if isinstance(value, bool) else self._convert(value)
            return True
        if keyword in _LISTS and isinstance(value, list):
            converted[keyword] = [self._convert(item) for item in value]
            return True
        if keyword in _MAPS and isinstance(value, dict):
            inner = {name: self._convert(item) for name, item in value.items()}
            converted.setdefault(_MAPS[keyword], {}).update(inner)
            return True
        return False

    def _add_merged(self, converted: Json, keyword: str, value: Any) -> bool:
        """Merge an ``allOf`` of one into what it stands in; say whether it was one."""
        if keyword != "allOf" or not isinstance(value, list) or len(value) != 1:
            return False
        for inner_keyword, inner in self._convert(value[0]).items():
            converted.setdefault(inner_keyword, inner)
        return True


def _find(root: Json, pointer: str) -> Any:
    """Return what a JSON pointer in a reference leads to; ``None`` for nothing."""
    if not pointer.startswith("#"):
        return None
    found: Any = root
    for step in pointer[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found


def _is_said_otherwise(keyword: str, value: Any, schema: Json) -> bool:
    match keyword:
        case "const":
            return True
        case "nullable":
            return not value or isinstance(schema.get("type"), str)
        case "exclusiveMinimum" | "exclusiveMaximum":
            return schema.get("type") == "integer" and type(value) is int
        case _:
            return False


def _say_otherwise(converted: Json, schema: Json) -> None:
    """Say in Gemini's keywords what others said; ``_is_said_otherwise`` has judged which."""
    if "const" in schema:
        converted["enum"] = [schema["const"]]
    if schema.get("nullable") and isinstance(schema.get("type"), str):
        converted["type"] = [schema["type"], "null"]
    low, high = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if schema.get("type") == "integer":
        if type(low) is int:
            converted["minimum"] = max(low + 1, _number(schema.get("minimum"), low + 1))
        if type(high) is int:
            converted["maximum"] = min(high - 1, _number(schema.get("maximum"), high - 1))


def _number(value: Any, otherwise: int) -> int | float:
    return value if isinstance(value, int | float) else otherwise


def _wish(keyword: str, value: Any) -> str:
    return f"{keyword} {_encode(value).decode()[:_WISH_CHARACTERS_MAX]}"


def _around_reference(converted: Json) -> Json:
    """Put what stands beside a reference around it: beside it only ``$`` keywords may stand."""
    if "$ref" not in converted or all(keyword.startswith("$") for keyword in converted):
        return converted
    around = {keyword: value for keyword, value in converted.items() if keyword != "$ref"}
    around["anyOf"] = [{"$ref": converted["$ref"]}]
    return around
