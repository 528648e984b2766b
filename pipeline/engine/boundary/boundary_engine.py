"""The boundary rules of a shard: one comparison for most fixes, a screen for the rest, trackers for few."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS, END_MS
from pipeline.engine.assignment import Assignment
from pipeline.engine.boundary.binding_tracker import BindingTracker
from pipeline.engine.boundary.column_judge import ColumnJudge, Marks, Suspects
from pipeline.engine.boundary.column_machines import ColumnMachines, Fixes, Pairs
from pipeline.engine.boundary.distance_screen import Candidates, DistanceScreen, Screening
from pipeline.engine.boundary.family import Activity, TrackerContext, settled_ms
from pipeline.engine.boundary.last_known import LastKnown
from pipeline.engine.boundary.open_scopes import NOT_LIVE, OpenScopes
from pipeline.engine.boundary.pair_sides import PairSides
from pipeline.engine.boundary.raised import RaisedOnsets
from pipeline.engine.boundary.safe_region import SCREENED, UNKNOWN
from pipeline.engine.compiled_fences import CompiledFences
from pipeline.engine.policy_table import counted_sources
from pipeline.engine.record_columns import record_column, records
from pipeline.ping import PingBatch
from sinks.alert import Alert

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class BoundaryEngine:
    """A region for each binding, and a tracker for each with an incident that is open or may begin.

    A binding is hot while its tracker must see every fix, and at rest while only backfill, moments and what
    may be on the right side of a scope with an open incident concern it. Its region says where it was last
    screened, and how far and how long it may move from there without being looked at again; a shard that is
    made anew screens everybody anew.
    """

    #: What a checkpoint holds of it.
    KEPT = ("_trackers", "_hot", "_tracked", "_due_ms", "_past_ms")
    _hot, _tracked, _due_ms = map(record_column, ("is_hot", "is_tracked", "due_ms"))
    _blank = UNKNOWN

    def __init__(self, assignment: Assignment, context: TrackerContext) -> None:
        bindings = len(assignment.subjects.binding_person)
        self._table = assignment.compiled.policies
        self._assignment = assignment
        self._context = context
        self._log = context.writer.log
        self._open_scopes = OpenScopes(bindings)
        self._screen = DistanceScreen(assignment, self._open_scopes)
        self._last_known = LastKnown(assignment, self._log)
        #: The scopes that trackers need not follow.
        self.machines = ColumnMachines(bindings, context, PairSides(assignment, context.classifier))
        self._columns = ColumnJudge(assignment, self.machines, self._open_scopes)
        self._trackers: dict[int, BindingTracker] = {}
        #: What trackers wrote that have nothing left to do.
        self.raised = RaisedOnsets()
        self._records = records(bindings, UNKNOWN)
        #: No tracker has anything to do before.
        self._idle_to_ms = END_MS
        self._past_ms = BEGIN_MS

    @property
    def _compiled(self) -> CompiledFences:
        return self._assignment.compiled

    def scopes_in_use(self) -> set[int]:
        """The scopes that trackers and what is left of former ones refer to."""
        told = {scope for tracker in self._trackers.values() for scope in tracker.scopes_told}
        return told | self.raised.scopes | self.machines.scopes

    def start(self, start_ms: int) -> None:
        """Begin the clock."""
        self._past_ms = start_ms

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
        alerts += self._advance_trackers(past_ms)
        self._log.forget(self._horizon_ms, self._lateness_ms)
        return alerts

    def _advance_trackers(self, past_ms: int) -> list[Alert]:
        if self._idle_to_ms >= past_ms:
            return []
        alerts: list[Alert] = []
        due = np.flatnonzero(self._records["due_ms"] < past_ms).tolist()
        for binding in due:
            tracker = self._trackers_of([binding], int(self._records["due_ms"][binding]))[binding]
            alerts += tracker.advance(past_ms, len(self._log))
        self._settle(due)
        self._idle_to_ms = int(self._records["due_ms"].min(initial=END_MS))
        return alerts

    @property
    def _horizon_ms(self) -> int:
        """No fix that is yet to arrive is older."""
        return self._table.policies.kept_from_ms(self._past_ms)

    @property
    def _lateness_ms(self) -> int:
        """No fix that is yet to arrive is live so far behind the newest."""
        return self._table.policies.lateness_from_ms(self._past_ms)

    def _openings(self, past_ms: int) -> dict[int, Ints]:
        """Openings from the clock on, before an instant."""
        if past_ms <= self._past_ms:
            return {}
        openings = self._compiled.active_intervals.openings(self._past_ms - 1, past_ms - 1)
        there = ((at_ms, self._compiled.there(fences)) for at_ms, fences in openings.items())
        return {at_ms: fences for at_ms, fences in there if len(fences)}

    def _process(self, fixes: PingBatch, binding: Ints, row: Ints) -> list[Alert]:
        parts = self._table.cuts(fixes.arrival_ms)
        if len(parts) == 1:
            return self._process_by_one(fixes, binding, row)
        alerts: list[Alert] = []
        for part in parts:
            alerts += self._process_by_one(fixes.select(part), binding[part], row[part])
            self._past_ms = max(self._past_ms, int(fixes.arrival_ms[part.stop - 1]))
        return alerts

    def _process_by_one(self, fixes: PingBatch, binding: Ints, row: Ints) -> list[Alert]:
        """Fixes at whose arrivals one policy is in force."""
        source = counted_sources(fixes)
        radius_m = self._table.radius_m(fixes.accuracy_m, source, fixes.event_ms)
        judged = Fixes(fixes, binding, row, radius_m)
        lateness_ms = self._table.at(int(fixes.arrival_ms[0])).allowed_lateness_ms
        marks = Marks(self._records, judged, lateness_ms)
        screened = np.flatnonzero(~marks.unmoved)
        late = marks.backfill[screened]
        candidates = Candidates(
            np.where(late, NOT_LIVE, binding[screened]), row[screened], fixes.event_ms[screened],
            fixes.arrival_ms[screened], fixes.lon[screened], fixes.lat[screened], radius_m[screened],
        )  # fmt: skip
        screening = self._screen.screen(candidates)
        suspects = Suspects(screened[screening.suspect_candidate], screening.suspect_scope)
        opened = np.flatnonzero(screening.until_ms < candidates.arrival_ms)
        pairs, slow = self._columns.divide(
            self._records, judged, marks, suspects, binding[screened[opened]], self._past_ms
        )
        of_trackers = self._of_trackers(suspects, binding, slow, candidates, screened, opened)
        woken = slow[self._records["is_at_rest"][slow]]
        settled_ms = np.minimum(self._log.newest_ms[pairs.binding] - self._lateness_ms, self._past_ms)
        trackers = self._trackers_of(slow.tolist(), self._past_ms)
        first_row = len(self._log)
        self._log.append(fixes, binding, radius_m, source, marks.backfill)
        self._anchor(candidates, screening, ~late)
        self._records["leeway_m"][woken] = -np.inf  # they were screened as if at rest
        alerts = self._judge(trackers, first_row, binding, row, marks.backfill, of_trackers)
        return alerts + self._judge_in_columns(judged, marks, pairs, settled_ms)

    def _judge_in_columns(self, fixes: Fixes, marks: Marks, pairs: Pairs, settled_ms: Ints) -> list[Alert]:
        found = self._columns.judge(self._records, fixes, marks, pairs, settled_ms, self._patience_ms)
        for binding, onset in found.raised:
            if self._context.classifier.keeps_in(onset[0]):
                self.raised.note(binding, [onset], [], self._horizon_ms)
        self._idle_to_ms = min(self._idle_to_ms, found.next_ms)
        self.machines.renew(
            self._records,
            self.machines.sweep(self._log.newest_ms, self._past_ms),
            self._patience_ms,
        )
        return found.alerts

    @property
    def _patience_ms(self) -> int:
        """How long something may go on in columns, well within the time for which fixes are kept."""
        return max(0, self._past_ms - self._horizon_ms) // 2

    def _of_trackers(
        self, suspects: Suspects, binding: Ints, slow: Ints, candidates: Candidates, screened: Ints,
        opened: Ints,
    ) -> dict[int, set[int]]:  # fmt: skip
        """By fix, the scopes that it, or an opening since then that looks at it, may change something of."""
        found: dict[int, set[int]] = defaultdict(set)
        mine = np.isin(binding[suspects.fix], slow)
        for fix, scope in zip(suspects.fix[mine].tolist(), suspects.scope[mine].tolist(), strict=True):
            found[fix].add(scope)
        for candidate in opened.tolist():
            found[int(screened[candidate])] |= self._scopes_round(
                int(candidates.row[candidate]),
                float(candidates.lon[candidate]),
                float(candidates.lat[candidate]),
            )
        return found

    def _scopes_round(self, row: int, lon: float, lat: float) -> set[int]:
        """All scopes by which an opening may judge a position, whatever the person's row is then."""
        a, compiled = self._assignment, self._compiled
        rows = a.subjects.rows
        person = int(rows.owner[row])
        fences = [
            fence
            for other in rows.of_owner(person).tolist()
            for fence in (*a.keep_in.of(other), *a.keep_out.of(other))
        ]
        fences += compiled.zones_near(np.array([lon]), np.array([lat]), 0.0)[1].tolist()
        return set(compiled.scope[fences].tolist()) if fences else set()

    def _trackers_of(self, bindings: Iterable[int], clock_ms: int) -> dict[int, BindingTracker]:
        """Trackers that know all before the fixes at hand and the moments from a clock on; none rests."""
        trackers = {}
        for binding in bindings:
            tracker = self._trackers.get(binding)
            if tracker is None:
                backfill = self._log.backfill_of(binding, self._horizon_ms, len(self._log))
                tracker = self._trackers[binding] = BindingTracker(self._context, binding, backfill)
            if not self._records["is_hot"][binding]:
                self._join(tracker, clock_ms)
            trackers[binding] = tracker
        return trackers

    def _join(self, tracker: BindingTracker, clock_ms: int) -> None:
        """Have a tracker follow the live fixes of its binding, and go on with what was judged in columns."""
        binding = tracker.binding
        region, newest_ms = self._records[binding], int(self._log.newest_ms[binding])
        if region["in_columns"]:
            clock_ms = min(clock_ms, int(region["due_ms"]))
        from_ms = settled_ms(self._table.policies, newest_ms, clock_ms)
        standings = self.machines.take(binding, from_ms) if region["in_columns"] else []
        window_ms = min([from_ms, *(standing.from_ms for standing in standings)])
        tracker.rejoin(self._log.window(binding, window_ms, len(self._log)), newest_ms, clock_ms)
        if standings:
            tracker.take_over(standings, clock_ms)
        self._open_scopes.drop(binding)
        region["is_at_rest"] = region["in_columns"] = region["is_busy"] = False
        region["leeway_m"], region["due_ms"] = -np.inf, END_MS

    def _judge(
        self, trackers: dict[int, BindingTracker], first_row: int, binding: Ints, row: Ints, backfill: Bools,
        suspects: dict[int, set[int]],
    ) -> list[Alert]:  # fmt: skip
        """The fixes of tracked bindings, one by one."""
        mine = np.flatnonzero(np.isin(binding, list(trackers)))
        fixes = self._log.fixes([first_row + number for number in mine.tolist()])
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
        compiled = self._compiled
        zones = (scope for scope in scopes if not compiled.scopes.keep_in[scope])
        return [*self._assignment.keep_in.of(row), *(f for zone in zones for f in compiled.fences_of(zone))]

    def _anchor(self, candidates: Candidates, screening: Screening, live: Bools) -> None:
        """Where each binding was last screened, and its leeway there; a binding's last fix counts."""
        binding = candidates.binding[live]
        found = candidates.lon, candidates.lat, screening.leeway_m, screening.since_ms, screening.until_ms
        for name, column in zip(SCREENED, found, strict=True):
            self._records[name][binding] = column[live]

    def _settle(self, bindings: Iterable[int]) -> None:
        """Drop the trackers that have nothing left to do."""
        for binding in bindings:
            tracker = self._trackers[binding]
            activity = tracker.settle(self._horizon_ms)
            region = self._records[binding]
            region["is_hot"], region["is_tracked"] = activity is Activity.ALL, activity is not Activity.OVER
            self._rest(binding, tracker.live_scopes if activity is Activity.AT_REST else [])
            self._plan(binding, tracker.due_ms)
            if activity is Activity.OVER:
                self.raised.note(binding, *tracker.onsets, self._horizon_ms)
                del self._trackers[binding]
                self._plan(binding, END_MS)

    def _rest(self, binding: int, scopes: list[int]) -> None:
        """These scopes have an open incident at rest: where it was screened before, they had none."""
        if scopes:
            self._open_scopes.put(binding, scopes)
            region = self._records[binding]
            region["is_at_rest"], region["leeway_m"] = True, -np.inf

    def _plan(self, binding: int, due_ms: int) -> None:
        """When the tracker of a binding has something to do."""
        self._records["due_ms"][binding] = due_ms
        self._idle_to_ms = min(self._idle_to_ms, due_ms)

    def _open(self, at_ms: int, fences: Ints) -> list[Alert]:
        """An opening: the last known fixes, judged once."""
        screened, candidates = self._last_known.at(at_ms, fences)
        if not len(screened):
            return self._watch(at_ms, {})
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

    def _watch(self, at_ms: int, watched: dict[int, set[int]]) -> list[Alert]:
        alerts: list[Alert] = []
        self._past_ms = max(self._past_ms, at_ms + 1)
        for binding, tracker in self._trackers_of(watched, at_ms).items():
            alerts += tracker.advance(at_ms + 1, len(self._log))
            for scope in sorted(watched[binding]):
                alerts += tracker.watch(scope, len(self._log))
        self._settle(watched)
        return alerts
