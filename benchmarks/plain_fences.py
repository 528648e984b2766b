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
        return cast(
            BaseGeometry, shapely.transform(shape, lambda degrees: degrees * (self.east_m, self.north_m))
        )


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """A fence or the circle of a leave: its shape prepared, and its boundary (a point or line itself)."""

    name: str
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
    """All fences of a site: one version each, and everybody keeps one class and one office all along."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._zone = ZoneInfo(site.policy.timezone)
        boxes = [fence.area.shape.bounds for fence in site.fences]
        low, high = min((box[1] for box in boxes), default=0.0), max((box[3] for box in boxes), default=0.0)
        self._metres = LocalMetres((low + high) / 2)
        self._grounds = {
            fence.fence_id: self._ground(
                fence.fence_id, fence.area.shape, fence.area.reach_m, fence.tolerance_m, fence
            )
            for fence in site.fences
        }
        self.zones = {name: g for name, g in self._grounds.items() if g.fence and g.fence.rule == "keep_out"}
        self._numbered = list(self.zones.values())
        self._index = _index(self._numbered)
        self._groups: dict[str, list[Ground]] = defaultdict(list)
        for ground in self._grounds.values():
            if ground.fence and ground.fence.rule == "keep_in":
                for selector in ground.fence.applies_to:
                    self._groups[selector].append(ground)
        self._above = {office.office_id: office.parent_id for office in site.offices}
        self._is_open = lru_cache(maxsize=1 << 16)(self._opened)

    def point(self, lon: float, lat: float) -> Point:
        """A position in metres."""
        return Point(lon * self._metres.east_m, lat * self._metres.north_m)

    def names(self, person: Person) -> set[str]:
        """What a person is called in ``applies_to``."""
        names = {"all", f"person:{person.person_id}", f"class:{person.class_name}"}
        office: str | None = person.office_id
        while office is not None:
            names.add(f"office:{office}")
            office = self._above[office]
        return names

    def keep_in(self, names: set[str]) -> dict[str, list[Ground]]:
        """The groups that somebody of these names is kept in."""
        groups: dict[str, dict[str, Ground]] = defaultdict(dict)
        for ground in (ground for name in names for ground in self._groups.get(name, ())):
            groups[(ground.fence and ground.fence.group) or ground.name][ground.name] = ground
        return {group: list(grounds.values()) for group, grounds in groups.items()}

    def zones_at(self, at: Point, names: set[str]) -> dict[str, Ground]:
        """keep_out fences whose box holds a position and that apply to somebody of these names."""
        near = (self._numbered[number] for number in self._index.intersection((at.x, at.y, at.x, at.y)))
        return {g.name: g for g in near if g.fence and not names.isdisjoint(g.fence.applies_to)}

    def leave_grounds(self, leave: Leave) -> list[Ground]:
        """The areas of a leave."""
        named = [self._grounds[fence_id] for fence_id in leave.fence_ids]
        if leave.lon is None or leave.lat is None or leave.radius_m is None:
            return named
        tolerance_m = self._site.policy.keep_in.tolerance_m
        circle = self._ground(leave.leave_id, Point(leave.lon, leave.lat), leave.radius_m, tolerance_m, None)
        return [*named, circle]

    def is_active(self, ground: Ground, at_ms: int) -> bool:
        """Is its fence valid and open then?"""
        fence = ground.fence
        if fence is None or not fence.valid_from_ms <= at_ms < fence.valid_to_ms:
            return False
        return fence.schedule is None or self._is_open(fence.schedule, at_ms // _MINUTE_MS)

    def _opened(self, schedule: Schedule, minute: int) -> bool:
        from_ms = minute * _MINUTE_MS
        starts, _ = open_intervals(schedule, self._zone, from_ms, from_ms + 1, self._site.holidays)
        return len(starts) > 0

    def _ground(
        self, name: str, degrees: BaseGeometry, reach_m: float, tolerance_m: float, fence: Fence | None
    ) -> Ground:
        shape = self._metres.flat(degrees)
        boundary = shape.boundary if "Polygon" in shape.geom_type else shape
        shapely.prepare(shape)
        shapely.prepare(boundary)
        return Ground(name, fence, shape, boundary, reach_m, tolerance_m)


def _index(grounds: list[Ground]) -> rtree.index.Index:
    boxes = [
        (number, (west - g.reach_m, south - g.reach_m, east + g.reach_m, north + g.reach_m), None)
        for number, g in enumerate(grounds)
        for west, south, east, north in (g.shape.bounds,)
    ]
    return rtree.index.Index(boxes) if boxes else rtree.index.Index()
