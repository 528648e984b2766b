"""The ground: a flat map that is good enough, and a county one could believe in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry import Point

from simulators.chance import stream
from simulators.ground import LocalPlane, Place, find_ground, scatter
from simulators.population import Shares, people

GEOD = Geod(ellps="WGS84")


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    lat=st.floats(-60, 60),
    east_m=st.floats(-20_000, 20_000),
    north_m=st.floats(-20_000, 20_000),
)
def test_the_flat_map_is_true_to_one_percent(lat: float, east_m: float, north_m: float) -> None:
    plane = LocalPlane(106.5, lat)
    lon, there = plane.to_degrees(np.array([east_m, north_m]))
    assert plane.to_metres(np.array([lon, there])) == pytest.approx((east_m, north_m), abs=1e-3)
    length_m = GEOD.inv(106.5, lat, lon, there)[2]
    assert length_m == pytest.approx(float(np.hypot(east_m, north_m)), rel=0.01, abs=0.01)


@pytest.mark.parametrize("seed", range(10))
def test_a_made_up_county_is_a_county(seed: int) -> None:
    ground = find_ground(Place(), "made_up", stream(seed, 0))
    assert ground.county.is_valid
    assert 60 <= len(ground.county.exterior.coords) - 1 <= 130
    assert 400 < ground.county_m.area / 1e6 < 5_000
    assert ground.home_m.equals(ground.county_m)


def test_homes_lie_inside_and_a_few_at_the_line() -> None:
    ground = find_ground(Place(), "made_up", stream(1, 0))
    folk = people(1_000, ground, Shares(), stream(1, 1))
    line = ground.home_m.exterior
    for at_m, near in zip(folk.home_m, folk.near_line, strict=True):
        point = Point(at_m)
        assert ground.home_m.contains(point)
        assert (line.distance(point) < 26) == near
    assert folk.near_line.sum() == 20
    assert folk.wristband.sum() == 50


def test_an_area_too_small_to_hit_still_has_a_point() -> None:
    sliver = Point(0, 0).buffer(1e-9)
    assert scatter(3, sliver, stream(0, 0), most_draws=0).shape == (3, 2)
