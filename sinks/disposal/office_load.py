"""What each office has before it: for a screen on a wall that shows all of them at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from sinks.disposal.standing import UNFINISHED, shown_state, within_office
from sinks.disposal.states import HELD, State
from sinks.disposal.tables import alert


@dataclass(slots=True)
class OfficeLoad:
    """An office's unsettled alerts that were not withdrawn.

    ``open`` counts by severity those that nobody has taken up, ``self_cleared`` those that are over and want
    a look, ``in_hand`` those that somebody works on; ``oldest_open_ms`` is when the oldest open one was
    raised.
    """

    office_id: str
    open: dict[int, int] = field(default_factory=lambda: dict.fromkeys((1, 2, 3, 4), 0))
    self_cleared: int = 0
    in_hand: int = 0
    oldest_open_ms: int | None = None


def office_loads(connection: Connection, *, now_ms: int, office: str | None) -> list[OfficeLoad]:
    """Every office that has any, by id; without those of offices below."""
    counted = (
        select(
            alert.c.office_id,
            shown_state(now_ms).label("shown_state"),
            alert.c.severity,
            func.count(),
            func.min(alert.c.raised_ms),
        )
        .where(UNFINISHED, alert.c.withdrawn_ms.is_(None), within_office(office))
        .group_by(alert.c.office_id, "shown_state", alert.c.severity)
        .order_by(alert.c.office_id)
    )
    found: dict[str, OfficeLoad] = {}
    for office_id, state, severity, n, oldest_ms in connection.execute(counted):
        load = found.setdefault(office_id, OfficeLoad(office_id))
        if state == State.OPEN:
            load.open[severity] += n
            load.oldest_open_ms = min(oldest_ms, load.oldest_open_ms or oldest_ms)
        elif state == State.SELF_CLEARED:
            load.self_cleared += n
        elif state in HELD:
            load.in_hand += n
    return [load for load in found.values() if sum(load.open.values()) + load.self_cleared + load.in_hand]
