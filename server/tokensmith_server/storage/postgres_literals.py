"""Values and whole columns as PostgreSQL literals, built at the speed of ``str.join``.

Whole columns travel as one parameter each and are taken apart by ``unnest`` on the server.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tokensmith_server.storage.errors import WriteRefused


def text_array(values: Sequence[str | None]) -> bytes:
    """A ``text[]`` literal.

    Raises:
        WriteRefused: as ``encoded``.
    """
    try:
        joined = '","'.join(values)  # type: ignore[arg-type]
    except TypeError:  # A null among them.
        return _careful_text_array(values)
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        return _careful_text_array(values)
    return b'{"%b"}' % encoded(joined) if values else b"{}"


def encoded(text: str) -> bytes:
    """Text as the server takes it. It would be sent up to a NUL, and kept without the rest.

    Raises:
        WriteRefused: it has a NUL, or half of a character.
    """
    # Quick in text, and not so in bytes.
    if "\0" in text:
        raise WriteRefused("NUL in a text")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise WriteRefused("half of a character in a text") from None


def integer_array(values: Sequence[int | None]) -> bytes:
    """A ``bigint[]`` literal."""
    return b"{%b}" % repr(list(values))[1:-1].replace("None", "NULL").encode()


def bytes_array(values: Sequence[bytes | None]) -> bytes:
    """A ``bytea[]`` literal."""
    items = ["NULL" if value is None else f'"\\\\x{value.hex()}"' for value in values]
    return b"{%b}" % ",".join(items).encode()


def _careful_text_array(values: Sequence[str | None]) -> bytes:
    items = ["NULL" if value is None else f'"{_escaped(value)}"' for value in values]
    return b"{%b}" % encoded(",".join(items))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _text(value: str | None) -> bytes | None:
    return None if value is None else encoded(value)


def _integer(value: int | None) -> bytes | None:
    return None if value is None else b"%d" % value


def _bytes(value: bytes | None) -> bytes | None:
    return None if value is None else b"\\x" + value.hex().encode()


EncodeColumn = Callable[[Sequence[Any]], bytes]
EncodeValue = Callable[[Any], bytes | None]


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type by the server's name, with what writes one value and a whole column of it."""

    name: str
    encode_value: EncodeValue
    encode_column: EncodeColumn


_TEXT: Final = ColumnType("text", _text, text_array)
_BIGINT: Final = ColumnType("bigint", _integer, integer_array)
_BYTEA: Final = ColumnType("bytea", _bytes, bytes_array)

_BYTEA_COLUMNS: Final = frozenset({"fingerprint", "payload"})
_BIGINT_SUFFIXES: Final = ("_microcredits", "_microseconds", "_tokens")
_BIGINT_COLUMNS: Final = frozenset({
    "stream", "units", "usage_estimated", "number", "http_status", "sequence", "keyed",
    "last_sequence",
})  # fmt: skip


def column_type(column: str) -> ColumnType:
    """The type of a column of the ledger's tables."""
    if column in _BYTEA_COLUMNS:
        return _BYTEA
    if column in _BIGINT_COLUMNS or column.endswith(_BIGINT_SUFFIXES):
        return _BIGINT
    return _TEXT
