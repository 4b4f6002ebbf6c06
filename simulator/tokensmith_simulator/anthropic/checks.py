"""Checks of JSON fields, put together as tables, that refuse in the words of Anthropic's API.

A check takes a value and the path to it and returns nothing, or raises `RefusalError`. Paths are
dotted and name the variant of a tagged object: `messages.0.content.1.image.source`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import NoReturn

from tokensmith_simulator.errors import RefusalError

Check = Callable[[object, str], None]


def refuse(path: str, problem: str) -> NoReturn:
    """Refuse a field with status 400."""
    raise RefusalError(f"{path}: {problem}", param=path)


def anything(value: object, path: str) -> None:
    """Accept any value."""


def boolean(value: object, path: str) -> None:
    """Accept true and false."""
    if not isinstance(value, bool):
        refuse(path, "Input should be a valid boolean")


def mapping(value: object, path: str) -> None:
    """Accept any object."""
    if not isinstance(value, dict):
        refuse(path, "Input should be a valid dictionary")


def optional(check: Check) -> Check:
    """Accept null and what the check accepts."""

    def run(value: object, path: str) -> None:
        if value is not None:
            check(value, path)

    return run


def only_null(value: object, path: str) -> None:
    """Accept null alone: the feature is not played here."""
    if value is not None:
        refuse(path, "This feature is not available for your organization")


def number(low: float, high: float) -> Check:
    """Accept a number within bounds."""

    def run(value: object, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            refuse(path, "Input should be a valid number")
        _check_range(value, path, low, high)

    return run


def integer(low: int) -> Check:
    """Accept an integer that is not below the bound."""

    def run(value: object, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            refuse(path, "Input should be a valid integer")
        _check_range(value, path, low, None)

    return run


def _check_range(value: float, path: str, low: float, high: float | None) -> None:
    if value < low:
        refuse(path, f"Input should be greater than or equal to {low}")
    if high is not None and value > high:
        refuse(path, f"Input should be less than or equal to {high}")


def string(*, least: int = 0, pattern: str | None = None) -> Check:
    """Accept a string of a length at least, matching a pattern."""
    compiled = re.compile(pattern) if pattern else None

    def run(value: object, path: str) -> None:
        if not isinstance(value, str):
            refuse(path, "Input should be a valid string")
        if len(value) < least:
            noun = "character" if least == 1 else "characters"
            refuse(path, f"String should have at least {least} {noun}")
        if compiled and not compiled.search(value):
            refuse(path, f"String should match pattern '{pattern}'")

    return run


def one_of(*values: str) -> Check:
    """Accept one of a few strings."""

    def run(value: object, path: str) -> None:
        if value not in values:
            refuse(path, f"Input should be {_either(values)}")

    return run


def _either(values: Collection[str]) -> str:
    quoted = [f"'{value}'" for value in values]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + f" or {quoted[-1]}"


def array(item: Check, *, least: int = 0, most: int | None = None) -> Check:
    """Accept a list whose every item the check accepts."""

    def run(value: object, path: str) -> None:
        if not isinstance(value, list):
            refuse(path, "Input should be a valid list")
        if len(value) < least:
            refuse(path, f"List should have at least {least} item after validation, not 0")
        if most is not None and len(value) > most:
            refuse(path, f"List should have at most {most} items after validation")
        for index, entry in enumerate(value):
            item(entry, f"{path}.{index}")

    return run


def structure(fields: Mapping[str, Check], *, required: Collection[str] = ()) -> Check:
    """Accept an object with these fields only."""

    def run(value: object, path: str) -> None:
        if not isinstance(value, dict):
            refuse(path or "body", "Input should be a valid dictionary")
        prefix = f"{path}." if path else ""
        for key in required:
            if key not in value:
                refuse(prefix + key, "Field required")
        for key, entry in value.items():
            if key not in fields:
                refuse(prefix + key, "Extra inputs are not permitted")
            fields[key](entry, prefix + key)

    return run


def tagged(variants: Mapping[str, Check], *, default: str | None = None) -> Check:
    """Accept an object whose `type` says which of the checks applies."""
    expected = ", ".join(f"'{tag}'" for tag in variants)

    def run(value: object, path: str) -> None:
        if not isinstance(value, dict):
            refuse(path, "Input should be a valid dictionary or object to extract fields from")
        tag = value.get("type")
        tag = default if tag is None and default else tag
        if tag is None:
            refuse(path, "Unable to extract tag using discriminator 'type'")
        if not isinstance(tag, str) or tag not in variants:
            refuse(
                path,
                f"Input tag '{tag}' found using 'type' does not match any of the expected tags: "
                f"{expected}",
            )
        variants[tag](value, f"{path}.{tag}")

    return run


def text_or(blocks: Check) -> Check:
    """Accept a string, or a list of blocks."""

    def run(value: object, path: str) -> None:
        if isinstance(value, list):
            blocks(value, path)
        elif not isinstance(value, str):
            refuse(path, "Input should be a valid string or a valid list")

    return run
