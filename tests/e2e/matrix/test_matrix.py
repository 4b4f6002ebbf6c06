"""Every cell of the matrix, whole and streamed, on both engines."""

import pytest

from tests.e2e.matrix.capabilities import ROWS
from tests.e2e.matrix.columns import COLUMNS, Column
from tests.e2e.matrix.judging import problem_of, request_ids
from tests.e2e.matrix.positions import POSITIONS
from tests.e2e.matrix.trial import try_column
from tests.support.books import Books
from tests.support.processes import Gateway, Simulator


def test_the_table_has_a_row_for_every_capability() -> None:
    assert list(POSITIONS) == [row.name for row in ROWS]
    known = {column.name for column in COLUMNS}
    assert all(set(row) <= known for row in POSITIONS.values())


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_every_cell_ends_as_the_table_says(
    matrix_gateway: Gateway, simulator: Simulator, column: Column
) -> None:
    outcomes, evidence = try_column(column, matrix_gateway, simulator)
    problems = [problem for outcome in outcomes if (problem := problem_of(outcome, evidence))]
    assert not problems, "\n" + "\n".join(problems)
    known = {request_id for outcome in outcomes for request_id in request_ids(outcome)}
    assert set(evidence.records) == known, "the ledger knows calls that nobody was answered"
    books = Books(matrix_gateway.database_url)
    charged = sum(record.charged_microcredits for record in evidence.records.values())
    assert books.balance(evidence.customer).charged_microcredits == charged
    books.assert_clean()
