"""The timeline knows of one more step of people: a verdict that was corrected."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KINDS_BEFORE = (
    "('raised', 'level_changed', 'cleared', 'resumed', 'withdrawn', 'reinstated', 'authorised', 'corrected', "
    "'claimed', 'renewed', 'released', 'verified', 'disposed', 'closed')"
)
_KINDS = (
    "('raised', 'level_changed', 'cleared', 'resumed', 'withdrawn', 'reinstated', 'authorised', 'corrected', "
    "'claimed', 'renewed', 'released', 'verified', 'verdict_corrected', 'disposed', 'closed')"
)


def upgrade() -> None:
    """From 0001."""
    _allow(_KINDS_BEFORE, _KINDS)


def downgrade() -> None:
    """To 0001; a timeline in which a verdict was corrected stays as it is, and this fails."""
    _allow(_KINDS, _KINDS_BEFORE)


def _allow(before: str, after: str) -> None:
    # Alembic reads no CHECKs back: the table is described, so that SQLite's copy keeps all of them.
    with op.batch_alter_table("event", copy_from=_event(before)) as batch:
        batch.drop_constraint("event_kind_known", type_="check")
        batch.create_check_constraint("event_kind_known", f"kind IN {after}")


def _event(kinds: str) -> sa.Table:
    metadata = sa.MetaData()
    sa.Table("alert", metadata, sa.Column("alert_key", sa.Text, primary_key=True))
    event = sa.Table(
        "event",
        metadata,
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("alert_key", sa.Text, sa.ForeignKey("alert.alert_key"), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger),
        sa.Column("actor", sa.Text),
        sa.Column("office_id", sa.Text),
        sa.Column("details", sa.JSON, nullable=False),
        sa.CheckConstraint(f"kind IN {kinds}", "event_kind_known"),
        sa.CheckConstraint("(revision IS NULL) = (actor IS NOT NULL)", "event_of_engine_or_person"),
        sa.CheckConstraint("office_id IS NULL OR actor IS NOT NULL", "event_office_with_actor"),
        sa.UniqueConstraint("alert_key", "revision", "kind", name="event_fact_once"),
    )
    sa.Index("event_by_alert", event.c.alert_key, event.c.seq)
    return event
