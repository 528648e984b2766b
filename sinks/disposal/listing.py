"""The board: alerts in the order in which they want attention, by pages that later arrivals do not shift.

What is unfinished comes first: open, then what cleared itself or was withdrawn and still wants a verdict,
then by how far people have come; within that the gravest, then the oldest. What is closed follows, the last
closed first. A page begins where the one before ended, whatever was raised or closed in between; only an
alert that itself moves between two pages may be met twice or, moving up, in the next round.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    select,
    tuple_,
    union_all,
)

from sinks.disposal.errors import WrongInput
from sinks.disposal.items import AlertPage, item_of
from sinks.disposal.standing import CLOSED, UNFINISHED, shown_state, standing_columns, within_office
from sinks.disposal.states import State
from sinks.disposal.tables import alert

#: The most alerts a page may have.
PAGE_MAX = 500

#: Where an alert stands: rank, severity, raised_ms, key among the unfinished; closed_ms, key behind them.
_Place = tuple[int | str, ...]
_PLACE_TYPES = {4: (int, int, int, str), 2: (int, str)}
_UNFINISHED_PLACE = 4
#: Beyond any time in ms, and within what a database takes.
_NUMBER_MAX = 1 << 60


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """Which alerts; an empty choice means all. An office stands for itself and all below it.

    ``scope`` is the asker's own office, which limits whatever else is asked for; None sees everything.
    """

    states: Sequence[State] = ()
    kinds: Sequence[str] = ()
    severities: Sequence[int] = ()
    office: str | None = None
    person_id: str | None = None
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
        if self.withdrawn is not None:
            known = alert.c.withdrawn_ms.is_not(None)
            found.append(known if self.withdrawn else ~known)
        return found


#: Every alert there is.
EVERYTHING = AlertFilter()


def alert_page(
    connection: Connection, wanted: AlertFilter, *, now_ms: int, cursor: str | None, limit: int
) -> AlertPage:
    """The next alerts after the cursor (None: from the start)."""
    if not 1 <= limit <= PAGE_MAX:
        raise WrongInput("limit", str(limit), f"1 to {PAGE_MAX}")
    after = None if cursor is None else _place_of(cursor)
    found: list[Row[Any]] = []
    among_unfinished = after is None or len(after) == _UNFINISHED_PLACE
    states = set(wanted.states or State)
    if among_unfinished and states != {State.CLOSED}:
        found += connection.execute(_unfinished(wanted, now_ms, after).limit(limit + 1))
    if among_unfinished:
        after = None
    if len(found) <= limit and State.CLOSED in states:
        found += connection.execute(_closed(wanted, now_ms, after).limit(limit + 1 - len(found)))
    items = tuple(item_of(row._mapping) for row in found[:limit])
    return AlertPage(items, _cursor(_place(found[limit - 1])) if len(found) > limit else None)


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


def _unfinished(wanted: AlertFilter, now_ms: int, after: _Place | None) -> Select[Any]:
    shown = shown_state(now_ms)
    rank = case(
        (and_(shown == State.OPEN, alert.c.withdrawn_ms.is_(None)), 0),
        (shown.in_([State.OPEN.value, State.SELF_CLEARED.value]), 1),
        (shown == State.CLAIMED, 2),
        (shown == State.VERIFIED, 3),
        else_=4,
    )
    place = (rank, alert.c.severity, alert.c.raised_ms, alert.c.alert_key)
    chosen = select(rank.label("rank"), *standing_columns(now_ms)).order_by(*place)
    chosen = chosen.where(UNFINISHED, *wanted.conditions(now_ms))
    return chosen if after is None else chosen.where(tuple_(*place) > tuple_(*map(literal, after)))


def _closed(wanted: AlertFilter, now_ms: int, after: _Place | None) -> Select[Any]:
    place = (alert.c.closed_ms, alert.c.alert_key)
    chosen = select(*standing_columns(now_ms)).order_by(*(column.desc() for column in place))
    chosen = chosen.where(CLOSED, *wanted.conditions(now_ms))
    return chosen if after is None else chosen.where(tuple_(*place) < tuple_(*map(literal, after)))


def _place(row: Row[Any]) -> _Place:
    if row.state == State.CLOSED:
        return row.closed_ms, row.alert_key
    return row.rank, row.severity, row.raised_ms, row.alert_key


def _cursor(place: _Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def _place_of(cursor: str) -> _Place:
    """A cursor read back; whatever a client sends is either a place or WrongInput."""
    try:
        written = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = json.loads(written)
        fits = tuple(type(value) for value in place) == _PLACE_TYPES[len(place)]
        fits = fits and all(abs(value) < _NUMBER_MAX for value in place[:-1])
    except (binascii.Error, ValueError, TypeError, KeyError):
        fits = False
    if not fits:
        raise WrongInput("cursor", repr(cursor), "the `next` of an earlier page")
    return tuple(place)
