"""Screens fixes in columns: may one be on a wrong side, and how far may its device move until it could?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS, END_MS
from pipeline.engine.assignment import Assignment
from pipeline.engine.compiled_fences import CompiledFences
from pipeline.engine.intervals import ranges

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: How far round a fix shared fences are searched: where there are any, no safe distance is larger.
SEARCH_RADIUS_M = 1_000.0

#: Taken off every margin: distances are rounded to 1 mm before they are compared.
ROUNDING_M = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Fixes (or last known fixes at an opening) to screen; every column of shape (n,)."""

    row: Ints
    at_ms: Ints
    arrival_ms: Ints
    lon: Floats
    lat: Floats
    radius_m: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Screening:
    """What came of it, by candidate; the pairs (candidate, scope) may be on the wrong side.

    While a device has moved less than ``safe_m`` and the instant lies in ``[since_ms, until_ms)``,
    none of its scopes can see it on the wrong side.
    """

    safe_m: Floats
    since_ms: Ints
    until_ms: Ints
    suspect_candidate: Ints
    suspect_scope: Ints


class DistanceScreen:
    """Screens many fixes at once; what it cannot decide is suspect and left to the exact classifier."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._table = assignment.compiled.policies

    @property
    def _compiled(self) -> CompiledFences:
        return self._assignment.compiled

    def screen(self, candidates: Candidates) -> Screening:
        """Signed distances to all that applies to each candidate, and what follows from them."""
        seen = _Findings(len(candidates.at_ms))
        policy = self._table.numbers_at(candidates.at_ms)
        if len(self._table) > 1:
            seen.bound_all(*self._table.span_of(policy))
        self._screen_keep_in(candidates, policy, seen)
        for candidate, fence in self._zones(candidates):
            self._screen_keep_out(candidates, policy, candidate, fence, seen)
        rows = self._assignment.subjects.rows
        np.maximum(seen.since_ms, rows.from_ms[candidates.row], out=seen.since_ms)
        np.minimum(seen.until_ms, rows.to_ms[candidates.row], out=seen.until_ms)
        return seen.finish()

    def _screen_keep_in(self, candidates: Candidates, policy: Ints, seen: _Findings) -> None:
        candidate, fence = self._assignment.keep_in.pairs(candidates.row)
        if not len(candidate):
            return
        compiled = self._compiled
        active, since_ms, until_ms = compiled.active_intervals.activity(fence, candidates.at_ms[candidate])
        seen.bound(candidate, since_ms, until_ms)
        candidate, fence = candidate[active], fence[active]
        scope = compiled.scope[fence]
        order = np.lexsort((scope, candidate))
        candidate, fence, scope = candidate[order], fence[order], scope[order]
        shift_m = -compiled.tolerance_m[fence, policy[candidate]]
        low_m, high_m = self._distances(candidates, candidate, fence, shift_m)
        first = np.flatnonzero(
            np.r_[True, (np.diff(candidate) != 0) | (np.diff(scope) != 0)][: len(candidate)]
        )
        if not len(first):
            return
        place_low_m, place_high_m = self._leave_margins(candidates, policy, seen)
        group_look, group_scope = candidate[first], scope[first]
        low_m = np.minimum(np.minimum.reduceat(low_m, first), place_low_m[group_look])
        high_m = np.minimum(np.minimum.reduceat(high_m, first), place_high_m[group_look])
        # Not on the wrong side for certain only where the union is within r even at its farthest.
        seen.suspects(group_look, group_scope, high_m > candidates.radius_m[group_look])
        # No radius of uncertainty is smaller, so no fix is on a wrong side by less than this.
        seen.narrow(group_look, self._table.least_radius_m[policy[group_look]] - high_m)

    def _leave_margins(self, candidates: Candidates, policy: Ints, seen: _Findings) -> tuple[Floats, Floats]:
        """The least signed distance to the leave areas that count, by candidate; infinite without any."""
        a = self._assignment
        low_m, high_m = np.full(len(candidates.at_ms), np.inf), np.full(len(candidates.at_ms), np.inf)
        if not len(a.place_area):
            return low_m, high_m
        person = a.subjects.rows.owner[candidates.row]
        candidate, place = ranges(a.place_first[person], a.place_beyond[person])
        at_ms, begin, end = candidates.at_ms[candidate], a.place_from[place], a.place_to[place]
        valid = (begin <= at_ms) & (at_ms < end)
        since_ms = np.where(valid, begin, np.where(at_ms >= end, end, BEGIN_MS))
        seen.bound(candidate, since_ms, np.where(valid, end, np.where(at_ms < begin, begin, END_MS)))
        counts = valid & (a.place_approved[place] <= candidates.arrival_ms[candidate])
        candidate, place = candidate[counts], place[counts]
        shift_m = -a.place_tolerance_m[place, policy[candidate]]
        near, far = self._distances(candidates, candidate, a.place_area[place], shift_m)
        np.minimum.at(low_m, candidate, near)
        np.minimum.at(high_m, candidate, far)
        return low_m, high_m

    def _zones(self, candidates: Candidates) -> list[tuple[Ints, Ints]]:
        """Pairs of candidates and keep_out fences: those of the person, and shared ones round the fix."""
        a, compiled = self._assignment, self._compiled
        zones = [a.keep_out.pairs(candidates.row)]
        if compiled.has_zones:
            candidate, fence = compiled.zones_near(candidates.lon, candidates.lat, SEARCH_RADIUS_M)
            row = candidates.row[candidate]
            holds = compiled.reach.holds(fence, a.row_office[row], a.row_class[row])
            zones.append((candidate[holds], fence[holds]))
        return zones

    def _screen_keep_out(
        self, candidates: Candidates, policy: Ints, candidate: Ints, fence: Ints, seen: _Findings
    ) -> None:
        if self._compiled.has_zones:
            np.minimum(seen.safe_m, SEARCH_RADIUS_M, out=seen.safe_m)
        if not len(candidate):
            return
        compiled = self._compiled
        of = policy[candidate]
        low_m, _ = self._distances(candidates, candidate, fence, compiled.tolerance_m[fence, of])
        # A zone that is closed now narrows the safe distance too: it may open while the device rests there.
        seen.narrow(candidate, self._table.least_radius_m[of] + low_m)
        inside = low_m <= -candidates.radius_m[candidate]
        candidate, fence = candidate[inside], fence[inside]
        active, _, until_ms = compiled.active_intervals.activity(fence, candidates.at_ms[candidate])
        seen.suspects(candidate, compiled.scope[fence], active)
        seen.bound(candidate, np.full(len(candidate), BEGIN_MS), np.where(active, END_MS, until_ms))

    def _distances(
        self, candidates: Candidates, candidate: Ints, area: Ints, shift_m: Floats
    ) -> tuple[Floats, Floats]:
        """Lower and upper bound of d' of pairs, with the rounding to 1 mm allowed for."""
        if not len(candidate):
            return np.empty(0), np.empty(0)
        distance_m, error_m = self._compiled.pack.approx(
            area, candidates.lon[candidate], candidates.lat[candidate]
        )
        error_m = error_m + ROUNDING_M
        return distance_m + shift_m - error_m, distance_m + shift_m + error_m


