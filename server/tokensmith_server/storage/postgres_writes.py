# ruff: noqa: S608
# Every statement is put together from the constants of this package; values are parameters.
"""What writes a batch to PostgreSQL: one statement for each of its parts."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final

from tokensmith_server.storage.postgres_literals import EncodeColumn, EncodeValue, column_type
from tokensmith_server.storage.postgres_pipeline import Statement
from tokensmith_server.storage.snapshot import (
    ABANDONED_COLUMNS,
    ACCOUNT_COLUMNS,
    ATTEMPT_COLUMNS,
    ATTEMPT_END_COLUMNS,
    CLAIM_COLUMNS,
    DELIVERED_COLUMNS,
    END_COLUMNS,
    ENTRY_COLUMNS,
    GRANT_COLUMNS,
    HOLD_COLUMNS,
    RESULT_COLUMNS,
    Writes,
)

Part = Callable[[tuple[str, ...], str], str]
"""SQL, given the columns of its rows and the source of those, which is called ``v``."""


def write_statements(writes: Writes) -> Iterable[Statement]:
    """The statements that write a batch, in their order."""
    for columns, rows, part in (
        (ACCOUNT_COLUMNS, writes.account_rows, _update_accounts),
        (GRANT_COLUMNS, writes.grants, _insert_grants),
        (HOLD_COLUMNS, writes.holds, _insert_holds),
        (ATTEMPT_COLUMNS, writes.attempts, _insert_attempts),
        (END_COLUMNS, writes.ends, _update_holds),
        (ATTEMPT_END_COLUMNS, writes.attempt_ends, _update_attempts),
        (ABANDONED_COLUMNS, writes.abandoned, _abandon_attempts),
        (CLAIM_COLUMNS, list(writes.claims.values()), _upsert_claims),
        (RESULT_COLUMNS, writes.results, _insert_results),
        (DELIVERED_COLUMNS, [(hold_id,) for hold_id in writes.delivered], _delete_delivered),
        (ENTRY_COLUMNS, writes.entries, _insert_entries),
    ):
        # Rows may be longer than what is used of them: ``zip`` ends with the encoders.
        if len(rows) == 1:
            sql, scalars = _row_sql(part, columns.used_by(rows))
            yield sql, [encode(value) for encode, value in zip(scalars, rows[0], strict=False)]
        elif rows:
            sql, arrays = _rows_sql(part, columns.used_by(rows))
            values = zip(*rows, strict=True)
            yield sql, [encode(column) for encode, column in zip(arrays, values, strict=False)]


@cache
def _rows_sql(part: Part, columns: tuple[str, ...]) -> tuple[str, tuple[EncodeColumn, ...]]:
    """Writes many rows of a part; its parameters are their columns, encoded by these."""
    types = [column_type(column) for column in columns]
    arrays = ", ".join(f"${number}::{kind.name}[]" for number, kind in enumerate(types, 1))
    source = f"unnest({arrays}) AS v({', '.join(columns)})"
    return part(columns, source), tuple(kind.encode_column for kind in types)


@cache
def _row_sql(part: Part, columns: tuple[str, ...]) -> tuple[str, tuple[EncodeValue, ...]]:
    """Writes one row of a part, which is a good deal cheaper than an array of one."""
    types = [column_type(column) for column in columns]
    values = ", ".join(f"${number}::{kind.name}" for number, kind in enumerate(types, 1))
    source = f"(VALUES ({values})) AS v({', '.join(columns)})"
    return part(columns, source), tuple(kind.encode_value for kind in types)


def _insert(table: str, conflict: str = "") -> Part:
    def sql(columns: tuple[str, ...], rows: str) -> str:
        return f"INSERT INTO {table} ({', '.join(columns)}) SELECT v.* FROM {rows} {conflict}"

    return sql


def _update(table: str, key_count: int) -> Part:
    """Update rows found by their first ``key_count`` columns."""

    def sql(columns: tuple[str, ...], rows: str) -> str:
        changes = ", ".join(f"{column} = v.{column}" for column in columns[key_count:])
        keys = " AND ".join(f"t.{column} = v.{column}" for column in columns[:key_count])
        return f"UPDATE {table} AS t SET {changes} FROM {rows} WHERE {keys}"

    return sql


def _abandon_attempts(_: tuple[str, ...], rows: str) -> str:
    """Close the open attempts of holds that have ended, but one of each."""
    return (
        "UPDATE attempts AS t SET state = 'unknown',"
        f" ended_time_microseconds = v.ended_time_microseconds FROM {rows}"
        " WHERE t.hold_id = v.hold_id AND t.number <> v.number AND t.state = 'dispatched'"
    )


def _delete_delivered(_: tuple[str, ...], rows: str) -> str:
    """Forget keyless results."""
    return (
        f"DELETE FROM stored_results AS t USING {rows} WHERE t.keyed = 0 AND t.hold_id = v.hold_id"
    )


_update_accounts: Final = _update("accounts", 1)
_insert_grants: Final = _insert("grants")
_insert_holds: Final = _insert("holds")
_insert_attempts: Final = _insert("attempts", "ON CONFLICT DO NOTHING")
_update_holds: Final = _update("holds", 1)
_update_attempts: Final = _update("attempts", 2)
_insert_entries: Final = _insert("entries")
_upsert_claims: Final = _insert(
    "idempotency_claims",
    "ON CONFLICT (account_id, idempotency_key) DO UPDATE SET hold_id = excluded.hold_id,"
    " fingerprint = excluded.fingerprint,"
    " created_time_microseconds = excluded.created_time_microseconds",
)
_insert_results: Final = _insert("stored_results")
