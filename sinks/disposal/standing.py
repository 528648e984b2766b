"""How an alert stands at a given time, as SQL; here alone leases lapse and alerts clear themselves."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, case, or_, select, text, true

from sinks.disposal.states import HELD, State
from sinks.disposal.tables import alert, office

# Literally, or SQLite would not see that the partial indexes serve.
UNFINISHED = text("alert.state <> 'closed'")
CLOSED = text("alert.state = 'closed'")


def shown_state(now_ms: int) -> ColumnElement[str]:
    """The state people see: a claim whose lease has lapsed is open again, and open ones may have cleared."""
    nobodys = or_(alert.c.state == State.OPEN, and_(alert.c.state == State.CLAIMED, _lapsed(now_ms)))
    return case(
        (and_(nobodys, alert.c.cleared_ms.is_not(None)), State.SELF_CLEARED.value),
        (nobodys, State.OPEN.value),
        else_=alert.c.state,
    )


def held_by_no_other(actor: str, now_ms: int) -> ColumnElement[bool]:
    """Nobody but the actor is at work on the alert."""
    return or_(alert.c.holder == actor, _lapsed(now_ms))


def is_held(now_ms: int) -> ColumnElement[bool]:
    """Somebody is at work on the alert, and the lease runs."""
    return and_(alert.c.state.in_([state.value for state in HELD]), ~_lapsed(now_ms))


def is_held_by(actor: str, now_ms: int) -> ColumnElement[bool]:
    """The actor is at work on the alert."""
    return and_(alert.c.holder == actor, is_held(now_ms))


def within_office(office_id: str | None) -> ColumnElement[bool]:
    """The alert belongs to the office or to one below it; None: to any."""
    if office_id is None:
        return true()
    # The asked office counts even where no site ever named it; UNION ends a circle, which a site cannot have.
    below = select(office.c.office_id).where(office.c.office_id == office_id).cte(recursive=True)
    below = below.union(select(office.c.office_id).where(office.c.parent_id == below.c.office_id))
    return or_(alert.c.office_id == office_id, alert.c.office_id.in_(select(below.c.office_id)))


def standing_columns(now_ms: int) -> list[ColumnElement[Any]]:
    """What ``items.item_of`` reads: every column, the shown state, and whether the lease has run out."""
    return [
        *alert.c,
        shown_state(now_ms).label("shown_state"),
        _lapsed(now_ms).label("lease_lapsed"),
    ]


def _lapsed(now_ms: int) -> ColumnElement[bool]:
    return alert.c.lease_until_ms <= now_ms
