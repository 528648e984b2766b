"""The board: alerts in the order in which they want attention, by pages that later arrivals do not shift.

What is unfinished comes first, in the order asked for:

- ``urgent``: open, then what cleared itself or was withdrawn and still wants a verdict, then by how far
  people have come; within that the gravest, then the oldest
- ``newest`` and ``oldest``: by when it was raised
- ``severity``: the gravest, then the oldest, however far people have come

What is closed follows, the last closed first. A page begins where the one before ended, whatever was raised
or closed in between; only an alert that itself moves between two pages may be met twice or, moving up, in the
next round.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)

from sinks.disposal.errors import WrongInput
from sinks.disposal.items import AlertPage, item_of
from sinks.disposal.standing import (
    CLOSED,
    UNFINISHED,
    is_held_by,
    shown_state,
    standing_columns,
    within_office,
)
from sinks.disposal.states import State
from sinks.disposal.tables import alert

#: Where an alert stands in an order: numbers that rise from one to the next, and its key.
Place = tuple[int | str, ...]
#: Behind all orders stands what is closed, by closed_ms and key, both falling.
CLOSED_ORDER = "closed"


class Order(StrEnum):
    """How unfinished alerts are put in order."""

    URGENT = "urgent"
    NEWEST = "newest"
    OLDEST = "oldest"
    SEVERITY = "severity"


#: How many numbers a place has before the key.
_NUMBERS = {Order.URGENT: 3, Order.NEWEST: 1, Order.OLDEST: 1, Order.SEVERITY: 2}

#: The most alerts a page may have.
PAGE_MAX = 500
#: The most people a filter may name: databases take so many parameters, and some more.
PEOPLE_MAX = 20_000

#: Beyond any time in ms, and within what a database takes.
_NUMBER_MAX = 1 << 60


@dataclass(frozen=True, slots=True)
class Search:
    """Somebody whose id has ``text`` in it, or who is one of ``people``: those whose names have, say."""

    text: str
    people: Collection[str] = ()

    def condition(self) -> ColumnElement[bool]:
        """The same as SQL; raises WrongInput where too many people are meant."""
        if len(self.people) > PEOPLE_MAX:
            raise WrongInput(
                "q", f"{self.text!r} means {len(self.people)} people", "more letters of the name"
            )
        has_id = alert.c.person_id.icontains(self.text, autoescape=True)
        return or_(has_id, alert.c.person_id.in_(sorted(self.people)))


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """Which alerts; an empty choice means all. An office stands for itself and all below it.

    ``holder`` is who is at work on it. ``scope`` is the asker's own office, which limits whatever else is
    asked for; None sees everything.
    """

    states: Sequence[State] = ()
    kinds: Sequence[str] = ()
    severities: Sequence[int] = ()
    office: str | None = None
    person_id: str | None = None
    search: Search | None = None
    holder: str | None = None
    withdrawn: bool | None = None
    scope: str | None = None

    def conditions(self, now_ms: int) -> list[ColumnElement[bool]]:
        """The same as SQL, at a time."""
        found = [within_office(self.scope), within_office(self.office)]
        if self.states:
            unknown = set(self.states) - set(State)
            if unknown:
                raise WrongInput("states", ", ".join(sorted(unknown)), "some of " + ", ".join(State))
            found.append(shown_state(now_ms).in_([State(state).value for state in self.states]))
        if self.kinds:
            found.append(alert.c.kind.in_(list(self.kinds)))
        if self.severities:
            found.append(alert.c.severity.in_(list(self.severities)))
        if self.person_id is not None:
            found.append(alert.c.person_id == self.person_id)
        if self.search is not None:
            found.append(self.search.condition())
        if self.holder is not None:
            found.append(is_held_by(self.holder, now_ms))
        if self.withdrawn is not None:
            known = alert.c.withdrawn_ms.is_not(None)
            found.append(known if self.withdrawn else ~known)
        return found

    def leaves_out_closed(self) -> bool:
        """No alert that is closed is wanted."""
        return bool(self.states) and State.CLOSED not in self.states


#: Every alert there is.
EVERYTHING = AlertFilter()


def alert_page(
    connection: Connection,
    wanted: AlertFilter,
    *,
    now_ms: int,
    cursor: str | None,
    limit: int,
    order: Order = Order.URGENT,
) -> AlertPage:
    """The next alerts after the cursor (None: from the start)."""
    if not 1 <= limit <= PAGE_MAX:
        raise WrongInput("limit", str(limit), f"1 to {PAGE_MAX}")
    behind, after = (
        (order, None) if cursor is None else place_of(cursor, {order: _NUMBERS[order], CLOSED_ORDER: 1})
    )
    found: list[Row[Any]] = []
    if behind == order and set(wanted.states or State) != {State.CLOSED}:
        found += connection.execute(_unfinished(wanted, now_ms, order, after).limit(limit + 1))
    if len(found) <= limit and not wanted.leaves_out_closed():
        after = after if behind == CLOSED_ORDER else None
        found += connection.execute(_closed(wanted, now_ms, after).limit(limit + 1 - len(found)))
    items = tuple(item_of(row._mapping) for row in found[:limit])
    return AlertPage(items, _cursor_of(found[limit - 1], order) if len(found) > limit else None)


def count_alerts(connection: Connection, wanted: AlertFilter, *, now_ms: int) -> int:
    """How many alerts all pages together have."""
    counted = select(func.count()).select_from(alert).where(*wanted.conditions(now_ms))
    return int(connection.execute(counted).scalar_one())


def counts_by_state(connection: Connection, wanted: AlertFilter, *, now_ms: int) -> dict[State, int]:
    """How many alerts of a choice stand in each state; the states of the choice itself do not matter."""
    conditions = replace(wanted, states=()).conditions(now_ms)
    # Two halves, so that what is closed is counted from its index.
    counted = union_all(
        *(
            select(shown.label("shown_state"), func.count()).where(half, *conditions).group_by("shown_state")
            for shown, half in ((shown_state(now_ms), UNFINISHED), (literal(State.CLOSED.value), CLOSED))
        )
    )
    found = dict.fromkeys(State, 0)
    for state, n in connection.execute(counted):
        found[State(state)] = n
    return found


def count_severities(connection: Connection, wanted: AlertFilter, *, now_ms: int) -> dict[int, int]:
    """How many alerts of a choice are of each severity; the severities of the choice do not matter."""
    conditions = replace(wanted, severities=()).conditions(now_ms)
    counted = select(alert.c.severity, func.count()).where(*conditions)
    found = {int(severity): int(n) for severity, n in connection.execute(counted.group_by(alert.c.severity))}
    return {severity: found.get(severity, 0) for severity in range(1, 5)}


def rank_of(now_ms: int) -> ColumnElement[int]:
    """How much an unfinished alert wants somebody: 0 the most."""
    shown = shown_state(now_ms)
    return case(
        (and_(shown == State.OPEN, alert.c.withdrawn_ms.is_(None)), 0),
        (shown.in_([State.OPEN.value, State.SELF_CLEARED.value]), 1),
        (shown == State.CLAIMED, 2),
        (shown == State.VERIFIED, 3),
        else_=4,
    )


def cursor_of(order: str, place: Place) -> str:
    """A place as a client keeps it."""
    written = json.dumps([order, *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


def place_of(cursor: str, numbers: Mapping[str, int]) -> tuple[str, Place]:
    """A cursor read back; whatever a client sends is either a place or WrongInput.

    ``numbers`` has the orders whose cursor it may be, each with how many numbers its places have.
    """
    try:
        written = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        named, *place = json.loads(written)
        types = (*[int] * numbers[named], str)
        fits = tuple(type(value) for value in place) == types
        fits = fits and all(abs(value) < _NUMBER_MAX for value in place[:-1])
    except (binascii.Error, ValueError, TypeError, KeyError):
        fits = False
    if not fits:
        raise WrongInput("cursor", repr(cursor), "the `next` of an earlier page in the same order")
    return named, tuple(place)


def _unfinished(wanted: AlertFilter, now_ms: int, order: Order, after: Place | None) -> Select[Any]:
    numbers: tuple[ColumnElement[int], ...] = {
        Order.URGENT: (rank_of(now_ms), alert.c.severity, alert.c.raised_ms),
        Order.NEWEST: (-alert.c.raised_ms,),
        Order.OLDEST: (alert.c.raised_ms,),
        Order.SEVERITY: (alert.c.severity, alert.c.raised_ms),
    }[order]
    place = (*numbers, alert.c.alert_key)
    columns: list[ColumnElement[Any]] = [number.label(f"place_{n}") for n, number in enumerate(numbers)]
    chosen: Select[Any] = select(*columns, *standing_columns(now_ms)).order_by(*place)
    chosen = chosen.where(UNFINISHED, *wanted.conditions(now_ms))
    return chosen if after is None else chosen.where(tuple_(*place) > tuple_(*map(literal, after)))


def _closed(wanted: AlertFilter, now_ms: int, after: Place | None) -> Select[Any]:
    place = (alert.c.closed_ms, alert.c.alert_key)
    chosen = select(*standing_columns(now_ms)).order_by(*(column.desc() for column in place))
    chosen = chosen.where(CLOSED, *wanted.conditions(now_ms))
    return chosen if after is None else chosen.where(tuple_(*place) < tuple_(*map(literal, after)))


def _cursor_of(row: Row[Any], order: Order) -> str:
    if row.state == State.CLOSED:
        return cursor_of(CLOSED_ORDER, (row.closed_ms, row.alert_key))
    numbers = [row._mapping[f"place_{n}"] for n in range(_NUMBERS[order])]
    return cursor_of(order, (*numbers, row.alert_key))
