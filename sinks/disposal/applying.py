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
from sinks.disposal.timeline import TimelineWriter

#: Keys asked for in one statement; SQLite takes 32,766 parameters, older builds 999.
_KEYS_AT_ONCE = 500
#: Each database's own INSERT ... ON CONFLICT; they are built alike.
_INSERT: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(slots=True)
class _Known:
    """What the queue holds of an alert, as the batch goes on."""

    revision: int
    alert: Alert
    fact_seq: int


def apply_changes(connection: Connection, changes: Sequence[AlertChange]) -> int:
    """Take a batch inside the caller's transaction; returns how many were newer than what stood there."""
    timeline = TimelineWriter(connection)
    told = {(change.alert.alert_key, change.revision): change for change in changes}
    known = _known(connection, sorted({key for key, _ in told}))
    renewed = set()
    taken = 0
    for (key, revision), change in told.items():
        before = known.get(key)
        if before is not None and revision <= before.revision:
            continue
        known[key] = _taken(timeline, before, replace(change, alert=without_nan(change.alert)))
        renewed.add(key)
        taken += 1
    _upsert(connection, [known[key] for key in sorted(renewed)])
    timeline.write()
    return taken


def _taken(timeline: TimelineWriter, before: _Known | None, change: AlertChange) -> _Known:
    key, revision = change.alert.alert_key, change.revision
    fact_seq = 0 if before is None else before.fact_seq
    for fact in facts_of(None if before is None else before.alert, change):
        fact_seq = timeline.add_fact(key, revision, fact.kind, fact.at_ms, fact.details)
    return _Known(revision, change.alert, fact_seq)


def _known(connection: Connection, keys: Sequence[str]) -> dict[str, _Known]:
    found = {}
    for first in range(0, len(keys), _KEYS_AT_ONCE):
        some = alert_table.c.alert_key.in_(keys[first : first + _KEYS_AT_ONCE])
        for row in connection.execute(select(alert_table).where(some)).mappings():
            found[row["alert_key"]] = _Known(row["revision"], alert_of(row), row["fact_seq"])
    return found


def _upsert(connection: Connection, states: Sequence[_Known]) -> None:
    if not states:
        return
    statement = _INSERT[connection.dialect.name](alert_table)
    rows: list[dict[str, Any]] = [row_of(state.alert, state.revision, state.fact_seq) for state in states]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[alert_table.c.alert_key],
            set_={name: statement.excluded[name] for name in FACT_COLUMNS},
            where=statement.excluded.revision > alert_table.c.revision,
        ),
        rows,
    )
