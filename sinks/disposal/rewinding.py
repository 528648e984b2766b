"""A log that was rewritten from a record on: what it told since is taken back, and may be told anew.

record        … before │ since …          what stands after the rewinding
raised            ●    │                   the alert as it stood at the line
cleared                │    ●
raised                 │    ●              withdrawn; reinstated if it is told again
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import Connection, select

from sinks.alert import Alert
from sinks.disposal.applying import Known, known_alerts, with_facts, write_states
from sinks.disposal.changes import AlertChange
from sinks.disposal.tables import alert as alert_table
from sinks.disposal.tables import event
from sinks.disposal.timeline import TimelineWriter

#: Alerts that are put right at once.
_AT_ONCE = 500
_FIELDS = frozenset(field.name for field in fields(Alert))


@dataclass(frozen=True, slots=True)
class Rewinding:
    """The log was rewritten from ``record`` on and is judged again from record ``first``.

    It is ``now_ms``; a time after ``latest_ms`` cannot be right.
    """

    record: int
    first: int
    now_ms: int
    latest_ms: int


@dataclass(frozen=True, slots=True)
class _Fact:
    """An entry by the engine."""

    revision: int
    kind: str
    details: dict[str, Any]


def rewind_alerts(connection: Connection, rewinding: Rewinding) -> int:
    """Rewind all alerts in the caller's transaction; returns of how many the facts changed.

    Done a second time it changes nothing. What people did stays.
    """
    timeline = TimelineWriter(connection)
    since = alert_table.c.revision > rewinding.record
    keys = sorted(connection.execute(select(alert_table.c.alert_key).where(since)).scalars())
    changed = 0
    for begin in range(0, len(keys), _AT_ONCE):
        some = keys[begin : begin + _AT_ONCE]
        facts = _facts(connection, some)
        states = []
        for key, known in known_alerts(connection, some).items():
            change = _rewound(known, facts[key], rewinding)
            states.append(with_facts(timeline, known, change))
            changed += change.alert != known.alert
        write_states(connection, states, may_fall=True)
    timeline.write()
    return changed


def _facts(connection: Connection, keys: Sequence[str]) -> dict[str, list[_Fact]]:
    """What the engine told of each alert, the last first."""
    found: dict[str, list[_Fact]] = defaultdict(list)
    wanted = event.c.alert_key.in_(keys) & event.c.revision.is_not(None)
    asked = select(event.c.alert_key, event.c.revision, event.c.kind, event.c.details)
    for key, *fact in connection.execute(asked.where(wanted).order_by(event.c.seq.desc())):
        found[key].append(_Fact(*fact))
    return found


def _rewound(known: Known, facts: Sequence[_Fact], rewinding: Rewinding) -> AlertChange:
    """An alert as it stood before the record, with a revision from which on all is told again."""
    raised = facts[-1].revision
    alert, revision = known.alert, rewinding.record
    if raised > rewinding.record:
        alert = _withdrawn(_possible(alert, rewinding), rewinding)
    elif raised > rewinding.first:
        undone = [fact for fact in facts if fact.revision > rewinding.record]
        alert = _without(alert, undone)
        if any("evidence" in fact.details for fact in undone):  # it was not kept what it had been
            revision = raised - 1
    else:  # the engine no longer knows it, and tells nothing of it again
        alert = _possible(alert, rewinding)
    return AlertChange(alert, revision, rewinding.now_ms)


def _withdrawn(alert: Alert, rewinding: Rewinding) -> Alert:
    return alert if alert.withdrawn_ms is not None else replace(alert, withdrawn_ms=rewinding.now_ms)


def _possible(alert: Alert, rewinding: Rewinding) -> Alert:
    """Without what is told of a time that has not come yet."""
    cleared_ms, withdrawn_ms = (
        None if at_ms is None or at_ms > rewinding.latest_ms else at_ms
        for at_ms in (alert.cleared_ms, alert.withdrawn_ms)
    )
    return replace(alert, cleared_ms=cleared_ms, withdrawn_ms=withdrawn_ms)


def _without(alert: Alert, undone: Sequence[_Fact]) -> Alert:
    """Each fact, the last first, says what stood before it; but for evidence, which stays as it is."""
    before: dict[str, Any] = {}
    for fact in undone:
        moved = {name: value for name, value in fact.details.items() if name in _FIELDS}
        before |= {name: value[0] for name, value in moved.items() if isinstance(value, list)}
    return replace(alert, **before)
