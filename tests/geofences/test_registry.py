"""The index that changes, its packed copies and plain arithmetic always name the same fences."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from geofences.area import Area
from geofences.box import folded
from geofences.distance import signed_distance_m
from geofences.fence import Fence
from geofences.registry import FenceRegistry

GEOD = Geod(ellps="WGS84")


def fence(shape: BaseGeometry, reach_m: float = 0.0) -> Fence:
    return Fence("Z1", "zone", "keep_out", None, ("all",), Area(shape, reach_m))


def scattered(
    chance: np.random.Generator, count: int, lon_from: float, lon_to: float, lat_from: float, lat_to: float
) -> list[Fence]:
    """Boxes, circles and corridors of 10 m to 100 km."""
    fences = []
    for _ in range(count):
        lon, lat = chance.uniform(lon_from, lon_to), chance.uniform(lat_from, lat_to)
        lon = (lon + 180.0) % 360.0 - 180.0
        size = 10 ** chance.uniform(-4, 0)
        kind = chance.integers(0, 3)
        if kind == 0:
            fences.append(fence(shapely.box(lon, lat, min(lon + size, 180.0), lat + size / 2)))
        elif kind == 1:
            fences.append(fence(shapely.Point(lon, lat), size * 100_000.0))
        else:
            fences.append(
                fence(shapely.LineString([(lon, lat), (lon - np.sign(lon) * size, lat)]), size * 1000.0)
            )
    return fences


# west and east, south and north that fences and positions lie in
PLACES = [(100.0, 104.0, 22.0, 25.0), (178.0, 182.0, -2.0, 2.0), (170.0, 190.0, 84.0, 89.0)]


@given(
    place=st.sampled_from(PLACES),
    reach_m=st.sampled_from([0.0, 30.0, 5_000.0, 80_000.0]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=25, deadline=None)
def test_tree_packed_tree_and_arithmetic_agree(
    place: tuple[float, float, float, float], reach_m: float, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    fences = scattered(chance, 40, *place)
    registry = FenceRegistry(fences)
    lon = (chance.uniform(*place[:2], 25) + 180.0) % 360.0 - 180.0
    lat = chance.uniform(*place[2:], 25)
    lon[0] = 180.0 if place[1] >= 180.0 else lon[0]
    row, number = registry.compiled(np.arange(40)).pairs(lon, lat, reach_m)
    assert list(zip(row, number, strict=True)) == sorted(zip(row, number, strict=True))
    found = [number[row == position].tolist() for position in range(25)]
    assert found == [registry.candidates(lon[position], lat[position], reach_m) for position in range(25)]
    for each, one in enumerate(fences):
        within = np.flatnonzero(signed_distance_m(one.area, lon, lat) <= reach_m)
        assert all(each in found[position] for position in within), "nothing within reach is missed"


def test_boxes_keep_out_most_of_what_is_not_near() -> None:
    registry = FenceRegistry([fence(shapely.box(106, 29, 107, 30)), fence(shapely.Point(110, 29), 1000.0)])
    assert registry.candidates(106.5, 29.5) == [0]
    assert registry.candidates(107.5, 29.5) == []
    assert registry.candidates(107.5, 29.5, 60_000.0) == [0]
    assert registry.candidates(110.005, 29.005) == [1]
    assert registry.candidates(110.1, 29.0) == []


CUT = shapely.MultiPolygon([shapely.box(179, 0, 180, 2), shapely.box(-180, 0, -179, 2)])
# shape and its reach, position, how near, found, because
ACROSS_180 = [
    (shapely.box(179, 0, 180, 2), 0.0, (-180.0, 1.0), 0.0, True, "180 and -180 are one meridian"),
    (shapely.box(-180, 0, -179, 2), 0.0, (180.0, 1.0), 0.0, True, "from the other side too"),
    (shapely.box(179, 0, 179.95, 2), 0.0, (-179.99, 1.0), 10_000.0, True, "within reach across it"),
    (shapely.box(179, 0, 179.95, 2), 0.0, (-179.99, 1.0), 1_000.0, False, "not within reach"),
    (shapely.Point(179.99, 1), 5_000.0, (-179.99, 1.0), 0.0, True, "a circle that runs across it"),
    (shapely.Point(-179.99, 1), 5_000.0, (179.99, 1.0), 0.0, True, "and back"),
    (CUT, 0.0, (0.0, 1.0), 0.0, False, "a fence cut there has no box right round the earth"),
    (shapely.Point(0, 89.99), 10_000.0, (180.0, 89.99), 0.0, True, "a circle that holds the pole"),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "reach_m", "position", "near_m", "found", "reason"), ACROSS_180)
def test_across_180(
    shape: BaseGeometry,
    reach_m: float,
    position: tuple[float, float],
    near_m: float,
    found: bool,
    reason: str,
) -> None:
    registry = FenceRegistry([fence(shape, reach_m)])
    assert registry.candidates(*position, near_m) == [0] * found, reason
    assert registry.compiled([0]).pairs(*position, near_m)[1].tolist() == [0] * found, reason


def test_insert_and_remove() -> None:
    near = fence(CUT)
    registry = FenceRegistry([])
    assert registry.candidates(179.5, 1.0) == []
    registry.insert(7, near)
    registry.insert(3, fence(shapely.Point(179.5, 1.0), 100.0))
    assert (registry.candidates(179.5, 1.0), registry.candidates(-179.5, 1.0), len(registry)) == (
        [3, 7],
        [7],
        2,
    )
    packed = registry.compiled([3, 7])
    registry.remove(7)
    assert (registry.candidates(179.5, 1.0), registry.candidates(-179.5, 1.0), len(registry)) == ([3], [], 1)
    assert packed.pairs([179.5], [1.0])[1].tolist() == [3, 7], "a packed copy stays what it was"
    with pytest.raises(KeyError):
        registry.insert(3, near)
    with pytest.raises(KeyError):
        registry.remove(7)


def test_reach_per_position_and_none_at_all() -> None:
    packed = FenceRegistry([fence(shapely.box(106, 29, 107, 30))]).compiled([0])
    row, number = packed.pairs([107.5, 107.5], [29.5, 29.5], [100.0, 60_000.0])
    assert (row.tolist(), number.tolist()) == ([1], [0])
    assert [len(column) for column in packed.pairs([], [])] == [0, 0]
    nothing = FenceRegistry([]).compiled([])
    assert [len(column) for column in nothing.pairs([1.0], [1.0])] == [0, 0]


# box, its parts within ±180, because
FOLDS = [
    ((10, 0, 20, 1), [(10, 0, 20, 1)], "inside"),
    ((170, 0, 190, 1), [(170, 0, 180, 1), (-180, 0, -170, 1)], "past 180"),
    ((-190, 0, -170, 1), [(-180, 0, -170, 1), (170, 0, 180, 1)], "past -180"),
    ((-300, 0, 300, 1), [(-180, 0, 180, 1)], "right round"),
]


@pytest.mark.parametrize(("box", "parts", "reason"), FOLDS)
def test_folded(box: tuple[int, int, int, int], parts: list[tuple[int, int, int, int]], reason: str) -> None:
    boxes, owner = folded(np.array([box], np.float64))
    assert [tuple(part) for part in boxes.tolist()] == parts, reason
    assert set(owner.tolist()) == {0}
