"""The boundary rules of a shard when the site changes under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geofences.box import area_boxes, grown
from geofences.fence import Fence
from geofences.instant import BEGIN_MS, END_MS
from pipeline.engine.boundary.binding_tracker import BindingTracker
from pipeline.engine.boundary.boundary_engine import BoundaryEngine
from pipeline.engine.boundary.distance_screen import SEARCH_RADIUS_M
from pipeline.engine.boundary.family import History
from pipeline.engine.boundary.safe_region import SCREENED, UNKNOWN
from pipeline.engine.moved_columns import NewNumbers
from pipeline.engine.record_columns import records
from pipeline.engine.renumbering import Renumbering
from sinks.alert import Alert

Ints = NDArray[np.int64]


class MovingBoundaryEngine(BoundaryEngine):
    """A boundary engine that goes on under another site, and judges again what that leaves otherwise."""

    def move(self, numbers: Renumbering, start_ms: int, concerned: Ints | None = None) -> list[Alert]:
        """Take over the state under another site's numbers, and judge by it what is not settled by the clock.

        The log of fixes has moved already. The sites differ from the clock on and in leaves approved later,
        and only for the bindings ``concerned``, where it is known; then all others keep their numbers.
        """
        of_bindings, count = numbers.bindings, len(self._assignment.subjects.binding_person)
        self._move_regions(of_bindings, count, concerned)
        self._idle_to_ms = BEGIN_MS
        moving = list(self._trackers)
        alerts: list[Alert] = []
        if concerned is not None:
            assert of_bindings.unused is not None, "all others keep their numbers"
            moving = [*concerned.tolist(), *of_bindings.unused.tolist()]
            alerts += self._withdrawn(self.machines.splice(count, of_bindings.unused.tolist()))
            self._from_columns(concerned[self._records["in_columns"][concerned]])
        self.raised.move(numbers, None if concerned is None else moving)
        trackers = [self._trackers.pop(binding) for binding in moving if binding in self._trackers]
        self._open_scopes.move(count, None if concerned is None else moving)
        earliest_ms = min((tracker.earliest_ms for tracker in trackers), default=END_MS)
        before_ms = self._past_ms - self._lateness_ms
        self._log.judge_radii_again(self._past_ms, self._table)
        self._compiled.active_intervals.cover(min(earliest_ms, before_ms), self._past_ms)
        for tracker in trackers:
            tracker.move(numbers, self._context)
            if tracker.binding >= 0:
                self._trackers[tracker.binding] = tracker
                self._plan(tracker.binding, tracker.due_ms)
            else:
                alerts += tracker.withdraw(self._past_ms)
        self._rest_again([tracker for tracker in trackers if tracker.binding >= 0])
        if concerned is None:
            alerts += self._move_columns(numbers, count)
        return alerts + self._judge_ahead(concerned) + self._count_leaves(numbers.new_leaves, start_ms)

    def _move_columns(self, numbers: Renumbering, bindings: int) -> list[Alert]:
        """What is judged in columns goes on under other numbers, but where a scope is no more."""
        gone = self.machines.move(numbers, bindings)
        self.machines.plan_again(self._past_ms)
        self._columns.rest(self._records, self.machines.bindings)
        next_ms = self.machines.renew(self._records, self.machines.bindings, self._patience_ms)
        self._idle_to_ms = min(self._idle_to_ms, next_ms)
        self._from_columns(self.machines.without_scope())
        return self._withdrawn(gone)

    def _from_columns(self, bindings: Ints) -> None:
        """Trackers go on with these."""
        self._trackers_of(bindings.tolist(), self._past_ms)
        self._settle(bindings.tolist())

    def _withdrawn(self, alerts: Sequence[Alert]) -> list[Alert]:
        return [replace(alert, withdrawn_ms=self._past_ms) for alert in alerts]

    def _rest_again(self, trackers: Sequence[BindingTracker]) -> None:
        """Those that rested rest on, but for those whom a leave that is yet to be approved has woken."""
        woken = []
        for tracker in trackers:
            if not self._records["is_hot"][tracker.binding] and tracker.live_scopes:
                self._rest(tracker.binding, tracker.live_scopes)
                if not tracker.at_rest:
                    woken.append(tracker.binding)
        self._trackers_of(woken, self._past_ms)
        self._settle(woken)

    def near(self, zones: Sequence[Fence]) -> Ints:
        """The bindings that shared zones may matter to: near them when last screened, or yet to be judged."""
        boxes = grown(area_boxes([zone.area for zone in zones]), np.full(len(zones), SEARCH_RADIUS_M))
        near = self._log.newest_ms >= self._past_ms
        for west, south, east, north in boxes.tolist():
            level = (south <= self._records["lat"]) & (self._records["lat"] <= north)
            for turn in (-360.0, 0.0, 360.0):
                lon = self._records["lon"] + turn
                near |= level & (west <= lon) & (lon <= east)
        scopes = {number for zone in zones for number in self._compiled.scopes_of(zone)}
        near[[binding for binding, tracker in self._trackers.items() if tracker.scopes & scopes]] = True
        near[self.machines.of_scopes(scopes)] = True
        return np.flatnonzero(near)

    def _judge_ahead(self, concerned: Ints | None) -> list[Alert]:
        """Fixes of fast clocks, which are there already though the sites differ at their time."""
        at_ms = self._past_ms
        newest_ms = self._log.newest_ms if concerned is None else self._log.newest_ms[concerned]
        found = np.flatnonzero(newest_ms >= at_ms)
        ahead = (found if concerned is None else concerned[found]).tolist()
        if not ahead:
            return []
        self._compiled.active_intervals.cover(at_ms - self._lateness_ms, int(newest_ms[found].max()))
        alerts: list[Alert] = []
        for binding, tracker in self._trackers_of(ahead, at_ms).items():
            person = self._assignment.subjects.binding_person[binding]
            row = int(self._assignment.subjects.rows.of_owner(person)[0])
            suspects = {
                (scope, backfill)
                for fix, backfill in tracker.fixes_since(at_ms)
                for scope in self._scopes_round(row, fix.lon, fix.lat)
            }
            alerts += tracker.advance(at_ms, len(self._log))  # where it is new
            alerts += tracker.judge_again(at_ms, len(self._log), suspects)
        self._settle(ahead)
        return alerts

    def _count_leaves(self, leaves: list[int], start_ms: int) -> list[Alert]:
        """What leaves that are approved from now on would have prevented of what was raised already."""
        a, past_ms, horizon_ms = self._assignment, self._past_ms, self._horizon_ms
        late = [a.leaves[leave] for leave in leaves if a.leaves[leave].approved_at_ms >= past_ms]
        persons = sorted({a.subjects.person_number[leave.person_id] for leave in late})
        bindings = np.flatnonzero(np.isin(a.subjects.binding_person, persons)).tolist() if persons else []
        if not bindings:
            return []
        self._compiled.active_intervals.cover(horizon_ms, past_ms)
        is_whole = horizon_ms <= start_ms
        for binding, tracker in self._trackers_of(bindings, past_ms).items():
            tracker.advance(past_ms, len(self._log))  # where it is new: nothing goes on
            fixes = self._log.window(binding, horizon_ms, len(self._log))
            before = next((fix for fix in fixes if fix.event_ms < horizon_ms), None)
            history = History(horizon_ms, before, fixes[before is not None :], before is None and is_whole)
            tracker.count_leaves(history, a.keep_in_scopes(tracker.person), self.raised.of(binding))
        self._settle(bindings)
        return []

    def _move_regions(self, numbers: NewNumbers, bindings: int, concerned: Ints | None) -> None:
        """Where bindings were screened is kept but for those that the sites differ for."""
        self._records = numbers.moved(self._records, bindings, lambda new: records(len(new), UNKNOWN))
        if concerned is None:
            self._records["newest_ms"] = self._log.newest_ms
        for name in SCREENED:
            self._records[name][slice(None) if concerned is None else concerned] = UNKNOWN[name]
