"""The vectorised look at fixes: may one be on a wrong side, and how far can its device move at ease?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS, END_MS
from pipeline.assignment import Assignment
from pipeline.ground import Ground
from pipeline.intervals import ranges

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: How far round a fix the shared fences are looked up: no slack is larger where there are any.
LOOK_AROUND_M = 1_000.0

#: Taken off every margin: distances are rounded to 1 mm before they are compared.
ROUNDING_M = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Fixes (or last known fixes at an opening) to look at; every column of shape (n,)."""

    row: Ints
    at_ms: Ints
    arrival_ms: Ints
    lon: Floats
    lat: Floats
    radius_m: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What was seen, by look; pairs (look, scope) are those that may be on the wrong side.

    While a device has moved less than ``slack_m`` and the instant lies in ``[since_ms, until_ms)``,
    none of its scopes can see it on the wrong side. ``asleep_until_ms``: the first moment at which a
    fence that is closed now, round this position, may open.
    """

    slack_m: Floats
    since_ms: Ints
    until_ms: Ints
    suspect: Bools
    suspect_look: Ints
    suspect_scope: Ints


class Surveyor:
    """Looks at many fixes at once; undecided cases count as suspect and are left to the exact judge."""

    def __init__(self, ground: Ground, assignment: Assignment) -> None:
        self._ground = ground
        self._assignment = assignment
        # No radius of uncertainty is smaller, so no fix is on a wrong side by less than this.
        self._least_radius_m = min(ground.policy.floor_m.values())

    def survey(self, looks: Looks) -> Survey:
        """Signed distances to all that applies to each look, and what follows from them."""
        seen = _Findings(len(looks.at_ms))
        self._survey_keep_in(looks, seen)
        for look, fence in self._zones(looks):
            self._survey_keep_out(looks, look, fence, seen)
        rows = self._assignment.roster.rows
        np.maximum(seen.since_ms, rows.from_ms[looks.row], out=seen.since_ms)
        np.minimum(seen.until_ms, rows.to_ms[looks.row], out=seen.until_ms)
        return seen.finish()

    def _survey_keep_in(self, looks: Looks, seen: _Findings) -> None:
        look, fence = self._assignment.keep_in.pairs(looks.row)
        if not len(look):
            return
        ground = self._ground
        active, since_ms, until_ms = ground.hours.activity(fence, looks.at_ms[look])
        seen.bound(look, since_ms, until_ms)
        look, fence = look[active], fence[active]
        scope = ground.scope[fence]
        order = np.lexsort((scope, look))
        look, fence, scope = look[order], fence[order], scope[order]
        low_m, high_m = self._distances(looks, look, fence, -ground.tolerance_m[fence])
        first = np.flatnonzero(np.r_[True, (np.diff(look) != 0) | (np.diff(scope) != 0)][: len(look)])
        if not len(first):
            return
        place_low_m, place_high_m = self._leave_margins(looks, seen)
        group_look, group_scope = look[first], scope[first]
        low_m = np.minimum(np.minimum.reduceat(low_m, first), place_low_m[group_look])
        high_m = np.minimum(np.minimum.reduceat(high_m, first), place_high_m[group_look])
        # Not on the wrong side for certain only where the union is within r even at its farthest.
        seen.suspects(group_look, group_scope, high_m > looks.radius_m[group_look])
        seen.narrow(group_look, self._least_radius_m - high_m)

    def _leave_margins(self, looks: Looks, seen: _Findings) -> tuple[Floats, Floats]:
        """The least signed distance to the leave areas that count, by look; infinite without any."""
        a = self._assignment
        low_m, high_m = np.full(len(looks.at_ms), np.inf), np.full(len(looks.at_ms), np.inf)
        if not len(a.place_area):
            return low_m, high_m
        person = a.roster.rows.owner[looks.row]
        look, place = ranges(a.place_first[person], a.place_first[person + 1])
        at_ms, begin, end = looks.at_ms[look], a.place_from[place], a.place_to[place]
        valid = (begin <= at_ms) & (at_ms < end)
        since_ms = np.where(valid, begin, np.where(at_ms >= end, end, BEGIN_MS))
        seen.bound(look, since_ms, np.where(valid, end, np.where(at_ms < begin, begin, END_MS)))
        counts = valid & (a.place_approved[place] <= looks.arrival_ms[look])
        look, place = look[counts], place[counts]
        near, far = self._distances(looks, look, a.place_area[place], -a.place_tolerance_m[place])
        np.minimum.at(low_m, look, near)
        np.minimum.at(high_m, look, far)
        return low_m, high_m

    def _zones(self, looks: Looks) -> list[tuple[Ints, Ints]]:
        """Pairs of looks and keep_out fences: those of the person, and shared ones round the fix."""
        a, ground = self._assignment, self._ground
        zones = [a.keep_out.pairs(looks.row)]
        if ground.index is not None:
            look, fence = ground.index.pairs(looks.lon, looks.lat, LOOK_AROUND_M)
            row = looks.row[look]
            holds = ground.reach.holds(fence, a.row_office[row], a.row_class[row])
            zones.append((look[holds], fence[holds]))
        return zones

    def _survey_keep_out(self, looks: Looks, look: Ints, fence: Ints, seen: _Findings) -> None:
        if self._ground.index is not None:
            np.minimum(seen.slack_m, LOOK_AROUND_M, out=seen.slack_m)
        if not len(look):
            return
        ground = self._ground
        low_m, _ = self._distances(looks, look, fence, ground.tolerance_m[fence])
        # A zone that is closed now counts for the slack too: it may open while the device rests there.
        seen.narrow(look, self._least_radius_m + low_m)
        inside = low_m <= -looks.radius_m[look]
        look, fence = look[inside], fence[inside]
        active, _, until_ms = ground.hours.activity(fence, looks.at_ms[look])
        seen.suspects(look, ground.scope[fence], active)
        seen.bound(look, np.full(len(look), BEGIN_MS), np.where(active, END_MS, until_ms))

    def _distances(self, looks: Looks, look: Ints, area: Ints, shift_m: Floats) -> tuple[Floats, Floats]:
        """Lower and upper bound of d' of pairs, with the rounding to 1 mm allowed for."""
        if not len(look):
            return np.empty(0), np.empty(0)
        distance_m, error_m = self._ground.pack.approx(area, looks.lon[look], looks.lat[look])
        error_m = error_m + ROUNDING_M
        return distance_m + shift_m - error_m, distance_m + shift_m + error_m


