# ruff: noqa: S608
# Every statement is put together from the constants of this package; values are parameters.
"""The SQL that writes a batch to PostgreSQL, one statement for each of its parts."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from tokensmith_server.storage.postgres_literals import EncodeColumn, EncodeValue, column_type
from tokensmith_server.storage.snapshot import (
    ABANDONED_COLUMNS,
    ACCOUNT_COLUMNS,
    ATTEMPT_COLUMNS,
    ATTEMPT_END_COLUMNS,
    CLAIM_COLUMNS,
    END_COLUMNS,
    ENTRY_COLUMNS,
    GRANT_COLUMNS,
    HOLD_COLUMNS,
    RESULT_COLUMNS,
)


@cache
def rows_sql(part: str) -> tuple[str, tuple[EncodeColumn, ...]]:
    """Writes many rows of a part; its parameters are their columns, encoded by these."""
    template, columns = _PARTS[part]
    types = [column_type(column) for column in columns]
    arrays = ", ".join(f"${number}::{kind.name}[]" for number, kind in enumerate(types, 1))
    source = f"unnest({arrays}) AS v({', '.join(columns)})"
    return template.replace("@rows", source), tuple(kind.encode_column for kind in types)


@cache
def row_sql(part: str) -> tuple[str, tuple[EncodeValue, ...]]:
    """Writes one row of a part, which is a good deal cheaper than an array of one."""
    template, columns = _PARTS[part]
    types = [column_type(column) for column in columns]
    values = ", ".join(f"${number}::{kind.name}" for number, kind in enumerate(types, 1))
    source = f"(VALUES ({values})) AS v({', '.join(columns)})"
    return template.replace("@rows", source), tuple(kind.encode_value for kind in types)


def _insert(table: str, columns: Sequence[str], conflict: str = "") -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT v.* FROM @rows {conflict}"


def _update(table: str, columns: Sequence[str], key_count: int) -> str:
    """Update rows found by their first ``key_count`` columns."""
    changes = ", ".join(f"{column} = v.{column}" for column in columns[key_count:])
    keys = " AND ".join(f"t.{column} = v.{column}" for column in columns[:key_count])
    return f"UPDATE {table} AS t SET {changes} FROM @rows WHERE {keys}"


_PARTS: Final[dict[str, tuple[str, Sequence[str]]]] = {
    "accounts": (_update("accounts", ACCOUNT_COLUMNS, 1), ACCOUNT_COLUMNS),
    "grants": (_insert("grants", GRANT_COLUMNS), GRANT_COLUMNS),
    "holds": (_insert("holds", HOLD_COLUMNS), HOLD_COLUMNS),
    "attempts": (_insert("attempts", ATTEMPT_COLUMNS, "ON CONFLICT DO NOTHING"), ATTEMPT_COLUMNS),
    "ends": (_update("holds", END_COLUMNS, 1), END_COLUMNS),
    "attempt_ends": (_update("attempts", ATTEMPT_END_COLUMNS, 2), ATTEMPT_END_COLUMNS),
    "abandoned": (
        "UPDATE attempts AS t SET state = 'unknown',"
        " ended_time_microseconds = v.ended_time_microseconds FROM @rows"
        " WHERE t.hold_id = v.hold_id AND t.number <> v.number AND t.state = 'dispatched'",
        ABANDONED_COLUMNS,
    ),
    "entries": (_insert("entries", ENTRY_COLUMNS), ENTRY_COLUMNS),
    "claims": (
        _insert(
            "idempotency_claims",
            CLAIM_COLUMNS,
            "ON CONFLICT (account_id, idempotency_key) DO UPDATE SET hold_id = excluded.hold_id,"
            " fingerprint = excluded.fingerprint,"
            " created_time_microseconds = excluded.created_time_microseconds",
        ),
        CLAIM_COLUMNS,
    ),
    "results": (_insert("stored_results", RESULT_COLUMNS), RESULT_COLUMNS),
    "delivered": (
        "DELETE FROM stored_results AS t USING @rows WHERE t.keyed = 0 AND t.hold_id = v.hold_id",
        ("hold_id",),
    ),
}
