"""Where a plain engine looks: prepared shapes in local metres, and an R-tree over their boxes."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import cast
from zoneinfo import ZoneInfo

import rtree
import shapely
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from geofences.fence import Fence
from geofences.schedule import Schedule, open_intervals
from pipeline.sites.records import Leave, Person, Site

_MINUTE_MS = 60_000


class LocalMetres:
    """Degrees as metres east and north, true near one latitude (series of the WGS-84 degree lengths)."""

    def __init__(self, lat: float) -> None:
        phi = math.radians(lat)
        self.east_m = 111_412.84 * math.cos(phi) - 93.5 * math.cos(3 * phi) + 0.118 * math.cos(5 * phi)
        self.north_m = 111_132.92 - 559.82 * math.cos(2 * phi) + 1.175 * math.cos(4 * phi)

    def flat(self, shape: BaseGeometry) -> BaseGeometry:
        """A shape in metres."""
        return cast(BaseGeometry, shapely.transform(shape, lambda degrees: degrees * (self.east_m, self.north_m)))


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """A fence or the circle of a leave: its shape prepared, and its boundary (a point or line itself)."""

    fence_id: str
    fence: Fence | None
    shape: BaseGeometry
    boundary: BaseGeometry
    reach_m: float
    tolerance_m: float

    def distance_m(self, at: Point) -> float:
        """Signed distance, negative inside."""
        distance_m: float = self.boundary.distance(at)
        if self.shape is self.boundary:
            return distance_m - self.reach_m
        return -distance_m if shapely.contains_xy(self.shape, at.x, at.y) else distance_m


class PlainMap:
    """All fences of a site; people and devices keep one class, one office and one person all along."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._zone = ZoneInfo(site.policy.timezone)
        boxes = [fence.area.shape.bounds for fence in site.fences]
        low, high = min((box[1] for box in boxes), default=0.0), max((box[3] for box in boxes), default=0.0)
        self.metres = LocalMetres((low + high) / 2)
        self.grounds = [
            self._ground(fence.fence_id, fence.area.shape, fence.area.reach_m, fence.tolerance_m, fence)
            for fence in site.fences
        ]
        self._index = rtree.index.Index(_boxes(self.grounds)) if self.grounds else rtree.index.Index()
        self._by_selector: dict[str, list[Ground]] = defaultdict(list)
        for ground in self.grounds:
            for selector in ground.fence.applies_to if ground.fence else ():
                self._by_selector[selector].append(ground)
        self._above = {office.office_id: office.parent_id for office in site.offices}
        self.opened = lru_cache(maxsize=1 << 16)(self._opened)

    def selectors(self, person: Person) -> list[str]:
        """What a person is called in ``applies_to``."""
        names = ["all", f"person:{person.person_id}", f"class:{person.class_name}"]
        office: str | None = person.office_id
        while office is not None:
            names.append(f"office:{office}")
            office = self._above[office]
        return names

    def keep_in(self, person: Person) -> dict[str, list[Ground]]:
        """The groups a person is kept in."""
        groups: dict[str, list[Ground]] = defaultdict(list)
        mine = {id(g): g for name in self.selectors(person) for g in self._by_selector[name]}
        for ground in mine.values():
            if ground.fence and ground.fence.rule == "keep_in":
                groups[ground.fence.group or ground.fence_id].append(ground)
        return dict(groups)

    def zones_at(self, at: Point, names: set[str]) -> list[Ground]:
        """keep_out fences whose box holds a position and that apply to one of these names."""
        near = (self.grounds[number] for number in self._index.intersection((at.x, at.y, at.x, at.y)))
        return [
            g for g in near if g.fence and g.fence.rule == "keep_out" and not names.isdisjoint(g.fence.applies_to)
        ]

    def leave_grounds(self, leave: Leave) -> list[Ground]:
        """The areas of a leave."""
        named = [ground for ground in self.grounds if ground.fence_id in leave.fence_ids]
        if leave.lon is None or leave.lat is None or leave.radius_m is None:
            return named
        circle, tolerance_m = Point(leave.lon, leave.lat), self._site.policy.keep_in.tolerance_m
        return [*named, self._ground(leave.leave_id, circle, leave.radius_m, tolerance_m, None)]

    def is_active(self, fence: Fence, at_ms: int) -> bool:
        """Valid and open then."""
        if not fence.valid_from_ms <= at_ms < fence.valid_to_ms:
            return False
        return fence.schedule is None or self.opened(fence.schedule, at_ms // _MINUTE_MS)

    def _opened(self, schedule: Schedule, minute: int) -> bool:
        from_ms = minute * _MINUTE_MS
        starts, _ = open_intervals(schedule, self._zone, from_ms, from_ms + 1, self._site.holidays)
        return len(starts) > 0

    def _ground(
        self, name: str, degrees: BaseGeometry, reach_m: float, tolerance_m: float, fence: Fence | None
    ) -> Ground:
        shape = self.metres.flat(degrees)
        boundary = shape.boundary if "Polygon" in shape.geom_type else shape
        shapely.prepare(shape)
        shapely.prepare(boundary)
        return Ground(name, fence, shape, boundary, reach_m, tolerance_m)


def _boxes(grounds: list[Ground]) -> list[tuple[int, tuple[float, float, float, float], None]]:
    return [
        (number, (west - g.reach_m, south - g.reach_m, east + g.reach_m, north + g.reach_m), None)
        for number, g in enumerate(grounds)
        for west, south, east, north in (g.shape.bounds,)
    ]
