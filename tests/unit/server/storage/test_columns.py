"""Which columns of a batch are handed to the database."""

from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.storage.snapshot import Columns, Row

COLUMNS = Columns("id", "amount", seldom=("reason", "error"))
NULLS_AT_THE_END = st.tuples(st.text(), st.none() | st.integers(), st.none(), st.none())
ANY = st.tuples(st.text(), st.none() | st.integers(), st.none() | st.text(), st.none() | st.text())


@given(st.lists(NULLS_AT_THE_END | ANY, min_size=1))
def test_no_value_is_left_out(rows: list[Row]) -> None:
    width = len(COLUMNS.used_by(rows))
    assert {value for row in rows for value in row[width:]} <= {None}


def test_seldom_columns_that_are_null_in_all_rows_are_left_out() -> None:
    assert COLUMNS.used_by([("a", 1, None, None), ("b", None, None, None)]) == ("id", "amount")


def test_one_row_with_a_seldom_value_brings_all_columns() -> None:
    rows = [("a", 1, None, None), ("b", 2, None, "timeout")]
    assert COLUMNS.used_by(rows) == COLUMNS.names == ("id", "amount", "reason", "error")


def test_columns_without_seldom_ones_are_all_used() -> None:
    assert Columns("id", "amount").used_by([("a", None)]) == ("id", "amount")
