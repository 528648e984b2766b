"""How full the queue is: counts by state and kind, and the age of the oldest alert that waits."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import ColumnElement, Connection, TextClause, func, literal, select, union_all

from sinks.disposal.items import QueueStats
from sinks.disposal.standing import CLOSED, UNFINISHED, shown_state, within_office
from sinks.disposal.states import WAITING, State
from sinks.disposal.tables import alert, event_tail


def counts_by_kind(connection: Connection, *, now_ms: int, office: str | None) -> dict[str, dict[State, int]]:
    """How many alerts of each kind that occurs stand in each state."""
    # Two halves, so that what is closed is counted from its index alone however much has piled up.
    halves = (
        (shown_state(now_ms), UNFINISHED),
        (literal(State.CLOSED.value), CLOSED),
    )
    counted = union_all(
        *(
            select(alert.c.kind, shown.label("shown_state"), func.count().label("n"))
            .where(half, within_office(office))
            .group_by(alert.c.kind, "shown_state")
            for shown, half in halves
        )
    )
    found: dict[str, dict[State, int]] = defaultdict(lambda: dict.fromkeys(State, 0))
    for kind, state, n in connection.execute(counted):
        found[kind][State(state)] += n
    return dict(sorted(found.items()))


def queue_stats(connection: Connection, *, now_ms: int, office: str | None) -> QueueStats:
    """All figures at a time, of one look at the database."""
    by_kind = counts_by_kind(connection, now_ms=now_ms, office=office)
    by_state = {state: sum(counts[state] for counts in by_kind.values()) for state in State}
    oldest_ms = connection.execute(
        select(func.min(alert.c.raised_ms)).where(*_lasting(now_ms, office))
    ).scalar()
    return QueueStats(
        waiting=sum(by_state[state] for state in WAITING),
        oldest_open_age_ms=None if oldest_ms is None else max(0, now_ms - oldest_ms),
        by_state=by_state,
        by_kind=by_kind,
        last_seq=connection.execute(select(event_tail.c.last_seq)).scalar_one(),
    )


def _lasting(now_ms: int, office: str | None) -> tuple[ColumnElement[bool] | TextClause, ...]:
    return (
        UNFINISHED,
        shown_state(now_ms) == State.OPEN,
        alert.c.withdrawn_ms.is_(None),
        within_office(office),
    )
