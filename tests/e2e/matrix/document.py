"""The matrix as a page: `docs/capabilities.md`."""

from pathlib import Path
from typing import Final

from tests.e2e.matrix.capabilities import ROWS
from tests.e2e.matrix.columns import COLUMNS
from tests.e2e.matrix.error_classes import CLASSES, VENDORS
from tests.e2e.matrix.positions import Kind, position
from tokensmith_server.catalog.loader import load_catalog

DOCUMENT: Final = Path(__file__).parents[3] / "docs" / "capabilities.md"

_INTRODUCTION: Final = """\
# What every model does with every request

Written by `TOKENSMITH_WRITE_DOCS=1 make test` from the table that `tests/e2e/matrix` tries: each
cell with a gateway process, the official OpenAI client and the simulator, whole and streamed, on
SQLite and on PostgreSQL.

- **yes**: served. The answer, its finish reason and usage are looked at; the charge is the list
  price of the usage, to the micro-credit, and the usage is what the provider would bill.
- **400**: refused by the name of the field in the last column. Nothing was held, and nothing
  reached the provider.
- **free**: the provider's policy blocked it, which costs nothing.
- **as `stop`**: Together does not say that its policy cut an answer, so it is charged as any other.
- **fetched**: Gemini takes no addresses, and a host of one's own must not go to strangers'. The
  gateway fetches the picture itself, from public addresses alone; one without a picture is a 400
  that costs nothing.

Every text model of the price list is served as one of the columns is:

"""
_MATRIX_TITLE: Final = """
"Own server" is an OpenAI-compatible host in an overlay file: first as it comes, then with its
capabilities declared ([catalog.md](catalog.md)). A route to another model takes what that one
does, and gets no other calls ([several routes](catalog.md#several-routes)).

"""
_ERRORS_TITLE: Final = """
## When the provider fails

What the client is told, whichever the provider ({vendors}). Nothing was charged,
but for text that had arrived before a stream broke off. [faults.md](faults.md) has each fault in
detail.

| Class | Whole answer | Stream |
|---|---|---|
"""


def models_like(column_model: str) -> list[str]:
    """The text models of the price list that are served exactly as a column's is."""
    catalog = load_catalog()
    like = catalog.find(column_model)
    if like is None:
        return []
    return [
        model.id
        for model in catalog.values()
        if model.text is not None
        and like.text is not None
        and model.text.capabilities == like.text.capabilities
        and model.routes[0].provider == like.routes[0].provider
    ]


def render() -> str:
    """The whole page."""
    return _INTRODUCTION + _models() + _MATRIX_TITLE + _matrix() + _errors()


def _models() -> str:
    lines = ["| Column | Models |\n|---|---|\n"]
    for column in COLUMNS:
        models = models_like(column.model)
        if models:
            lines.append(f"| {column.title} | {', '.join(f'`{model}`' for model in models)} |\n")
    return "".join(lines)


def _matrix() -> str:
    titles = " | ".join(column.title for column in COLUMNS)
    lines = [f"| | {titles} | Named |\n|---|{'---|' * (len(COLUMNS) + 1)}\n"]
    for row in ROWS:
        cells = [position(row.name, column.name) for column in COLUMNS]
        params = dict.fromkeys(f"`{cell.param}`" for cell in cells if cell.kind is Kind.REFUSED)
        words = " | ".join(str(cell.kind) for cell in cells)
        lines.append(f"| {row.title} | {words} | {', '.join(params)} |\n")
    return "".join(lines)


def _errors() -> str:
    vendors = ", ".join(vendor.title for vendor in VENDORS)
    lines = [_ERRORS_TITLE.format(vendors=vendors)]
    for error in CLASSES:
        told = error.told if error.held else f"{error.told}, before anything was held"
        lines.append(f"| {error.title} | {told} | {error.streamed or 'the same'} |\n")
    return "".join(lines)
