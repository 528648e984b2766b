"""What the queue answers with: alerts with what people did about them, timelines, pages and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import RowMapping

from sinks.alert import Alert
from sinks.disposal.alert_rows import alert_of
from sinks.disposal.states import HELD, WAITING, Outcome, State, Verdict


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One thing that happened to an alert: by the engine (no actor) or by a person of an office.

    ``seq`` has no gaps and rises in the order in which entries became visible; ``details`` bears times in ms.
    """

    seq: int
    alert_key: str
    at_ms: int
    kind: str
    actor: str | None
    office_id: str | None
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WatchedEvent:
    """An entry with the offices that may see it: its alert's own and all above that."""

    event: TimelineEvent
    offices: frozenset[str]


@dataclass(frozen=True, slots=True)
class QueueItem:
    """An alert as it stands at the time asked about; times in ms.

    The holder is at work on it until ``lease_until_ms``; both are None once the lease has lapsed. ``seq`` is
    that of its last timeline entry. ``news``: the engine told something since a person last took a step.
    That it was cleared or withdrawn stands in the alert itself.
    """

    alert: Alert
    revision: int
    state: State
    holder: str | None
    holder_office: str | None
    claimed_ms: int | None
    lease_until_ms: int | None
    verdict: Verdict | None
    reason: str | None
    verified_ms: int | None
    verified_by: str | None
    outcome: Outcome | None
    note: str | None
    disposed_ms: int | None
    disposed_by: str | None
    closed_ms: int | None
    closed_by: str | None
    seq: int
    news: bool
    timeline: tuple[TimelineEvent, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Some alerts in order, and the cursor of the next page (None: there is no more)."""

    items: tuple[QueueItem, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class PersonAlerts:
    """The alerts about one person: how many, the gravest severity, and how many wait for somebody.

    ``settleable`` of those that wait cleared themselves or were withdrawn. ``first`` is the alert that comes
    first in the order asked for.
    """

    person_id: str
    count: int
    gravest: int
    waiting: int
    settleable: int
    newest_raised_ms: int
    oldest_raised_ms: int
    first: QueueItem


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """Some people in order, and the cursor of the next page (None: there is no more)."""

    people: tuple[PersonAlerts, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class QueueStats:
    """Figures of the queue at a time.

    ``waiting``: alerts that nobody is at work on and that want a verdict (open and self-cleared).
    ``oldest_open_age_ms``: since the oldest was raised that is open and not withdrawn.
    """

    waiting: int
    oldest_open_age_ms: int | None
    by_state: Mapping[State, int]
    by_kind: Mapping[str, Mapping[State, int]]
    last_seq: int


#: Columns that stand in an item under the same name.
_SAME = (
    "revision",
    "claimed_ms",
    "reason",
    "verified_ms",
    "verified_by",
    "note",
    "disposed_ms",
    "disposed_by",
    "closed_ms",
    "closed_by",
)


def item_of(row: RowMapping) -> QueueItem:
    """A row of ``standing.standing_columns``."""
    state = State(row["shown_state"])
    held = state in HELD and not row["lease_lapsed"]
    act_seq = row["act_seq"]
    return QueueItem(
        alert=alert_of(row),
        state=state,
        holder=row["holder"] if held else None,
        holder_office=row["holder_office"] if held else None,
        lease_until_ms=row["lease_until_ms"] if held else None,
        verdict=None if row["verdict"] is None else Verdict(row["verdict"]),
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        seq=max(row["fact_seq"], act_seq or 0),
        news=act_seq is not None and row["fact_seq"] > act_seq,
        **{name: row[name] for name in _SAME} | ({"claimed_ms": None} if state in WAITING else {}),
    )


def event_of(row: RowMapping) -> TimelineEvent:
    """A row of the timeline."""
    return TimelineEvent(
        seq=row["seq"],
        alert_key=row["alert_key"],
        at_ms=row["at_ms"],
        kind=row["kind"],
        actor=row["actor"],
        office_id=row["office_id"],
        details=row["details"],
    )
