"""What people are bound by: the county, curfew homes, the way to work, places to keep away from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from geofences.fence import Rule
from simulators.ground import Ground, LocalPlane, scatter
from simulators.movement import Tracks
from simulators.population import CLASSES, CLEAR_OF_LINE_M, Population
from simulators.roads import WORK, Ways

CURFEW = ("Mo-Su 22:00-06:00",)
SCHOOL_HOURS = ("Mo-Fr 07:00-18:00",)
ROUTE_HOURS = ("Mo-Fr 07:00-11:00",)

_HOME_M, _ROUTE_M, _COURT_M = 300.0, 300.0, 300.0
_SCHOOL_M, _STATION_M = 180.0, 150.0

#: Ordinary life keeps this far from a zone that somebody is to keep away from.
_CLEARANCE_M = 150.0
_SCHOOLED, _COURT = 0.10, 0.05
_TRIES = 24


@dataclass(frozen=True, slots=True, eq=False)
class PlannedFence:
    """A fence as it will be written, and the people (numbers) it binds; ``shape`` is in degrees."""

    fence_id: str
    name: str
    rule: Rule
    applies_to: tuple[str, ...]
    people: NDArray[np.int64]
    shape: BaseGeometry
    reach_m: float = 0.0
    schedule: tuple[str, ...] = ()
    severity: int | None = None

    def area_m(self, plane: LocalPlane) -> BaseGeometry:
        """The ground it covers on a flat map, true to the centimetre (256 corners to a full turn)."""
        if not self.reach_m:
            return plane.flat(self.shape)
        middle = self.shape.centroid
        near = LocalPlane(middle.x, middle.y)
        return plane.flat(near.round(near.flat(self.shape).buffer(self.reach_m, quad_segs=64)))


@dataclass(frozen=True, slots=True, eq=False)
class Zones:
    """The keep_out fences, and for everybody one of them to misbehave at: (people, 2) metres, NaN where
    there is none, and whether it is only closed to them in school hours."""

    fences: list[PlannedFence]
    tempting_m: NDArray[np.float64]
    in_school_hours: NDArray[np.bool_]


def county_fence(folk: Population, ground: Ground) -> PlannedFence:
    everybody = np.arange(len(folk))
    return PlannedFence("county", ground.name, "keep_in", ("all",), everybody, ground.county)


def home_fences(folk: Population, ground: Ground, people: NDArray[np.intp]) -> list[PlannedFence]:
    """A circle round the homes of some people, which holds at night."""
    degrees = ground.plane.to_degrees(folk.home_m[people]).round(7).tolist()
    ids = folk.person_ids
    return [
        PlannedFence(
            f"home-{ids[person]}",
            "住所（夜间）",
            "keep_in",
            (f"person:{ids[person]}",),
            np.array([person]),
            Point(at),
            _HOME_M,
            CURFEW,
        )
        for person, at in zip(people.tolist(), degrees, strict=True)
    ]


def route_fences(folk: Population, ways: Ways, ground: Ground) -> Iterator[PlannedFence]:
    """A corridor along the way to work of those who must keep to it."""
    ids = folk.person_ids
    for person in np.flatnonzero(folk.route & (ways.length_m[:, WORK] > 0)).tolist():
        line_m = ways.corners_m[person, WORK]
        person_id = ids[person]
        yield PlannedFence(
            f"route-{person_id}",
            "上班路线",
            "keep_in",
            (f"person:{person_id}",),
            np.array([person]),
            LineString(ground.plane.to_degrees(line_m).round(7)),
            _ROUTE_M,
            ROUTE_HOURS,
        )


def zones(folk: Population, ground: Ground, tracks: Tracks, rng: np.random.Generator) -> Zones:
    """Schools for some, stations for the strict class, court orders for single people."""
    plan = _ZonePlan(folk, ground, tracks, rng)
    plan.stations()
    plan.schools()
    plan.court_orders()
    return Zones(plan.fences, plan.tempting_m, plan.in_school_hours)


class _ZonePlan:
    """Finds places for zones that the ordinary lives of those bound by them keep clear of."""

    def __init__(self, folk: Population, ground: Ground, tracks: Tracks, rng: np.random.Generator) -> None:
        self.folk, self.ground, self.tracks, self.rng = folk, ground, tracks, rng
        self.person_ids = folk.person_ids
        self.fences: list[PlannedFence] = []
        self.tempting_m = np.full((len(folk), 2), np.nan)
        self.in_school_hours = np.zeros(len(folk), np.bool_)
        self.lived_in = ground.home_m.buffer(-2 * CLEAR_OF_LINE_M)

    def stations(self) -> None:
        strict = np.flatnonzero(self.folk.class_ == CLASSES.index("strict"))
        for number in range(1, 3 if len(strict) else 1):
            places_m = scatter(_TRIES, self.lived_in, self.rng)
            clear_m = [self._clearance_m(at_m, strict).min() for at_m in places_m]
            best = int(np.argmax(clear_m))
            if clear_m[best] < _STATION_M + _CLEARANCE_M:
                continue
            shape = self._block(places_m[best], _STATION_M)
            self._add(
                f"station-{number}", f"{number}号车站", ("class:strict",), strict, places_m[best], shape
            )

    def schools(self) -> None:
        towns = self.folk.town_m
        for number in range(1, min(len(towns), 10) + 1):
            at_m = towns[number - 1] + self.rng.normal(0, 600, 2)
            clear = self._clearance_m(at_m, np.arange(len(self.folk))) > 1.5 * _SCHOOL_M + _CLEARANCE_M
            wanted = self.rng.random(len(self.folk)) < _SCHOOLED
            bound = np.flatnonzero(clear & wanted & (self.folk.office == number - 1))
            if not len(bound) or not self.lived_in.contains(Point(at_m)):
                continue
            selectors = tuple(f"person:{self.person_ids[person]}" for person in bound)
            shape = self._block(at_m, _SCHOOL_M)
            name = f"第{number}小学"
            self._add(f"school-{number}", name, selectors, bound, at_m, shape, schedule=SCHOOL_HOURS)

    def court_orders(self) -> None:
        for person in np.flatnonzero(self.rng.random(len(self.folk)) < _COURT):
            for _ in range(_TRIES):
                at_m = self.folk.home_m[person] + self.rng.uniform(-5_000, 5_000, 2)
                clear_m = self._clearance_m(at_m, np.array([person]))[0]
                if clear_m > _COURT_M + _CLEARANCE_M and self.lived_in.contains(Point(at_m)):
                    person_id, at = self.person_ids[person], self._degrees(at_m)
                    bound = np.array([person])
                    selectors = (f"person:{person_id}",)
                    self._add(f"order-{person_id}", "禁止令区域", selectors, bound, at_m, Point(at), _COURT_M)
                    break

    def _add(
        self,
        fence_id: str,
        name: str,
        selectors: tuple[str, ...],
        bound: NDArray[np.int64],
        at_m: NDArray[np.float64],
        shape: BaseGeometry,
        reach_m: float = 0.0,
        schedule: tuple[str, ...] = (),
    ) -> None:
        self.fences.append(
            PlannedFence(fence_id, name, "keep_out", selectors, bound, shape, reach_m, schedule)
        )
        self.tempting_m[bound] = at_m
        self.in_school_hours[bound] = bool(schedule)

    def _degrees(self, metres: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.ground.plane.to_degrees(metres).round(7)

    def _block(self, at_m: NDArray[np.float64], half_m: float) -> Polygon:
        """A block of houses: an oblong, turned at random."""
        turn = self.rng.uniform(0, np.pi / 2)
        along = np.array([np.cos(turn), np.sin(turn)]) * half_m
        across = np.array([-np.sin(turn), np.cos(turn)]) * half_m * self.rng.uniform(0.6, 1.0)
        corners_m = np.array([along + across, across - along, -along - across, along - across])
        return Polygon(self._degrees(at_m + corners_m))

    def _clearance_m(self, at_m: NDArray[np.float64], people: NDArray[np.int64]) -> NDArray[np.float64]:
        """(people,) how near the tracks of some people come to a point, on the pieces between knots."""
        counts = np.diff(self.tracks.first)[people]
        bounds = np.concatenate([[0], np.cumsum(counts)])
        rows = np.repeat(self.tracks.first[people] - bounds[:-1], counts) + np.arange(bounds[-1])
        last = np.repeat(self.tracks.first[people + 1] - 1, counts)
        start_m, end_m = self.tracks.at_m[rows], self.tracks.at_m[np.minimum(rows + 1, last)]
        step_m = end_m - start_m
        share = ((at_m - start_m) * step_m).sum(axis=1) / np.maximum((step_m**2).sum(axis=1), 1e-9)
        nearest_m = start_m + step_m * share.clip(0, 1)[:, None] - at_m
        return np.asarray(np.minimum.reduceat(np.hypot(nearest_m[:, 0], nearest_m[:, 1]), bounds[:-1]))


def covers(area_m: BaseGeometry, tracks: Tracks) -> NDArray[np.bool_]:
    """(people,) whose whole track lies inside a flat area."""
    last = np.repeat(tracks.first[1:] - 1, np.diff(tracks.first))
    then = np.minimum(np.arange(len(tracks.time_ms)) + 1, last)
    shapely.prepare(area_m)
    within = shapely.contains_properly(
        area_m, shapely.linestrings(np.stack([tracks.at_m, tracks.at_m[then]], axis=1))
    )
    return np.logical_and.reduceat(within, tracks.first[:-1])
