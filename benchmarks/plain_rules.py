"""The four rules for one row of one device at a time, as one would write them first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shapely.geometry import Point

from benchmarks.plain_fences import Ground, PlainMap
from geofences.instant import EPOCH
from geofences.schedule import local_ms
from pipeline.policy import BoundaryRule
from pipeline.sites.records import Leave, Site
from sinks.alert import BOUNDARY_VIOLATION, MISSED_CONFIRMATION, SILENT_DEVICE, ZONE_ENTRY

#: A row as Parquet gives it, with ``face_ok`` on confirmations alone; or ``{"device_id", "end"}``.
Row = dict[str, Any]

#: kind, device or person, group or fence or "", onset, raised, cleared (None: not yet), level; times in ms.
PlainAlert = tuple[str, str, str, int, int, int | None, int]


@dataclass(slots=True)
class Run:
    """What a device has going with one group or zone; ``alert`` is the open one."""

    first_ms: int = 0
    fixes: int = 0
    streak: int = 0
    streak_ms: int = 0
    alert: PlainAlert | None = None


@dataclass(slots=True)
class DeviceState:
    """All that is remembered of a device."""

    heard_ms: int | None = None
    newest_ms: int = 0
    seen: set[tuple[Any, ...]] = field(default_factory=set)
    runs: dict[str, Run] = field(default_factory=dict)


class PlainRules:
    """Judges rows in order of arrival. Late fixes are judged when they come, backfill not at all."""

    def __init__(self, site: Site) -> None:
        self.policy = site.policy
        self.map = PlainMap(site)
        self.people = {person.person_id: person for person in site.people}
        self.bindings = {binding.device_id: binding for binding in site.bindings}
        self.names = {person_id: set(self.map.selectors(p)) for person_id, p in self.people.items()}
        self.keep_in = {person_id: self.map.keep_in(p) for person_id, p in self.people.items()}
        self.leaves: dict[str, list[tuple[Leave, list[Ground]]]] = defaultdict(list)
        for leave in site.leaves:
            self.leaves[leave.person_id].append((leave, self.map.leave_grounds(leave)))
        self.shown: dict[str, list[tuple[int, int]]] = defaultdict(list)

    def row(self, state: DeviceState | None, row: Row) -> tuple[DeviceState, list[PlainAlert]]:
        """One row of a device: its state after it, and the alerts raised or cleared."""
        state = state or DeviceState()
        device_id = row["device_id"]
        if "end" in row:
            return state, list(self._silence(device_id, state, row["start"], row["end"] + 1, None))
        event_ms, arrival_ms = _ms(row["event_time"]), _ms(row["arrival_time"])
        lon, lat = row["lon"], row["lat"]
        confirmation = "face_ok" in row
        name = event_ms, lon, lat, row.get("challenge_id")
        if name in state.seen:
            return state, []
        state.seen.add(name)
        alerts = []
        if state.heard_ms is not None:
            alerts = list(self._silence(device_id, state, state.heard_ms, arrival_ms, arrival_ms))
        state.heard_ms = arrival_ms
        if confirmation and row["face_ok"]:
            self.shown[self.bindings[device_id].person_id].append((event_ms, arrival_ms))
        state.newest_ms = max(state.newest_ms, event_ms)
        if lon is not None and event_ms >= state.newest_ms - self.policy.allowed_lateness_ms:
            radius_m = self._radius_m(row, confirmation)
            metres = self.map.metres
            at = Point(lon * metres.east_m, lat * metres.north_m)
            alerts += self._fix(device_id, state, at, event_ms, arrival_ms, radius_m, confirmation)
        return state, alerts

    def _silence(
        self, device_id: str, state: DeviceState, start_ms: int, now_ms: int, cleared_ms: int | None
    ) -> Iterator[PlainAlert]:
        since_ms = start_ms if state.heard_ms is None else state.heard_ms
        thresholds_ms = self.policy.silence_ms[self.bindings[device_id].kind]
        level = sum(since_ms + threshold_ms < now_ms for threshold_ms in thresholds_ms)
        if level:
            raised_ms = since_ms + thresholds_ms[0]
            yield SILENT_DEVICE, device_id, "", since_ms, raised_ms, cleared_ms, level

    def _radius_m(self, row: Row, confirmation: bool) -> float:
        accuracy_m = row["accuracy_m"]
        if accuracy_m is None:
            accuracy_m = self.policy.accuracy_default_m
        source = "gnss" if confirmation else row["source"] or "gnss"
        return max(self.policy.accuracy_factor * accuracy_m, self.policy.floor_m[source])

    def _fix(
        self, device_id: str, state: DeviceState, at: Point, event_ms: int, arrival_ms: int, radius_m: float,
        confirmation: bool,
    ) -> Iterator[PlainAlert]:  # fmt: skip
        person_id = self.bindings[device_id].person_id
        for group, grounds in self.keep_in[person_id].items():
            active = [g for g in grounds if g.fence and self.map.is_active(g.fence, event_ms)]
            if not active:
                continue
            active += self._leave_grounds(person_id, event_ms, arrival_ms)
            distance_m = min(ground.distance_m(at) - ground.tolerance_m for ground in active)
            wrong, right = distance_m > radius_m, distance_m <= -radius_m
            run = state.runs.setdefault(group, Run())
            named = BOUNDARY_VIOLATION, device_id, group
            yield from _follow(run, named, wrong, right, event_ms, self.policy.keep_in, confirmation, self)
        zones = {ground.fence_id: ground for ground in self.map.zones_at(at, self.names[person_id])}
        known = state.runs.keys() - self.keep_in[person_id].keys() - zones.keys()
        zones |= {g.fence_id: g for g in self.map.grounds if g.fence_id in known} if known else {}
        for fence_id, ground in zones.items():
            if ground.fence and self.map.is_active(ground.fence, event_ms):
                distance_m = ground.distance_m(at) + ground.tolerance_m
                wrong, right = distance_m <= -radius_m, distance_m > radius_m
                run = state.runs.setdefault(fence_id, Run())
                named = ZONE_ENTRY, device_id, fence_id
                yield from _follow(run, named, wrong, right, event_ms, self.policy.keep_out, confirmation, self)
