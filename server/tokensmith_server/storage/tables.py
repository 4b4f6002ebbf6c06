"""The tables, one set for SQLite and PostgreSQL. Every index says what it is for.

Amounts are integer micro-credits, times integer microseconds since the epoch, ids text whose
order is the order of their making. On SQLite the tables are STRICT.

The ledger's own tables (holds, attempts, entries, claims, results) have no foreign keys: on
PostgreSQL each would cost a locking look-up per row on the hot path, while the writer has read
and locked the account anyway and no row of theirs is deleted. The auditor checks the references.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

BIG = BigInteger().with_variant(Integer(), "sqlite")
# Ids compare by code point: the order of their making, whatever the database's language is.
ID = Text().with_variant(Text(collation="C"), "postgresql")
ZERO: dict[str, Any] = {"server_default": text("0")}
# STRICT tables know no booleans; 0 and 1 on both engines.
FLAG = Integer()
STRICT: dict[str, Any] = {"sqlite_strict": True}
# Narrow rows that are found by their key alone live in the key's own tree.
BY_KEY: dict[str, Any] = {**STRICT, "sqlite_with_rowid": False}
# A row that is updated stays on its page, and touches no index (a HOT update), if inserts left
# room there.
UPDATED_ONCE: dict[str, Any] = {**BY_KEY, "postgresql_with": {"fillfactor": 50}}
UPDATED_ALWAYS: dict[str, Any] = {**STRICT, "postgresql_with": {"fillfactor": 25}}


class AccountRow(SQLModel, table=True):
    """A customer and the balance. Changed only under its lock, and never below zero.

    ``last_sequence`` numbers the account's entries without a gap: a lost entry shows.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("available_microcredits >= 0", name="ck_accounts_available"),
        CheckConstraint("held_microcredits >= 0", name="ck_accounts_held"),
        CheckConstraint("charged_microcredits >= 0", name="ck_accounts_charged"),
        CheckConstraint(
            "available_microcredits + held_microcredits + charged_microcredits"
            " = granted_microcredits",
            name="ck_accounts_conserved",
        ),
        UniqueConstraint("name", name="uq_accounts_name"),
        UPDATED_ALWAYS,
    )

    account_id: str = Field(primary_key=True, sa_type=ID)
    name: str = Field(sa_type=Text)
    created_time_microseconds: int = Field(sa_type=BIG)
    available_microcredits: int = Field(default=0, sa_type=BIG)
    held_microcredits: int = Field(default=0, sa_type=BIG)
    charged_microcredits: int = Field(default=0, sa_type=BIG)
    granted_microcredits: int = Field(default=0, sa_type=BIG)
    last_sequence: int = Field(default=0, sa_type=BIG)


class ApiKeyRow(SQLModel, table=True):
    """A key by its SHA-256; the key itself is never here."""

    __tablename__ = "api_keys"
    __table_args__ = (
        # Authentication looks a caller up by it.
        UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
        # The list of an account's keys.
        Index("ix_api_keys_account_id", "account_id", "created_time_microseconds"),
        STRICT,
    )

    key_id: str = Field(primary_key=True, sa_type=ID)
    account_id: str = Field(foreign_key="accounts.account_id", sa_type=ID)
    key_hash: bytes = Field(sa_type=LargeBinary)
    name: str = Field(sa_type=Text)
    hint: str = Field(sa_type=Text)
    created_time_microseconds: int = Field(sa_type=BIG)
    expires_time_microseconds: int | None = Field(default=None, sa_type=BIG)
    revoked_time_microseconds: int | None = Field(default=None, sa_type=BIG)
    last_used_time_microseconds: int | None = Field(default=None, sa_type=BIG)


