"""Screens fixes in columns: may one change anything, and how far may its device move until it could?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS, END_MS
from pipeline.engine.assignment import Assignment
from pipeline.engine.boundary.open_scopes import OpenScopes
from pipeline.engine.compiled_fences import CompiledFences
from pipeline.engine.intervals import ranges

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: How far round a fix shared fences are searched at most: where there are any, no leeway is larger.
SEARCH_RADIUS_M = 1_000.0
#: Where so many of them are near each fix it is searched less far, and farther again where there are few.
_NEAR_MANY, _NEAR_FEW, _SEARCH_LEAST_M = 16, 6, 125.0
#: So many fixes say how many there are.
_SAMPLE = 64

#: Taken off every margin: distances are rounded to 1 mm before they are compared.
ROUNDING_M = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Fixes (or last known fixes at an opening) to screen; every column of shape (n,).

    ``binding`` is NOT_LIVE for backfill.
    """

    binding: Ints
    row: Ints
    at_ms: Ints
    arrival_ms: Ints
    lon: Floats
    lat: Floats
    radius_m: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Screening:
    """What came of it, by candidate; the pairs (candidate, scope) may change something.

    A fix changes something on the wrong side of a scope, and where an incident is open at rest on the right
    side. While a device has moved less than its radius of uncertainty and ``leeway_m``, and the instant lies
    in ``[since_ms, until_ms)``, no scope can see it there.
    """

    leeway_m: Floats
    since_ms: Ints
    until_ms: Ints
    suspect_candidate: Ints
    suspect_scope: Ints


