"""Coordinate systems of devices and maps in China, and the way to WGS-84 and back.

GCJ-02 and BD-09 are secret; the polynomials here are the ones publicly known, agreed by many
independent ports, and stand within about 0.7 m of what the official service returns. CGCS2000 and
WGS-84 differ by less than a metre and count as the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry

from geofences.area import Area
from geofences.errors import CrsError

CrsName = Literal["wgs84", "cgcs2000", "gcj02", "bd09"]
CRS: tuple[CrsName, ...] = get_args(CrsName)

Floats = NDArray[np.float64]

#: Where the shift applies: lon from-to, lat from-to. Outside, all systems coincide.
_SHIFTED_BOX_DEG = (72.004, 137.8347, 0.8293, 55.8271)
_KRASOVSKY_A_M = 6378245.0
_KRASOVSKY_EE = 0.00669342162296594323
_BD_WAVE = math.pi * 3000.0 / 180.0
# The shift changes by at most 5 m per km (GCJ) and 20 m per km (BD), so each step of the inverse
# gains two digits: these many leave less than a micrometre, for every position alike.
_GCJ_STEPS = 6
_BD_STEPS = 8
_EDGE_M = 2000.0
_M_PER_DEG = 111_700.0  # no degree of latitude or longitude is longer on the ellipsoid


def to_wgs84(lon: ArrayLike, lat: ArrayLike, crs: str) -> tuple[Floats, Floats]:
    """Positions of another system in WGS-84 degrees (arrays of any one shape).

    The inverse of ``from_wgs84`` to well below a millimetre. Raises CrsError for an unknown name.
    """
    return _converted(lon, lat, crs, _gcj02_to_wgs84, _bd09_to_wgs84)


def from_wgs84(lon: ArrayLike, lat: ArrayLike, crs: str) -> tuple[Floats, Floats]:
    """WGS-84 positions as another system gives them; outside the shifted box they stay as they are."""
    return _converted(lon, lat, crs, _wgs84_to_gcj02, _wgs84_to_bd09)


def area_to_wgs84(area: Area, crs: str) -> Area:
    """The area with its shape in WGS-84.

    Edges are straight in the system they were given in, and bent by the shift (28 m on 20 km), so
    they are cut into pieces of at most 2 km first. A circle keeps its radius about the moved centre.
    """
    _checked(crs)
    if crs in ("wgs84", "cgcs2000"):
        return area

    def moved(coordinates: Floats) -> Floats:
        return np.column_stack(to_wgs84(coordinates[:, 0], coordinates[:, 1], crs))

    return Area(shapely.transform(_densified(area.shape), moved), area.reach_m)


Shift = Callable[[Floats, Floats], tuple[Floats, Floats]]


def _checked(crs: str) -> None:
    if crs not in CRS:
        raise CrsError(f"unknown coordinate system {crs!r}; expected one of {', '.join(CRS)}")


def _converted(lon: ArrayLike, lat: ArrayLike, crs: str, gcj02: Shift, bd09: Shift) -> tuple[Floats, Floats]:
    _checked(crs)
    lon_deg, lat_deg = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    if crs in ("wgs84", "cgcs2000"):
        return lon_deg, lat_deg
    west, east, south, north = _SHIFTED_BOX_DEG
    shifted = (lon_deg >= west) & (lon_deg <= east) & (lat_deg >= south) & (lat_deg <= north)
    # Positions outside (and NaN) go through the formulas as a harmless one inside.
    moved_lon, moved_lat = (gcj02 if crs == "gcj02" else bd09)(
        np.where(shifted, lon_deg, 105.0), np.where(shifted, lat_deg, 35.0)
    )
    return np.where(shifted, moved_lon, lon_deg), np.where(shifted, moved_lat, lat_deg)


def _gcj02_shift(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """The published polynomial and sines, in degrees of lon and lat."""
    east, north = lon - 105.0, lat - 35.0
    pi = math.pi
    root = np.sqrt(np.abs(east))
    waves = (20.0 * np.sin(6.0 * east * pi) + 20.0 * np.sin(2.0 * east * pi)) * 2.0 / 3.0
    d_lat = -100.0 + 2.0 * east + 3.0 * north + 0.2 * north * north + 0.1 * east * north + 0.2 * root + waves
    d_lat += (20.0 * np.sin(north * pi) + 40.0 * np.sin(north / 3.0 * pi)) * 2.0 / 3.0
    d_lat += (160.0 * np.sin(north / 12.0 * pi) + 320.0 * np.sin(north * pi / 30.0)) * 2.0 / 3.0
    d_lon = 300.0 + east + 2.0 * north + 0.1 * east * east + 0.1 * east * north + 0.1 * root + waves
    d_lon += (20.0 * np.sin(east * pi) + 40.0 * np.sin(east / 3.0 * pi)) * 2.0 / 3.0
    d_lon += (150.0 * np.sin(east / 12.0 * pi) + 300.0 * np.sin(east / 30.0 * pi)) * 2.0 / 3.0
    lat_rad = np.radians(lat)
    squash = 1.0 - _KRASOVSKY_EE * np.sin(lat_rad) ** 2
    meridian_m = _KRASOVSKY_A_M * (1.0 - _KRASOVSKY_EE) / (squash * np.sqrt(squash))
    parallel_m = _KRASOVSKY_A_M / np.sqrt(squash) * np.cos(lat_rad)
    return np.degrees(d_lon / parallel_m), np.degrees(d_lat / meridian_m)


def _wgs84_to_gcj02(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    d_lon, d_lat = _gcj02_shift(lon, lat)
    return lon + d_lon, lat + d_lat


def _gcj02_to_wgs84(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    return _undone(_wgs84_to_gcj02, lon, lat, _GCJ_STEPS)


def _gcj02_to_bd09(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_WAVE)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_WAVE)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _wgs84_to_bd09(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    return _gcj02_to_bd09(*_wgs84_to_gcj02(lon, lat))


def _bd09_to_wgs84(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    # The usual closed form leaves 0.17 m; undoing the forward step leaves nothing to speak of.
    return _gcj02_to_wgs84(*_undone(_gcj02_to_bd09, lon, lat, _BD_STEPS))


def _undone(shift: Shift, lon: Floats, lat: Floats, steps: int) -> tuple[Floats, Floats]:
    """The positions that ``shift`` carries to lon, lat, by fixed-point steps."""
    from_lon, from_lat = lon, lat
    for _ in range(steps):
        to_lon, to_lat = shift(from_lon, from_lat)
        from_lon, from_lat = from_lon + (lon - to_lon), from_lat + (lat - to_lat)
    return from_lon, from_lat


def _densified(shape: BaseGeometry) -> BaseGeometry:
    if isinstance(shape, shapely.Polygon):
        holes = [_densified_line(hole) for hole in shape.interiors]
        return shapely.Polygon(_densified_line(shape.exterior), holes)
    if isinstance(shape, shapely.MultiPolygon):
        return shapely.MultiPolygon([_densified(part) for part in shape.geoms])
    if isinstance(shape, shapely.LineString):
        return shapely.LineString(_densified_line(shape))
    return shape


def _densified_line(line: BaseGeometry) -> Floats:
    """Vertices with enough put between that no piece is longer than 2 km."""
    coordinates = shapely.get_coordinates(line)
    start, step = coordinates[:-1], np.diff(coordinates, axis=0)
    nearest_equator = np.minimum(np.abs(start[:, 1]), np.abs(coordinates[1:, 1]))
    shrink = np.cos(np.radians(np.where(start[:, 1] * coordinates[1:, 1] < 0, 0.0, nearest_equator)))
    length_m = np.hypot(step[:, 0] * shrink, step[:, 1]) * _M_PER_DEG
    pieces = np.maximum(np.ceil(length_m / _EDGE_M), 1).astype(np.int64)
    edge = np.repeat(np.arange(len(step)), pieces)
    along = (np.arange(len(edge)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / pieces[edge]
    return np.vstack([start[edge] + step[edge] * along[:, None], coordinates[-1:]])