class HoldRow(SQLModel, table=True):
    """One call: its money and its line in the request log. Changes once, when it ends."""

    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("state IN ('held', 'settled', 'voided', 'expired')", name="ck_holds_state"),
        CheckConstraint(
            "amount_microcredits >= 0 AND charged_microcredits >= 0"
            " AND shortfall_microcredits >= 0",
            name="ck_holds_amounts",
        ),
        # A request id names one call of its account, and finds it in the request log.
        UniqueConstraint("account_id", "request_id", name="uq_holds_request_id"),
        # What is open, for the sweeper, the list of open holds and retries that join. It holds
        # open rows alone, so it stays small. It keeps a hold's end from being a HOT update on
        # PostgreSQL, which measured at 0 to 7 % of a call; no statement that knows a hold's id
        # names the state, so that none is planned to search here.
        Index(
            "ix_holds_open",
            "account_id",
            sqlite_where=text("state = 'held'"),
            postgresql_where=text("state = 'held'"),
        ),
        STRICT,
    )

    hold_id: str = Field(primary_key=True, sa_type=ID)
    account_id: str = Field(sa_type=ID)
    api_key_id: str = Field(sa_type=ID)
    request_id: str = Field(sa_type=ID)
    kind: str = Field(sa_type=Text)
    model: str = Field(sa_type=Text)
    catalog_version: str = Field(sa_type=Text)
    rate_json: str = Field(sa_type=Text)
    stream: int = Field(sa_type=FLAG)
    owner: str = Field(sa_type=ID)
    fingerprint: bytes | None = Field(default=None, sa_type=LargeBinary)
    idempotency_key: str | None = Field(default=None, sa_type=ID)
    created_time_microseconds: int = Field(sa_type=BIG)
    expires_time_microseconds: int = Field(sa_type=BIG)
    amount_microcredits: int = Field(sa_type=BIG)
    units: int = Field(sa_type=BIG)
    # A new hold is held, and nothing is charged: the writer leaves these to their defaults.
    state: str = Field(sa_type=Text, sa_column_kwargs={"server_default": "held"})
    charged_microcredits: int = Field(sa_type=BIG, sa_column_kwargs=ZERO)
    shortfall_microcredits: int = Field(sa_type=BIG, sa_column_kwargs=ZERO)
    resolved_time_microseconds: int | None = Field(default=None, sa_type=BIG)
    outcome: str | None = Field(default=None, sa_type=Text)
    finish_reason: str | None = Field(default=None, sa_type=Text)
    error_reason: str | None = Field(default=None, sa_type=Text)
    usage_estimated: int = Field(sa_type=FLAG, sa_column_kwargs=ZERO)
    input_tokens: int | None = Field(default=None, sa_type=BIG)
    output_tokens: int | None = Field(default=None, sa_type=BIG)
    cached_input_tokens: int | None = Field(default=None, sa_type=BIG)
    cache_write_tokens: int | None = Field(default=None, sa_type=BIG)
    reasoning_tokens: int | None = Field(default=None, sa_type=BIG)
    input_audio_tokens: int | None = Field(default=None, sa_type=BIG)
    output_audio_tokens: int | None = Field(default=None, sa_type=BIG)
    input_image_tokens: int | None = Field(default=None, sa_type=BIG)
    accepted_prediction_tokens: int | None = Field(default=None, sa_type=BIG)
    rejected_prediction_tokens: int | None = Field(default=None, sa_type=BIG)


class AttemptRow(SQLModel, table=True):
    """One try at an upstream; durable before a byte of it is sent."""

    __tablename__ = "attempts"
    __table_args__ = (
        CheckConstraint(
            "state IN ('dispatched', 'answered', 'failed', 'unknown')", name="ck_attempts_state"
        ),
        UPDATED_ONCE,
    )

    hold_id: str = Field(primary_key=True, sa_type=ID)
    number: int = Field(primary_key=True, sa_type=BIG, sa_column_kwargs={"autoincrement": False})
    provider: str = Field(sa_type=Text)
    upstream_model: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    started_time_microseconds: int = Field(sa_type=BIG)
    ended_time_microseconds: int | None = Field(default=None, sa_type=BIG)
    http_status: int | None = Field(default=None, sa_type=BIG)
    error: str | None = Field(default=None, sa_type=Text)
    upstream_request_id: str | None = Field(default=None, sa_type=Text)
    returned_model: str | None = Field(default=None, sa_type=Text)
    first_byte_microseconds: int | None = Field(default=None, sa_type=BIG)
    # The name of our key there, never the key.
    credential: str | None = Field(default=None, sa_type=Text)
    # The most that a try without an answer may have cost the house.
    house_cost_microcredits: int | None = Field(default=None, sa_type=BIG)


