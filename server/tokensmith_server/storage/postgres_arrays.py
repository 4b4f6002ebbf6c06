"""Columns of rows as PostgreSQL array literals, built at the speed of ``str.join``.

Whole columns travel as one parameter each and are taken apart by ``unnest`` on the server.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final


def text_array(values: Sequence[str | None]) -> bytes:
    """A ``text[]`` literal."""
    try:
        joined = '","'.join(values)  # type: ignore[arg-type]
    except TypeError:  # A null among them.
        return _careful_text_array(values)
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        return _careful_text_array(values)
    return b'{"%b"}' % joined.encode() if values else b"{}"


def integer_array(values: Sequence[int | None]) -> bytes:
    """A ``bigint[]`` literal."""
    return b"{%b}" % repr(list(values))[1:-1].replace("None", "NULL").encode()


def bytes_array(values: Sequence[bytes | None]) -> bytes:
    """A ``bytea[]`` literal."""
    items = ["NULL" if value is None else f'"\\\\x{value.hex()}"' for value in values]
    return b"{%b}" % ",".join(items).encode()


def _careful_text_array(values: Sequence[str | None]) -> bytes:
    items = [
        "NULL" if value is None else '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"')
        for value in values
    ]
    return b"{%b}" % ",".join(items).encode()


_BYTES: Final = frozenset({"fingerprint", "payload"})
_INTEGER_SUFFIXES: Final = ("_microcredits", "_microseconds", "_tokens")
_INTEGERS: Final = frozenset({
    "stream", "units", "usage_estimated", "number", "http_status", "sequence", "keyed",
    "last_sequence",
})  # fmt: skip

Encode = Callable[[Sequence[Any]], bytes]


def column_type(column: str) -> tuple[str, Encode]:
    """The array type of a column of the ledger's tables, and what writes its literals."""
    if column in _BYTES:
        return "bytea[]", bytes_array
    if column in _INTEGERS or column.endswith(_INTEGER_SUFFIXES):
        return "bigint[]", integer_array
    return "text[]", text_array
