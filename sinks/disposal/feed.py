"""The timeline as a feed: what happened after a number, for watchers that come back and for all at once."""

from __future__ import annotations

from sqlalchemy import Connection, Select, select

from sinks.disposal.items import TimelineEvent, WatchedEvent, event_of
from sinks.disposal.offices import office_parents, offices_from
from sinks.disposal.standing import within_office
from sinks.disposal.tables import alert, event, event_tail


def events_after(
    connection: Connection, after_seq: int, *, office: str | None, limit: int
) -> tuple[TimelineEvent, ...]:
    """The next entries of alerts within the office, oldest first."""
    chosen: Select[tuple[object, ...]] = select(*event.c).where(event.c.seq > after_seq)
    if office is not None:
        chosen = chosen.join(alert, alert.c.alert_key == event.c.alert_key).where(within_office(office))
    rows = connection.execute(chosen.order_by(event.c.seq).limit(limit)).mappings()
    return tuple(event_of(row) for row in rows)


def watched_after(connection: Connection, after_seq: int, *, limit: int) -> tuple[WatchedEvent, ...]:
    """The next entries of all alerts, oldest first, each with the offices that may see it."""
    chosen = select(*event.c, alert.c.office_id.label("alert_office"))
    chosen = chosen.join(alert, alert.c.alert_key == event.c.alert_key).where(event.c.seq > after_seq)
    rows = connection.execute(chosen.order_by(event.c.seq).limit(limit)).mappings().all()
    if not rows:  # most looks find nothing, and need no offices
        return ()
    parents = office_parents(connection)
    return tuple(WatchedEvent(event_of(row), offices_from(row["alert_office"], parents)) for row in rows)


def last_seq(connection: Connection) -> int:
    """The number of the newest entry, 0 before the first."""
    return int(connection.execute(select(event_tail.c.last_seq)).scalar_one())
