"""Whom something unfinished is about: how grave it is, and whether anybody is at work on it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, func, select

from sinks.disposal.standing import UNFINISHED, is_held, within_office
from sinks.disposal.states import SETTLED
from sinks.disposal.tables import alert


@dataclass(frozen=True, slots=True)
class AlertedPerson:
    """A person with unsettled alerts: ``severity`` is that of the gravest (1) of them.

    ``unclaimed`` of the ``alerts`` are in nobody's hands: never taken up, or the lease ran out.
    """

    person_id: str
    severity: int
    alerts: int
    unclaimed: int


def alerted_people(connection: Connection, *, now_ms: int, office: str | None) -> tuple[AlertedPerson, ...]:
    """Everybody with an alert that is not settled yet, by person; alerts about nobody are left out.

    Withdrawn and self-cleared alerts count: they want a verdict all the same, and stand on the board.
    """
    in_hands = case((is_held(now_ms), 1), else_=0)
    counted = (
        select(
            alert.c.person_id,
            func.min(alert.c.severity),
            func.count(),
            func.count() - func.sum(in_hands),
        )
        .where(
            and_(UNFINISHED, alert.c.state.not_in([state.value for state in SETTLED])),
            alert.c.person_id != "",
            within_office(office),
        )
        .group_by(alert.c.person_id)
        .order_by(alert.c.person_id)
    )
    return tuple(AlertedPerson(*row) for row in connection.execute(counted))
