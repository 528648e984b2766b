"""The queue bears the identity of its data directory, and how far in the log it has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From 0003."""
    op.create_table(
        "bearing",
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("writes", sa.BigInteger, nullable=False),
        sa.Column("gaps", sa.Text, nullable=False),
        sa.CheckConstraint("slot = 1", "bearing_single"),
    )


def downgrade() -> None:
    """To 0003."""
    op.drop_table("bearing")
