"""The boundary rules of a shard: one comparison for most fixes, a screen for the rest, trackers for few."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS, END_MS
from pipeline.engine.assignment import Assignment
from pipeline.engine.boundary.binding_tracker import BindingTracker
from pipeline.engine.boundary.distance_screen import Candidates, DistanceScreen, Screening
from pipeline.engine.boundary.family import Activity, History, TrackerContext, settled_ms
from pipeline.engine.boundary.safe_region import mark_unmoved
from pipeline.engine.compiled_fences import CompiledFences
from pipeline.engine.growing_columns import moved
from pipeline.engine.renumbering import Renumbering
from pipeline.ping import CONFIRMATION, NO_SOURCE, PingBatch
from pipeline.sites.policy import SOURCES
from sinks.alert import Alert

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class BoundaryEngine:
    """Columns by binding, and a tracker for each binding with an incident that is open or may begin.

    A binding is hot while its tracker must see every fix, and merely tracked while only backfill and
    moments concern it. The columns say where it was last screened, and how far and how long it may move from
    there without being looked at again.
    """

    #: What a checkpoint holds of it.
    KEPT = (
        "_trackers", "_hot", "_tracked", "_due_ms", "_anchor_lon", "_anchor_lat", "_safe_m", "_since_ms",
        "_until_ms", "_past_ms",
    )  # fmt: skip

    def __init__(self, compiled: CompiledFences, assignment: Assignment, context: TrackerContext) -> None:
        bindings = len(assignment.subjects.binding_person)
        self._policy = compiled.policy
        self._compiled = compiled
        self._assignment = assignment
        self._context = context
        self._log = context.writer.log
        self._screen = DistanceScreen(compiled, assignment)
        self._floor_m = np.array([compiled.policy.floor_m[source] for source in SOURCES])
        self._trackers: dict[int, BindingTracker] = {}
        self._hot = np.zeros(bindings, np.bool_)
        self._tracked = np.zeros(bindings, np.bool_)
        self._due_ms = np.full(bindings, END_MS, np.int64)
        self._set_unscreened(bindings)
        self._past_ms = BEGIN_MS

    def start(self, start_ms: int) -> None:
        """Begin the clock."""
        self._past_ms = start_ms

    def move(self, numbers: Renumbering, start_ms: int) -> list[Alert]:
        """Take over the state under another site's numbers, and judge by it what is not settled by the clock.

        The log of fixes has moved already. The sites differ from the clock on and in leaves approved later.
        """
        to, bindings = numbers.bindings, len(self._assignment.subjects.binding_person)
        self._hot = moved(self._hot, to, np.zeros(bindings, np.bool_))
        self._tracked = moved(self._tracked, to, np.zeros(bindings, np.bool_))
        self._due_ms = moved(self._due_ms, to, np.full(bindings, END_MS, np.int64))
        self._set_unscreened(bindings)
        trackers, self._trackers = self._trackers, {}
        earliest_ms = min((tracker.earliest_ms for tracker in trackers.values()), default=END_MS)
        before_ms = self._past_ms - self._policy.allowed_lateness_ms
        self._compiled.active_intervals.cover(min(earliest_ms, before_ms), self._past_ms)
        alerts: list[Alert] = []
        for tracker in trackers.values():
            tracker.move(numbers, self._context)
            if tracker.binding >= 0:
                self._trackers[tracker.binding] = tracker
                self._due_ms[tracker.binding] = tracker.due_ms
            else:
                alerts += tracker.withdraw(self._past_ms)
        return alerts + self._judge_ahead() + self._count_leaves(numbers.new_leaves, start_ms)

    def _judge_ahead(self) -> list[Alert]:
        """Fixes of fast clocks, which are there already though the sites differ at their time."""
        at_ms = self._past_ms
        ahead = np.flatnonzero(self._log.newest_ms >= at_ms).tolist()
        if not ahead:
            return []
        newest_ms = int(self._log.newest_ms[ahead].max())
        self._compiled.active_intervals.cover(at_ms - self._policy.allowed_lateness_ms, newest_ms)
        alerts: list[Alert] = []
        for binding, tracker in self._trackers_of(ahead, at_ms).items():
            person = self._assignment.subjects.binding_person[binding]
            row = int(self._assignment.subjects.rows.first[person])
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
        late = {leave for leave in leaves if a.leaves[leave].approved_at_ms >= past_ms}
        persons = [p for p in range(len(a.subjects.person_ids)) if late & set(a.leaves_of(p))] if late else []
        bindings = np.flatnonzero(np.isin(a.subjects.binding_person, persons)).tolist()
        if not bindings:
            return []
        self._compiled.active_intervals.cover(horizon_ms, past_ms)
        is_whole = horizon_ms <= start_ms
        for binding, tracker in self._trackers_of(bindings, past_ms).items():
            tracker.advance(past_ms, len(self._log))  # where it is new: nothing goes on
            fixes = self._log.window(binding, horizon_ms, len(self._log))
            before = next((fix for fix in fixes if fix.event_ms < horizon_ms), None)
            history = History(horizon_ms, before, fixes[before is not None :], before is None and is_whole)
            tracker.count_leaves(history, a.keep_in_scopes(tracker.person))
        self._settle(bindings)
        return []

    def _set_unscreened(self, bindings: int) -> None:
        """Nothing is known of where a binding may move without being looked at."""
        self._anchor_lon, self._anchor_lat = np.zeros(bindings), np.zeros(bindings)
        self._safe_m = np.full(bindings, -1.0)
        self._since_ms = np.full(bindings, END_MS, np.int64)
        self._until_ms = np.full(bindings, BEGIN_MS, np.int64)

    def process(self, fixes: PingBatch, binding: Ints, row: Ints) -> list[Alert]:
        """Fixes in order of arrival, each with its binding and its person's row at its event time."""
        alerts: list[Alert] = []
        begin = 0
        last_ms = int(fixes.arrival_ms[-1])
        for at_ms, fences in self._openings(last_ms).items():
            end = int(np.searchsorted(fixes.arrival_ms, at_ms, "right"))
            part = slice(begin, end)
            alerts += self._process(fixes.select(part), binding[part], row[part])
            alerts += self._open(at_ms, fences)
            begin = end
        alerts += self._process(fixes.select(slice(begin, None)), binding[begin:], row[begin:])
        self._past_ms = max(self._past_ms, last_ms)
        return alerts + self.advance(last_ms)

    def advance(self, past_ms: int) -> list[Alert]:
        """All moments before an instant."""
        alerts: list[Alert] = []
        for at_ms, fences in self._openings(past_ms).items():
            alerts += self._open(at_ms, fences)
        self._past_ms = max(self._past_ms, past_ms)
        due = np.flatnonzero(self._due_ms < past_ms).tolist()
        for binding in due:
            alerts += self._trackers[binding].advance(past_ms, len(self._log))
        self._settle(due)
        self._log.forget(self._horizon_ms, self._policy.allowed_lateness_ms)
        return alerts

    @property
    def _horizon_ms(self) -> int:
        return self._past_ms - self._policy.backfill_horizon_ms

    def _openings(self, past_ms: int) -> dict[int, Ints]:
        """Openings from the clock on, before an instant."""
        if past_ms <= self._past_ms:
            return {}
        openings: dict[int, Ints] = self._compiled.active_intervals.openings(self._past_ms - 1, past_ms - 1)
        return openings

    def _process(self, fixes: PingBatch, binding: Ints, row: Ints) -> list[Alert]:
        if not len(fixes):
            return []
        radius_m = self._radius_m(fixes)
        newest_ms = self._log.newest_ms.copy()
        unmoved, backfill = np.empty(len(fixes), np.bool_), np.empty(len(fixes), np.bool_)
        mark_unmoved(
            binding, fixes.event_ms, fixes.arrival_ms, fixes.lon, fixes.lat,
            self._policy.allowed_lateness_ms, newest_ms, self._anchor_lon, self._anchor_lat,
            self._safe_m, self._since_ms, self._until_ms, unmoved, backfill,
        )  # fmt: skip
        followed = self._hot[binding] | (backfill & self._tracked[binding])
        screened = np.flatnonzero(~unmoved)
        candidates = Candidates(
            row[screened], fixes.event_ms[screened], fixes.arrival_ms[screened], fixes.lon[screened],
            fixes.lat[screened], radius_m[screened],
        )  # fmt: skip
        screening = self._screen.screen(candidates)
        suspects = self._suspects(candidates, screened, screening)
        slow = np.zeros(len(self._hot), np.bool_)
        slow[binding[followed]] = True
        slow[binding[list(suspects)]] = True
        trackers = self._trackers_of(np.flatnonzero(slow).tolist(), self._past_ms)
        first_row = len(self._log)
        self._log.append(fixes, binding, radius_m, backfill)
        self._anchor(candidates, screening, binding[screened], ~backfill[screened])
        return self._judge(trackers, first_row, binding, row, backfill, suspects)

    def _radius_m(self, fixes: PingBatch) -> NDArray[np.float64]:
        """The radius of uncertainty of each fix (contract §3); a confirmation counts as gnss."""
        plain = (fixes.kind == CONFIRMATION) | (fixes.source == NO_SOURCE)
        floor_m = self._floor_m[np.where(plain, SOURCES.index("gnss"), fixes.source)]
        accuracy_m = np.where(np.isnan(fixes.accuracy_m), self._policy.accuracy_default_m, fixes.accuracy_m)
        radius_m: NDArray[np.float64] = np.maximum(self._policy.accuracy_factor * accuracy_m, floor_m)
        return radius_m

    def _suspects(self, candidates: Candidates, screened: Ints, screening: Screening) -> dict[int, set[int]]:
        """By fix, the scopes that may see it, or an opening since then look at it, on the wrong side."""
        suspects: dict[int, set[int]] = defaultdict(set)
        pairs = zip(
            screened[screening.suspect_candidate].tolist(), screening.suspect_scope.tolist(), strict=True
        )
        for fix, scope in pairs:
            suspects[fix].add(scope)
        for candidate in np.flatnonzero(screening.until_ms < candidates.arrival_ms).tolist():
            suspects[int(screened[candidate])] |= self._scopes_round(
                int(candidates.row[candidate]),
                float(candidates.lon[candidate]),
                float(candidates.lat[candidate]),
            )
        return suspects

    def _scopes_round(self, row: int, lon: float, lat: float) -> set[int]:
        """All scopes by which an opening may judge a position, whatever the person's row is then."""
        a, compiled = self._assignment, self._compiled
        rows = a.subjects.rows
        person = int(rows.owner[row])
        fences = [
            fence
            for other in range(int(rows.first[person]), int(rows.first[person + 1]))
            for fence in (*a.keep_in.of(other), *a.keep_out.of(other))
        ]
        if compiled.index is not None:
            fences += compiled.index.pairs(np.array([lon]), np.array([lat]), 0.0)[1].tolist()
        return set(compiled.scope[fences].tolist()) if fences else set()

    def _trackers_of(self, bindings: Iterable[int], clock_ms: int) -> dict[int, BindingTracker]:
        """Trackers that know everything before the fixes at hand and the moments from a clock on."""
        trackers = {}
        for binding in bindings:
            tracker = self._trackers.get(binding)
            if tracker is None:
                backfill = self._log.backfill_of(binding, self._horizon_ms, len(self._log))
                tracker = self._trackers[binding] = BindingTracker(self._context, binding, backfill)
            if not self._hot[binding]:
                newest_ms = int(self._log.newest_ms[binding])
                from_ms = settled_ms(self._policy, newest_ms, clock_ms)
                window = self._log.window(binding, from_ms, len(self._log))
                tracker.rejoin(window, newest_ms, clock_ms)
            trackers[binding] = tracker
        return trackers

    def _judge(
        self, trackers: dict[int, BindingTracker], first_row: int, binding: Ints, row: Ints, backfill: Bools,
        suspects: dict[int, set[int]],
    ) -> list[Alert]:  # fmt: skip
        """The fixes of tracked bindings, one by one."""
        mine = np.flatnonzero(np.isin(binding, list(trackers)))
        fixes = [self._log.fix(first_row + number) for number in mine.tolist()]
        areas = [
            self._areas(int(row[number]), {*trackers[int(binding[number])].scopes, *suspects.get(number, ())})
            for number in mine.tolist()
        ]
        self._context.classifier.approximate(fixes, areas)
        alerts: list[Alert] = []
        for number, fix in zip(mine.tolist(), fixes, strict=True):
            tracker = trackers[int(binding[number])]
            alerts += tracker.add(fix, first_row + number, bool(backfill[number]), suspects.get(number, ()))
        self._settle(trackers)
        return alerts

    def _areas(self, row: int, scopes: set[int]) -> list[int]:
        """Areas that a fix is likely to be held against: to be worked out for many fixes at once."""
        zones = (self._compiled.scopes[scope] for scope in scopes)
        return [*self._assignment.keep_in.of(row), *(f for z in zones if not z.keep_in for f in z.fences)]

    def _anchor(self, candidates: Candidates, screening: Screening, binding: Ints, live: Bools) -> None:
        """Where each binding was last screened, and its safe distance there; a binding's last fix counts."""
        binding = binding[live]
        self._anchor_lon[binding], self._anchor_lat[binding] = candidates.lon[live], candidates.lat[live]
        self._safe_m[binding] = screening.safe_m[live]
        self._since_ms[binding], self._until_ms[binding] = screening.since_ms[live], screening.until_ms[live]

    def _settle(self, bindings: Iterable[int]) -> None:
        """Drop the trackers that have nothing left to do."""
        for binding in bindings:
            tracker = self._trackers[binding]
            activity = tracker.settle(self._horizon_ms)
            self._hot[binding] = activity is Activity.ALL
            self._tracked[binding] = activity is not Activity.OVER
            self._due_ms[binding] = tracker.due_ms
            if activity is Activity.OVER:
                del self._trackers[binding]
                self._due_ms[binding] = END_MS

    def _open(self, at_ms: int, fences: Ints) -> list[Alert]:
        """An opening: the last known fixes, judged once."""
        screened, candidates = self._last_known(at_ms, fences)
        screening = self._screen.screen(candidates)
        opened = np.unique(self._compiled.scope[fences])
        pairs = np.isin(screening.suspect_scope, opened)
        watched: dict[int, set[int]] = defaultdict(set)
        for candidate, scope in zip(
            screening.suspect_candidate[pairs].tolist(), screening.suspect_scope[pairs].tolist(), strict=True
        ):
            watched[int(screened[candidate])].add(scope)
        odd = self._log.tied[screened] | (self._log.newest_ms[screened] > at_ms)
        for binding in screened[odd].tolist():
            watched[binding] |= set(opened.tolist())
        return self._watch(at_ms, watched)

    def _last_known(self, at_ms: int, fences: Ints) -> tuple[Ints, Candidates]:
        """Bindings that these fences may look at when they open, with their newest fixes."""
        a, log = self._assignment, self._log
        oldest_ms = at_ms - max(levels[0] for levels in self._policy.silence_ms.values())
        screened = np.flatnonzero(log.newest_ms >= oldest_ms)
        person = a.subjects.binding_person[screened]
        row = a.subjects.rows.at(person, np.full(len(screened), at_ms))
        concerned = row >= 0
        if not self._compiled.shared[fences].any():
            concerned[concerned] = self._concerned(row[concerned], fences)
        screened, row = screened[concerned], row[concerned]
        lon, lat, radius_m = log.columns(log.newest_row[screened], "lon", "lat", "radius_m")
        at = np.full(len(screened), at_ms)
        return screened, Candidates(row, at, at, lon, lat, radius_m)

    def _concerned(self, row: Ints, fences: Ints) -> Bools:
        """Rows to which one of these fences is assigned."""
        concerned = np.zeros(len(row), np.bool_)
        for assigned in (self._assignment.keep_in, self._assignment.keep_out):
            owner, fence = assigned.pairs(row)
            concerned[owner[np.isin(fence, fences)]] = True
        return concerned

    def _watch(self, at_ms: int, watched: dict[int, set[int]]) -> list[Alert]:
        alerts: list[Alert] = []
        self._past_ms = max(self._past_ms, at_ms + 1)
        for binding, tracker in self._trackers_of(watched, at_ms).items():
            alerts += tracker.advance(at_ms + 1, len(self._log))
            for scope in sorted(watched[binding]):
                alerts += tracker.watch(scope, len(self._log))
        self._settle(watched)
        return alerts
