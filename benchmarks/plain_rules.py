"""The four rules for one row of one device at a time, as one would write them first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from shapely.geometry import Point

from benchmarks.plain_fences import Ground, PlainMap
from geofences.instant import EPOCH
from geofences.wall_time import wall_span
from pipeline.rules.catalogue import BOUNDARY_VIOLATION, MISSED_CONFIRMATION, SILENT_DEVICE, ZONE_ENTRY
from pipeline.sites.policy import BoundaryRule, Policy
from pipeline.sites.records import Leave, Site

#: A row as Parquet gives it, with ``face_ok`` on confirmations alone; or ``{"device_id", "start", "end"}``,
#: which tells a device in ms what the log covered.
Row = dict[str, Any]


class PlainAlert(NamedTuple):
    """An alert as raised or as cleared; ``subject`` is a device or, for confirmations, a person."""

    kind: str
    subject: str
    scope: str
    onset_ms: int
    raised_ms: int
    cleared_ms: int | None
    level: int = 1


class Fix(NamedTuple):
    """A position in local metres, and what decides how it counts."""

    at: Point
    event_ms: int
    arrival_ms: int
    radius_m: float
    at_once: bool


@dataclass(slots=True)
class Run:
    """What a device has going with one group or zone."""

    first_ms: int = 0
    fixes: int = 0
    streak_ms: int = 0
    streak: int = 0
    onset_ms: int = 0
    raised_ms: int | None = None

    def follow(
        self, side: int, fix: Fix, rule: BoundaryRule, clear_fixes: int
    ) -> tuple[int, int, int | None] | None:
        """A fix on the wrong (1), the right (-1) or no side; onset, raised and cleared of what it changed."""
        if side > 0:
            self.streak = 0
            self.first_ms = self.first_ms if self.fixes else fix.event_ms
            self.fixes += 1
            enough = self.fixes >= rule.fixes and fix.event_ms - self.first_ms >= rule.dwell_ms
            if self.raised_ms is None and (enough or fix.at_once):
                self.onset_ms, self.raised_ms = self.first_ms, fix.event_ms
                return self.onset_ms, self.raised_ms, None
        elif side < 0:
            self.fixes = 0
            self.streak_ms = self.streak_ms if self.streak else fix.event_ms
            self.streak += 1
            if self.raised_ms is not None and self.streak >= clear_fixes:
                raised_ms, self.raised_ms = self.raised_ms, None
                return self.onset_ms, raised_ms, self.streak_ms
        return None


@dataclass(slots=True)
class DeviceState:
    """All that is remembered of a device."""

    heard_ms: int | None = None
    newest_ms: int = 0
    seen: set[tuple[Any, ...]] = field(default_factory=set)
    runs: dict[str, Run] = field(default_factory=dict)


class PlainRules:
    """Judges rows in order of arrival: a late fix is judged when it comes, backfill not at all."""

    def __init__(self, site: Site) -> None:
        self.policy = site.policy
        self.map = PlainMap(site)
        self.people = {person.person_id: person for person in site.people}
        self.bindings = {binding.device_id: binding for binding in site.bindings}
        self._names = {person_id: self.map.names(person) for person_id, person in self.people.items()}
        self._keep_in = {person_id: self.map.keep_in(names) for person_id, names in self._names.items()}
        self._leaves: dict[str, list[tuple[Leave, list[Ground]]]] = defaultdict(list)
        for leave in site.leaves:
            self._leaves[leave.person_id].append((leave, self.map.leave_grounds(leave)))
        self._shown: dict[str, list[tuple[int, int]]] = defaultdict(list)

    def row(self, state: DeviceState | None, row: Row) -> tuple[DeviceState, list[PlainAlert]]:
        """One row of a device: its state after it, and the alerts raised or cleared."""
        state = DeviceState() if state is None else state
        if "end" in row:
            since_ms = row["start"] if state.heard_ms is None else state.heard_ms
            return state, self._silence(row["device_id"], since_ms, row["end"] + 1, None)
        event_ms, arrival_ms = _ms(row["event_time"]), _ms(row["arrival_time"])
        name = event_ms, row["lon"], row["lat"], row.get("face_ok"), row.get("challenge_id")
        if name in state.seen:
            return state, []
        state.seen.add(name)
        since_ms = arrival_ms if state.heard_ms is None else state.heard_ms
        alerts = self._silence(row["device_id"], since_ms, arrival_ms, arrival_ms)
        state.heard_ms = arrival_ms
        if row.get("face_ok"):
            self._shown[self.bindings[row["device_id"]].person_id].append((event_ms, arrival_ms))
        state.newest_ms = max(state.newest_ms, event_ms)
        if row["lon"] is not None and event_ms >= state.newest_ms - self.policy.allowed_lateness_ms:
            fix = self._fix(row, event_ms, arrival_ms)
            alerts += self._boundaries(row["device_id"], state, fix)
        return state, alerts

    def missed(self, start_ms: int, until_ms: int) -> Iterator[PlainAlert]:
        """Confirmations owed and not made, at the end of the log."""
        for start, deadline, class_name in _windows(self.policy, start_ms, until_ms):
            for person_id, person in self.people.items():
                shown = self._shown[person_id] if person.class_name == class_name else None
                if shown is None:
                    continue
                if not any(start <= event_ms <= deadline >= arrival for event_ms, arrival in shown):
                    yield PlainAlert(MISSED_CONFIRMATION.kind, person_id, "", start, deadline, None)

    def _silence(
        self, device_id: str, since_ms: int, now_ms: int, cleared_ms: int | None
    ) -> list[PlainAlert]:
        thresholds_ms = self.policy.silence_ms[self.bindings[device_id].kind]
        if since_ms + thresholds_ms[0] >= now_ms:
            return []
        level = sum(since_ms + threshold_ms < now_ms for threshold_ms in thresholds_ms)
        raised_ms = since_ms + thresholds_ms[0]
        return [PlainAlert(SILENT_DEVICE.kind, device_id, "", since_ms, raised_ms, cleared_ms, level)]

    def _fix(self, row: Row, event_ms: int, arrival_ms: int) -> Fix:
        confirmation = "face_ok" in row
        accuracy_m = row["accuracy_m"]
        if accuracy_m is None:
            accuracy_m = self.policy.accuracy_default_m
        floor_m = self.policy.floor_m["gnss" if confirmation else row["source"] or "gnss"]
        radius_m = max(self.policy.accuracy_factor * accuracy_m, floor_m)
        return Fix(self.map.point(row["lon"], row["lat"]), event_ms, arrival_ms, radius_m, confirmation)

    def _boundaries(self, device_id: str, state: DeviceState, fix: Fix) -> Iterator[PlainAlert]:
        policy, person_id = self.policy, self.bindings[device_id].person_id
        for scope, side in self._sides(person_id, state, fix):
            kind, rule = ZONE_ENTRY.kind, policy.keep_out
            if scope in self._keep_in[person_id]:
                kind, rule = BOUNDARY_VIOLATION.kind, policy.keep_in
            run = state.runs.setdefault(scope, Run())
            told = run.follow(side, fix, rule, policy.clear_fixes)
            if told is not None:
                yield PlainAlert(kind, device_id, scope, *told)
            if not run.fixes and run.raised_ms is None:
                del state.runs[scope]

    def _sides(self, person_id: str, state: DeviceState, fix: Fix) -> Iterator[tuple[str, int]]:
        for group, grounds in self._keep_in[person_id].items():
            active = [ground for ground in grounds if self.map.is_active(ground, fix.event_ms)]
            if active:
                active += self._on_leave(person_id, fix)
                yield group, _side(min(g.distance_m(fix.at) - g.tolerance_m for g in active), fix, wrong=1)
        zones = self.map.zones_at(fix.at, self._names[person_id])
        zones |= {scope: self.map.zones[scope] for scope in state.runs if scope in self.map.zones}
        for fence_id, zone in zones.items():
            if self.map.is_active(zone, fix.event_ms):
                yield fence_id, _side(zone.distance_m(fix.at) + zone.tolerance_m, fix, wrong=-1)

    def _on_leave(self, person_id: str, fix: Fix) -> list[Ground]:
        return [
            ground
            for leave, grounds in self._leaves.get(person_id, ())
            if leave.valid_from_ms <= fix.event_ms < leave.valid_to_ms
            if leave.approved_at_ms <= fix.arrival_ms
            for ground in grounds
        ]


def _side(distance_m: float, fix: Fix, *, wrong: int) -> int:
    if distance_m > fix.radius_m:
        return wrong
    return -wrong if distance_m <= -fix.radius_m else 0


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _windows(policy: Policy, start_ms: int, until_ms: int) -> Iterator[tuple[int, int, str]]:
    """Start, deadline and class of every window from the start of the log to its end."""
    zone = ZoneInfo(policy.timezone)
    day = (EPOCH + timedelta(milliseconds=start_ms)).astimezone(zone).date()
    last = (EPOCH + timedelta(milliseconds=until_ms)).astimezone(UTC).date() + timedelta(days=1)
    while day <= last:
        for class_name, windows in policy.windows.items():
            for window in windows:
                span = wall_span(day, window.start_min, window.end_min, zone)
                if span and span[0] >= start_ms and span[1] + policy.grace_ms <= until_ms:
                    yield span[0], span[1] + policy.grace_ms, class_name
        day += timedelta(days=1)
