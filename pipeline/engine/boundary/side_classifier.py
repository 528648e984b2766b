"""Classifies single fixes: on which side of a scope each lies, decided as if all distances were exact."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from geofences.instant import BEGIN_MS, END_MS
from pipeline.engine.assignment import Assignment
from pipeline.engine.boundary.distance_screen import ROUNDING_M
from pipeline.engine.boundary.fix import Fix
from pipeline.engine.boundary.incidents import Sighting, Verdict
from pipeline.engine.compiled_fences import CompiledFences
from pipeline.engine.policy_table import UNKNOWN_SOURCE

#: For so many scopes and rows is remembered which fences were active when they were last asked for.
_LATELY_MOST = 1 << 18


@dataclass(frozen=True, slots=True)
class Place:
    """One area that a fix is held against, with its tolerance as it shifts d."""

    area: int
    shift_m: float
    name: str
    severity: int | None


@dataclass(frozen=True, slots=True)
class Nearest:
    """The place that decides: its exact signed distance without tolerance, and the side."""

    place: Place
    distance_m: float
    side: str


class SideClassifier:
    """Sides of one shard's fixes; approximate distances decide wherever their error leaves no doubt.

    ``counted`` is the number of a leave that is to count whenever it was approved: the counterfactual
    by which a leave approved later is found to have prevented an alert.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self.forget()

    def forget(self) -> None:
        """The site is another: fences of a scope and a row are looked up anew."""
        self._own = lru_cache(maxsize=1 << 16)(self._own_fences)
        self._place = lru_cache(maxsize=1 << 16)(self._place_of)
        self._rows = lru_cache(maxsize=1 << 16)(self._rows_of)
        self._lately: dict[tuple[int, int], tuple[int, int, list[Place]]] = {}

    @property
    def _compiled(self) -> CompiledFences:
        return self._assignment.compiled

    def keeps_in(self, scope: int) -> bool:
        """Is the scope a group of keep_in fences?"""
        return self._compiled.scopes.keep_in[scope]

    def own_fences(self, scope: int, row: int) -> tuple[int, ...]:
        """The fences of a scope that apply to a person's row."""
        return self._own(scope, row)

    def _own_fences(self, scope: int, row: int) -> tuple[int, ...]:
        compiled = self._compiled
        if compiled.scopes.keep_in[scope]:  # which may be of as many fences as there are people
            assigned = np.array(self._assignment.keep_in.of(row), np.int64)
            return tuple(compiled.there(assigned[compiled.scope[assigned] == scope]).tolist())
        return tuple(fence for fence in compiled.fences_of(scope) if self._assignment.applies(fence, row))

    def fences_ever(self, scope: int, person: int) -> tuple[int, ...]:
        """The fences of a scope that apply to some row of a person."""
        rows = self._assignment.subjects.rows
        own = (self._own(scope, row) for row in rows.of_owner(person).tolist())
        return tuple(sorted({fence for fences in own for fence in fences}))

    def active_fences(self, scope: int, row: int, at_ms: int) -> list[int]:
        """Own fences of a scope that are active at an instant; without any it is not judged."""
        active_intervals = self._compiled.active_intervals
        return [fence for fence in self._own(scope, row) if active_intervals.active_at(fence, at_ms)]

    def row_at(self, person: int, at_ms: int) -> int:
        """The person's row valid at an instant, -1 where not supervised."""
        starts, rows = self._rows(person)
        place = bisect_right(starts, at_ms) - 1
        return rows[place][0] if place >= 0 and at_ms < rows[place][1] else -1

    def _rows_of(self, person: int) -> tuple[list[int], list[tuple[int, int]]]:
        """When each row of a person begins, and its number with when it ends."""
        rows = self._assignment.subjects.rows
        mine = rows.of_owner(person)
        ends = zip(mine.tolist(), rows.to_ms[mine].tolist(), strict=True)
        return rows.from_ms[mine].tolist(), list(ends)

    def verdict(
        self, scope: int, person: int, fix: Fix, at_ms: int, arrival_ms: int, counted: int = -1
    ) -> Verdict:
        """What a fix says of a scope at an instant."""
        places = self._places(scope, person, at_ms, arrival_ms, counted)
        if not places:
            return Verdict.UNSURE
        radius_m = self._radius_m(fix, at_ms)
        self._approximate(fix, places)
        low_m, high_m = np.inf, np.inf
        for place in places:
            distance_m, error_m = fix.distances[place.area]
            low_m = min(low_m, distance_m + place.shift_m - error_m)
            high_m = min(high_m, distance_m + place.shift_m + error_m)
        side = _side(low_m, radius_m)
        if side != _side(high_m, radius_m):
            side = self._nearest([fix], [radius_m], [places])[0].side
        if side == "unsure":
            return Verdict.UNSURE
        right = "in" if self._compiled.scopes.keep_in[scope] else "out"
        return Verdict.RIGHT if side == right else Verdict.WRONG

    def nearest(self, scope: int, person: int, sightings: Sequence[Sighting]) -> list[Nearest]:
        """What an alert reports of sightings: the deciding place, exact distance and side of each."""
        self.report([(scope, person, sightings)])
        return [s.fix.reports[scope, s.at_ms, s.arrival_ms] for s in sightings]

    def report(self, alerts: Iterable[tuple[int, int, Iterable[Sighting]]]) -> None:
        """Work out at once what alerts report: of each its scope, its person, and its sightings."""
        new = [
            (scope, person, s)
            for scope, person, sightings in alerts
            for s in sightings
            if (scope, s.at_ms, s.arrival_ms) not in s.fix.reports
        ]
        if not new:
            return
        places = [self._places(scope, person, s.at_ms, s.arrival_ms, -1) for scope, person, s in new]
        radii_m = [self._radius_m(s.fix, s.at_ms) for _, _, s in new]
        found = self._nearest([s.fix for _, _, s in new], radii_m, places)
        for (scope, _, s), nearest in zip(new, found, strict=True):
            s.fix.reports[scope, s.at_ms, s.arrival_ms] = nearest

    def _radius_m(self, fix: Fix, at_ms: int) -> float:
        """The radius of uncertainty of a fix that is judged at an instant."""
        if at_ms == fix.event_ms:
            return fix.radius_m
        table = self._compiled.policies
        is_own = table.policies.number_at(at_ms) == table.policies.number_at(fix.event_ms)
        if is_own or fix.source == UNKNOWN_SOURCE:
            return fix.radius_m
        return table.radius_of(fix.accuracy_m, fix.source, at_ms)

    def _places(self, scope: int, person: int, at_ms: int, arrival_ms: int, counted: int) -> list[Place]:
        row = self.row_at(person, at_ms)
        places = self._own_places(scope, row, at_ms) if row >= 0 else []
        if not places or not self._assignment.leaves_of(person) or not self._compiled.scopes.keep_in[scope]:
            return places
        policy = self._compiled.policies.policies.number_at(at_ms)
        return [*places, *self._leave_places(person, at_ms, arrival_ms, counted, policy)]

    def _own_places(self, scope: int, row: int, at_ms: int) -> list[Place]:
        """The active fences of a scope and a row; asked again within the same time, what was found before."""
        since_ms, until_ms, places = self._lately.get((scope, row), (END_MS, BEGIN_MS, []))
        if since_ms <= at_ms < until_ms:
            return places
        table, active_intervals = self._compiled.policies, self._compiled.active_intervals
        policy, own = table.policies.number_at(at_ms), np.array(self._own(scope, row), np.int64)
        active, since, until = active_intervals.activity(own, np.full(len(own), at_ms))
        from_ms, to_ms = (int(bound[0]) for bound in table.span_of(np.array([policy])))
        places = [self._place(fence, policy) for fence in own[active].tolist()]
        since_ms = max(from_ms, active_intervals.known_from_ms, int(since.max(initial=BEGIN_MS)))
        if len(self._lately) >= _LATELY_MOST:
            self._lately.clear()
        self._lately[scope, row] = since_ms, min(to_ms, int(until.min(initial=END_MS))), places
        return places

    def _place_of(self, fence: int, policy: int) -> Place:
        given, tolerance_m = self._compiled.fence(fence), float(self._compiled.tolerance_m[fence, policy])
        sign = -1 if self._compiled.keep_in[fence] else 1
        return Place(fence, sign * tolerance_m, given.fence_id, given.severity)

    def _leave_places(
        self, person: int, at_ms: int, arrival_ms: int, counted: int, policy: int
    ) -> list[Place]:
        assignment = self._assignment
        return [
            Place(place.area, -place.tolerances_m[policy], place.name, place.severity)
            for number in assignment.leaves_of(person)
            for leave in (assignment.leaves[number],)
            if leave.valid_from_ms <= at_ms < leave.valid_to_ms
            and (leave.approved_at_ms <= arrival_ms or number == counted)
            for place in assignment.leave_places[number]
        ]

    def approximate(self, fixes: Sequence[Fix], areas: Sequence[Sequence[int]]) -> None:
        """Work out the distances of many fixes to areas of each in one go."""
        owner = [number for number, some in enumerate(areas) for _ in some]
        area = [number for some in areas for number in some]
        if not area:
            return
        lon, lat = np.array([fix.lon for fix in fixes]), np.array([fix.lat for fix in fixes])
        distance_m, error_m = self._compiled.pack.approx(np.array(area, np.int64), lon[owner], lat[owner])
        columns = owner, area, distance_m.tolist(), error_m.tolist()
        for number, place, d_m, e_m in zip(*columns, strict=True):
            fixes[number].distances[place] = d_m, e_m + ROUNDING_M

    def _approximate(self, fix: Fix, places: list[Place]) -> None:
        unknown = [place.area for place in places if place.area not in fix.distances]
        if unknown:
            self.approximate([fix], [unknown])

    def _nearest(
        self, fixes: Sequence[Fix], radii_m: Sequence[float], places: Sequence[Sequence[Place]]
    ) -> list[Nearest]:
        """Of each fix's places the one with the smallest d', the smallest id where equal."""
        pairs = [(fix, place) for fix, some in zip(fixes, places, strict=True) for place in some]
        exact_m = self._compiled.pack.exact(
            np.array([place.area for _, place in pairs], np.int64),
            np.array([fix.lon for fix, _ in pairs]),
            np.array([fix.lat for fix, _ in pairs]),
        )
        shifted_m = np.rint(exact_m * 1000) / 1000 + np.array([place.shift_m for _, place in pairs])
        found, begin = [], 0
        for radius_m, some in zip(radii_m, places, strict=True):
            mine = range(begin, begin + len(some))
            begin = mine.stop
            best = min(mine, key=lambda pair: (shifted_m[pair], pairs[pair][1].name.encode()))
            side = _side(float(shifted_m[best]), radius_m)
            found.append(Nearest(pairs[best][1], float(exact_m[best]), side))
        return found


def _side(distance_m: float, radius_m: float) -> str:
    if distance_m <= -radius_m:
        return "in"
    return "out" if distance_m > radius_m else "unsure"
