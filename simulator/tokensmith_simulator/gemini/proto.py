"""Reading JSON as Google's APIs read it: as a protocol buffer message.

Names may be camelCase or snake_case, null means absent, numbers may come as strings, and enum names
in any case. Everything that is wrong is collected and refused at once, in the words that Google's
transcoder uses. What is returned has camelCase names, upper-case enums, and standard base64.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import msgspec

from tokensmith_simulator.errors import RefusalError

_PACKAGE: Final = "type.googleapis.com/google.ai.generativelanguage.v1beta."
_UPPER: Final = re.compile(r"(?<!^)([A-Z])")
_SNAKE: Final = re.compile(r"_([a-z])")


class Report:
    """What is wrong with a message, in the order of its fields."""

    def __init__(self) -> None:
        self._violations: list[dict[str, str]] = []

    def add(self, path: str, description: str) -> None:
        """Note a problem with a field."""
        field = {"field": path} if path else {}
        self._violations.append({**field, "description": description})

    def refuse(self) -> None:
        """Refuse the message if anything is wrong with it.

        Raises:
            RefusalError: Something is; every problem is in the text and in the details.
        """
        if self._violations:
            details = {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": self._violations,
            }
            text = "\n".join(violation["description"] for violation in self._violations)
            raise RefusalError(text, details=[details])


Reader = Callable[[Any, str, Report], Any]


def read_message(reader: Reader, value: Any) -> Any:
    """Read a whole message.

    Raises:
        RefusalError: It is not one; the text lists every problem.
    """
    report = Report()
    read = reader(value, "", report)
    report.refuse()
    return read


def snake(name: str) -> str:
    """Return the name of a field as error messages have it."""
    return _UPPER.sub(lambda found: f"_{found[1].lower()}", name)


def camel(name: str) -> str:
    """Return the name of a field as JSON has it."""
    return _SNAKE.sub(lambda found: found[1].upper(), name)


def _invalid(value: Any, path: str, kind: str, report: Report) -> None:
    try:
        shown = msgspec.json.encode(value).decode()[:200]
    except (TypeError, ValueError, msgspec.MsgspecError):
        shown = "..."
    report.add(path, f"Invalid value at '{path}' ({kind}), {shown}")


def text(value: Any, path: str, report: Report) -> Any:
    """Read a string."""
    if not isinstance(value, str):
        _invalid(value, path, "TYPE_STRING", report)
    return value


def boolean(value: Any, path: str, report: Report) -> Any:
    """Read true or false."""
    if not isinstance(value, bool):
        _invalid(value, path, "TYPE_BOOL", report)
    return value


def integer(value: Any, path: str, report: Report) -> Any:
    """Read an integer of 32 bits, which may be a string or a whole decimal."""
    number = _to_number(value)
    if number is None or number != int(number) or not -(2**31) <= number < 2**31:
        _invalid(value, path, "TYPE_INT32", report)
        return 0
    return int(number)


def decimal(value: Any, path: str, report: Report) -> Any:
    """Read a number, which may be a string."""
    number = _to_number(value)
    if number is None:
        _invalid(value, path, "TYPE_DOUBLE", report)
        return 0.0
    return number


def _to_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) != float("inf") and number == number else None  # noqa: PLR0124


def data(value: Any, path: str, report: Report) -> Any:
    """Read bytes: base64 with either alphabet, with or without padding."""
    if isinstance(value, str):
        standard = value.replace("-", "+").replace("_", "/").rstrip("=")
        standard += "=" * (-len(standard) % 4)
        try:
            base64.b64decode(standard, validate=True)
        except (binascii.Error, ValueError):
            shown = value[:40]
            problem = f'(TYPE_BYTES), Base64 decoding failed for "{shown}"'
            report.add(path, f"Invalid value at '{path}' {problem}")
        return standard
    _invalid(value, path, "TYPE_BYTES", report)
    return ""


def struct(value: Any, path: str, report: Report) -> Any:
    """Read any object."""
    if not isinstance(value, dict):
        _invalid(value, path, "type.googleapis.com/google.protobuf.Struct", report)
        return {}
    return value


def anything(value: Any, path: str, report: Report) -> Any:
    """Read any JSON value."""
    return value


def enum(kind: str, *names: str) -> Reader:
    """Read one of an enum's names, in any case."""

    def read(value: Any, path: str, report: Report) -> Any:
        if not isinstance(value, str) or value.upper() not in names:
            _invalid(value, path, _PACKAGE + kind, report)
        return value.upper() if isinstance(value, str) else value

    return read


def repeated(item: Reader) -> Reader:
    """Read a list."""

    def read(value: Any, path: str, report: Report) -> Any:
        if not isinstance(value, list):
            _invalid(value, path, "repeated field", report)
            return []
        return [item(entry, f"{path}[{index}]", report) for index, entry in enumerate(value)]

    return read


def mapped(item: Reader) -> Reader:
    """Read an object with any keys."""

    def read(value: Any, path: str, report: Report) -> Any:
        if not isinstance(value, dict):
            _invalid(value, path, "map field", report)
            return {}
        return {
            key: item(entry, f"{path}[{index}].value", report)
            for index, (key, entry) in enumerate(value.items())
        }

    return read


def message(
    kind: str, fields: Mapping[str, Reader], *, oneof: Collection[str] = (), group: str = "data"
) -> Reader:
    """Read an object with these fields only; of a `oneof` at most one."""

    def read(value: Any, path: str, report: Report) -> Any:
        if isinstance(value, list):
            parent, _, name = path.rpartition(".")
            where = f" at '{parent}'" if parent else ""
            report.add(
                path,
                f'Invalid JSON payload received. Unknown name "{name}"{where}: Proto field is '
                "not repeating, cannot start list.",
            )
            return {}
        if not isinstance(value, dict):
            _invalid(value, path, _PACKAGE + kind, report)
            return {}
        found: dict[str, Any] = {}
        for key, entry in value.items():
            name = key if key in fields else camel(key)
            if name not in fields:
                where = f" at '{path}'" if path else ""
                report.add(
                    path,
                    f'Invalid JSON payload received. Unknown name "{key}"{where}: '
                    "Cannot find field.",
                )
            elif entry is not None:
                prefix = f"{path}." if path else ""
                found[name] = fields[name](entry, prefix + snake(name), report)
        present = [name for name in oneof if name in found]
        if len(present) > 1:
            report.add(
                path,
                f"Invalid value at '{path}' (oneof), oneof field '{group}' is already set. "
                f"Cannot set '{present[1]}'",
            )
        return found

    return read
