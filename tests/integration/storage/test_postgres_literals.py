"""Every value that PostgreSQL can keep survives the literals, alone and in a column."""

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import postgres
from tokensmith_server.storage.errors import WriteRefused
from tokensmith_server.storage.postgres_literals import (
    bytes_array,
    column_type,
    integer_array,
    text_array,
)

# PostgreSQL's text has no NUL, and no code point that is half of a pair.
TEXTS = st.lists(
    st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1
)
INTEGERS = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1)
BYTES = st.lists(st.none() | st.binary(), min_size=1)


@pytest.fixture(scope="module")
def connection() -> Iterator[psycopg.Connection]:
    with postgres.empty_database() as url, psycopg.connect(url, autocommit=True) as connection:
        yield connection


def _read(connection: psycopg.Connection, literal: bytes | None, kind: str) -> object:
    text = None if literal is None else literal.decode()
    row = connection.execute(f"SELECT %s::{kind}", (text,)).fetchone()
    assert row is not None
    return row[0]


@given(TEXTS)
def test_texts_come_back(connection: psycopg.Connection, values: list[str | None]) -> None:
    assert _read(connection, text_array(values), "text[]") == values


@given(INTEGERS)
def test_integers_come_back(connection: psycopg.Connection, values: list[int | None]) -> None:
    assert _read(connection, integer_array(values), "bigint[]") == values


@given(BYTES)
def test_bytes_come_back(connection: psycopg.Connection, values: list[bytes | None]) -> None:
    assert _read(connection, bytes_array(values), "bytea[]") == values


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("model", 'a "quoted" \\ {text}, NULL'),
        ("model", ""),
        ("description", None),
        ("available_microcredits", -(2**63)),
        ("http_status", None),
        ("payload", b"\x00\xff\\x"),
        ("fingerprint", None),
    ],
)
def test_single_value_comes_back(
    connection: psycopg.Connection, column: str, value: object
) -> None:
    kind = column_type(column)
    assert _read(connection, kind.encode_value(value), kind.name) == value
    assert _read(connection, kind.encode_column([value, value]), f"{kind.name}[]") == [value] * 2


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "a\udcff", '"\0', "\\\0"])
def test_text_that_postgres_cannot_keep_is_refused_and_not_cut(text: str) -> None:
    with pytest.raises(WriteRefused):
        text_array(["before", text])
    with pytest.raises(WriteRefused):
        text_array([None, text])
    with pytest.raises(WriteRefused):
        column_type("model").encode_value(text)
