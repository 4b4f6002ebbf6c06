"""The first tables: accounts, keys, the ledger, the request log, results and heartbeats."""

# ruff: noqa: E501

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that cannot get its locks fails instead of queueing the traffic behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "accounts",
        sa.Column(
            "account_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_time_microseconds", BIG, nullable=False),
        sa.Column("available_microcredits", BIG, nullable=False),
        sa.Column("held_microcredits", BIG, nullable=False),
        sa.Column("charged_microcredits", BIG, nullable=False),
        sa.Column("granted_microcredits", BIG, nullable=False),
        sa.Column("last_sequence", BIG, nullable=False),
        sa.CheckConstraint(
            "available_microcredits + held_microcredits + charged_microcredits = granted_microcredits",
            name="ck_accounts_conserved",
        ),
        sa.CheckConstraint("available_microcredits >= 0", name="ck_accounts_available"),
        sa.CheckConstraint("charged_microcredits >= 0", name="ck_accounts_charged"),
        sa.CheckConstraint("held_microcredits >= 0", name="ck_accounts_held"),
        sa.PrimaryKeyConstraint("account_id"),
        sa.UniqueConstraint("name", name="uq_accounts_name"),
        postgresql_with={"fillfactor": 25},
        sqlite_strict=True,
    )
    op.create_table(
        "attempts",
        sa.Column(
            "hold_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("number", BIG, autoincrement=False, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("upstream_model", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_time_microseconds", BIG, nullable=False),
        sa.Column("ended_time_microseconds", BIG, nullable=True),
        sa.Column("http_status", BIG, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("upstream_request_id", sa.Text(), nullable=True),
        sa.Column("returned_model", sa.Text(), nullable=True),
        sa.Column("first_byte_microseconds", BIG, nullable=True),
        sa.CheckConstraint(
            "state IN ('dispatched', 'answered', 'failed', 'unknown')", name="ck_attempts_state"
        ),
        sa.PrimaryKeyConstraint("hold_id", "number"),
        postgresql_with={"fillfactor": 50},
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "entries",
        sa.Column(
            "account_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("sequence", BIG, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "hold_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=True
        ),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("available_delta_microcredits", BIG, nullable=False),
        sa.Column("held_delta_microcredits", BIG, nullable=False),
        sa.Column("charged_delta_microcredits", BIG, nullable=False),
        sa.Column("granted_delta_microcredits", BIG, nullable=False),
        sa.Column("created_time_microseconds", BIG, nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.CheckConstraint("(hold_id IS NULL) = (phase IS NULL)", name="ck_entries_phase"),
        sa.CheckConstraint(
            "available_delta_microcredits + held_delta_microcredits + charged_delta_microcredits = granted_delta_microcredits",
            name="ck_entries_conserved",
        ),
        sa.PrimaryKeyConstraint("account_id", "sequence"),
        sa.UniqueConstraint("hold_id", "phase", name="uq_entries_hold_phase"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "holds",
        sa.Column(
            "hold_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "account_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "api_key_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "request_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("catalog_version", sa.Text(), nullable=False),
        sa.Column("rate_json", sa.Text(), nullable=False),
        sa.Column("stream", sa.Integer(), nullable=False),
        sa.Column(
            "owner", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column(
            "idempotency_key",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=True,
        ),
        sa.Column("created_time_microseconds", BIG, nullable=False),
        sa.Column("expires_time_microseconds", BIG, nullable=False),
        sa.Column("amount_microcredits", BIG, nullable=False),
        sa.Column("units", BIG, nullable=False),
        sa.Column("state", sa.Text(), server_default="held", nullable=False),
        sa.Column("charged_microcredits", BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("shortfall_microcredits", BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("resolved_time_microseconds", BIG, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("finish_reason", sa.Text(), nullable=True),
        sa.Column("error_reason", sa.Text(), nullable=True),
        sa.Column("usage_estimated", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("input_tokens", BIG, nullable=True),
        sa.Column("output_tokens", BIG, nullable=True),
        sa.Column("cached_input_tokens", BIG, nullable=True),
        sa.Column("cache_write_tokens", BIG, nullable=True),
        sa.Column("reasoning_tokens", BIG, nullable=True),
        sa.Column("input_audio_tokens", BIG, nullable=True),
        sa.Column("output_audio_tokens", BIG, nullable=True),
        sa.Column("input_image_tokens", BIG, nullable=True),
        sa.Column("accepted_prediction_tokens", BIG, nullable=True),
        sa.Column("rejected_prediction_tokens", BIG, nullable=True),
        sa.CheckConstraint(
            "state IN ('held', 'settled', 'voided', 'expired')", name="ck_holds_state"
        ),
        sa.CheckConstraint(
            "amount_microcredits >= 0 AND charged_microcredits >= 0 AND shortfall_microcredits >= 0",
            name="ck_holds_amounts",
        ),
        sa.PrimaryKeyConstraint("hold_id"),
        sa.UniqueConstraint("account_id", "request_id", name="uq_holds_request_id"),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_holds_open",
        "holds",
        ["account_id"],
        unique=False,
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_table(
        "idempotency_claims",
        sa.Column(
            "account_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "idempotency_key",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "hold_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("created_time_microseconds", BIG, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "idempotency_key"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_idempotency_claims_created",
        "idempotency_claims",
        ["created_time_microseconds"],
        unique=False,
    )
    op.create_table(
        "processes",
        sa.Column(
            "owner", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("beat_time_microseconds", BIG, nullable=False),
        sa.PrimaryKeyConstraint("owner"),
        postgresql_with={"fillfactor": 25},
        sqlite_strict=True,
    )
    op.create_table(
        "stored_results",
        sa.Column(
            "hold_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "api_key_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("keyed", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("expires_time_microseconds", BIG, nullable=True),
        sa.PrimaryKeyConstraint("hold_id"),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_stored_results_expires", "stored_results", ["expires_time_microseconds"], unique=False
    )
    op.create_index(
        "ix_stored_results_fingerprint",
        "stored_results",
        ["api_key_id", "fingerprint"],
        unique=False,
    )
    op.create_table(
        "api_keys",
        sa.Column(
            "key_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "account_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("created_time_microseconds", BIG, nullable=False),
        sa.Column("expires_time_microseconds", BIG, nullable=True),
        sa.Column("revoked_time_microseconds", BIG, nullable=True),
        sa.Column("last_used_time_microseconds", BIG, nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.account_id"],
        ),
        sa.PrimaryKeyConstraint("key_id"),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_api_keys_account_id",
        "api_keys",
        ["account_id", "created_time_microseconds"],
        unique=False,
    )
    op.create_table(
        "grants",
        sa.Column(
            "grant_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "account_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("amount_microcredits", BIG, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_time_microseconds", BIG, nullable=False),
        sa.CheckConstraint("amount_microcredits > 0", name="ck_grants_amount"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.account_id"],
        ),
        sa.PrimaryKeyConstraint("grant_id"),
        sqlite_strict=True,
    )
    _keep_entries()


def _keep_entries() -> None:
    """Make the entries append-only in the database itself."""
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER entries_refuse_{change.lower()} BEFORE {change} ON entries"
                " BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION entries_refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'entries are append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER entries_refuse_change BEFORE UPDATE OR DELETE ON entries"
        " FOR EACH ROW EXECUTE FUNCTION entries_refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER entries_refuse_truncate BEFORE TRUNCATE ON entries"
        " FOR EACH STATEMENT EXECUTE FUNCTION entries_refuse_change()"
    )


def downgrade() -> None:
    raise SystemExit("there is no way back: restore a backup")
