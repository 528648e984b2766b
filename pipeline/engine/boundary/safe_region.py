"""The fast path: one comparison finds the fixes that cannot change anything, whatever state they meet."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: No degree of latitude or of longitude at the equator is longer anywhere on WGS-84.
_DEGREE_M = 111_700.0


@njit(cache=True, nogil=True)
def farthest_m(lon0: float, lat0: float, lon1: float, lat1: float) -> float:
    """An upper bound of the distance between two positions, in metres.

    The path straight in lon/lat is no shorter than the geodesic, and no step of it is longer than
    at the latitude nearest to the equator.
    """
    d_lon = abs(lon1 - lon0)
    if d_lon > 180.0:
        d_lon = 360.0 - d_lon
    widest = 0.0 if lat0 * lat1 <= 0.0 else min(abs(lat0), abs(lat1))
    east_m = d_lon * _DEGREE_M * math.cos(math.radians(widest))
    north_m = (lat1 - lat0) * _DEGREE_M
    return math.sqrt(east_m * east_m + north_m * north_m)


@njit(cache=True, nogil=True)
def mark_unmoved(  # type: ignore[no-untyped-def]  # numba infers the arrays
    binding, event_ms, arrival_ms, lon, lat, radius_m, lateness_ms, newest_ms, open_scopes,
    anchor_lon, anchor_lat, leeway_m, since_ms, until_ms, unmoved, backfill,
):  # fmt: skip
    """Mark each fix, in order of arrival: is it backfill, and is it unmoved?

    Unmoved: closer to where its binding was last screened than its safe distance, which is its own radius of
    uncertainty and the leeway found there, and within the time for which that screening holds. No scope then
    sees it on a side that would change anything. Backfill is judged apart: what was found of a binding with
    ``open_scopes``, as it is judged live, does not hold for it. ``newest_ms`` is a working copy that moves on.
    """
    for row in range(len(binding)):
        b = binding[row]
        backfill[row] = event_ms[row] < newest_ms[b] - lateness_ms
        newest_ms[b] = max(newest_ms[b], event_ms[row])
        unmoved[row] = (
            since_ms[b] <= event_ms[row]
            and max(event_ms[row], arrival_ms[row]) < until_ms[b]
            and not (backfill[row] and open_scopes[b])
            and farthest_m(anchor_lon[b], anchor_lat[b], lon[row], lat[row]) < leeway_m[b] + radius_m[row]
        )
