"""County lines: those around the fences, with whom to thank for them."""

from __future__ import annotations

import pytest
from shapely.geometry import Point

from console.county_lines import county_lines
from geofences.area import Area
from geofences.county import ATTRIBUTION
from geofences.fence import Fence
from pipeline.sites.rows import Held, Rows


def circle(lon: float, lat: float) -> Fence:
    return Fence(f"{lon} {lat}", "circle", "keep_out", None, ("all",), Area(Point(lon, lat), 300.0))


def test_the_counties_around_a_fence() -> None:
    lines = county_lines(Rows(Held([circle(106.55, 29.56)]), "fence_id"))  # as a site has them
    names = {feature["properties"]["name"] for feature in lines["features"]}
    assert "渝中区" in names
    assert "东城区" not in names
    assert lines["attribution"] == ATTRIBUTION


@pytest.mark.parametrize(
    "fences",
    [
        pytest.param((), id="no fence, nothing to look at"),
        pytest.param(
            (circle(80.0, 25.0), circle(130.0, 50.0)), id="most of a country: lines would be a smear"
        ),
    ],
)
def test_no_lines(fences: tuple[Fence, ...]) -> None:
    assert county_lines(fences)["features"] == []