class EntryRow(SQLModel, table=True):
    """One ledger line. Never changed, never deleted: triggers on both engines refuse it.

    The key is the account and the entry's number within it, so that an account's lines lie
    together in the order of their making and paging through them needs no further index.
    """

    __tablename__ = "entries"
    __table_args__ = (
        CheckConstraint(
            "available_delta_microcredits + held_delta_microcredits + charged_delta_microcredits"
            " = granted_delta_microcredits",
            name="ck_entries_conserved",
        ),
        CheckConstraint("(hold_id IS NULL) = (phase IS NULL)", name="ck_entries_phase"),
        # A hold opens once and ends once, whatever the code above does.
        UniqueConstraint("hold_id", "phase", name="uq_entries_hold_phase"),
        BY_KEY,
    )

    account_id: str = Field(primary_key=True, sa_type=ID)
    sequence: int = Field(primary_key=True, sa_type=BIG, sa_column_kwargs={"autoincrement": False})
    kind: str = Field(sa_type=Text)
    hold_id: str | None = Field(default=None, sa_type=ID)
    # "open" or "end"; null for a grant.
    phase: str | None = Field(default=None, sa_type=Text)
    available_delta_microcredits: int = Field(sa_type=BIG)
    held_delta_microcredits: int = Field(sa_type=BIG)
    charged_delta_microcredits: int = Field(sa_type=BIG)
    granted_delta_microcredits: int = Field(sa_type=BIG)
    created_time_microseconds: int = Field(sa_type=BIG)
    description: str | None = Field(default=None, sa_type=Text)


class IdempotencyClaimRow(SQLModel, table=True):
    """An idempotency key in use; ``hold_id`` is the hold that it last stood for."""

    __tablename__ = "idempotency_claims"
    __table_args__ = (
        # What may be forgotten.
        Index("ix_idempotency_claims_created", "created_time_microseconds"),
        BY_KEY,
    )

    account_id: str = Field(primary_key=True, sa_type=ID)
    idempotency_key: str = Field(primary_key=True, sa_type=ID)
    hold_id: str = Field(sa_type=ID)
    fingerprint: bytes | None = Field(default=None, sa_type=LargeBinary)
    created_time_microseconds: int = Field(sa_type=BIG)


class StoredResultRow(SQLModel, table=True):
    """A first answer, kept for whoever repeats the request."""

    __tablename__ = "stored_results"
    __table_args__ = (
        # A client that retries without a key is known by its API key and what it asks.
        Index("ix_stored_results_fingerprint", "api_key_id", "fingerprint"),
        # What may be forgotten.
        Index("ix_stored_results_expires", "expires_time_microseconds"),
        STRICT,
    )

    hold_id: str = Field(primary_key=True, sa_type=ID)
    api_key_id: str = Field(sa_type=ID)
    fingerprint: bytes | None = Field(default=None, sa_type=LargeBinary)
    keyed: int = Field(sa_type=FLAG)
    payload: bytes = Field(sa_type=LargeBinary)
    expires_time_microseconds: int | None = Field(default=None, sa_type=BIG)


class ResponseRow(SQLModel, table=True):
    """A response that an account keeps for a while: documents that nobody here reads.

    One that was deleted stays as an id of no size until its time is over, so that no repeat of
    its request brings it back.

    Without a foreign key: it would lock the account's row, for which the ledger waits.
    """

    __tablename__ = "responses"
    __table_args__ = (
        CheckConstraint(
            "state IN ('completed', 'incomplete', 'failed')", name="ck_responses_state"
        ),
        # What may be forgotten.
        Index("ix_responses_expires", "expires_time_microseconds"),
        STRICT,
    )

    # The owner is part of the key: no query finds a response without saying whose it must be.
    account_id: str = Field(primary_key=True, sa_type=ID)
    response_id: str = Field(primary_key=True, sa_type=ID)
    previous_id: str | None = Field(default=None, sa_type=ID)
    model: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    size_bytes: int = Field(sa_type=BIG)
    created_time_microseconds: int = Field(sa_type=BIG)
    expires_time_microseconds: int = Field(sa_type=BIG)
    # Last, so that a look at a row's other columns does not read through them on SQLite.
    response_json: bytes = Field(sa_type=LargeBinary)
    input_items_json: bytes = Field(sa_type=LargeBinary)


class GrantRow(SQLModel, table=True):
    """Credits added; the id names the event, so that it counts once."""

    __tablename__ = "grants"
    __table_args__ = (
        CheckConstraint("amount_microcredits > 0", name="ck_grants_amount"),
        STRICT,
    )

    grant_id: str = Field(primary_key=True, sa_type=ID)
    account_id: str = Field(foreign_key="accounts.account_id", sa_type=ID)
    amount_microcredits: int = Field(sa_type=BIG)
    reason: str = Field(sa_type=Text)
    created_time_microseconds: int = Field(sa_type=BIG)


class ProcessRow(SQLModel, table=True):
    """A process that owns holds, and when it was last heard of."""

    __tablename__ = "processes"
    __table_args__ = (UPDATED_ALWAYS,)

    owner: str = Field(primary_key=True, sa_type=ID)
    beat_time_microseconds: int = Field(sa_type=BIG)
