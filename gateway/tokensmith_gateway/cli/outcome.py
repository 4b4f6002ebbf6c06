"""How commands answer: JSON or text on standard output, and an exit code for each failure."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

from tokensmith_gateway.environment import SettingsError
from tokensmith_server.app import ProviderSettingsError
from tokensmith_server.billing.errors import (
    AccountExists,
    AccountNotFound,
    AmountOutOfRange,
    GrantIdReused,
    KeyNotFound,
    LedgerUnavailable,
    RequestNotFound,
)
from tokensmith_server.catalog.loader import CatalogError
from tokensmith_server.storage.errors import StorageError

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_NOT_FOUND: Final = 3
EXIT_CONFLICT: Final = 4
EXIT_DATABASE: Final = 5
EXIT_VIOLATION: Final = 6

_CODES: Final[dict[type[Exception], int]] = {
    AccountNotFound: EXIT_NOT_FOUND,
    KeyNotFound: EXIT_NOT_FOUND,
    RequestNotFound: EXIT_NOT_FOUND,
    AccountExists: EXIT_CONFLICT,
    GrantIdReused: EXIT_CONFLICT,
    AmountOutOfRange: EXIT_USAGE,
    LedgerUnavailable: EXIT_DATABASE,
    StorageError: EXIT_DATABASE,
    CatalogError: EXIT_USAGE,
    ProviderSettingsError: EXIT_USAGE,
    SettingsError: EXIT_USAGE,
    OSError: EXIT_FAILED,
}

Row = Mapping[str, Any]

_TABLE_WIDTH: Final = 400


def exit_code_of(error: Exception) -> int | None:
    """The exit code for an expected failure; ``None`` for a defect."""
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return code
    return None


def explain(error: Exception) -> str:
    """One or more lines for the person at the terminal."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def say(text: str) -> None:
    """A line for the person, on standard error."""
    sys.stderr.write(text + "\n")


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_record(record: Row, *, as_json: bool) -> None:
    """One thing: as JSON, or a line for each of its fields."""
    if as_json:
        print_json(record)
        return
    width = max(map(len, record))
    for name, value in record.items():
        sys.stdout.write(f"{name:<{width}}  {'' if value is None else value}\n")


def print_rows(rows: Sequence[Row], *, as_json: bool, columns: Sequence[str]) -> None:
    """Several things: as a JSON list with every field, or as a table of some of them."""
    if as_json:
        print_json(rows)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*("" if row[name] is None else str(row[name]) for name in columns))
    # Rows keep their line whatever the terminal's width: they are read by grep as well.
    Console(highlight=False, width=_TABLE_WIDTH).print(table, crop=False, soft_wrap=True)
