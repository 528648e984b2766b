"""The exact signed distance against pictures and against a slow, independent search."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from geofences.area import Area
from geofences.distance import signed_distance_m

GEOD = Geod(ellps="WGS84")
Floats = NDArray[np.float64]
SHARE = (np.sqrt(5) - 1) / 2

# Pictures: rows from north to south, one character per degree. `#` inside, `.` outside, `+` boundary.
SQUARE = shapely.box(1, 1, 5, 5)
RING = SQUARE.difference(shapely.box(2, 2, 4, 4))
STAIR = shapely.Polygon([(0, 0), (6, 0), (6, 2), (4, 2), (4, 4), (2, 4), (2, 6), (0, 6)])
BOW = shapely.MultiPolygon([shapely.box(0, 0, 3, 3), shapely.box(3, 3, 6, 6)])
LAKES = shapely.Polygon(
    shapely.box(0, 0, 6, 6).exterior,
    [shapely.box(1, 1, 2, 5).exterior, shapely.box(4, 1, 5, 5).exterior],
)
FORK = shapely.Polygon([(0, 0), (6, 0), (6, 6), (4, 6), (4, 2), (2, 2), (2, 6), (0, 6)])
ISLAND = shapely.MultiPolygon([RING, shapely.box(2.5, 2.5, 3.5, 3.5)])
DIAMOND = shapely.Polygon([(3, 0), (6, 3), (3, 6), (0, 3)])

PICTURES = [
    ("a square", SQUARE, """
        .......
        .+++++.
        .+###+.
        .+###+.
        .+###+.
        .+++++.
        .......
    """),
    ("a square with a hole: the hole is outside", RING, """
        .......
        .+++++.
        .+++++.
        .++.++.
        .+++++.
        .+++++.
        .......
    """),
    ("stairs", STAIR, """
        +++....
        +#+....
        +#+++..
        +###+..
        +###+++
        +#####+
        +++++++
    """),
    ("two squares that touch in a corner", BOW, """
        ...++++
        ...+##+
        ...+##+
        +++++++
        +##+...
        +##+...
        ++++...
    """),
    ("two lakes", LAKES, """
        +++++++
        +++#+++
        +++#+++
        +++#+++
        +++#+++
        +++#+++
        +++++++
    """),
    ("a fork: between the prongs is outside", FORK, """
        +++.+++
        +#+.+#+
        +#+.+#+
        +#+.+#+
        +#+++#+
        +#####+
        +++++++
    """),
    ("an island in the hole", ISLAND, """
        .......
        .+++++.
        .+++++.
        .++#++.
        .+++++.
        .+++++.
        .......
    """),
    ("a diamond: rays pass through its corners", DIAMOND, """
        ...+...
        ..+#+..
        .+###+.
        +#####+
        .+###+.
        ..+#+..
        ...+...
    """),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shape", "picture"), PICTURES, ids=[row[0] for row in PICTURES])
def test_pictures(name: str, shape: BaseGeometry, picture: str) -> None:
    lon, lat = np.meshgrid(np.arange(7.0), np.arange(6.0, -1.0, -1.0))
    d_m = signed_distance_m(Area(shape), lon.ravel(), lat.ravel()).reshape(7, 7)
    drawn = np.where(np.abs(d_m) < 1e-6, "+", np.where(d_m < 0, "#", "."))
    assert ["".join(row) for row in drawn] == picture.split(), name


def brute_force_distance_m(shape: BaseGeometry, lon: float, lat: float) -> float:
    """Distance to the nearest point of all edges by golden section, inside by shapely: no code shared."""
    lines = (
        [shape]
        if shape.geom_type in ("LineString", "Point")
        else list(shapely.get_rings(shapely.get_parts(shape)))
    )
    chains = [shapely.get_coordinates(line) for line in lines]
    if shape.geom_type == "Point":
        chains = [np.repeat(chains[0], 2, axis=0)]
    ends = np.vstack([np.hstack([chain[:-1], chain[1:]]) for chain in chains])
    least_m = _edges_m(ends, lon, lat)
    inside = shape.geom_type.endswith("Polygon") and shapely.contains_xy(shape, lon, lat)
    return -least_m if inside else least_m


def _edges_m(ends: Floats, lon: float, lat: float) -> float:
    def away_m(edges: Floats, at: Floats) -> Floats:
        lons = edges[:, 0] + at * (edges[:, 2] - edges[:, 0])
        lats = edges[:, 1] + at * (edges[:, 3] - edges[:, 1])
        length_m: Floats = GEOD.inv(np.full(len(at), lon), np.full(len(at), lat), lons, lats)[2]
        return length_m

    steps = 24
    grid = np.linspace(0, 1, steps + 1)
    sampled = np.array([away_m(ends, np.full(len(ends), at)) for at in grid])
    nearest = sampled.argmin(axis=0)
    low, high = grid[np.maximum(nearest - 1, 0)], grid[np.minimum(nearest + 1, steps)]
    least_m: float = sampled.min()
    for _ in range(60):
        left, right = high - SHARE * (high - low), low + SHARE * (high - low)
        left_m, right_m = away_m(ends, left), away_m(ends, right)
        least_m = min(least_m, left_m.min(), right_m.min())
        low, high = np.where(left_m > right_m, left, low), np.where(left_m > right_m, high, right)
    return least_m


def star(lon: float, lat: float, radius_m: float, corners: int, seed: int) -> shapely.Polygon:
    """A ring of that many corners at random distances from a centre, clear of the pole."""
    radius_m = min(radius_m, (90.0 - abs(lat)) * 30_000.0)
    chance = np.random.default_rng(seed)
    azimuth = np.linspace(0, 360, corners, endpoint=False)
    away_m = radius_m * chance.uniform(0.5, 1.0, corners)
    lons, lats, _ = GEOD.fwd(np.full(corners, lon), np.full(corners, lat), azimuth, away_m)
    return shapely.Polygon(np.column_stack([lons, lats]))


def near(shape: BaseGeometry, seed: int, away_m: float) -> tuple[float, float]:
    """A position that far from some point of the shape's first ring, in a random direction."""
    chance = np.random.default_rng(seed)
    start = shapely.get_coordinates(shape)[chance.integers(0, shapely.get_num_coordinates(shape))]
    lon, lat, _ = GEOD.fwd(start[0], start[1], chance.uniform(0, 360), away_m)
    return lon, lat


