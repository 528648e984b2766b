"""On which side of scopes many fixes are, in columns: decided as if all distances were exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.assignment import Assignment, Lists
from pipeline.engine.boundary.distance_screen import ROUNDING_M
from pipeline.engine.boundary.side_classifier import SideClassifier

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Sides = NDArray[np.int8]

RIGHT, UNSURE, WRONG = 1, 0, -1
#: Inside, outside, and too near to say, of a distance shifted by the tolerance.
_IN, _OUT, _NEAR = 1, -1, 0


class PairSides:
    """What ``SideClassifier.verdict`` says of single fixes, for many at once and people without leaves."""

    def __init__(self, assignment: Assignment, classifier: SideClassifier) -> None:
        self._assignment = assignment
        self._classifier = classifier

    def of(self, row: Ints, scope: Ints, at_ms: Ints, lon: Floats, lat: Floats, radius_m: Floats) -> Sides:
        """RIGHT, UNSURE or WRONG of pairs of a fix (with its person's row) and a scope, shape (n,).

        UNSURE also where no fence of the scope is active.
        """
        compiled = self._assignment.compiled
        pair, fence = self._fences(row, scope)
        active, _, _ = compiled.active_intervals.activity(fence, at_ms[pair])
        pair, fence = pair[active], fence[active]
        found = np.zeros(len(scope), np.int8)
        if not len(pair):
            return found
        tolerance_m = compiled.tolerance_m[fence, compiled.policies.numbers_at(at_ms[pair])]
        shift_m = np.where(compiled.keep_in[fence], -tolerance_m, tolerance_m)
        distance_m, error_m = compiled.pack.approx(fence, lon[pair], lat[pair])
        distance_m, error_m = distance_m + shift_m, error_m + ROUNDING_M
        first = np.flatnonzero(np.append(True, pair[1:] != pair[:-1]))
        held, least = pair[first], np.minimum.reduceat
        side = _sides(least(distance_m - error_m, first), radius_m[held])
        doubtful = side != _sides(least(distance_m + error_m, first), radius_m[held])
        if doubtful.any():
            again = np.repeat(doubtful, np.diff(np.append(first, len(pair))))
            side[doubtful] = self._exact_sides(pair[again], fence[again], shift_m[again], lon, lat, radius_m)
        keeps_in = compiled.keep_in[fence[first]]
        found[held] = np.where(keeps_in, side, -side)
        return found

    def _fences(self, row: Ints, scope: Ints) -> tuple[Ints, Ints]:
        """Pairs by place and the fences of their scope that apply to their row; by pair."""
        rows = int(row.max(initial=0)) + 1
        keys, place = np.unique(scope * rows + row, return_inverse=True)
        own = Lists(self._classifier.own_fences(*divmod(key, rows)) for key in keys.tolist())
        return own.pairs(place)

    def _exact_sides(
        self, pair: Ints, fence: Ints, shift_m: Floats, lon: Floats, lat: Floats, radius_m: Floats
    ) -> Sides:
        exact_m = self._assignment.compiled.pack.exact(fence, lon[pair], lat[pair])
        shifted_m = np.rint(exact_m * 1000) / 1000 + shift_m
        first = np.flatnonzero(np.append(True, pair[1:] != pair[:-1]))
        return _sides(np.minimum.reduceat(shifted_m, first), radius_m[pair[first]])


def _sides(distance_m: Floats, radius_m: Floats) -> Sides:
    near_or_out = np.where(distance_m > radius_m, _OUT, _NEAR)
    return np.where(distance_m <= -radius_m, _IN, near_or_out).astype(np.int8)
