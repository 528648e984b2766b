"""Missed confirmations: a window of a person's class that passed without a face."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from geofences.instant import END_MS, EPOCH
from pipeline.reference.subjects import Subjects
from pipeline.rules.catalogue import MISSED_CONFIRMATION
from pipeline.sites.policies import Policies
from pipeline.sites.policy import DailyWindow, Policy
from sinks.alert import Alert, alert_key

_MINUTE_MS = 60_000


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
    policies: Policies,
    subjects: Subjects,
    person_id: str,
    shown: Sequence[Shown],
    *,
    start_ms: int,
    until_ms: int,
) -> Iterator[Alert]:
    """Every missed confirmation of one person by ``until_ms``, cleared ones included."""
    for window, policy in _owed(policies, subjects, person_id, start_ms, until_ms):
        arrivals = [one.arrival_ms for one in shown if window.start_ms <= one.event_ms <= window.deadline_ms]
        first_ms = min(arrivals, default=None)
        if first_ms is None or first_ms > window.deadline_ms:
            yield _alert(policy, subjects, person_id, window, first_ms)


def _owed(
    policies: Policies, subjects: Subjects, person_id: str, start_ms: int, until_ms: int
) -> Iterator[tuple[Window, Policy]]:
    """The windows wholly inside the clock and the supervision, each with the policy it begins under."""
    for from_ms, to_ms, policy in policies.spans():
        timezone = ZoneInfo(policy.timezone)
        for class_name, windows in policy.windows.items():
            for window in _begun(tuple(windows), policy.grace_ms, timezone, start_ms, until_ms):
                row = subjects.person_at(person_id, window.start_ms)
                if row is None or row.class_name != class_name or not from_ms <= window.start_ms < to_ms:
                    continue
                spell = next(s for s in subjects.supervision[person_id] if s.holds(window.start_ms))
                if window.start_ms >= start_ms and window.deadline_ms <= min(spell.to_ms, until_ms):
                    yield window, policy


@cache
def _begun(
    windows: tuple[DailyWindow, ...], grace_ms: int, timezone: ZoneInfo, start_ms: int, until_ms: int
) -> list[Window]:
    """A class's windows about the time of the clock; of those that begin at one instant the first to end."""
    day = _at(start_ms, timezone).date() - timedelta(days=2)
    last = _at(until_ms, timezone).date() + timedelta(days=1)
    deadlines: dict[int, int] = {}
    while day <= last:
        for daily in windows:
            begin_ms = _first(day, daily.start_min, timezone)
            end_ms = _last(day, daily.end_min, timezone)
            if end_ms > begin_ms:
                deadlines[begin_ms] = min(end_ms + grace_ms, deadlines.get(begin_ms, END_MS))
        day += timedelta(days=1)
    return [Window(*item) for item in sorted(deadlines.items())]


def _first(day: date, minute: int, timezone: ZoneInfo) -> int:
    """The first instant at which the wall shows a time, or a later one where clocks skip it."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    return next(at_ms for at_ms in _about(wall, timezone) if _wall(at_ms, timezone) >= wall)


def _last(day: date, minute: int, timezone: ZoneInfo) -> int:
    """The last instant at which the wall shows a time; where clocks skip it, the moment of the skip."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    shown = [at_ms for at_ms in _about(wall, timezone) if _wall(at_ms, timezone) == wall]
    return shown[-1] if shown else _first(day, minute, timezone)


def _about(wall: datetime, timezone: ZoneInfo) -> range:
    """The minutes in which the wall must come to a time, whichever offset holds."""
    seconds = [int(wall.replace(tzinfo=timezone, fold=fold).timestamp()) for fold in (0, 1)]
    return range(min(seconds) * 1000, max(seconds) * 1000 + 1, _MINUTE_MS)


def _wall(at_ms: int, timezone: ZoneInfo) -> datetime:
    return _at(at_ms, timezone).replace(tzinfo=None)


def _at(at_ms: int, timezone: ZoneInfo) -> datetime:
    moment: datetime = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(timezone)
    return moment


def _alert(
    policy: Policy, subjects: Subjects, person_id: str, window: Window, cleared_ms: int | None
) -> Alert:
    return Alert(
        alert_key=alert_key(MISSED_CONFIRMATION.kind, person_id, "", window.start_ms, False),
        kind=MISSED_CONFIRMATION.kind,
        severity=MISSED_CONFIRMATION.severity_at(),
        person_id=person_id,
        device_id=None,
        office_id=subjects.office_at(person_id, window.deadline_ms),
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