@given(
    lat=st.floats(-85, 85),
    radius_m=st.sampled_from([5.0, 300.0, 5_000.0, 80_000.0, 300_000.0]),
    corners=st.sampled_from([3, 7, 60]),
    away=st.floats(-1, 6.5),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=50, deadline=None)
def test_rings_against_brute_force(lat: float, radius_m: float, corners: int, away: float, seed: int) -> None:
    shape = star(20.0, lat, radius_m, corners, seed)
    lon_deg, lat_deg = near(shape, seed, 10**away)
    expected = brute_force_distance_m(shape, lon_deg, lat_deg)
    assert signed_distance_m(Area(shape), lon_deg, lat_deg)[0] == pytest.approx(expected, abs=1e-6, rel=0)


@given(lat=st.floats(-85, 85), reach_m=st.floats(1, 5000), away=st.floats(-1, 6.5), seed=st.integers(0, 999))
@settings(max_examples=25, deadline=None)
def test_circles_and_corridors_against_brute_force(
    lat: float, reach_m: float, away: float, seed: int
) -> None:
    line = shapely.LineString(star(20.0, lat, 30_000.0, 9, seed).exterior.coords[:-1])
    for shape in (shapely.Point(20.0, lat), line):
        lon_deg, lat_deg = near(shape, seed, 10**away)
        expected = brute_force_distance_m(shape, lon_deg, lat_deg) - reach_m
        assert signed_distance_m(Area(shape, reach_m), lon_deg, lat_deg)[0] == pytest.approx(
            expected, abs=1e-6
        )


# shape, position, because
FAR = [
    (shapely.box(106, 29, 107, 30), (-74.5, -29.5), "the antipode: many ways round are nearly as short"),
    (shapely.box(106, 29, 107, 30), (-74.0, -10.0), "far beyond what chords tell apart"),
    (shapely.box(106, 29, 107, 30), (20.0, 89.999), "beside the pole"),
    (shapely.box(106, 29, 107, 30), (0.0, 90.0), "on the pole"),
    (shapely.box(-30, 60, 30, 80), (0.0, 61.0), "an edge along a parallel, 60 degrees long"),
    (shapely.box(-30, 88, 30, 89.9), (180.0, 89.95), "across the pole"),
    (shapely.box(170, -1, 179.9, 1), (-179.9, 0.0), "nearest across 180"),
    (shapely.box(-179.9, -1, -170, 1), (179.9, 0.0), "and from the other side"),
    (shapely.Point(179.99, 52.0), (-179.99, 52.0), "a circle beside 180"),
    (shapely.LineString([(170, 10), (179.9, 10)]), (-179.9, 10.5), "a corridor beside 180"),
]