class _Findings:
    def __init__(self, looks: int) -> None:
        self.slack_m = np.full(looks, np.inf)
        self.since_ms = np.full(looks, BEGIN_MS)
        self.until_ms = np.full(looks, END_MS)
        self._look: list[Ints] = []
        self._scope: list[Ints] = []

    def bound(self, look: Ints, since_ms: Ints, until_ms: Ints) -> None:
        np.maximum.at(self.since_ms, look, since_ms)
        np.minimum.at(self.until_ms, look, until_ms)

    def narrow(self, look: Ints, margin_m: Floats) -> None:
        np.minimum.at(self.slack_m, look, margin_m - ROUNDING_M)

    def suspects(self, look: Ints, scope: Ints, suspect: Bools) -> None:
        self._look.append(look[suspect])
        self._scope.append(scope[suspect])

    def finish(self) -> Survey:
        look = np.concatenate([np.empty(0, np.int64), *self._look])
        suspect = np.zeros(len(self.slack_m), np.bool_)
        suspect[look] = True
        return Survey(
            slack_m=self.slack_m,
            since_ms=self.since_ms,
            until_ms=self.until_ms,
            suspect=suspect,
            suspect_look=look,
            suspect_scope=np.concatenate([np.empty(0, np.int64), *self._scope]),
        )
