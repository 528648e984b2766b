"""The exact judge of single fixes: which side of a scope, decided as if distances were exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.assignment import Assignment
from pipeline.detectors.boundary import Sighting, Verdict
from pipeline.fix import Fix
from pipeline.ground import Ground
from pipeline.survey import ROUNDING_M


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


class Judge:
    """Sides of one shard's fixes; approximate distances decide wherever their error leaves no doubt.

    ``counted`` is the number of a leave that is to count whenever it was approved: the counterfactual
    by which a leave approved later is found to have prevented an alert.
    """

    def __init__(self, ground: Ground, assignment: Assignment) -> None:
        self._ground = ground
        self._assignment = assignment
        self._own = lru_cache(maxsize=1 << 16)(self._own_fences)

    def keeps_in(self, scope: int) -> bool:
        """Is the scope a group of keep_in fences?"""
        return self._ground.scopes[scope].keep_in

    def own_fences(self, scope: int, row: int) -> tuple[int, ...]:
        """The fences of a scope that apply to a person's row."""
        return self._own(scope, row)

    def _own_fences(self, scope: int, row: int) -> tuple[int, ...]:
        fences = self._ground.scopes[scope].fences
        if self._ground.scopes[scope].keep_in:
            assigned = set(self._assignment.keep_in.of(row))
            return tuple(fence for fence in fences if fence in assigned)
        return tuple(fence for fence in fences if self._assignment.applies(fence, row))

    def fences_ever(self, scope: int, person: int) -> tuple[int, ...]:
        """The fences of a scope that apply to some row of a person."""
        rows = self._assignment.roster.rows
        own = (self._own(scope, row) for row in range(int(rows.first[person]), int(rows.first[person + 1])))
        return tuple(sorted({fence for fences in own for fence in fences}))

    def active_fences(self, scope: int, row: int, at_ms: int) -> list[int]:
        """Own fences of a scope that are active at an instant; without any it is not judged."""
        hours = self._ground.hours
        return [fence for fence in self._own(scope, row) if hours.active_at(fence, at_ms)]

    def row_at(self, person: int, at_ms: int) -> int:
        """The person's row valid at an instant, -1 where not supervised."""
        return self._assignment.roster.rows.one_at(person, at_ms)

    def verdict(
        self, scope: int, person: int, fix: Fix, at_ms: int, arrival_ms: int, counted: int = -1
    ) -> Verdict:
        """What a fix says of a scope at an instant."""
        places = self._places(scope, person, at_ms, arrival_ms, counted)
        if not places:
            return Verdict.UNSURE
        self._approximate(fix, places)
        low_m, high_m = np.inf, np.inf
        for place in places:
            distance_m, error_m = fix.distances[place.area]
            low_m = min(low_m, distance_m + place.shift_m - error_m)
            high_m = min(high_m, distance_m + place.shift_m + error_m)
        side = _side(low_m, fix.radius_m)
        if side != _side(high_m, fix.radius_m):
            side = self._nearest(fix, places).side
        if side == "unsure":
            return Verdict.UNSURE
        right = "in" if self._ground.scopes[scope].keep_in else "out"
        return Verdict.RIGHT if side == right else Verdict.WRONG

    def nearest(self, scope: int, person: int, sighting: Sighting) -> Nearest:
        """What an alert reports of a sighting: the deciding place, exact distance and side."""
        key = scope, sighting.at_ms
        known: Nearest | None = sighting.fix.reports.get(key)
        if known is None:
            places = self._places(scope, person, sighting.at_ms, sighting.arrival_ms, -1)
            known = sighting.fix.reports[key] = self._nearest(sighting.fix, places)
        return known

    def _places(self, scope: int, person: int, at_ms: int, arrival_ms: int, counted: int) -> list[Place]:
        row = self.row_at(person, at_ms)
        own = self.active_fences(scope, row, at_ms) if row >= 0 else []
        if not own:
            return []
        ground, keep_in = self._ground, self._ground.scopes[scope].keep_in
        places = [
            Place(f, fence.tolerance_m * (-1 if keep_in else 1), fence.fence_id, fence.severity)
            for f, fence in ((f, ground.fences[f]) for f in own)
        ]
        return [*places, *self._leave_places(person, at_ms, arrival_ms, counted)] if keep_in else places

    def _leave_places(self, person: int, at_ms: int, arrival_ms: int, counted: int) -> list[Place]:
        assignment = self._assignment
        return [
            Place(place.area, -place.tolerance_m, place.name, place.severity)
            for number in assignment.leaves_of(person)
            for leave in (assignment.leaves[number],)
            if leave.valid_from_ms <= at_ms < leave.valid_to_ms
            and (leave.approved_at_ms <= arrival_ms or number == counted)
            for place in assignment.leave_places[number]
        ]

    def approximate(self, fixes: Sequence[Fix], row: NDArray[np.int64]) -> None:
        """Work out the distances of many fixes to the keep_in fences of their rows in one go."""
        if not fixes:
            return
        owner, fence = self._assignment.keep_in.pairs(row)
        lon, lat = np.array([fix.lon for fix in fixes]), np.array([fix.lat for fix in fixes])
        distance_m, error_m = self._ground.pack.approx(fence, lon[owner], lat[owner])
        columns = (owner.tolist(), fence.tolist(), distance_m.tolist(), error_m.tolist())
        for number, area, d_m, e_m in zip(*columns, strict=True):
            fixes[number].distances[area] = d_m, e_m + ROUNDING_M

    def _approximate(self, fix: Fix, places: list[Place]) -> None:
        unknown = [place.area for place in places if place.area not in fix.distances]
        if not unknown:
            return
        n = len(unknown)
        distance_m, error_m = self._ground.pack.approx(
            np.array(unknown, np.int64), np.full(n, fix.lon), np.full(n, fix.lat)
        )
        for area, d_m, e_m in zip(unknown, distance_m.tolist(), error_m.tolist(), strict=True):
            fix.distances[area] = d_m, e_m + ROUNDING_M

    def _nearest(self, fix: Fix, places: list[Place]) -> Nearest:
        n = len(places)
        areas = np.array([place.area for place in places], np.int64)
        exact_m = self._ground.pack.exact(areas, np.full(n, fix.lon), np.full(n, fix.lat))
        shifted_m = np.rint(exact_m * 1000) / 1000 + np.array([place.shift_m for place in places])
        best = min(range(n), key=lambda i: (shifted_m[i], places[i].name.encode()))
        return Nearest(places[best], float(exact_m[best]), _side(float(shifted_m[best]), fix.radius_m))


def _side(distance_m: float, radius_m: float) -> str:
    if distance_m <= -radius_m:
        return "in"
    return "out" if distance_m > radius_m else "unsure"
