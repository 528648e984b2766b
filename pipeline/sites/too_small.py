"""Fences smaller than any fix's uncertainty: no fix can ever be inside them by more than that."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geofences.fence import Fence
from pipeline.sites.policy import Policy
from pipeline.sites.records import Site

#: Pings without a source count as this one, and so do confirmations.
_USUAL = "gnss"

#: Metres in a degree of latitude: nowhere fewer, nowhere more.
_SHORT_DEGREE_M, _LONG_DEGREE_M = 110_500.0, 111_700.0

#: How near to the deepest place is looked for, in degrees: a millimetre.
_SEARCH_DEG = 1e-8


@dataclass(frozen=True, slots=True)
class TooSmall:
    """A fence number, how deep inside a fix can be by its tolerance, and the sources it is too small for."""

    number: int
    depth_m: float
    sources: tuple[str, ...]
    people: tuple[str, ...]


def zones_never_entered(site: Site) -> Iterator[TooSmall]:
    """Keep-out fences in which no fix of the usual source can be for certain: they never fire."""
    for number, depth_m, sources in _shallow(site, "keep_out"):
        yield TooSmall(number, depth_m, sources, ())


def homes_never_reached(site: Site, answers: Mapping[str, Sequence[str]]) -> Iterator[TooSmall]:
    """Keep-in fences in which no fix can be for certain, where their group has no other for somebody.

    ``answers`` gives for each selector the people that answer to it. Each fence of a group is measured
    by itself, as it is judged: two small ones side by side make no large one.
    """
    shallow = {number: (depth_m, sources) for number, depth_m, sources in _shallow(site, "keep_in")}
    groups = {site.fences[number].group for number in shallow}
    deep: dict[str | None, set[str]] = {group: set() for group in groups}
    for number, fence in enumerate(site.fences):
        if fence.group in groups and number not in shallow:
            deep[fence.group].update(*(answers.get(selector, ()) for selector in fence.applies_to))
    for number, (depth_m, sources) in shallow.items():
        fence = site.fences[number]
        people = {person for selector in fence.applies_to for person in answers.get(selector, ())}
        without = people - deep[fence.group]
        if without:
            yield TooSmall(number, depth_m, sources, tuple(sorted(without)))


def _shallow(site: Site, rule: str) -> Iterator[tuple[int, float, tuple[str, ...]]]:
    """Fences of a rule too small for the usual source, with their depth and the sources."""
    numbers = [number for number, fence in enumerate(site.fences) if fence.rule == rule]
    sign = 1.0 if rule == "keep_in" else -1.0
    gain_m = {number: sign * site.fences[number].tolerance_m for number in numbers}
    wanted_m = site.policy.floor_m[_USUAL]
    for number, inside_m in _depths(site.fences, numbers, lambda number: wanted_m - gain_m[number]):
        depth_m = inside_m + gain_m[number]
        if depth_m < wanted_m:
            yield number, depth_m, _too_coarse(site.policy, depth_m)


def _too_coarse(policy: Policy, depth_m: float) -> tuple[str, ...]:
    return tuple(source for source, floor_m in policy.floor_m.items() if depth_m < floor_m)


def _depths(
    fences: Sequence[Fence], numbers: list[int], wanted_m: Callable[[int], float]
) -> Iterator[tuple[int, float]]:
    """How far inside each fence one can be at most, of those that may be less than wanted."""
    polygons = []
    for number in numbers:
        area = fences[number].area
        if area.reach_m:
            yield number, area.reach_m
        else:
            polygons.append(number)
    shapes = np.array([fences[number].area.shape for number in polygons], dtype=object)
    for number, shape, sure_m in zip(polygons, shapes, least_depth_m(shapes), strict=True):
        if sure_m < wanted_m(number):
            yield number, greatest_depth_m(shape)


def least_depth_m(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """Depths that the polygons have at least: their area by the length of their edge; 0 where not known.

    Degrees of longitude are counted as short for the area and as long for the edge as they can be. A
    polygon with holes may be shallower than that, so it is measured.
    """
    latitudes = np.abs(shapely.bounds(shapes).reshape(-1, 4)[:, 1::2])
    shrunk = np.cos(np.radians(latitudes.max(axis=1, initial=0.0)))
    edges, areas = shapely.length(shapes), shapely.area(shapes)
    depth_deg = np.divide(areas * shrunk, edges, out=np.zeros(len(shapes)), where=edges > 0)
    depth_deg[[_has_holes(shape) for shape in shapes]] = 0.0
    return np.asarray(depth_deg * (_SHORT_DEGREE_M**2 / _LONG_DEGREE_M), np.float64)


def _has_holes(shape: BaseGeometry) -> bool:
    return bool(shapely.get_num_interior_rings(shapely.get_parts(shape)).any())


def greatest_depth_m(shape: BaseGeometry) -> float:
    """A depth that the polygon has at most, good to a hundredth."""
    _, south, _, north = shape.bounds
    nearest = 0.0 if south <= 0.0 <= north else min(abs(south), abs(north))
    width = math.cos(math.radians(nearest))  # the widest degrees, which make no polygon shallower
    wide = shapely.transform(shape, lambda points: points * (width, 1.0))
    found_deg = float(shapely.length(shapely.maximum_inscribed_circle(wide, _SEARCH_DEG)))
    return (found_deg + _SEARCH_DEG) * _LONG_DEGREE_M
