"""The fast path: one comparison finds the fixes that cannot change anything, whatever state they meet."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from geofences.instant import BEGIN_MS, END_MS
from pipeline.engine.record_columns import AHEAD

#: No degree of latitude or of longitude at the equator is longer anywhere on WGS-84.
_DEGREE_M = 111_700.0

#: What is known of a binding, together as it is read together: a cache line.
REGION = np.dtype(
    [
        # Where it was last screened, how far from there it may move beyond its radius of uncertainty, and for
        # how long, until something could change.
        ("lon", np.float64), ("lat", np.float64), ("leeway_m", np.float64),
        ("since_ms", np.int64), ("until_ms", np.int64),
        # When its tracker has something to do whatever comes, and its newest fix.
        ("due_ms", np.int64), ("newest_ms", np.int64),
        # Its tracker sees every fix; it has one; and scopes of it have an open incident that rests.
        ("is_hot", np.bool_), ("is_tracked", np.bool_), ("is_at_rest", np.bool_),
        # It has machines in columns; and of those some that have to see every fix.
        ("in_columns", np.bool_), ("is_busy", np.bool_),
    ],
    align=True,
)  # fmt: skip
#: As it is where nothing is known, and what of it a screening finds.
UNKNOWN = np.array([(0.0, 0.0, -np.inf, END_MS, BEGIN_MS, END_MS, BEGIN_MS, *[False] * 5)], REGION)
SCREENED = ("lon", "lat", "leeway_m", "since_ms", "until_ms")


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
def mark_fixes(  # type: ignore[no-untyped-def]  # numba infers the arrays
    regions, binding, event_ms, arrival_ms, lon, lat, radius_m, lateness_ms,
    unmoved, backfill, followed, busy, unordered, asked,
):  # fmt: skip
    """Mark each fix, in order of arrival: is it unmoved, is it backfill, has its tracker to see it anyway,
    or machines in columns? Is it no newer than others, and does it ask more of such machines than a step:
    a moment is due, or it is late?

    Unmoved: closer to where its binding was last screened than its safe distance, which is its own radius of
    uncertainty and the leeway found there, and within the time for which that screening holds. No scope then
    sees it on a side that would change anything. Backfill is judged apart: what was found of a binding at
    rest, as it is judged live, does not hold for it. The newest fixes of ``regions`` move on.
    """
    read = 0
    for begin in range(0, len(binding), AHEAD):
        end = min(begin + AHEAD, len(binding))
        for row in range(begin, end):
            read += regions[binding[row]].newest_ms
        for row in range(begin, end):
            region = regions[binding[row]]
            is_late = event_ms[row] < region.newest_ms - lateness_ms
            is_old = event_ms[row] <= region.newest_ms
            region.newest_ms = max(region.newest_ms, event_ms[row])
            is_due = arrival_ms[row] > region.due_ms
            backfill[row] = is_late
            followed[row] = region.is_hot or (region.is_tracked and (is_late or is_due))
            busy[row], unordered[row] = region.is_busy, is_old
            asked[row] = region.in_columns and (is_due or (is_old and not is_late))
            unmoved[row] = (
                region.since_ms <= event_ms[row]
                and max(event_ms[row], arrival_ms[row]) < region.until_ms
                and not (is_late and region.is_at_rest)
                and farthest_m(region.lon, region.lat, lon[row], lat[row]) < region.leeway_m + radius_m[row]
            )
    return read
