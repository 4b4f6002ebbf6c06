"""Responses that accounts keep for a while."""

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _id() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that cannot get its locks fails instead of queueing the traffic behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "responses",
        sa.Column("account_id", _id(), nullable=False),
        sa.Column("response_id", _id(), nullable=False),
        sa.Column("previous_id", _id(), nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("size_bytes", BIG, nullable=False),
        sa.Column("created_time_microseconds", BIG, nullable=False),
        sa.Column("expires_time_microseconds", BIG, nullable=False),
        sa.Column("response_json", sa.LargeBinary(), nullable=False),
        sa.Column("input_items_json", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "state IN ('completed', 'incomplete', 'failed')", name="ck_responses_state"
        ),
        sa.PrimaryKeyConstraint("account_id", "response_id"),
        sqlite_strict=True,
    )
    op.create_index("ix_responses_expires", "responses", ["expires_time_microseconds"])


def downgrade() -> None:
    raise SystemExit("there is no way back: restore a backup")
