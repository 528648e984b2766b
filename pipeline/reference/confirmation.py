"""Missed confirmations: a window of a person's class that passed without a face."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from geofences.instant import EPOCH
from geofences.schedule import local_ms
from pipeline.policy import Policy
from pipeline.reference.roster import Roster
from sinks.alert import DEFAULT_SEVERITY, MISSED_CONFIRMATION, Alert, alert_key


@dataclass(frozen=True, slots=True)
class Shown:
    """A confirmation with the right face, by a device that was the person's when it was made."""

    event_ms: int
    arrival_ms: int


@dataclass(frozen=True, slots=True)
class Window:
    """One window of one day: confirmations count from ``start_ms`` to ``deadline_ms``, both included."""

    start_ms: int
    deadline_ms: int


def missed(
    policy: Policy, roster: Roster, person_id: str, shown: Sequence[Shown], *, start_ms: int, until_ms: int
) -> Iterator[Alert]:
    """Every missed confirmation of one person by ``until_ms``, cleared ones included."""
    for window in _owed(policy, roster, person_id, start_ms, until_ms):
        arrivals = [one.arrival_ms for one in shown if window.start_ms <= one.event_ms <= window.deadline_ms]
        first_ms = min(arrivals, default=None)
        if first_ms is None or first_ms > window.deadline_ms:
            yield _alert(policy, roster, person_id, window, first_ms)


def _owed(policy: Policy, roster: Roster, person_id: str, start_ms: int, until_ms: int) -> Iterator[Window]:
    """The windows wholly inside the clock and the supervision."""
    timezone = ZoneInfo(policy.timezone)
    day = (EPOCH + timedelta(milliseconds=start_ms)).astimezone(timezone).date() - timedelta(days=2)
    last: datetime = (EPOCH + timedelta(milliseconds=until_ms)).astimezone(timezone)
    while day <= last.date() + timedelta(days=1):
        for class_name, windows in policy.windows.items():
            for daily in windows:
                begin_ms = local_ms(day, daily.start_min, timezone)
                deadline_ms = local_ms(day, daily.end_min, timezone) + policy.grace_ms
                row = roster.person_at(person_id, begin_ms)
                if row is None or row.class_name != class_name:
                    continue
                spell = next(s for s in roster.supervision[person_id] if s.holds(begin_ms))
                if begin_ms >= start_ms and deadline_ms <= min(spell.to_ms, until_ms):
                    yield Window(begin_ms, deadline_ms)
        day += timedelta(days=1)


def _alert(policy: Policy, roster: Roster, person_id: str, window: Window, cleared_ms: int | None) -> Alert:
    return Alert(
        alert_key=alert_key(MISSED_CONFIRMATION, person_id, "", window.start_ms, False),
        kind=MISSED_CONFIRMATION,
        severity=DEFAULT_SEVERITY[MISSED_CONFIRMATION],
        person_id=person_id,
        device_id=None,
        office_id=roster.office_at(person_id, window.deadline_ms),
        group=None,
        fence_id=None,
        onset_ms=window.start_ms,
        raised_ms=window.deadline_ms,
        cleared_ms=cleared_ms,
        withdrawn_ms=None,
        authorised_by=None,
        level=1,
        lon=None,
        lat=None,
        distance_m=None,
        retrospective=False,
        policy_version=policy.version,
    )
