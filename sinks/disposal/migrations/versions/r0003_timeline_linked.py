"""Entries of the timeline are linked by hashes; those there are as they stand."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa
from alembic import op

from sinks.hash_chain import BEGINNING, new_salts, next_link

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Spelled out once more on purpose: what is here must not change when the program's own lists do.
_KINDS = (
    "('raised', 'level_changed', 'cleared', 'resumed', 'withdrawn', 'reinstated', 'authorised', 'corrected', "
    "'claimed', 'renewed', 'released', 'verified', 'verdict_corrected', 'disposed', 'closed')"
)
_AT_ONCE = 1000


def upgrade() -> None:
    """From 0002."""
    # SQLite would put a new column behind the CHECKs: its tables are made anew.
    copied: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("event", copy_from=_event(sa.MetaData()), recreate=copied) as batch:
        batch.add_column(sa.Column("salt", sa.LargeBinary))
        batch.add_column(sa.Column("link", sa.LargeBinary))
    with op.batch_alter_table("event_tail", copy_from=_tail(sa.MetaData()), recreate=copied) as batch:
        batch.add_column(sa.Column("last_link", sa.LargeBinary))
    _link_all(op.get_bind())


def downgrade() -> None:
    """To 0002."""
    metadata = sa.MetaData()
    event, tail = _event(metadata), _tail(metadata)
    event.append_column(sa.Column("salt", sa.LargeBinary))
    event.append_column(sa.Column("link", sa.LargeBinary))
    tail.append_column(sa.Column("last_link", sa.LargeBinary))
    with op.batch_alter_table("event", copy_from=event) as batch:
        batch.drop_column("salt")
        batch.drop_column("link")
    with op.batch_alter_table("event_tail", copy_from=tail) as batch:
        batch.drop_column("last_link")


def _link_all(connection: sa.Connection) -> None:
    event = _event(sa.MetaData())
    fields = tuple(event.c)
    event.append_column(sa.Column("salt", sa.LargeBinary))
    event.append_column(sa.Column("link", sa.LargeBinary))
    link, seq = BEGINNING, 0
    linked = sa.update(event).where(event.c.seq == sa.bindparam("of_seq"))
    while True:
        later = sa.select(*fields).where(event.c.seq > seq).order_by(event.c.seq).limit(_AT_ONCE)
        rows = connection.execute(later).all()
        if not rows:
            break
        values = []
        for row, salt in zip(rows, new_salts(len(rows)), strict=True):
            link, seq = next_link(link, salt, list(row)), row[0]
            values.append({"of_seq": seq, "salt": salt, "link": link})
        connection.execute(linked, values)
    if seq:
        connection.execute(sa.text("UPDATE event_tail SET last_link = :link"), {"link": link})


def _event(metadata: sa.MetaData) -> sa.Table:
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
        sa.CheckConstraint(f"kind IN {_KINDS}", "event_kind_known"),
        sa.CheckConstraint("(revision IS NULL) = (actor IS NOT NULL)", "event_of_engine_or_person"),
        sa.CheckConstraint("office_id IS NULL OR actor IS NOT NULL", "event_office_with_actor"),
        sa.UniqueConstraint("alert_key", "revision", "kind", name="event_fact_once"),
    )
    sa.Index("event_by_alert", event.c.alert_key, event.c.seq)
    return event


def _tail(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "event_tail",
        metadata,
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.CheckConstraint("slot = 1", "event_tail_single"),
    )
