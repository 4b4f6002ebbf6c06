"""The page says what the table says, and the table speaks for every model."""

import os

from tests.e2e.matrix.columns import COLUMNS
from tests.e2e.matrix.document import DOCUMENT, models_like, render
from tokensmith_server.catalog.loader import load_catalog
from tokensmith_server.catalog.model import Kind


def test_the_page_is_the_table() -> None:
    document = render()
    if os.environ.get("TOKENSMITH_WRITE_DOCS"):
        DOCUMENT.write_text(document, encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8").splitlines() == document.splitlines()


def test_every_text_model_of_the_price_list_is_served_as_one_column_is() -> None:
    like = [model for column in COLUMNS for model in models_like(column.model)]
    sold = [model.id for model in load_catalog().values() if model.kind is Kind.TEXT]
    assert sorted(like) == sorted(sold)
