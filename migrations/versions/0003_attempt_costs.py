"""Attempts say which of our keys they went out with, and what they may have cost the house."""

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that cannot get its locks fails instead of queueing the traffic behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("attempts", sa.Column("credential", sa.Text(), nullable=True))
    op.add_column("attempts", sa.Column("house_cost_microcredits", BIG, nullable=True))


def downgrade() -> None:
    raise SystemExit("there is no way back: restore a backup")
