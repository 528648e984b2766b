"""Keep-in fences that lie wholly within another of their group: nobody can leave them first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import shapely
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from geofences.area import Area
from geofences.fence import Fence
from pipeline.sites.applies_to import EVERYONE

Above = dict[str, tuple[str, ...]]

_GEOD = Geod(ellps="WGS84")
_CORNERS = 64
#: Circles beyond these are left alone: their outline in lon/lat bends too much to be trusted.
_RADIUS_MOST_M = 200_000.0
_LAT_MOST_DEG = 80.0
#: Up to so many pairs are compared without an index of boxes.
_PAIRS_DIRECT = 64


def covered_fences(fences: Sequence[Fence], above: Above) -> Iterator[tuple[int, int]]:
    """(number, number of one that covers it) of fences that add nothing to their group's union.

    Errs towards silence: the other must hold for at least the same people by its selectors, the same
    validity and schedule, with at least the same tolerance. Circles are taken as polygons about (or
    within) them; corridors are not looked at. Of two equal fences only the later is reported.
    ``above`` gives per office itself and all above it.
    """
    for group in _groups(fences):
        found: dict[int, int] = {}
        for number, other in _candidates(group, fences, above):
            # Equal fences cover each other, and one of them must be left.
            if number in found or _outermost(other, found) == number:
                continue
            wide, narrow = fences[other], fences[number]
            if _outlasts(wide, narrow, above) and _covers(wide.area, narrow.area):
                found[number] = other
        yield from sorted(found.items())


def _outermost(number: int, covers: dict[int, int]) -> int:
    while number in covers:
        number = covers[number]
    return number


def _groups(fences: Sequence[Fence]) -> Iterator[list[int]]:
    groups: dict[str, list[int]] = {}
    for number, fence in enumerate(fences):
        if fence.group is not None and fence.area.shape.geom_type != "LineString":
            groups.setdefault(fence.group, []).append(number)
    return (group for group in groups.values() if len(group) > 1)


def _candidates(group: list[int], fences: Sequence[Fence], above: Above) -> Iterator[tuple[int, int]]:
    """Pairs whose boxes allow a cover and whose first selector finds a wider one; later numbers first.

    Buckets by selector keep thousands of personal fences in one group from meeting each other.
    """
    buckets: dict[str, list[int]] = {}
    covered: dict[str, list[int]] = {}
    for number in group:
        covered.setdefault(fences[number].applies_to[0], []).append(number)
        for selector in fences[number].applies_to:
            buckets.setdefault(selector, []).append(number)
    for selector, numbers in covered.items():
        covers = sorted({other for name in _wider(selector, above) for other in buckets.get(name, ())})
        yield from _box_pairs(sorted(numbers, reverse=True), covers, fences)


def _box_pairs(numbers: list[int], covers: list[int], fences: Sequence[Fence]) -> Iterator[tuple[int, int]]:
    if len(numbers) * len(covers) <= _PAIRS_DIRECT:
        yield from ((number, other) for number, other in product(numbers, covers) if number != other)
        return
    tree = shapely.STRtree([_box(fences[other].area) for other in covers])
    rows, hits = tree.query([fences[number].area.shape for number in numbers], predicate="intersects")
    pairs = sorted({(int(row), int(hit)) for row, hit in zip(rows, hits, strict=True)})
    yield from ((numbers[row], covers[hit]) for row, hit in pairs if numbers[row] != covers[hit])


def _box(area: Area) -> BaseGeometry:
    """A box about the area, generous for circles."""
    west, south, east, north = area.shape.bounds
    reach_lat = area.reach_m / 110_000.0
    steepest_deg = min(max(abs(south), abs(north)) + reach_lat, 89.0)
    reach_lon = reach_lat / math.cos(math.radians(steepest_deg))
    return shapely.box(west - reach_lon, south - reach_lat, east + reach_lon, north + reach_lat)


def _outlasts(wide: Fence, narrow: Fence, above: Above) -> bool:
    """Whether ``wide`` judges whomever ``narrow`` judges, whenever, and no more strictly."""
    if wide.tolerance_m < narrow.tolerance_m or wide.schedule not in (None, narrow.schedule):
        return False
    if wide.valid_from_ms > narrow.valid_from_ms or wide.valid_to_ms < narrow.valid_to_ms:
        return False
    selectors = set(wide.applies_to)
    return all(not selectors.isdisjoint(_wider(selector, above)) for selector in narrow.applies_to)


def _wider(selector: str, above: Above) -> set[str]:
    """Selectors that match whomever this one matches, whatever the people."""
    word, _, name = selector.partition(":")
    offices = above.get(name, ()) if word == "office" else ()
    return {EVERYONE, selector, *(f"office:{office_id}" for office_id in offices)}


def _covers(wide: Area, narrow: Area) -> bool:
    if wide.reach_m and narrow.reach_m:
        return _apart_m(wide.shape, narrow.shape) + narrow.reach_m <= wide.reach_m
    # A chord of the circle's polygon lies within the circle; the polygon about it must lie without.
    outer = _outline(narrow, 1.01 / math.cos(math.pi / _CORNERS))
    inner = _outline(wide, 0.99)
    return outer is not None and inner is not None and bool(shapely.covers(inner, outer))


def _apart_m(one: BaseGeometry, other: BaseGeometry) -> float:
    (one_lon, one_lat), (other_lon, other_lat) = one.coords[0], other.coords[0]
    return float(_GEOD.inv(one_lon, one_lat, other_lon, other_lat)[2])


def _outline(area: Area, scale: float) -> BaseGeometry | None:
    """The polygon itself, or one about a circle with the radius scaled; None where not trusted."""
    if not area.reach_m:
        return area.shape
    lon, lat = area.shape.coords[0]
    if area.reach_m > _RADIUS_MOST_M or abs(lat) > _LAT_MOST_DEG:
        return None
    bearings = np.linspace(0.0, 360.0, _CORNERS, endpoint=False)
    lons, lats, _ = _GEOD.fwd(
        np.full(_CORNERS, lon), np.full(_CORNERS, lat), bearings, np.full(_CORNERS, area.reach_m * scale)
    )
    if np.ptp(lons) > 180.0:  # it crosses the antimeridian
        return None
    return shapely.Polygon(np.column_stack([lons, lats]))
