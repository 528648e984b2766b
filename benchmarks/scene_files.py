"""The files of a scene: a site that keeps people somewhere, and the rows of their ways."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.csv_rows import write_csv
from geofences.instant import instant_ms
from pipeline.sites.leaves import COLUMNS as LEAVE_COLUMNS

Floats = NDArray[np.float64]

START = "2025-07-14T10:00:00+08:00"
MINUTE_MS = 60_000
#: A metre of latitude, in degrees; that of longitude at 30 degrees north.
NORTH_DEG, EAST_DEG = 1 / 110_850, 1 / 96_490
#: A phone's uncertainty as it is drawn, and how far its fixes scatter.
_ACCURACY_M, _SCATTER_M = (8.0, 30.0), 8.0
#: Of all people so many walk and so many drive about; in metres per second.
_WALK, _DRIVE = (0.10, 1.3), (0.05, 9.0)
#: So long they go away from home before they turn back.
_AWAY_MIN = 15
_POLICY = """\
version = "worst"
[confirmation]
strict = []
general = []
lenient = []
"""
INSTANT = pa.timestamp("ms", "UTC")


class Ways:
    """Where people are from their homes, minute by minute: metres east and north, shape (minutes, people).

    ``farthest_m`` is how far they ever go, shape (people,).
    """

    def __init__(self, people: int, minutes: int, chance: np.random.Generator) -> None:
        speed_m_s = np.zeros(people)
        drawn = chance.random(people)
        speed_m_s[drawn < _WALK[0]] = _WALK[1]
        speed_m_s[drawn > 1 - _DRIVE[0]] = _DRIVE[1]
        heading = chance.uniform(0, 2 * np.pi, people)
        # Out for a quarter of an hour and back again, so that nobody gets far from where they are laid.
        phase = (
            np.abs(
                (np.arange(minutes)[:, None] + chance.integers(0, 2 * _AWAY_MIN, people)) % (2 * _AWAY_MIN)
                - _AWAY_MIN
            )
            * 60.0
        )
        away_m = speed_m_s * phase
        self.farthest_m = speed_m_s * _AWAY_MIN * 60
        scatter_m = chance.normal(0, _SCATTER_M, (2, minutes, people))
        self.east_m = away_m * np.sin(heading) + scatter_m[0]
        self.north_m = away_m * np.cos(heading) + scatter_m[1]
        self.accuracy_m = chance.uniform(*_ACCURACY_M, (minutes, people)).round(1)
        self.second = chance.integers(0, 60_000, people)


def write_site(
    directory: Path, people: int, features: Iterable[dict[str, Any]], policy: str = _POLICY
) -> None:
    """The site of so many people of one office, each with a phone, under some fences."""
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
    (directory / "policy.toml").write_text(policy)
    with (directory / "fences.geojson").open("w") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for number, feature in enumerate(features):
            file.write((",\n" if number else "\n") + json.dumps(feature))
        file.write("\n]}\n")


def shared(name: str, rule: str, geometry: dict[str, Any], **more: object) -> dict[str, Any]:
    """A fence that is for everybody, as GeoJSON has it."""
    properties = {"fence_id": name, "rule": rule, "applies_to": ["all"], **more}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def write_streams(directory: Path, ways: Ways, lon: Floats, lat: Floats) -> None:
    """The rows of all people in order of arrival, whose homes are at ``lon``, ``lat``: (minutes, people)."""
    minutes = len(lon)
    # In order of arrival: within each minute by the second at which a device sends.
    order = np.argsort(ways.second, kind="stable")
    at_ms = instant_ms(START) + np.arange(minutes)[:, None] * MINUTE_MS + ways.second[order]
    ids = pa.array([f"D{n}" for n in order.tolist()], pa.string())
    columns = {
        "device_id": pa.concat_arrays([ids] * minutes),
        "event_time": pa.array(at_ms.ravel()).cast(INSTANT),
        "lon": (lon + ways.east_m * EAST_DEG)[:, order].ravel().round(6),
        "lat": (lat + ways.north_m * NORTH_DEG)[:, order].ravel().round(6),
        "accuracy_m": ways.accuracy_m[:, order].ravel(),
        "source": pa.array(["gnss"]).take(pa.array(np.zeros(at_ms.size, np.int64))),
        "arrival_time": pa.array(at_ms.ravel() + 800).cast(INSTANT),
    }
    pq.write_table(pa.table(columns), directory / "pings.parquet")
    none = {"device_id": pa.string(), "event_time": INSTANT, "arrival_time": INSTANT}
    empty = pa.table({name: pa.array([], kind) for name, kind in none.items()})
    pq.write_table(empty, directory / "confirmations.parquet")
