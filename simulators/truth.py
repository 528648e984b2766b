"""What really happened, read off the true tracks, the spells and the windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from geofences.holidays import HolidayTable, load_builtin
from geofences.schedule import open_intervals, parse_schedule
from pipeline.rules.catalogue import BOUNDARY_VIOLATION, MISSED_CONFIRMATION, SILENT_DEVICE, ZONE_ENTRY
from pipeline.sites.records import Leave
from simulators.checkins import Missed
from simulators.connection import LONG_MIN
from simulators.ground import Ground
from simulators.leaves import as_area
from simulators.misdeeds import (
    BROKE_CURFEW,
    ENTERED_ZONE,
    LATE_APPROVAL,
    LEFT_COUNTY,
    LEFT_ROUTE,
    ON_LEAVE,
    OVERSTAYED,
    Trip,
)
from simulators.movement import Tracks
from simulators.orders import PlannedFence, covers
from simulators.population import Population
from simulators.routine import MINUTE_MS
from simulators.spans import Spans, both, inside, without
from simulators.spells import Spells

_NOTES = {
    LEFT_COUNTY: "went away without leave",
    BROKE_CURFEW: "went out at night",
    ENTERED_ZONE: "went there on purpose",
    LEFT_ROUTE: "went elsewhere before work",
    ON_LEAVE: "on leave, but outside its area",
    LATE_APPROVAL: "leave approved only later",
    OVERSTAYED: "stayed beyond the leave",
}
_NO_TRIP = "in passing"


@dataclass(frozen=True, slots=True)
class Incident:
    """Something an alert should be raised for; one per device where devices are judged apart."""

    kind: str
    person_id: str
    device_id: str | None
    group: str | None
    fence_id: str | None
    from_ms: int
    to_ms: int
    note: str


class Witness:
    """Sees where everybody really was between two instants, and says what was wrong with it."""

    def __init__(
        self,
        folk: Population,
        tracks: Tracks,
        ground: Ground,
        trips: list[Trip],
        leaves: list[Leave],
        bounds_ms: tuple[int, int],
        timezone: str,
    ) -> None:
        self.folk, self.tracks, self.ground = folk, tracks, ground
        self.trips, self.leaves, self.bounds_ms = trips, leaves, bounds_ms
        self.timezone = ZoneInfo(timezone)
        self.holidays: HolidayTable = load_builtin()
        self.person_ids, self.device_ids = folk.person_ids, folk.device_ids

    def of_places(self, fences: list[PlannedFence]) -> Iterator[Incident]:
        """Boundary violations and zone entries of all people and their fences, devices apart."""
        for fence in fences:
            area_m = fence.area_m(self.ground.plane)
            people = fence.people
            if len(people) > 1 and fence.rule == "keep_in":
                people = people[~covers(area_m, self.tracks)[people]]
            active = self._active(fence)
            for person in people.tolist():
                time_ms, at_m = self.tracks.of(person)
                within = inside(time_ms, at_m, area_m, self.bounds_ms[1])
                wrong = within if fence.rule == "keep_out" else without(active, within)
                for span in self._unexcused(both(wrong, active), person, fence):
                    yield from self._at_place(fence, person, span)

    def of_silence(self, off: Spells, offline: Spells) -> Iterator[Incident]:
        """Devices not heard of for longer than the first level, whatever the reason."""
        for found, note in ((off, "switched off"), (offline, "no network, uploaded later")):
            end_ms = np.minimum(found.end_ms, self.bounds_ms[1])
            least_ms = np.array(LONG_MIN)[self.folk.wristband[found.device].astype(int), 0] * MINUTE_MS
            for row in np.flatnonzero(end_ms - found.start_ms >= least_ms).tolist():
                device = int(found.device[row])
                person_id = self.person_ids[self.folk.device_person[device]]
                span = int(found.start_ms[row]), int(end_ms[row])
                yield Incident(
                    SILENT_DEVICE.kind, person_id, self.device_ids[device], None, None, *span, note
                )

    def of_windows(self, missed: list[Missed], heard_ms: tuple[int, int]) -> Iterator[Incident]:
        """Windows owed by what was heard: begun after the first arrival, due by the last."""
        for miss in missed:
            if heard_ms[0] <= miss.start_ms and miss.due_ms <= heard_ms[1]:
                to_ms = miss.came_ms or miss.due_ms
                person_id = self.person_ids[miss.person]
                yield Incident(
                    MISSED_CONFIRMATION.kind, person_id, None, None, None, miss.start_ms, to_ms, miss.note
                )

    def _active(self, fence: PlannedFence) -> Spans:
        if not fence.schedule:
            return [self.bounds_ms]
        schedule = parse_schedule(fence.schedule)
        starts, ends = open_intervals(schedule, self.timezone, *self.bounds_ms, self.holidays)
        return both(list(zip(starts.tolist(), ends.tolist(), strict=True)), [self.bounds_ms])

    def _unexcused(self, spans: Spans, person: int, fence: PlannedFence) -> Spans:
        if not spans or fence.rule == "keep_out":
            return spans
        time_ms, at_m = self.tracks.of(person)
        for leave in self.leaves:
            if leave.person_id == self.person_ids[person]:
                area_m = as_area(leave).area_m(self.ground.plane)
                valid = [(max(leave.valid_from_ms, leave.approved_at_ms), leave.valid_to_ms)]
                spans = without(spans, both(inside(time_ms, at_m, area_m, self.bounds_ms[1]), valid))
        return spans

    def _at_place(self, fence: PlannedFence, person: int, span: tuple[int, int]) -> Iterator[Incident]:
        keep_in = fence.rule == "keep_in"
        rule, group = (BOUNDARY_VIOLATION, fence.fence_id) if keep_in else (ZONE_ENTRY, None)
        note = self._note(person, span)
        for device in np.flatnonzero(self.folk.device_person == person).tolist():
            yield Incident(
                rule.kind,
                self.person_ids[person],
                self.device_ids[device],
                group,
                fence.fence_id,
                *span,
                note,
            )

    def _note(self, person: int, span: tuple[int, int]) -> str:
        met = [
            trip.kind
            for trip in self.trips
            if trip.person == person and trip.depart_ms <= span[1] and span[0] <= trip.back_ms
        ]
        return _NOTES[met[0]] if met else _NO_TRIP
