"""Fleets on their worst day: the same people and the same ways, laid where fences make them hard to judge."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from benchmarks.csv_rows import write_csv
from benchmarks.fleet import Fleet, kept
from geofences.county import counties
from geofences.instant import instant_ms
from pipeline.sites.leaves import COLUMNS as LEAVE_COLUMNS

Floats = NDArray[np.float64]

START = "2025-07-14T10:00:00+08:00"
MINUTE_MS = 60_000
#: The county that people are kept in, and how far outside of it they are laid.
COUNTY, OUTSIDE_DEG = "530381", 2.0
#: So far within the boundary people are laid who are well inside.
_WELL_DEG = -0.08
#: A metre of latitude, in degrees; that of longitude at 30 degrees north.
_NORTH_DEG, _EAST_DEG = 1 / 110_850, 1 / 96_490
#: A phone's uncertainty as it is drawn, and how far its fixes scatter.
_ACCURACY_M, _SCATTER_M = (8.0, 30.0), 8.0
#: Of all people so many walk and so many drive about; in metres per second.
_WALK, _DRIVE = (0.10, 1.3), (0.05, 9.0)
#: Zones overlap so that nearly everybody stands in so many of them at once.
ZONES, ZONES_ROUND_EACH = 10_000, 7
_POLICY = """\
version = "worst"
[confirmation]
strict = []
general = []
lenient = []
"""
_INSTANT = pa.timestamp("ms", "UTC")


class Ways:
    """Where people are from their homes, minute by minute: metres east and north, shape (minutes, people)."""

    def __init__(self, people: int, minutes: int, chance: np.random.Generator) -> None:
        speed_m_s = np.zeros(people)
        drawn = chance.random(people)
        speed_m_s[drawn < _WALK[0]] = _WALK[1]
        speed_m_s[drawn > 1 - _DRIVE[0]] = _DRIVE[1]
        heading = chance.uniform(0, 2 * np.pi, people)
        # Out for a quarter of an hour and back again, so that nobody gets far from where they are laid.
        phase = np.abs((np.arange(minutes)[:, None] + chance.integers(0, 30, people)) % 30 - 15) * 60.0
        away_m = speed_m_s * phase
        scatter_m = chance.normal(0, _SCATTER_M, (2, minutes, people))
        self.east_m = away_m * np.sin(heading) + scatter_m[0]
        self.north_m = away_m * np.cos(heading) + scatter_m[1]
        self.accuracy_m = chance.uniform(*_ACCURACY_M, (minutes, people)).round(1)
        self.second = chance.integers(0, 60_000, people)


def scene(name: str, people: int, minutes: int, seed: int) -> Fleet:
    """The files of one scene, made once and kept among the machine's temporary files."""

    def make(directory: Path) -> None:
        chance = np.random.default_rng(seed)
        ways = Ways(people, minutes, chance)
        county = next(county for county in counties() if county.adcode == COUNTY).shape
        lon, lat, zones = _SCENES[name](county, people, minutes, chance)
        _write_site(directory / "site", people, county, zones)
        _write_streams(directory, ways, lon, lat)

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
    line = county.buffer(50 * _NORTH_DEG).boundary
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


def _write_site(directory: Path, people: int, county: BaseGeometry, zones: list[BaseGeometry]) -> None:
    directory.mkdir()
    always = {"valid_from": "", "valid_to": ""}
    write_csv(
        directory / "offices.csv",
        [{"office_id": "O", "parent_id": "", "name": "Office", "level": "judicial_office"}],
    )
    write_csv(
        directory / "people.csv",
        (
            {"person_id": f"P{n}", "name": f"Person {n}", "office_id": "O", "class": "general", **always}
            for n in range(people)
        ),
    )
    write_csv(
        directory / "devices.csv",
        ({"device_id": f"D{n}", "person_id": f"P{n}", "kind": "phone", **always} for n in range(people)),
    )
    (directory / "leaves.csv").write_text(",".join(LEAVE_COLUMNS) + "\n")
    (directory / "policy.toml").write_text(_POLICY)
    fences = [("county", "keep_in", county), *((f"Z{n}", "keep_out", zone) for n, zone in enumerate(zones))]
    features = [
        {
            "type": "Feature",
            "properties": {"fence_id": name, "rule": rule, "applies_to": ["all"]},
            "geometry": shapely.geometry.mapping(area),
        }
        for name, rule, area in fences
    ]
    (directory / "fences.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def _write_streams(directory: Path, ways: Ways, lon: Floats, lat: Floats) -> None:
    minutes = len(lon)
    # In order of arrival: within each minute by the second at which a device sends.
    order = np.argsort(ways.second, kind="stable")
    at_ms = instant_ms(START) + np.arange(minutes)[:, None] * MINUTE_MS + ways.second[order]
    ids = pa.array([f"D{n}" for n in order.tolist()], pa.string())
    columns = {
        "device_id": pa.concat_arrays([ids] * minutes),
        "event_time": pa.array(at_ms.ravel()).cast(_INSTANT),
        "lon": (lon + ways.east_m * _EAST_DEG)[:, order].ravel().round(6),
        "lat": (lat + ways.north_m * _NORTH_DEG)[:, order].ravel().round(6),
        "accuracy_m": ways.accuracy_m[:, order].ravel(),
        "source": pa.array(["gnss"]).take(pa.array(np.zeros(at_ms.size, np.int64))),
        "arrival_time": pa.array(at_ms.ravel() + 800).cast(_INSTANT),
    }
    pq.write_table(pa.table(columns), directory / "pings.parquet")
    none = {"device_id": pa.string(), "event_time": _INSTANT, "arrival_time": _INSTANT}
    empty = pa.table({name: pa.array([], kind) for name, kind in none.items()})
    pq.write_table(empty, directory / "confirmations.parquet")
