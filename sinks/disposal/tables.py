"""The queue's tables; what may stand together in a row is said by CHECKs, so that nobody can write nonsense.

The migrations bring a database here; a test compares the two, CHECKs included. The SQL is what SQLite and
PostgreSQL have in common. Times are milliseconds since 1970, distances metres, positions WGS-84 degrees.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from sinks.disposal.states import EVENT_KINDS, HELD, JUDGED, MEASURES, SETTLED, STORED, Outcome, Verdict

metadata = MetaData()


def _listed(values: Iterable[str]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


def _exactly_in(states: Iterable[str], *columns: str) -> list[CheckConstraint]:
    """Each column is filled in these states and empty in all others."""
    return [
        CheckConstraint(f"(state IN {_listed(states)}) = ({column} IS NOT NULL)", f"alert_{column}_when")
        for column in columns
    ]


#: The offices alerts are filtered by; an office that a site no longer has stays, for its old alerts.
office = Table(
    "office",
    metadata,
    Column("office_id", Text, primary_key=True),
    Column("parent_id", Text),
)

alert = Table(
    "alert",
    metadata,
    # What the engine says; replaced as a whole by each newer revision.
    Column("alert_key", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("device_id", Text),
    Column("office_id", Text, nullable=False),
    Column("fence_group", Text),
    Column("fence_id", Text),
    Column("onset_ms", BigInteger, nullable=False),
    Column("raised_ms", BigInteger, nullable=False),
    Column("cleared_ms", BigInteger),
    Column("withdrawn_ms", BigInteger),
    Column("authorised_by", Text),
    Column("level", SmallInteger, nullable=False),
    Column("lon", Double),
    Column("lat", Double),
    Column("distance_m", Double),
    Column("retrospective", Boolean, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("fact_seq", BigInteger, nullable=False),  # the last timeline entry of the engine
    # What people did; only transitions write here.
    Column("state", Text, nullable=False, server_default="open"),
    Column("holder", Text),
    Column("holder_office", Text),
    Column("claimed_ms", BigInteger),
    Column("lease_until_ms", BigInteger),
    Column("verdict", Text),
    Column("reason", Text),
    Column("verified_ms", BigInteger),
    Column("verified_by", Text),
    Column("outcome", Text),
    Column("note", Text),
    Column("disposed_ms", BigInteger),
    Column("disposed_by", Text),
    Column("closed_ms", BigInteger),
    Column("closed_by", Text),
    Column("act_seq", BigInteger),  # the last timeline entry of a person
    CheckConstraint("length(alert_key) = 32", "alert_key_length"),
    CheckConstraint("revision >= 0", "alert_revision_range"),
    CheckConstraint("severity BETWEEN 1 AND 4", "alert_severity_range"),
    CheckConstraint("level >= 1", "alert_level_range"),
    CheckConstraint("raised_ms >= onset_ms", "alert_raised_after_onset"),
    CheckConstraint("(lon IS NULL) = (lat IS NULL)", "alert_position_whole"),
    CheckConstraint(f"state IN {_listed(STORED)}", "alert_state_known"),
    *_exactly_in((*HELD, *SETTLED), "claimed_ms"),
    *_exactly_in(HELD, "holder", "lease_until_ms"),
    *_exactly_in(JUDGED, "verdict", "verified_ms", "verified_by"),
    *_exactly_in(SETTLED, "outcome", "note", "disposed_ms", "disposed_by"),
    *_exactly_in(("closed",), "closed_ms", "closed_by"),
    CheckConstraint("holder_office IS NULL OR holder IS NOT NULL", "alert_holder_office_with_holder"),
    CheckConstraint("lease_until_ms > claimed_ms", "alert_lease_ahead"),
    CheckConstraint(f"verdict IN {_listed(Verdict)}", "alert_verdict_known"),
    CheckConstraint("reason IS NULL OR verdict IS NOT NULL", "alert_reason_with_verdict"),
    CheckConstraint("verdict <> 'false' OR length(coalesce(reason, '')) > 0", "alert_false_has_reason"),
    CheckConstraint(f"outcome IN {_listed(Outcome)}", "alert_outcome_known"),
    CheckConstraint("outcome <> 'false_alarm' OR verdict = 'false'", "alert_false_alarm_found_false"),
    CheckConstraint(f"outcome NOT IN {_listed(MEASURES)} OR verdict = 'true'", "alert_measure_found_true"),
    CheckConstraint("state = 'open' OR act_seq IS NOT NULL", "alert_acted_on"),
)


def _index_where(condition: str, name: str, *columns: str) -> None:
    Index(
        name,
        *(alert.c[column] for column in columns),
        sqlite_where=text(condition),
        postgresql_where=text(condition),
    )


# The board reads all that is unfinished; what is closed piles up, is read by pages and counted from an index.
_index_where("state <> 'closed'", "alert_unfinished", "severity", "raised_ms", "alert_key")
_index_where("state = 'closed'", "alert_closed", "closed_ms", "alert_key")
_index_where("state = 'closed'", "alert_closed_by_kind", "kind", "office_id", "state")
Index("alert_by_person", alert.c.person_id)

#: What happened to each alert, in the order it was committed: facts of the engine and steps of people.
event = Table(
    "event",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("alert_key", Text, ForeignKey("alert.alert_key"), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("revision", BigInteger),
    Column("actor", Text),
    Column("office_id", Text),
    Column("details", JSON, nullable=False),
    Column("salt", LargeBinary),  # with the link before it, what the entry's own link is made of
    Column("link", LargeBinary),
    CheckConstraint(f"kind IN {_listed(EVENT_KINDS)}", "event_kind_known"),
    CheckConstraint("(revision IS NULL) = (actor IS NOT NULL)", "event_of_engine_or_person"),
    CheckConstraint("office_id IS NULL OR actor IS NOT NULL", "event_office_with_actor"),
    UniqueConstraint("alert_key", "revision", "kind", name="event_fact_once"),
)
Index("event_by_alert", event.c.alert_key, event.c.seq)

#: One row: the last ``seq`` and the link of that entry, null before the first. Whoever writes locks it
#: first: numbers are dense and appear in order of commit.
event_tail = Table(
    "event_tail",
    metadata,
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("last_link", LargeBinary),
    CheckConstraint("slot = 1", "event_tail_single"),
)

#: One row: whose data directory it is part of, and how far in the log it has come (``sinks/bearing.py``).
bearing = Table(
    "bearing",
    metadata,
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("identity", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("writes", BigInteger, nullable=False),
    Column("gaps", Text, nullable=False),
    CheckConstraint("slot = 1", "bearing_single"),
)
