"""The ground a scenario plays on: a county and a flat map of metres round its middle."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

Boundary = Literal["auto", "made_up"]
Shape = TypeVar("Shape", bound=BaseGeometry)

#: A real unit outside this size is no county that a day's errands could fill.
COUNTY_KM2 = (400.0, 5_000.0)

_EQUATOR_M, _FLATTENING = 6_378_137.0, 1 / 298.257223563


@dataclass(frozen=True, slots=True)
class Place:
    """Where a scenario plays, and how far a made-up county reaches from its middle."""

    lon: float = 106.5
    lat: float = 29.6
    radius_m: float = 20_000.0


@dataclass(frozen=True, slots=True)
class LocalPlane:
    """Metres east and north of a middle. Affine in degrees, so what is straight on one is on the other.

    Lengths are true at the middle's latitude (radii of curvature of WGS-84) and about 0.3 % off 30 km
    further north or south: good for planning, not for judging.
    """

    lon: float
    lat: float

    @property
    def metres_per_degree(self) -> tuple[float, float]:
        eccentricity2 = _FLATTENING * (2 - _FLATTENING)
        bend = 1 - eccentricity2 * math.sin(math.radians(self.lat)) ** 2
        across = _EQUATOR_M / math.sqrt(bend)
        along = _EQUATOR_M * (1 - eccentricity2) / bend**1.5
        return math.radians(across * math.cos(math.radians(self.lat))), math.radians(along)

    def to_degrees(self, metres: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 2) metres east, north -> (..., 2) lon, lat."""
        return np.asarray(metres / np.array(self.metres_per_degree) + np.array([self.lon, self.lat]))

    def to_metres(self, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 2) lon, lat -> (..., 2) metres east, north."""
        return np.asarray((degrees - np.array([self.lon, self.lat])) * np.array(self.metres_per_degree))

    def flat(self, shape: Shape) -> Shape:
        """A shape in degrees as metres."""
        flat: Shape = shapely.transform(shape, self.to_metres)
        return flat

    def round(self, shape: Shape) -> Shape:
        """A shape in metres as degrees."""
        curved: Shape = shapely.transform(shape, self.to_degrees)
        return curved


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """A county as it is written (degrees) and as it is lived in (metres).

    ``county_m`` is the whole of it; ``home_m`` its largest part, where everybody lives.
    """

    name: str
    county: Polygon | MultiPolygon
    plane: LocalPlane
    county_m: Polygon | MultiPolygon
    home_m: Polygon


def find_ground(place: Place, boundary: Boundary, rng: np.random.Generator) -> Ground:
    """The real unit nearest to a place where the boundaries are installed, else a made-up county."""
    name, county = (boundary == "auto" and _real_county(place)) or _made_up_county(place, rng)
    middle = max(_parts(county), key=lambda part: part.area).representative_point()
    plane = LocalPlane(round(middle.x, 6), round(middle.y, 6))
    county_m = plane.flat(county)
    return Ground(name, county, plane, county_m, max(_parts(county_m), key=lambda part: part.area))


def scatter(
    count: int, within: BaseGeometry, rng: np.random.Generator, most_draws: int = 200
) -> NDArray[np.float64]:
    """(count, 2) points drawn evenly over an area; its representative point where it is all but empty."""
    fallback = within.representative_point()
    points = np.tile([fallback.x, fallback.y], (count, 1))
    west, south, east, north = within.bounds
    shapely.prepare(within)
    missing = np.arange(count)
    for _ in range(most_draws):
        if not len(missing):
            break
        drawn = rng.uniform((west, south), (east, north), (len(missing), 2))
        found = shapely.contains_xy(within, drawn[:, 0], drawn[:, 1])
        points[missing[found]] = drawn[found]
        missing = missing[~found]
    return points


def settle(
    origin: NDArray[np.float64],
    draw: Callable[[NDArray[np.intp]], NDArray[np.float64]],
    fits: Callable[[NDArray[np.intp], NDArray[np.float64]], NDArray[np.bool_]],
    tries: int = 12,
) -> NDArray[np.float64]:
    """For each origin the first drawn point that fits, or the origin itself; (n, 2) both."""
    chosen = origin.copy()
    missing = np.arange(len(origin))
    for _ in range(tries):
        if not len(missing):
            break
        drawn = draw(missing)
        good = fits(missing, drawn)
        chosen[missing[good]] = drawn[good]
        missing = missing[~good]
    return chosen


def _made_up_county(place: Place, rng: np.random.Generator) -> tuple[str, Polygon]:
    """A ring of 60 to 130 vertices, each seen from the middle: it cannot cross itself."""
    count = int(rng.integers(60, 131))
    angle = 2 * np.pi * (np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count
    radius = np.ones(count)
    for wave in range(2, 7):
        radius += rng.uniform(0.02, 0.35) / wave * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    radius = np.clip(radius, 0.55, 1.6) * rng.normal(1.0, 0.02, count).clip(0.9, 1.1) * place.radius_m
    ring_m = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return "county", Polygon(np.round(LocalPlane(place.lon, place.lat).to_degrees(ring_m), 6))


def _real_county(place: Place) -> tuple[str, Polygon | MultiPolygon] | None:
    from geofences.county import legal_units
    from geofences.errors import BoundaryDataMissing

    try:
        units = legal_units()
    except BoundaryDataMissing:
        return None
    plane = LocalPlane(place.lon, place.lat)
    shapes = np.array([unit.shape for unit in units], dtype=object)
    middles_m = plane.to_metres(shapely.get_coordinates(shapely.centroid(shapes)))
    for number in np.argsort(np.hypot(middles_m[:, 0], middles_m[:, 1]), kind="stable"):
        shape = shapes[number]
        middle = LocalPlane(shape.centroid.x, shape.centroid.y)
        if COUNTY_KM2[0] <= middle.flat(shape).area / 1e6 <= COUNTY_KM2[1]:
            return units[number].name, shape
    return None


def _parts(shape: Polygon | MultiPolygon) -> list[Polygon]:
    return list(shape.geoms) if isinstance(shape, MultiPolygon) else [shape]
