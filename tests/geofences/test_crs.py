"""Coordinate systems there and back."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from geofences.area import Area
from geofences.crs import CRS, area_to_wgs84, from_wgs84, to_wgs84
from geofences.errors import CrsError

GEOD = Geod(ellps="WGS84")

# place, WGS-84, GCJ-02, length of the shift in metres
SEEDS = [
    ("Beibei", (106.395, 29.805), (106.399031, 29.802523), 477),
    ("Haicang", (118.033, 24.485), (118.037907, 24.482263), 582),
]
# place, WGS-84, not in the shifted box because
UNSHIFTED = [
    ("Berlin", (13.4, 52.5), "far west of it"),
    ("Tokyo", (139.7, 35.7), "east of 137.8347"),
    ("Sydney", (151.2, -33.9), "south of it"),
    ("Yakutsk", (129.7, 62.0), "north of 55.8271"),
]

inside_lon = st.floats(72.1, 137.8)
inside_lat = st.floats(0.9, 55.8)


@pytest.mark.parametrize(("place", "wgs", "gcj", "shift_m"), SEEDS)
def test_known_places_shift_as_published(
    place: str, wgs: tuple[float, float], gcj: tuple[float, float], shift_m: float
) -> None:
    lon, lat = from_wgs84(*wgs, "gcj02")
    # mypy does not see inside tuples that arrays of no dimension compare with numbers.
    assert (lon, lat) == (  # type: ignore[comparison-overlap]
        pytest.approx(gcj[0], abs=1e-6),
        pytest.approx(gcj[1], abs=1e-6),
    )
    assert GEOD.inv(*wgs, lon, lat)[2] == pytest.approx(shift_m, abs=1)
    back = to_wgs84(*gcj, "gcj02")
    assert GEOD.inv(*wgs, *back)[2] < 0.2  # the table's six decimals are that coarse


def test_bd09_is_another_kilometre_off() -> None:
    wgs = (106.395, 29.805)
    gcj, bd = from_wgs84(*wgs, "gcj02"), from_wgs84(*wgs, "bd09")
    assert 799 < GEOD.inv(*gcj, *bd)[2] < 975


@pytest.mark.parametrize("crs", CRS)
@given(lon=inside_lon, lat=inside_lat)
@settings(max_examples=50, deadline=None)
def test_round_trip_is_under_a_centimetre(crs: str, lon: float, lat: float) -> None:
    there = from_wgs84(lon, lat, crs)
    back = to_wgs84(*there, crs)
    assert GEOD.inv(lon, lat, *back)[2] < 1e-6  # a thousandth of a millimetre, in fact


@pytest.mark.parametrize(("place", "wgs", "reason"), UNSHIFTED)
@pytest.mark.parametrize("crs", CRS)
def test_outside_the_box_nothing_moves(place: str, wgs: tuple[float, float], reason: str, crs: str) -> None:
    # mypy: as above
    assert from_wgs84(*wgs, crs) == wgs, reason  # type: ignore[comparison-overlap]
    assert to_wgs84(*wgs, crs) == wgs, reason  # type: ignore[comparison-overlap]


def test_a_position_does_not_depend_on_its_neighbours() -> None:
    lon, lat = np.linspace(73, 135, 50), np.linspace(1, 55, 50)
    for crs in CRS:
        together = np.column_stack(to_wgs84(lon, lat, crs))
        alone = [to_wgs84(one_lon, one_lat, crs) for one_lon, one_lat in zip(lon, lat, strict=True)]
        assert together.tolist() == np.array(alone).tolist()


def test_an_unknown_name_says_which_are_known() -> None:
    with pytest.raises(CrsError, match=r"'utm48'.*wgs84, cgcs2000, gcj02, bd09"):
        to_wgs84(106.0, 29.0, "utm48")
    with pytest.raises(CrsError):
        area_to_wgs84(Area(shapely.Point(106, 29), 10.0), "")


def test_a_long_edge_is_cut_before_it_is_bent() -> None:
    square = shapely.box(106.0, 29.0, 106.2, 29.2)
    moved = area_to_wgs84(Area(square), "gcj02").shape
    vertices = shapely.get_coordinates(moved)
    pieces_m = GEOD.inv(*vertices[:-1].T, *vertices[1:].T)[2]
    assert pieces_m.max() <= 2005  # 2 km, stretched by the shift
    assert pieces_m.min() > 1500  # and not cut finer than needed
    middle = to_wgs84(106.1, 29.0, "gcj02")  # of the southern edge, as given
    assert moved.boundary.distance(shapely.Point(*middle)) * 111_000 < 0.3
    corner = to_wgs84(106.2, 29.2, "gcj02")
    assert shapely.get_coordinates(shapely.Point(*corner)).tolist()[0] in vertices.tolist()


def test_every_kind_of_shape_is_moved() -> None:
    hole = shapely.Polygon(
        shapely.box(106, 29, 107, 30).exterior, [shapely.box(106.4, 29.4, 106.6, 29.6).exterior]
    )
    shapes = [
        hole,
        shapely.MultiPolygon([hole, shapely.box(110, 29, 110.01, 29.01)]),
        shapely.LineString([(106, 29), (106.5, 29), (106.5, 29.3)]),
        shapely.Point(106, 29),
    ]
    for shape in shapes:
        area = area_to_wgs84(Area(shape, 5.0), "bd09")
        assert type(area.shape) is type(shape)
        assert area.reach_m == 5.0
        assert area.shape.is_valid
        assert len(shapely.get_rings(area.shape)) == len(shapely.get_rings(shape))


def test_what_is_in_wgs84_stays_the_same_object() -> None:
    area = Area(shapely.box(106, 29, 107, 30))
    assert area_to_wgs84(area, "wgs84") is area
    assert area_to_wgs84(area, "cgcs2000") is area
