"""The first schema: offices, alerts with what people did about them, and the timeline."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Spelled out once more on purpose: what is here must not change when the program's own lists do.
_HELD = "('claimed', 'verified')"
_TAKEN = "('claimed', 'verified', 'disposed', 'closed')"
_JUDGED = "('verified', 'disposed', 'closed')"
_SETTLED = "('disposed', 'closed')"
_FILLED_IN = {
    "claimed_ms": _TAKEN,
    "holder": _HELD,
    "lease_until_ms": _HELD,
    "verdict": _JUDGED,
    "verified_ms": _JUDGED,
    "verified_by": _JUDGED,
    "outcome": _SETTLED,
    "note": _SETTLED,
    "disposed_ms": _SETTLED,
    "disposed_by": _SETTLED,
    "closed_ms": "('closed')",
    "closed_by": "('closed')",
}
_MEASURES = (
    "('admonition', 'warning', 'public_security_penalty', 'electronic_monitoring', 'probation_revocation', "
    "'parole_revocation', 'imprisonment', 'arrest')"
)
_OUTCOMES = (
    "('reminder', 'false_alarm', 'equipment_fault', 'authorised', 'admonition', 'warning', "
    "'public_security_penalty', 'electronic_monitoring', 'probation_revocation', 'parole_revocation', "
    "'imprisonment', 'arrest', 'police_transfer', 'supervision_ended')"
)
_EVENT_KINDS = (
    "('raised', 'level_changed', 'cleared', 'resumed', 'withdrawn', 'reinstated', 'authorised', 'corrected', "
    "'claimed', 'renewed', 'released', 'verified', 'disposed', 'closed')"
)
_ALERT_CHECKS = {
    "alert_key_length": "length(alert_key) = 32",
    "alert_revision_range": "revision >= 0",
    "alert_severity_range": "severity BETWEEN 1 AND 4",
    "alert_level_range": "level >= 1",
    "alert_raised_after_onset": "raised_ms >= onset_ms",
    "alert_position_whole": "(lon IS NULL) = (lat IS NULL)",
    "alert_state_known": "state IN ('open', 'claimed', 'verified', 'disposed', 'closed')",
    **{f"alert_{name}_when": f"(state IN {at}) = ({name} IS NOT NULL)" for name, at in _FILLED_IN.items()},
    "alert_holder_office_with_holder": "holder_office IS NULL OR holder IS NOT NULL",
    "alert_lease_ahead": "lease_until_ms > claimed_ms",
    "alert_verdict_known": "verdict IN ('true', 'false', 'unverifiable')",
    "alert_reason_with_verdict": "reason IS NULL OR verdict IS NOT NULL",
    "alert_false_has_reason": "verdict <> 'false' OR length(coalesce(reason, '')) > 0",
    "alert_outcome_known": f"outcome IN {_OUTCOMES}",
    "alert_false_alarm_found_false": "outcome <> 'false_alarm' OR verdict = 'false'",
    "alert_measure_found_true": f"outcome NOT IN {_MEASURES} OR verdict = 'true'",
    "alert_acted_on": "state = 'open' OR act_seq IS NOT NULL",
}


def upgrade() -> None:
    """From an empty database."""
    _create_office()
    _create_alert()
    _create_event()
    tail = op.create_table(
        "event_tail",
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.CheckConstraint("slot = 1", "event_tail_single"),
    )
    op.bulk_insert(tail, [{"slot": 1, "last_seq": 0}])


def downgrade() -> None:
    """To an empty database."""
    for table in ("event_tail", "event", "alert", "office"):
        op.drop_table(table)


def _create_office() -> None:
    op.create_table(
        "office",
        sa.Column("office_id", sa.Text, primary_key=True),
        sa.Column("parent_id", sa.Text),
    )


def _create_alert() -> None:
    op.create_table(
        "alert",
        sa.Column("alert_key", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("severity", sa.SmallInteger, nullable=False),
        sa.Column("person_id", sa.Text, nullable=False),
        sa.Column("device_id", sa.Text),
        sa.Column("office_id", sa.Text, nullable=False),
        sa.Column("fence_group", sa.Text),
        sa.Column("fence_id", sa.Text),
        sa.Column("onset_ms", sa.BigInteger, nullable=False),
        sa.Column("raised_ms", sa.BigInteger, nullable=False),
        sa.Column("cleared_ms", sa.BigInteger),
        sa.Column("withdrawn_ms", sa.BigInteger),
        sa.Column("authorised_by", sa.Text),
        sa.Column("level", sa.SmallInteger, nullable=False),
        sa.Column("lon", sa.Double),
        sa.Column("lat", sa.Double),
        sa.Column("distance_m", sa.Double),
        sa.Column("retrospective", sa.Boolean, nullable=False),
        sa.Column("policy_version", sa.Text, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("fact_seq", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="open"),
        sa.Column("holder", sa.Text),
        sa.Column("holder_office", sa.Text),
        sa.Column("claimed_ms", sa.BigInteger),
        sa.Column("lease_until_ms", sa.BigInteger),
        sa.Column("verdict", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("verified_ms", sa.BigInteger),
        sa.Column("verified_by", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("note", sa.Text),
        sa.Column("disposed_ms", sa.BigInteger),
        sa.Column("disposed_by", sa.Text),
        sa.Column("closed_ms", sa.BigInteger),
        sa.Column("closed_by", sa.Text),
        sa.Column("act_seq", sa.BigInteger),
        *(sa.CheckConstraint(rule, name) for name, rule in _ALERT_CHECKS.items()),
    )
    _create_partial_index("alert_unfinished", ["severity", "raised_ms", "alert_key"], "state <> 'closed'")
    _create_partial_index("alert_closed", ["closed_ms", "alert_key"], "state = 'closed'")
    _create_partial_index("alert_closed_by_kind", ["kind", "office_id", "state"], "state = 'closed'")
    op.create_index("alert_by_person", "alert", ["person_id"])


def _create_partial_index(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "alert", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _create_event() -> None:
    op.create_table(
        "event",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("alert_key", sa.Text, sa.ForeignKey("alert.alert_key"), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger),
        sa.Column("actor", sa.Text),
        sa.Column("office_id", sa.Text),
        sa.Column("details", sa.JSON, nullable=False),
        sa.CheckConstraint(f"kind IN {_EVENT_KINDS}", "event_kind_known"),
        sa.CheckConstraint("(revision IS NULL) = (actor IS NOT NULL)", "event_of_engine_or_person"),
        sa.CheckConstraint("office_id IS NULL OR actor IS NOT NULL", "event_office_with_actor"),
        sa.UniqueConstraint("alert_key", "revision", "kind", name="event_fact_once"),
    )
    op.create_index("event_by_alert", "event", ["alert_key", "seq"])