@pytest.mark.parametrize(("shape", "position", "reason"), FAR, ids=[row[2] for row in FAR])
def test_far_and_awkward_places_against_brute_force(
    shape: BaseGeometry, position: tuple[float, float], reason: str
) -> None:
    expected = brute_force_distance_m(shape, *position)
    assert signed_distance_m(Area(shape), *position)[0] == pytest.approx(expected, abs=1e-6), reason


# An island of 2 by 2 degrees about (180, 1), cut at 180 as GeoJSON wants it; the same at longitude 10.
CUT = shapely.MultiPolygon([shapely.box(179, 0, 180, 2), shapely.box(-180, 0, -179, 2)])
WHOLE = shapely.box(9, 0, 11, 2)
# longitude from the middle, latitude, because
ABOUT_THE_CUT = [
    (0.0, 1.0, "on the cut, in the middle"),
    (0.0, 2.0, "where the cut meets the northern edge"),
    (1e-9, 1.0, "just east of the cut"),
    (-0.3, 0.7, "west of it"),
    (0.3, 0.7, "east of it"),
    (1.0, 1.0, "on the eastern edge"),
    (1.5, 1.0, "outside in the east"),
    (-1.5, 1.0, "outside in the west"),
    (0.0, 3.0, "outside on the cut's meridian"),
]


@pytest.mark.parametrize(("east", "lat", "reason"), ABOUT_THE_CUT)
def test_a_cut_at_180_is_no_boundary(east: float, lat: float, reason: str) -> None:
    expected = signed_distance_m(Area(WHOLE), 10.0 + east, lat)[0]
    for lon in {(180.0 + east + 180.0) % 360.0 - 180.0, 180.0 if east == 0.0 else 180.0 + east}:
        if lon <= 180.0:
            assert signed_distance_m(Area(CUT), lon, lat)[0] == pytest.approx(expected, abs=1e-6), reason


def test_only_what_both_sides_share_is_no_boundary() -> None:
    shifted = shapely.MultiPolygon([shapely.box(179, 0, 180, 2), shapely.box(-180, 1, -179, 3)])
    lat = np.array([0.5, 1.5, 2.5])
    d_m = signed_distance_m(Area(shifted), np.full(3, 180.0), lat)
    assert d_m[[0, 2]] == pytest.approx(0.0, abs=1e-6)
    to_corner_m = GEOD.inv(180.0, 1.5, 180.0, 1.0)[2]
    assert d_m[1] == pytest.approx(-to_corner_m, abs=1e-6)


def test_a_polygon_that_ends_at_180_has_a_boundary_there() -> None:
    lon = np.array([179.9, 180.0, -180.0, -179.9])
    d_m = signed_distance_m(Area(shapely.box(170, -1, 180, 1)), lon, np.zeros(4))
    assert np.sign(np.round(d_m, 6)).tolist() == [-1, 0, 0, 1]


def test_a_polar_cap_contains_its_pole() -> None:
    cap = shapely.box(-180, 80, 180, 90)
    d_m = signed_distance_m(Area(cap), [0.0, 77.0, -180.0, 180.0, 5.0], [90.0, 85.0, 85.0, 85.0, 79.0])
    to_cap_m = GEOD.inv(0, 80, 0, 90)[2]
    assert d_m[0] == pytest.approx(-to_cap_m, abs=1e-6)
    assert d_m[1:4] == pytest.approx(np.full(3, -GEOD.inv(0, 80, 0, 85)[2]), abs=1e-6)
    assert d_m[4] > 0


def test_positions_on_the_boundary_are_at_zero_and_never_at_minus_zero() -> None:
    shape = star(106.5, 29.8, 20_000.0, 40, 1)
    vertices = shapely.get_coordinates(shape)
    middles = (vertices[1:] + vertices[:-1]) / 2
    d_m = signed_distance_m(Area(shape), *np.vstack([vertices, middles]).T)
    assert np.abs(d_m).max() < 1e-6
    assert not np.signbit(d_m[d_m == 0.0]).any()


def test_a_position_does_not_depend_on_its_neighbours() -> None:
    area = Area(star(106.5, 29.8, 20_000.0, 60, 2))
    chance = np.random.default_rng(3)
    lon, lat = chance.uniform(106, 107, 200), chance.uniform(29.3, 30.3, 200)
    together = signed_distance_m(area, lon, lat)
    alone = [signed_distance_m(area, one_lon, one_lat)[0] for one_lon, one_lat in zip(lon, lat, strict=True)]
    assert together.tolist() == alone


def test_no_positions_no_distances() -> None:
    assert signed_distance_m(Area(SQUARE), [], []).shape == (0,)
