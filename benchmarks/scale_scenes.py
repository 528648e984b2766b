"""A fleet all over a country, under as many fences of its own people, or zones for all, as one likes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import mapping

from benchmarks.fleet import Fleet, kept
from benchmarks.scene_files import Floats, Ways, shared, write_site, write_streams

#: Homes lie on a grid of so many degrees (about a kilometre), so many in a row.
_WEST, _SOUTH, _STEP_DEG, _COLUMNS = 100.0, 24.0, 0.01, 1_500
#: The country ends so far beyond the outermost homes; its line has a corner each so many degrees.
_MARGIN_DEG, _CORNER_DEG = 0.2, 0.05
#: A home fence holds whoever it is for wherever they go, and so much farther.
_HOME_M = 300
#: A zone is in the middle between four homes, some 700 m from each.
_ZONE_M = 100


def country(people: int, minutes: int, seed: int, *, homes: int = 0, zones: int = 0) -> Fleet:
    """People who stay in a country, of whom the first ``homes`` have a fence of their own round the home.

    Some ``zones`` to keep out of are spread among the homes. The rows are the same whatever the fences.
    """
    bare = kept(
        f"country-{people}-{minutes}-{seed}", people, lambda place: _write(place, people, minutes, seed)
    )
    if not homes and not zones:
        return bare

    def make(directory: Path) -> None:
        for stream in (bare.pings, bare.confirmations):
            os.link(stream, directory / stream.name)
        farthest_m = Ways(people, minutes, np.random.default_rng(seed)).farthest_m
        features = [*_homes(farthest_m[:homes]), *_zones(people, zones), _country(people)]
        write_site(directory / "site", people, features)

    return kept(f"{bare.directory.name}-{homes}-{zones}", people, make)


def _write(directory: Path, people: int, minutes: int, seed: int) -> None:
    ways = Ways(people, minutes, np.random.default_rng(seed))
    lon, lat = _places(np.arange(people))
    write_site(directory / "site", people, [_country(people)])
    write_streams(directory, ways, np.tile(lon, (minutes, 1)), np.tile(lat, (minutes, 1)))


def _places(people: NDArray[np.int64]) -> tuple[Floats, Floats]:
    column, row = (people % _COLUMNS).astype(np.float64), (people // _COLUMNS).astype(np.float64)
    return _WEST + column * _STEP_DEG, _SOUTH + row * _STEP_DEG


def _country(people: int) -> dict[str, Any]:
    lon, lat = _places(np.arange(people))
    west, south, east, north = lon.min(), lat.min(), lon.max(), lat.max()
    area = shapely.box(west - _MARGIN_DEG, south - _MARGIN_DEG, east + _MARGIN_DEG, north + _MARGIN_DEG)
    return shared("country", "keep_in", mapping(shapely.segmentize(area, _CORNER_DEG)))


def _homes(farthest_m: Floats) -> Iterator[dict[str, Any]]:
    lon, lat = _places(np.arange(len(farthest_m)))
    for person, (x, y, metres) in enumerate(zip(lon, lat, farthest_m, strict=True)):
        properties = {
            "fence_id": f"H{person}", "rule": "keep_in", "applies_to": [f"person:P{person}"],
            "radius_m": round(_HOME_M + metres),
        }  # fmt: skip
        yield {"type": "Feature", "properties": properties, "geometry": _point(x, y)}


def _zones(people: int, count: int) -> Iterator[dict[str, Any]]:
    lon, lat = _places(np.arange(count) * people // max(count, 1))
    for number, (x, y) in enumerate(zip(lon + _STEP_DEG / 2, lat + _STEP_DEG / 2, strict=True)):
        yield shared(f"Z{number}", "keep_out", _point(x, y), radius_m=_ZONE_M)


def _point(lon: float, lat: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [round(float(lon), 6), round(float(lat), 6)]}
