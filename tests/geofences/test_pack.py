"""The fast distance: its bound holds, its sign is right, its numbers are a pair's own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from geofences.area import Area
from geofences.distance import signed_distance_m
from geofences.outline import Outline, behind, outline_of
from geofences.pack import AreaPack

GEOD = Geod(ellps="WGS84")
Floats = NDArray[np.float64]


def star(
    lon: float, lat: float, radius_m: float, corners: int, chance: np.random.Generator
) -> shapely.Polygon:
    azimuth = np.linspace(0, 360, corners, endpoint=False)
    away_m = radius_m * chance.uniform(0.5, 1.0, corners)
    lons, lats, _ = GEOD.fwd(np.full(corners, lon), np.full(corners, lat), azimuth, away_m)
    return shapely.Polygon(np.column_stack([lons, lats]))


def positions_near(shape: BaseGeometry, away_m: Floats, chance: np.random.Generator) -> tuple[Floats, Floats]:
    """One position at each of these distances from random points of the boundary."""
    count = len(away_m)
    boundary = shapely.get_coordinates(shape.boundary if shape.geom_type.endswith("Polygon") else shape)
    edge = chance.integers(0, max(len(boundary) - 1, 1), count)
    share = chance.uniform(0, 1, count)[:, None]
    start = boundary[edge] * (1 - share) + boundary[np.minimum(edge + 1, len(boundary) - 1)] * share
    lon, lat, _ = GEOD.fwd(start[:, 0], start[:, 1], chance.uniform(0, 360, count), away_m)
    return lon, lat


def one_of_each(lat: float, radius_m: float, corners: int, chance: np.random.Generator) -> list[Area]:
    """A polygon, a polygon with a hole, a circle and a corridor about (20, lat), clear of the pole."""
    radius_m = min(radius_m, (90.0 - abs(lat)) * 30_000.0)
    ring = star(20.0, lat, radius_m, corners, chance)
    holed = ring.difference(star(20.0, lat, radius_m / 3, 5, chance))
    line = shapely.LineString(ring.exterior.coords[:-1])
    return [Area(ring), Area(holed), Area(shapely.Point(20.0, lat), radius_m), Area(line, radius_m / 10)]


@given(
    lat=st.floats(-85, 85),
    radius_m=st.sampled_from([1.0, 50.0, 1_000.0, 20_000.0, 150_000.0, 400_000.0]),
    corners=st.sampled_from([3, 4, 64, 700]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=50, deadline=None)
def test_the_error_bound_holds_and_the_sign_is_right(
    lat: float, radius_m: float, corners: int, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    assume(corners < 700 or abs(lat) < 75)  # so close to a pole such a ring may cross itself in lon/lat
    areas = one_of_each(lat, radius_m, corners, chance)
    pack = AreaPack(areas)
    for number, area in enumerate(areas):
        lon_deg, lat_deg = positions_near(area.shape, 10 ** chance.uniform(-1, 5.7, 60), chance)
        exact_m = signed_distance_m(area, lon_deg, lat_deg)
        d_m, error_m = pack.approx(np.full(60, number), lon_deg, lat_deg)
        assert (np.abs(d_m - exact_m) <= error_m).all()
        if area.shape.geom_type.endswith("Polygon"):
            assert (np.sign(d_m) == np.sign(exact_m)).all()
        near = (np.abs(exact_m + area.reach_m) <= 20_000.0) & (np.abs(lat_deg) <= 60.0)
        assert (error_m[near] <= 0.05).all()
        assert (error_m < 3.0).all(), "and even at 500 km it is no more than metres"


def test_far_away_the_bound_widens_and_at_last_is_infinite() -> None:
    area = Area(shapely.box(106, 29, 107, 30))
    lon = np.array([106.5, 120.0, 150.0, -170.0, -120.0, -73.5])
    lat = np.array([29.5, 29.5, 20.0, 0.0, -10.0, -29.5])
    d_m, error_m = AreaPack([area]).approx(np.zeros(6, np.int64), lon, lat)
    exact_m = signed_distance_m(area, lon, lat)
    assert (np.diff(error_m[:-1]) > 0).all()
    assert (np.abs(d_m - exact_m) <= error_m).all()
    assert error_m[-1] == math.inf, "the antipode"


# shape, position, because
AWKWARD = [
    (shapely.box(-30, 88, 30, 89.9), (180.0, 89.95), "across the pole"),
    (shapely.box(-180, 80, 180, 90), (0.0, 90.0), "the pole, in a cap"),
    (shapely.box(-180, -90, 180, -80), (10.0, -90.0), "and the other"),
    (shapely.box(-30, 60, 30, 80), (0.0, 60.1), "a parallel of 60 degrees"),
    (shapely.box(170, -1, 179.9, 1), (-179.95, 0.3), "across 180"),
    (
        shapely.MultiPolygon([shapely.box(179, 0, 180, 2), shapely.box(-180, 0, -179, 2)]),
        (180.0, 1.0),
        "on a cut",
    ),
]


@pytest.mark.parametrize(("shape", "position", "reason"), AWKWARD, ids=[row[2] for row in AWKWARD])
def test_awkward_places(shape: BaseGeometry, position: tuple[float, float], reason: str) -> None:
    lon, lat = np.array([position[0]]), np.array([position[1]])
    d_m, error_m = AreaPack([Area(shape)]).approx(np.zeros(1, np.int64), lon, lat)
    exact_m = signed_distance_m(Area(shape), lon, lat)
    assert abs(d_m[0] - exact_m[0]) <= error_m[0] < 60.0, reason
    assert np.sign(d_m) == np.sign(exact_m)


def test_pairs_are_independent_of_each_other_and_exact_is_the_exact_one() -> None:
    chance = np.random.default_rng(4)
    areas = [area for lat in (-40.0, 30.0, 65.0) for area in one_of_each(lat, 5_000.0, 40, chance)]
    pack = AreaPack(areas)
    number = chance.integers(0, len(areas), 400)
    lon, lat = (
        20.0 + chance.normal(0, 0.1, 400),
        chance.choice([-40.0, 30.0, 65.0], 400) + chance.normal(0, 0.1, 400),
    )
    d_m, error_m = pack.approx(number, lon, lat)
    exact_m = pack.exact(number, lon, lat)
    order = chance.permutation(400)
    assert [column.tolist() for column in pack.approx(number[order], lon[order], lat[order])] == [
        d_m[order].tolist(),
        error_m[order].tolist(),
    ]
    for pair in range(0, 400, 20):
        alone = signed_distance_m(areas[number[pair]], lon[pair], lat[pair])[0]
        assert exact_m[pair] == alone
        alone_m, _ = AreaPack([areas[number[pair]]]).approx(np.zeros(1, np.int64), lon[[pair]], lat[[pair]])
        assert d_m[pair] == alone_m[0]


@pytest.mark.parametrize("seed", range(10))
def test_what_an_area_gives_does_not_depend_on_those_beside_it(seed: int) -> None:
    """Areas of one small part each are read by a shorter way than those that are long or of several parts."""
    chance = np.random.default_rng(seed)
    small = [
        area
        for lat in chance.uniform(-80, 80, 5)
        for area in one_of_each(float(lat), float(chance.uniform(10, 1_000)), 7, chance)
    ]
    long = Area(shapely.LineString([(-170.0, -60.0), (160.0, 70.0), (0.0, 0.0)]), 5.0)
    parts = Area(shapely.MultiPolygon([star(lon, 0.0, 500.0, 9, chance) for lon in (10.0, 20.0)]))
    together = outline_of([*small, long, parts])
    apart = [outline_of([*some]) for some in (small, [long], [parts])]
    for name, column in together._asdict().items():
        joined = apart[0]
        expected = [getattr(joined, name)]
        for more in apart[1:]:
            expected.append(getattr(behind(joined, more), name))
            joined = Outline(
                *(np.concatenate(pair) for pair in zip(joined, behind(joined, more), strict=True))
            )
        assert np.array_equal(column, np.concatenate(expected)), name


def test_bounds_hold_what_is_within_reach() -> None:
    chance = np.random.default_rng(5)
    for lat in (-80.0, -30.0, 0.0, 60.0, 85.0):
        areas = one_of_each(lat, 40_000.0, 12, chance)
        pack = AreaPack(areas)
        for number, area in enumerate(areas):
            lon_deg, lat_deg = 20.0 + chance.uniform(-8, 8, 5000), lat + chance.uniform(-1, 1, 5000)
            within = signed_distance_m(area, lon_deg, lat_deg) <= 0.0
            west, south, east, north = pack.bounds[number]
            boxed = (lon_deg >= west) & (lon_deg <= east) & (lat_deg >= south) & (lat_deg <= north)
            assert within.any()
            assert (boxed | ~within).all()


def test_nothing_in_nothing_out() -> None:
    pack = AreaPack([])
    empty = np.empty(0)
    assert pack.bounds.shape == (0, 4)
    assert [len(column) for column in pack.approx(np.empty(0, np.int64), empty, empty)] == [0, 0]