class DistanceScreen:
    """Screens many fixes at once; what it cannot decide is suspect and left to the exact classifier."""

    def __init__(self, assignment: Assignment, open_scopes: OpenScopes) -> None:
        self._assignment = assignment
        self._open = open_scopes
        self._table = assignment.compiled.policies
        self._search_m = SEARCH_RADIUS_M

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
        if self._compiled.has_zones:
            self._search_as_far_as_pays(candidates)
            np.minimum(seen.leeway_m, self._search_m, out=seen.leeway_m)
        for candidate, fence in self._zones(candidates):
            self._screen_keep_out(candidates, policy, candidate, fence, seen)
        rows = self._assignment.subjects.rows
        np.maximum(seen.since_ms, rows.from_ms[candidates.row], out=seen.since_ms)
        np.minimum(seen.until_ms, rows.to_ms[candidates.row], out=seen.until_ms)
        self._suspect_unseen(candidates, seen)
        return seen.finish()

    def _suspect_unseen(self, candidates: Candidates, seen: _Findings) -> None:
        """Scopes with an open incident that the fix was not held against: it may be far on the right side."""
        count = self._open.counts(candidates.binding)
        left = np.flatnonzero(count > seen.open_scopes_seen())
        candidate, scope = self._open.pairs(candidates.binding[left])
        seen.suspects(left[candidate], scope, np.ones(len(scope), np.bool_))
        seen.leeway_m[left] = -np.inf

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
        # What would change something is out, and where an incident is open in.
        is_open = self._open.hold(candidates.binding[group_look], group_scope)
        seen.hold_against(candidates, group_look, group_scope, np.where(is_open, low_m, -high_m))
        seen.see(group_look[is_open], group_scope[is_open])

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
            candidate, fence = compiled.zones_near(candidates.lon, candidates.lat, self._search_m)
            row = candidates.row[candidate]
            holds = compiled.reach.holds(fence, a.row_office[row], a.row_class[row])
            zones.append((candidate[holds], fence[holds]))
        return zones

    def _search_as_far_as_pays(self, candidates: Candidates) -> None:
        """Each fence that is found costs a distance, and where they are many there is no leeway to be won."""
        few = slice(None, None, len(candidates.lon) // _SAMPLE + 1)
        lon, lat = candidates.lon[few], candidates.lat[few]
        while (found := len(self._compiled.zones_near(lon, lat, self._search_m)[0])) > _NEAR_MANY * len(lon):
            if self._search_m <= _SEARCH_LEAST_M:
                return
            self._search_m /= 2
        if found < _NEAR_FEW * len(lon):
            self._search_m = min(self._search_m * 2, SEARCH_RADIUS_M)

    def _screen_keep_out(
        self, candidates: Candidates, policy: Ints, candidate: Ints, fence: Ints, seen: _Findings
    ) -> None:
        if not len(candidate):
            return
        compiled = self._compiled
        shift_m = compiled.tolerance_m[fence, policy[candidate]]
        low_m, high_m = self._distances(candidates, candidate, fence, shift_m)
        is_open = self._open.hold(candidates.binding[candidate], compiled.scope[fence])
        self._screen_open_zones(candidates, candidate[is_open], fence[is_open], high_m[is_open], seen)
        candidate, fence, low_m = candidate[~is_open], fence[~is_open], low_m[~is_open]
        # A zone that is closed now narrows the leeway too: it may open while the device rests there.
        seen.narrow(candidate, low_m)
        inside = low_m <= -candidates.radius_m[candidate]
        candidate, fence = candidate[inside], fence[inside]
        active, _, until_ms = compiled.active_intervals.activity(fence, candidates.at_ms[candidate])
        seen.suspects(candidate, compiled.scope[fence], active)
        seen.bound(candidate, np.full(len(candidate), BEGIN_MS), np.where(active, END_MS, until_ms))

    def _screen_open_zones(
        self, candidates: Candidates, candidate: Ints, fence: Ints, high_m: Floats, seen: _Findings
    ) -> None:
        """Zones with an open incident, of whose versions the active one counts."""
        if not len(candidate):
            return
        compiled = self._compiled
        active, since_ms, until_ms = compiled.active_intervals.activity(fence, candidates.at_ms[candidate])
        seen.bound(candidate, since_ms, until_ms)
        candidate, scope = candidate[active], compiled.scope[fence[active]]
        seen.hold_against(candidates, candidate, scope, -high_m[active])
        seen.see(candidate, scope)

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
        self.leeway_m = np.full(candidates, np.inf)
        #: Pairs of a candidate and a scope with an open incident that it was held against.
        self._seen: list[tuple[Ints, Ints]] = []
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
        np.minimum.at(self.leeway_m, candidate, margin_m - ROUNDING_M)

    def see(self, candidate: Ints, scope: Ints) -> None:
        if len(candidate):
            self._seen.append((candidate, scope))

    def open_scopes_seen(self) -> Ints:
        """How many scopes with an open incident each candidate was held against; a pair may come twice."""
        if not self._seen:
            return np.zeros(len(self.leeway_m), np.int64)
        candidate, scope = (np.concatenate(column) for column in zip(*self._seen, strict=True))
        scopes = int(scope.max()) + 1
        pairs = np.sort(candidate * scopes + scope)
        is_first = np.append(True, pairs[1:] != pairs[:-1])
        return np.bincount(pairs[is_first] // scopes, minlength=len(self.leeway_m))

    def hold_against(self, candidates: Candidates, candidate: Ints, scope: Ints, leeway_m: Floats) -> None:
        """What would change something is farther than the radius of uncertainty and the leeway, if any."""
        self.suspects(candidate, scope, candidates.radius_m[candidate] + leeway_m <= 0.0)
        self.narrow(candidate, leeway_m)

    def suspects(self, candidate: Ints, scope: Ints, suspect: Bools) -> None:
        self._candidate.append(candidate[suspect])
        self._scope.append(scope[suspect])

    def finish(self) -> Screening:
        candidate = np.concatenate([np.empty(0, np.int64), *self._candidate])
        return Screening(
            leeway_m=self.leeway_m,
            since_ms=self.since_ms,
            until_ms=self.until_ms,
            suspect_candidate=candidate,
            suspect_scope=np.concatenate([np.empty(0, np.int64), *self._scope]),
        )
