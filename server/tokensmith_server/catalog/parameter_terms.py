"""The words that parameter schemas are made of: small pieces of JSON Schema (2020-12). Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

Json = dict[str, Any]

INT32_MAX: Final = 2**31 - 1
METADATA_MAX: Final = 16


def text(description: str = "", **keywords: Any) -> Json:
    """A string; ``keywords`` are those of JSON Schema."""
    return _term("string", description, keywords)


def number(description: str = "", **keywords: Any) -> Json:
    """A number, whole or not."""
    return _term("number", description, keywords)


def integer(low: int, high: int, description: str = "", **keywords: Any) -> Json:
    """A whole number from ``low`` to ``high``."""
    return _term("integer", description, {"minimum": low, "maximum": high, **keywords})


def boolean(description: str = "", **keywords: Any) -> Json:
    """True or false."""
    return _term("boolean", description, keywords)


def choice(words: Iterable[str], description: str = "", **keywords: Any) -> Json:
    """One of some words."""
    return _term("string", description, {"enum": list(words), **keywords})


def array(items: Json, description: str = "", **keywords: Any) -> Json:
    """A list of ``items``."""
    return _term("array", description, {"items": items, **keywords})


def mapping(values: Any, description: str = "", **keywords: Any) -> Json:
    """An object with keys of the caller's own; ``values`` is their schema, or ``True``."""
    return _term("object", description, {"additionalProperties": values, **keywords})


def record(
    required: Mapping[str, Any], optional: Mapping[str, Any] | None = None, description: str = ""
) -> Json:
    """An object of known fields. Those that may be left out may also be ``null``."""
    others = {name: nullable(term) for name, term in (optional or {}).items()}
    term = _term("object", description, {"properties": {**required, **others}})
    if required:
        term["required"] = list(required)
    return term | {"additionalProperties": False}


def tagged(
    tag: str, required: Mapping[str, Any], optional: Mapping[str, Any] | None = None
) -> Json:
    """An object that its ``type`` tells apart from others."""
    return record({"type": {"const": tag}, **required}, optional)


def either(terms: Iterable[Json], description: str = "", **keywords: Any) -> Json:
    """Any one of several, or the only one."""
    shapes = list(terms)
    said = {"description": description} if description else {}
    return {**(shapes[0] if len(shapes) == 1 else {"anyOf": shapes}), **said, **keywords}


def only(value: Any, description: str) -> Json:
    """A single value: a setting that offers no choice."""
    return {"const": value, "description": description}


def nullable(term: Any) -> Any:
    """The same, or ``null``."""
    if not isinstance(term, dict) or term in ({}, {"type": "null"}):
        return term
    if "anyOf" in term:
        return term | {"anyOf": [*term["anyOf"], {"type": "null"}]}
    if isinstance(term.get("type"), str):
        values = {"enum": [*term["enum"], None]} if "enum" in term else {}
        return term | {"type": [term["type"], "null"]} | values
    return {"anyOf": [term, {"type": "null"}]}


def model_name(model_id: str, aliases: Iterable[str]) -> Json:
    """The field ``model``: this one, under any of its names."""
    names = [model_id, *aliases]
    named: Json = {"const": model_id} if len(names) == 1 else {"enum": names}
    return {"type": "string", **named, "description": "This model."}


def metadata_pairs(description: str) -> Json:
    """A caller's own labels."""
    return mapping(
        text(maxLength=512),
        description,
        maxProperties=METADATA_MAX,
        propertyNames={"maxLength": 64},
    )


def _term(kind: str, description: str, keywords: Mapping[str, Any]) -> Json:
    said = {"description": description} if description else {}
    return {"type": kind, **said, **keywords}
