"""The boundary rules of a shard: calm fixes by one comparison, the rest surveyed, few judged one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS, END_MS
from pipeline.assignment import Assignment
from pipeline.detectors.calm import sort_out
from pipeline.ground import Ground
from pipeline.ping import CONFIRMATION, NO_SOURCE, PingBatch
from pipeline.policy import SOURCES
from pipeline.survey import Looks, Survey, Surveyor
from pipeline.track import Activity, Court, Track, settled_ms
from sinks.alert import Alert

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Patrol:
    """Columns by binding for those at ease; a track for each binding that something is going on with.

    A binding is hot while its track must see every fix, merely tracked while only backfill and
    moments concern it. The surveyed columns say how far and how long it may move unjudged.
    """

    #: What a checkpoint holds of it.
    KEPT = (
        "_tracks", "_hot", "_tracked", "_due_ms", "_anchor_lon", "_anchor_lat", "_slack_m", "_since_ms",
        "_until_ms", "_past_ms",
    )  # fmt: skip

    def __init__(self, ground: Ground, assignment: Assignment, court: Court) -> None:
        bindings = len(assignment.roster.binding_person)
        self._policy = ground.policy
        self._ground = ground
        self._assignment = assignment
        self._court = court
        self._log = court.writer.log
        self._surveyor = Surveyor(ground, assignment)
        self._floor_m = np.array([ground.policy.floor_m[source] for source in SOURCES])
        self._tracks: dict[int, Track] = {}
        self._hot = np.zeros(bindings, np.bool_)
        self._tracked = np.zeros(bindings, np.bool_)
        self._due_ms = np.full(bindings, END_MS, np.int64)
        self._anchor_lon = np.zeros(bindings)
        self._anchor_lat = np.zeros(bindings)
        self._slack_m = np.full(bindings, -1.0)
        self._since_ms = np.full(bindings, END_MS, np.int64)
        self._until_ms = np.full(bindings, BEGIN_MS, np.int64)
        self._past_ms = BEGIN_MS

    def start(self, start_ms: int) -> None:
        """Begin the clock."""
        self._past_ms = start_ms

    def take(self, fixes: PingBatch, binding: Ints, row: Ints) -> list[Alert]:
        """Fixes in order of arrival, each with its binding and its person's row at its event time."""
        alerts: list[Alert] = []
        begin = 0
        last_ms = int(fixes.arrival_ms[-1])
        for at_ms, fences in self._openings(last_ms).items():
            end = int(np.searchsorted(fixes.arrival_ms, at_ms, "right"))
            part = slice(begin, end)
            alerts += self._take(fixes.take(part), binding[part], row[part])
            alerts += self._open(at_ms, fences)
            begin = end
        alerts += self._take(fixes.take(slice(begin, None)), binding[begin:], row[begin:])
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
            alerts += self._tracks[binding].advance(past_ms, len(self._log))
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
        openings: dict[int, Ints] = self._ground.hours.openings(self._past_ms - 1, past_ms - 1)
        return openings

    def _take(self, fixes: PingBatch, binding: Ints, row: Ints) -> list[Alert]:
        if not len(fixes):
            return []
        radius_m = self._radius_m(fixes)
        newest_ms = self._log.newest_ms.copy()
        calm, backfill = np.empty(len(fixes), np.bool_), np.empty(len(fixes), np.bool_)
        sort_out(
            binding, fixes.event_ms, fixes.arrival_ms, fixes.lon, fixes.lat,
            self._policy.allowed_lateness_ms, newest_ms, self._anchor_lon, self._anchor_lat,
            self._slack_m, self._since_ms, self._until_ms, calm, backfill,
        )  # fmt: skip
        followed = self._hot[binding] | (backfill & self._tracked[binding])
        looked = np.flatnonzero(~calm)
        looks = Looks(
            row[looked], fixes.event_ms[looked], fixes.arrival_ms[looked], fixes.lon[looked],
            fixes.lat[looked], radius_m[looked],
        )  # fmt: skip
        survey = self._surveyor.survey(looks)
        suspects = self._suspects(looks, looked, survey)
        slow = np.zeros(len(self._hot), np.bool_)
        slow[binding[followed]] = True
        slow[binding[list(suspects)]] = True
        tracks = self._tracks_of(np.flatnonzero(slow).tolist(), self._past_ms)
        first_row = len(self._log)
        self._log.append(fixes, binding, radius_m, backfill)
        self._anchor(looks, survey, binding[looked], ~backfill[looked])
        return self._judge(tracks, first_row, binding, row, backfill, suspects)

    def _radius_m(self, fixes: PingBatch) -> NDArray[np.float64]:
        """The radius of uncertainty of each fix (contract §3); a confirmation counts as gnss."""
        plain = (fixes.kind == CONFIRMATION) | (fixes.source == NO_SOURCE)
        floor_m = self._floor_m[np.where(plain, SOURCES.index("gnss"), fixes.source)]
        accuracy_m = np.where(np.isnan(fixes.accuracy_m), self._policy.accuracy_default_m, fixes.accuracy_m)
        radius_m: NDArray[np.float64] = np.maximum(self._policy.accuracy_factor * accuracy_m, floor_m)
        return radius_m

    def _suspects(self, looks: Looks, looked: Ints, survey: Survey) -> dict[int, set[int]]:
        """By fix, the scopes that may see it, or an opening since then look at it, on the wrong side."""
        suspects: dict[int, set[int]] = defaultdict(set)
        pairs = zip(looked[survey.suspect_look].tolist(), survey.suspect_scope.tolist(), strict=True)
        for fix, scope in pairs:
            suspects[fix].add(scope)
        for look in np.flatnonzero(survey.until_ms < looks.arrival_ms).tolist():
            suspects[int(looked[look])] |= self._scopes_round(
                int(looks.row[look]), float(looks.lon[look]), float(looks.lat[look])
            )
        return suspects

    def _scopes_round(self, row: int, lon: float, lat: float) -> set[int]:
        """All scopes that an opening may judge a position by, whatever the person's row then."""
        a, ground = self._assignment, self._ground
        rows = a.roster.rows
        person = int(rows.owner[row])
        fences = [
            fence
            for other in range(int(rows.first[person]), int(rows.first[person + 1]))
            for fence in (*a.keep_in.of(other), *a.keep_out.of(other))
        ]
        if ground.index is not None:
            fences += ground.index.pairs(np.array([lon]), np.array([lat]), 0.0)[1].tolist()
        return set(ground.scope[fences].tolist()) if fences else set()

    def _tracks_of(self, bindings: Iterable[int], clock_ms: int) -> dict[int, Track]:
        """Tracks that know everything before the fixes at hand and the moments from a clock on."""
        tracks = {}
        for binding in bindings:
            track = self._tracks.get(binding)
            if track is None:
                backfill = self._log.backfill_of(binding, self._horizon_ms, len(self._log))
                track = self._tracks[binding] = Track(self._court, binding, backfill)
            if not self._hot[binding]:
                newest_ms = int(self._log.newest_ms[binding])
                from_ms = settled_ms(self._policy, newest_ms, clock_ms)
                window = self._log.window(binding, from_ms, len(self._log))
                track.rejoin(window, newest_ms, clock_ms)
            tracks[binding] = track
        return tracks

    def _judge(
        self, tracks: dict[int, Track], first_row: int, binding: Ints, row: Ints, backfill: Bools,
        suspects: dict[int, set[int]],
    ) -> list[Alert]:  # fmt: skip
        """The fixes of tracked bindings, one by one."""
        mine = np.flatnonzero(np.isin(binding, list(tracks)))
        fixes = [self._log.fix(first_row + number) for number in mine.tolist()]
        areas = [
            self._areas(int(row[number]), {*tracks[int(binding[number])].scopes, *suspects.get(number, ())})
            for number in mine.tolist()
        ]
        self._court.judge.approximate(fixes, areas)
        alerts: list[Alert] = []
        for number, fix in zip(mine.tolist(), fixes, strict=True):
            track = tracks[int(binding[number])]
            alerts += track.take(fix, first_row + number, bool(backfill[number]), suspects.get(number, ()))
        self._settle(tracks)
        return alerts

    def _areas(self, row: int, scopes: set[int]) -> list[int]:
        """Areas that a fix is likely to be held against: to be worked out for many fixes at once."""
        zones = (self._ground.scopes[scope] for scope in scopes)
        return [*self._assignment.keep_in.of(row), *(f for z in zones if not z.keep_in for f in z.fences)]

    def _anchor(self, looks: Looks, survey: Survey, binding: Ints, live: Bools) -> None:
        """Where each binding was last surveyed, and its slack there; the last fix of a binding holds."""
        binding = binding[live]
        self._anchor_lon[binding], self._anchor_lat[binding] = looks.lon[live], looks.lat[live]
        self._slack_m[binding] = survey.slack_m[live]
        self._since_ms[binding], self._until_ms[binding] = survey.since_ms[live], survey.until_ms[live]

    def _settle(self, bindings: Iterable[int]) -> None:
        """Let go of the tracks that have nothing left to do."""
        for binding in bindings:
            track = self._tracks[binding]
            activity = track.settle(self._horizon_ms)
            self._hot[binding] = activity is Activity.ALL
            self._tracked[binding] = activity is not Activity.OVER
            self._due_ms[binding] = track.due_ms
            if activity is Activity.OVER:
                del self._tracks[binding]
                self._due_ms[binding] = END_MS

    def _open(self, at_ms: int, fences: Ints) -> list[Alert]:
        """An opening: the last known fixes, judged once."""
        looked, looks = self._last_known(at_ms, fences)
        survey = self._surveyor.survey(looks)
        opened = np.unique(self._ground.scope[fences])
        pairs = np.isin(survey.suspect_scope, opened)
        watched: dict[int, set[int]] = defaultdict(set)
        for look, scope in zip(
            survey.suspect_look[pairs].tolist(), survey.suspect_scope[pairs].tolist(), strict=True
        ):
            watched[int(looked[look])].add(scope)
        odd = self._log.tied[looked] | (self._log.newest_ms[looked] > at_ms)
        for binding in looked[odd].tolist():
            watched[binding] |= set(opened.tolist())
        return self._watch(at_ms, watched)

    def _last_known(self, at_ms: int, fences: Ints) -> tuple[Ints, Looks]:
        """Bindings that these fences may look at when they open, with their newest fixes."""
        a, log = self._assignment, self._log
        oldest_ms = at_ms - max(levels[0] for levels in self._policy.silence_ms.values())
        looked = np.flatnonzero(log.newest_ms >= oldest_ms)
        person = a.roster.binding_person[looked]
        row = a.roster.rows.at(person, np.full(len(looked), at_ms))
        concerned = row >= 0
        if not self._ground.shared[fences].any():
            concerned[concerned] = self._concerned(row[concerned], fences)
        looked, row = looked[concerned], row[concerned]
        lon, lat, radius_m = log.columns(log.newest_row[looked], "lon", "lat", "radius_m")
        at = np.full(len(looked), at_ms)
        return looked, Looks(row, at, at, lon, lat, radius_m)

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
        for binding, track in self._tracks_of(watched, at_ms).items():
            alerts += track.advance(at_ms + 1, len(self._log))
            for scope in sorted(watched[binding]):
                alerts += track.watch(scope, len(self._log))
        self._settle(watched)
        return alerts
