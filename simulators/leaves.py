"""Leaves for the trips that are made with permission, in time, too late or for too short."""

from __future__ import annotations

import numpy as np
from shapely.geometry import Point

from geofences.instant import BEGIN_MS
from pipeline.sites.records import Leave
from simulators.ground import Ground
from simulators.misdeeds import LATE_APPROVAL, ON_LEAVE, OVERSTAYED, Trip
from simulators.orders import PlannedFence
from simulators.population import Population
from simulators.roads import AWAY, Ways
from simulators.routine import HOUR_MS

#: Room round the way.
_ROOM_M = 1_500.0
_CATEGORIES = ("medical", "work", "family")


def granted(trips: list[Trip], folk: Population, ways: Ways, ground: Ground) -> list[Leave]:
    """A leave per trip with permission: a circle that covers the place and the way there from home."""
    kinds = (ON_LEAVE, LATE_APPROVAL, OVERSTAYED)
    leaves = []
    for number, trip in enumerate((trip for trip in trips if trip.kind in kinds), start=1):
        corners_m = ways.corners_m[trip.person, AWAY]
        far_m = np.hypot(*(corners_m - corners_m[3]).T).max()
        lon, lat = ground.plane.to_degrees(corners_m[3]).round(6).tolist()
        halfway_ms = (trip.there_ms + trip.leave_ms) // 2
        leaves.append(
            Leave(
                leave_id=f"L{number:05d}",
                person_id=folk.person_ids[trip.person],
                valid_from_ms=_whole_minutes(trip.depart_ms - HOUR_MS),
                valid_to_ms=_whole_minutes(halfway_ms if trip.kind == OVERSTAYED else trip.back_ms + HOUR_MS),
                category=_CATEGORIES[number % len(_CATEGORIES)],
                module="travel",
                fence_ids=(),
                lon=lon,
                lat=lat,
                radius_m=float(np.ceil((far_m + _ROOM_M) / 100) * 100),
                approved_at_ms=_whole_minutes(halfway_ms) if trip.kind == LATE_APPROVAL else BEGIN_MS,
            )
        )
    return leaves


def as_area(leave: Leave) -> PlannedFence:
    """The leave's circle, to measure with."""
    assert leave.lon is not None, "every leave here is a circle"
    at, nobody = Point(leave.lon, leave.lat), np.zeros(0, np.int64)
    return PlannedFence(leave.leave_id, "", "keep_in", (), nobody, at, leave.radius_m or 0.0)


def _whole_minutes(time_ms: int) -> int:
    return time_ms - time_ms % 60_000
