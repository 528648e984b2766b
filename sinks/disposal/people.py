"""The board by person: everybody with alerts that are wanted, each once, by pages that do not shift."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, literal, or_, select, tuple_

from sinks.disposal.errors import WrongInput
from sinks.disposal.items import PeoplePage, PersonAlerts, QueueItem, item_of
from sinks.disposal.listing import PAGE_MAX, AlertFilter, Order, Place, cursor_of, place_of, rank_of
from sinks.disposal.standing import shown_state, standing_columns
from sinks.disposal.states import WAITING, State
from sinks.disposal.tables import alert

#: Behind all that is unfinished; see ``listing.rank_of``.
_CLOSED_RANK = 5


def people_page(
    connection: Connection,
    wanted: AlertFilter,
    *,
    now_ms: int,
    cursor: str | None,
    limit: int,
    order: Order,
) -> PeoplePage:
    """The next people after the cursor (None: from the start), each with the alerts that are wanted.

    They stand in the order of the alert of theirs that comes first; who has only closed ones comes last.
    """
    if not 1 <= limit <= PAGE_MAX:
        raise WrongInput("limit", str(limit), f"1 to {PAGE_MAX}")
    after = None if cursor is None else place_of(cursor, {_named(order): _NUMBERS[order]})[1]
    rows = connection.execute(_people(wanted, now_ms, order, after).limit(limit + 1)).all()
    firsts = _firsts(connection, wanted, now_ms, order, [row.person_id for row in rows[:limit]])
    people = tuple(_person(row, firsts[row.person_id]) for row in rows[:limit])
    return PeoplePage(
        people, cursor_of(_named(order), _place(rows[limit - 1], order)) if len(rows) > limit else None
    )


#: How many numbers a person's place has before the id.
_NUMBERS = {Order.URGENT: 3, Order.NEWEST: 2, Order.OLDEST: 2, Order.SEVERITY: 3}


def _named(order: Order) -> str:
    """The order of people, which is none of alerts."""
    return f"person_{order}"


def _numbers(order: Order, now_ms: int) -> tuple[ColumnElement[int], ...]:
    """The place of one alert as numbers that rise; what is closed comes behind all others."""
    is_closed = case((alert.c.state == State.CLOSED.value, 1), else_=0)
    rank = case((alert.c.state == State.CLOSED.value, _CLOSED_RANK), else_=rank_of(now_ms))
    return {
        Order.URGENT: (rank, alert.c.severity, alert.c.raised_ms),
        Order.NEWEST: (is_closed, -alert.c.raised_ms),
        Order.OLDEST: (is_closed, alert.c.raised_ms),
        Order.SEVERITY: (is_closed, alert.c.severity, alert.c.raised_ms),
    }[order]


def _ranked(wanted: AlertFilter, now_ms: int, order: Order) -> Any:
    """Alerts that are wanted, each with its place among those of its person, 1 the first."""
    numbers = _numbers(order, now_ms)
    waits = shown_state(now_ms).in_([state.value for state in WAITING])
    passed = or_(alert.c.cleared_ms.is_not(None), alert.c.withdrawn_ms.is_not(None))
    nth = func.row_number().over(partition_by=alert.c.person_id, order_by=(*numbers, alert.c.alert_key))
    return select(
        alert.c.person_id,
        alert.c.alert_key,
        alert.c.severity,
        alert.c.raised_ms,
        case((waits, 1), else_=0).label("waits"),
        case((and_(waits, passed), 1), else_=0).label("settleable"),
        *(number.label(f"place_{n}") for n, number in enumerate(numbers)),
        nth.label("nth"),
    ).where(*wanted.conditions(now_ms))


def _people(
    wanted: AlertFilter, now_ms: int, order: Order, after: tuple[int | str, ...] | None
) -> Select[Any]:
    each = _ranked(wanted, now_ms, order).subquery()
    places = [f"place_{n}" for n in range(_NUMBERS[order])]
    # Of the first alert alone: every other row adds nothing to the smallest.
    first = [func.min(case((each.c.nth == 1, each.c[name]))).label(name) for name in places]
    grouped = (
        select(
            each.c.person_id,
            func.count().label("count"),
            func.min(each.c.severity).label("gravest"),
            func.sum(each.c.waits).label("waiting"),
            func.sum(each.c.settleable).label("settleable"),
            func.max(each.c.raised_ms).label("newest"),
            func.min(each.c.raised_ms).label("oldest"),
            *first,
        )
        .group_by(each.c.person_id)
        .subquery()
    )
    place = (*(grouped.c[name] for name in places), grouped.c.person_id)
    chosen = select(grouped).order_by(*place)
    return chosen if after is None else chosen.where(tuple_(*place) > tuple_(*map(literal, after)))


def _firsts(
    connection: Connection, wanted: AlertFilter, now_ms: int, order: Order, people: list[str]
) -> dict[str, QueueItem]:
    """The alert of each person that comes first."""
    each = _ranked(wanted, now_ms, order).where(alert.c.person_id.in_(people)).subquery()
    chosen = select(*standing_columns(now_ms)).join(each, each.c.alert_key == alert.c.alert_key)
    rows = connection.execute(chosen.where(each.c.nth == 1)).mappings()
    return {row["person_id"]: item_of(row) for row in rows}


def _place(row: Row[Any], order: Order) -> Place:
    return (*(row._mapping[f"place_{n}"] for n in range(_NUMBERS[order])), row.person_id)


def _person(row: Row[Any], first: QueueItem) -> PersonAlerts:
    return PersonAlerts(
        person_id=row.person_id,
        count=int(row._mapping["count"]),
        gravest=int(row.gravest),
        waiting=int(row.waiting),
        settleable=int(row.settleable),
        newest_raised_ms=int(row.newest),
        oldest_raised_ms=int(row.oldest),
        first=first,
    )