class _Findings:
    def __init__(self, candidates: int) -> None:
        self.safe_m = np.full(candidates, np.inf)
        self.since_ms = np.full(candidates, BEGIN_MS)
        self.until_ms = np.full(candidates, END_MS)
        self._candidate: list[Ints] = []
        self._scope: list[Ints] = []

    def bound(self, candidate: Ints, since_ms: Ints, until_ms: Ints) -> None:
        np.maximum.at(self.since_ms, candidate, since_ms)
        np.minimum.at(self.until_ms, candidate, until_ms)

    def bound_all(self, since_ms: Ints, until_ms: Ints) -> None:
        np.maximum(self.since_ms, since_ms, out=self.since_ms)
        np.minimum(self.until_ms, until_ms, out=self.until_ms)

    def narrow(self, candidate: Ints, margin_m: Floats) -> None:
        np.minimum.at(self.safe_m, candidate, margin_m - ROUNDING_M)

    def suspects(self, candidate: Ints, scope: Ints, suspect: Bools) -> None:
        self._candidate.append(candidate[suspect])
        self._scope.append(scope[suspect])

    def finish(self) -> Screening:
        candidate = np.concatenate([np.empty(0, np.int64), *self._candidate])
        return Screening(
            safe_m=self.safe_m,
            since_ms=self.since_ms,
            until_ms=self.until_ms,
            suspect_candidate=candidate,
            suspect_scope=np.concatenate([np.empty(0, np.int64), *self._scope]),
        )
