"""Changes from the engine written down: newer revisions replace facts, nothing touches what people did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from sinks.alert import Alert
from sinks.disposal.alert_rows import FACT_COLUMNS, alert_of, row_of, without_nan
from sinks.disposal.changes import AlertChange, facts_of
from sinks.disposal.tables import alert as alert_table
from sinks.disposal.tables import event
from sinks.disposal.timeline import TimelineWriter

#: Keys asked for in one statement; SQLite takes 32,766 parameters, older builds 999.
_KEYS_AT_ONCE = 500
#: Each database's own INSERT ... ON CONFLICT; they are built alike.
_INSERT: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class Known:
    """What the queue holds of an alert: its state, and the engine's last entry in its timeline.

    ``fact_revision`` is what that entry bears: that of the state, or a higher one after a rewinding.
    """

    revision: int
    alert: Alert
    fact_seq: int
    fact_revision: int


def apply_changes(connection: Connection, changes: Sequence[AlertChange]) -> int:
    """Take a batch inside the caller's transaction; returns how many were newer than what stood there."""
    timeline = TimelineWriter(connection)
    newest = {(change.alert.alert_key, change.revision): change for change in changes}
    known = known_alerts(connection, sorted({key for key, _ in newest}))
    renewed = set()
    taken = 0
    for (key, revision), change in newest.items():
        before = known.get(key)
        if before is not None and revision <= before.revision:
            continue
        known[key] = with_facts(timeline, before, replace(change, alert=without_nan(change.alert)))
        renewed.add(key)
        taken += 1
    write_states(connection, [known[key] for key in sorted(renewed)])
    timeline.write()
    return taken


def with_facts(timeline: TimelineWriter, before: Known | None, change: AlertChange) -> Known:
    """The state after a change, whose facts are added to the timeline.

    An entry's revision rises within its alert, also where a state is told again after a rewinding.
    """
    key, revision = change.alert.alert_key, change.revision
    fact_seq, fact_revision = (0, -1) if before is None else (before.fact_seq, before.fact_revision)
    facts = facts_of(None if before is None else before.alert, change)
    if facts:
        fact_revision = max(revision, fact_revision + 1)
    for fact in facts:
        fact_seq = timeline.add_fact(key, fact_revision, fact.kind, fact.at_ms, fact.details)
    return Known(revision, change.alert, fact_seq, fact_revision)


def known_alerts(connection: Connection, keys: Sequence[str]) -> dict[str, Known]:
    """What the queue holds of those it knows, by key."""
    found = {}
    joined = alert_table.outerjoin(event, event.c.seq == alert_table.c.fact_seq)
    asked = select(alert_table, event.c.revision.label("fact_revision")).select_from(joined)
    for first in range(0, len(keys), _KEYS_AT_ONCE):
        some = alert_table.c.alert_key.in_(keys[first : first + _KEYS_AT_ONCE])
        for row in connection.execute(asked.where(some)).mappings():
            newest = row["revision"] if row["fact_revision"] is None else row["fact_revision"]
            found[row["alert_key"]] = Known(row["revision"], alert_of(row), row["fact_seq"], newest)
    return found


def write_states(connection: Connection, states: Sequence[Known], *, may_fall: bool = False) -> None:
    """The engine's part of the alerts; no revision falls unless it may."""
    if not states:
        return
    statement = _INSERT[connection.dialect.name](alert_table)
    rows: list[dict[str, Any]] = [row_of(state.alert, state.revision, state.fact_seq) for state in states]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[alert_table.c.alert_key],
            set_={name: statement.excluded[name] for name in FACT_COLUMNS},
            where=None if may_fall else statement.excluded.revision > alert_table.c.revision,
        ),
        rows,
    )
