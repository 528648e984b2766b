"""Fleets on their worst day: the same people and the same ways, laid where fences make them hard to judge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from benchmarks.fleet import Fleet, kept
from benchmarks.scene_files import NORTH_DEG, Floats, Ways, shared, write_site, write_streams
from geofences.county import counties

#: The county that people are kept in, and how far outside of it they are laid.
COUNTY, OUTSIDE_DEG = "530381", 2.0
#: So far within the boundary people are laid who are well inside.
_WELL_DEG = -0.08
#: Zones overlap so that nearly everybody stands in so many of them at once.
ZONES, ZONES_ROUND_EACH = 10_000, 7


def scene(name: str, people: int, minutes: int, seed: int) -> Fleet:
    """The files of one scene, made once and kept among the machine's temporary files."""

    def make(directory: Path) -> None:
        chance = np.random.default_rng(seed)
        ways = Ways(people, minutes, chance)
        county = next(county for county in counties() if county.adcode == COUNTY).shape
        lon, lat, zones = _SCENES[name](county, people, minutes, chance)
        fences = [
            ("county", "keep_in", county),
            *((f"Z{n}", "keep_out", zone) for n, zone in enumerate(zones)),
        ]
        features = (shared(name, rule, shapely.geometry.mapping(area)) for name, rule, area in fences)
        write_site(directory / "site", people, features)
        write_streams(directory, ways, lon, lat)

    return kept(f"worst-{name}-{people}-{minutes}-{seed}-3", people, make)


_Laid = tuple[Floats, Floats, list[BaseGeometry]]


def _inside(county: BaseGeometry, people: int, minutes: int, chance: np.random.Generator) -> _Laid:
    """Everybody well within the county: what is compared with."""
    lon, lat = _points_in(county.buffer(_WELL_DEG), people, chance)
    return np.tile(lon, (minutes, 1)), np.tile(lat, (minutes, 1)), []


def _outside(county: BaseGeometry, people: int, minutes: int, chance: np.random.Generator) -> _Laid:
    """Everybody far outside: somebody has drawn a wrong fence."""
    lon, lat, zones = _inside(county, people, minutes, chance)
    return lon + OUTSIDE_DEG, lat, zones


def _edge(county: BaseGeometry, people: int, minutes: int, chance: np.random.Generator) -> _Laid:
    """Everybody lives along the boundary, on both sides of where the tolerance ends."""
    line = county.buffer(50 * NORTH_DEG).boundary
    along = shapely.line_interpolate_point(line, chance.random(people), normalized=True)
    lon, lat = shapely.get_x(along), shapely.get_y(along)
    return np.tile(lon, (minutes, 1)), np.tile(lat, (minutes, 1)), []


def _crossing(county: BaseGeometry, people: int, minutes: int, chance: np.random.Generator) -> _Laid:
    """Everybody leaves in one minute, a third into the time, and is back in one minute at two thirds."""
    lon, lat, zones = _inside(county, people, minutes, chance)
    lon[minutes // 3 : 2 * minutes // 3] += OUTSIDE_DEG
    return lon, lat, zones


def _seven_zones(county: BaseGeometry, people: int, minutes: int, chance: np.random.Generator) -> _Laid:
    """Zones to keep out of, so many and so large that everybody stands in seven of them."""
    lon, lat, _ = _inside(county, people, minutes, chance)
    centre_lon, centre_lat = _points_in(county.buffer(_WELL_DEG), ZONES, chance)
    area = county.buffer(_WELL_DEG).area
    radius_deg = np.sqrt(ZONES_ROUND_EACH * area / ZONES / np.pi)
    corners = np.linspace(0, 2 * np.pi, 25)[:-1]
    rings = np.stack(
        [
            centre_lon[:, None] + radius_deg * np.cos(corners) * chance.uniform(0.85, 1.15, (ZONES, 24)),
            centre_lat[:, None] + radius_deg * np.sin(corners) * chance.uniform(0.85, 1.15, (ZONES, 24)),
        ],
        axis=-1,
    )
    return lon, lat, list(shapely.polygons(rings))


_SCENES: dict[str, Callable[[BaseGeometry, int, int, np.random.Generator], _Laid]] = {
    "inside": _inside, "outside": _outside, "edge": _edge, "crossing": _crossing, "seven_zones": _seven_zones,
}  # fmt: skip
#: What they are called; the first is what the others are compared with.
SCENES = tuple(_SCENES)


def _points_in(area: BaseGeometry, count: int, chance: np.random.Generator) -> tuple[Floats, Floats]:
    """Points spread evenly over an area."""
    west, south, east, north = area.bounds
    shapely.prepare(area)
    lon, lat = np.empty(0), np.empty(0)
    while len(lon) < count:
        x, y = chance.uniform(west, east, 2 * count), chance.uniform(south, north, 2 * count)
        held = shapely.contains_xy(area, x, y)
        lon, lat = np.concatenate([lon, x[held]]), np.concatenate([lat, y[held]])
    return lon[:count], lat[:count]
