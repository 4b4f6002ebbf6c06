"""Checks of JSON fields, put together as tables, that refuse with OpenAI's words and codes.

A check takes a value and the path to it and returns nothing, or raises `RefusalError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn

from tokensmith_simulator.errors import RefusalError

Check = Callable[[Any, str], None]

_NOUNS = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def refuse(message: str, param: str | None, code: str | None = None) -> NoReturn:
    """Refuse a request with status 400 and type `invalid_request_error`."""
    raise RefusalError(message, param=param, code=code)


def refuse_type(value: object, path: str, expected: str) -> NoReturn:
    """Refuse a value of the wrong JSON type."""
    got = _NOUNS.get(type(value), "something else")
    refuse(
        f"Invalid type for '{path}': expected {expected}, but got {got} instead.",
        path,
        "invalid_type",
    )


def anything(value: object, path: str) -> None:
    """Accept any value."""


def boolean(value: object, path: str) -> None:
    """Accept true and false."""
    if not isinstance(value, bool):
        refuse_type(value, path, "a boolean")


def optional(check: Check) -> Check:
    """Accept null and what the check accepts."""

    def run(value: object, path: str) -> None:
        if value is not None:
            check(value, path)

    return run


def number(low: float | None = None, high: float | None = None) -> Check:
    """Accept a number within bounds."""

    def run(value: object, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            refuse_type(value, path, "a decimal")
        _check_range(value, path, low, high, "decimal")

    return run


def integer(low: int | None = None, high: int | None = None) -> Check:
    """Accept an integer within bounds; a decimal is not one, even 1.0."""

    def run(value: object, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            refuse_type(value, path, "an integer")
        _check_range(value, path, low, high, "integer")

    return run


def _check_range(value: float, path: str, low: float | None, high: float | None, noun: str) -> None:
    if low is not None and value < low:
        refuse(
            f"Invalid '{path}': {noun} below minimum value. Expected a value >= {low}, "
            f"but got {value} instead.",
            path,
            f"{noun}_below_min_value",
        )
    if high is not None and value > high:
        refuse(
            f"Invalid '{path}': {noun} above maximum value. Expected a value <= {high}, "
            f"but got {value} instead.",
            path,
            f"{noun}_above_max_value",
        )


def string(*, most: int | None = None, least: int = 0, pattern: str | None = None) -> Check:
    """Accept a string within a length, all of it matching the pattern."""
    compiled = re.compile(pattern) if pattern else None

    def run(value: object, path: str) -> None:
        if not isinstance(value, str):
            refuse_type(value, path, "a string")
        if most is not None and len(value) > most:
            refuse(
                f"Invalid '{path}': string too long. Expected a string with maximum length "
                f"{most}, but got a string with length {len(value)} instead.",
                path,
                "string_above_max_length",
            )
        if len(value) < least:
            refuse(
                f"Invalid '{path}': empty string. Expected a string with minimum length {least}, "
                "but got an empty string instead.",
                path,
                "empty_string",
            )
        if compiled and not compiled.fullmatch(value):
            refuse(
                f"Invalid '{path}': string does not match pattern. Expected a string that "
                f"matches the pattern '^{pattern}$'.",
                path,
                "invalid_value",
            )

    return run


def one_of(*values: str) -> Check:
    """Accept one of a few strings."""

    def run(value: object, path: str) -> None:
        if not isinstance(value, str):
            refuse_type(value, path, f"one of {_list(values)}")
        if value not in values:
            refuse_value(value, path, values)

    return run


def refuse_value(value: object, path: str, supported: Collection[str]) -> NoReturn:
    """Refuse a string that is not one of those supported."""
    refuse(
        f"Invalid value: '{value}'. Supported values are: {_list(supported)}.",
        path,
        "invalid_value",
    )


def _list(values: Collection[str]) -> str:
    quoted = [f"'{value}'" for value in values]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + f", and {quoted[-1]}"


def array(item: Check, *, least: int = 0, most: int | None = None) -> Check:
    """Accept a list whose every item the check accepts."""

    def run(value: object, path: str) -> None:
        if not isinstance(value, list):
            refuse_type(value, path, "an array")
        if len(value) < least:
            refuse(
                f"Invalid '{path}': empty array. Expected an array with minimum length {least}, "
                "but got an empty array instead.",
                path,
                "empty_array",
            )
        if most is not None and len(value) > most:
            refuse(
                f"Invalid '{path}': array too long. Expected an array with maximum length "
                f"{most}, but got an array with length {len(value)} instead.",
                path,
                "array_above_max_length",
            )
        for index, entry in enumerate(value):
            item(entry, f"{path}[{index}]")

    return run


def string_map(value_check: Check, *, most: int | None = None, key_most: int = 1024) -> Check:
    """Accept an object with any keys whose values the check accepts."""

    def run(value: object, path: str) -> None:
        if not isinstance(value, dict):
            refuse_type(value, path, "an object")
        if most is not None and len(value) > most:
            refuse(
                f"Invalid '{path}': too many properties. Expected an object with at most {most} "
                f"properties, but got {len(value)} instead.",
                path,
                "object_above_max_properties",
            )
        for key, entry in value.items():
            if len(key) > key_most:
                refuse(f"Invalid '{path}': key too long.", path, "string_above_max_length")
            value_check(entry, f"{path}.{key}")

    return run


def structure(fields: Mapping[str, Check], *, required: Collection[str] = ()) -> Check:
    """Accept an object with these fields only; an unknown one is refused by its path."""

    def run(value: object, path: str) -> None:
        if not isinstance(value, dict):
            refuse_type(value, path, "an object")
        prefix = f"{path}." if path else ""
        for key in value:
            if key not in fields:
                refuse(f"Unknown parameter: '{prefix}{key}'.", prefix + key, "unknown_parameter")
        for key in required:
            if key not in value:
                refuse(
                    f"Missing required parameter: '{prefix}{key}'.",
                    prefix + key,
                    "missing_required_parameter",
                )
        for key, entry in value.items():
            fields[key](entry, prefix + key)

    return run


def tagged(key: str, variants: Mapping[str, Check]) -> Check:
    """Accept an object whose `key` says which of the checks applies."""

    def run(value: object, path: str) -> None:
        if not isinstance(value, dict):
            refuse_type(value, path, "an object")
        where = f"{path}.{key}"
        if key not in value:
            refuse(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
        tag = value[key]
        if not isinstance(tag, str) or tag not in variants:
            refuse_value(tag, where, variants)
        variants[tag](value, path)

    return run


def either(expected: str, **checks: Check) -> Check:
    """Accept a value by its JSON type: keywords are `string`, `array`, `object`, `null`."""
    names: dict[type, str] = {str: "string", list: "array", dict: "object", type(None): "null"}

    def run(value: object, path: str) -> None:
        check = checks.get(names.get(type(value), ""))
        if check is None:
            refuse_type(value, path, expected)
        check(value, path)

    return run
