"""The site of a nation, with a home fence for everybody, and the rows that its devices send."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.csv_rows import write_csv
from benchmarks.fleet import kept_directory
from pipeline.ingest.received import Received
from pipeline.ingest.usable import UsableBatch
from pipeline.ping import PING
from pipeline.sites.leaves import COLUMNS as LEAVE_COLUMNS

#: People of one judicial office, and of one county.
OFFICE_PEOPLE, COUNTY_PEOPLE = 100, 2_000
HOME_RADIUS_M = 300
#: One shared zone for so many people, far from every home; the first of them is here.
ZONE_PEOPLE, ZONE_LON, ZONE_LAT = 1_000, 80.0, 30.0
#: Every other home has a curfew instead of holding all day.
CURFEW = ["22:00-06:00"]
#: A device that stands in a zone is an alert at once: so what is in force shows.
POLICY = """\
version = "bench"
[boundary]
keep_out = { fixes = 1, dwell_s = 0 }
[confirmation]
general = []
strict = []
lenient = []
"""
_INSTANT = pa.timestamp("ms", "UTC")
#: Where homes lie: a grid of so many degrees from here.
_WEST, _SOUTH, _STEP_DEG, _COLUMNS = 100.0, 24.0, 0.01, 1_500


@dataclass(frozen=True, slots=True)
class Nation:
    """So many people, each with a device and a home; everything else follows from their numbers."""

    people: int

    @property
    def lon(self) -> NDArray[np.float64]:
        """The homes' longitudes, shape (people,)."""
        return np.asarray(_WEST + np.arange(self.people) % _COLUMNS * _STEP_DEG, np.float64)

    @property
    def lat(self) -> NDArray[np.float64]:
        """The homes' latitudes, shape (people,)."""
        return np.asarray(_SOUTH + np.arange(self.people) // _COLUMNS * _STEP_DEG, np.float64)

    def office(self, person: int) -> str:
        """The office of a person."""
        return f"O{person // OFFICE_PEOPLE}"

    def person(self, person: int) -> dict[str, str]:
        """The row of a person."""
        return {
            "person_id": f"P{person}", "name": f"Person {person}", "office_id": self.office(person),
            "class": "general", "valid_from": "", "valid_to": "",
        }  # fmt: skip

    def device(self, person: int) -> dict[str, str]:
        """The row of a person's device."""
        return {"device_id": f"D{person}", "person_id": f"P{person}", "kind": "wristband",
                "valid_from": "", "valid_to": ""}  # fmt: skip

    def home(self, person: int, radius_m: int = HOME_RADIUS_M) -> dict[str, Any]:
        """The fence round a person's home."""
        properties: dict[str, Any] = {
            "fence_id": f"H{person}", "rule": "keep_in", "applies_to": [f"person:P{person}"],
            "radius_m": radius_m,
        }  # fmt: skip
        if person % 2:
            properties["schedule"] = CURFEW
        return self._circle(properties, person)

    def zone(self, name: str, person: int) -> dict[str, Any]:
        """A zone round a person's home that is for this person: they stand in it."""
        properties = {"fence_id": name, "rule": "keep_out", "applies_to": [f"person:P{person}"],
                      "radius_m": HOME_RADIUS_M / 2}  # fmt: skip
        return self._circle(properties, person)

    def _circle(self, properties: dict[str, Any], person: int) -> dict[str, Any]:
        lon, lat = _WEST + person % _COLUMNS * _STEP_DEG, _SOUTH + person // _COLUMNS * _STEP_DEG
        centre = {"type": "Point", "coordinates": [round(lon, 6), round(lat, 6)]}
        return {"type": "Feature", "properties": properties, "geometry": centre}

    def write(self, directory: Path, changed: int = 0) -> None:
        """The files of the site; the homes of the first ``changed`` people are larger by a metre."""
        people = range(self.people)
        write_csv(directory / "offices.csv", self._offices())
        write_csv(directory / "people.csv", map(self.person, people))
        write_csv(directory / "devices.csv", map(self.device, people))
        (directory / "leaves.csv").write_text(",".join(LEAVE_COLUMNS) + "\n")
        (directory / "policy.toml").write_text(POLICY)
        with (directory / "fences.geojson").open("w") as file:
            file.write('{"type": "FeatureCollection", "features": [\n')
            for person in people:
                home = self.home(person, HOME_RADIUS_M + (person < changed))
                file.write(json.dumps(home) + ",\n")
            file.write(",\n".join(json.dumps(self._shared_zone(number)) for number in range(self._zones)))
            file.write("\n]}\n")

    @property
    def _zones(self) -> int:
        return max(1, self.people // ZONE_PEOPLE)

    def _shared_zone(self, number: int) -> dict[str, Any]:
        properties = {"fence_id": f"Z{number}", "rule": "keep_out", "applies_to": ["all"], "radius_m": 200}
        lon, lat = ZONE_LON + number % 100 * 0.05, ZONE_LAT + number // 100 * 0.05
        centre = {"type": "Point", "coordinates": [lon, lat]}
        return {"type": "Feature", "properties": properties, "geometry": centre}

    def _offices(self) -> Iterable[dict[str, str]]:
        counties = -(-self.people // COUNTY_PEOPLE)
        yield {"office_id": "N", "parent_id": "", "name": "Nation", "level": "province"}
        for county in range(counties):
            yield {"office_id": f"C{county}", "parent_id": "N", "name": f"County {county}", "level": "county"}
        for office in range(-(-self.people // OFFICE_PEOPLE)):
            county = office * OFFICE_PEOPLE // COUNTY_PEOPLE
            yield {"office_id": f"O{office}", "parent_id": f"C{county}", "name": f"Office {office}",
                   "level": "judicial_office"}  # fmt: skip


def nation_site(nation: Nation, changed: int = 0) -> Path:
    """The directory of the site, made once and kept among the machine's temporary files."""
    name = f"nation-{nation.people}-{changed}-3"
    return kept_directory(name, lambda directory: nation.write(directory, changed))


class Pings:
    """Rows of all devices in turn, each at home."""

    def __init__(self, nation: Nation, seed: int) -> None:
        random = np.random.default_rng(seed)
        self._ids = pa.array([f"D{person}" for person in range(nation.people)], pa.string())
        self._lon = nation.lon + random.uniform(-2e-4, 2e-4, nation.people)
        self._lat = nation.lat + random.uniform(-2e-4, 2e-4, nation.people)
        self._next = 0

    def next(self, rows: int, now_ms: int) -> Received:
        """So many rows more, as a gateway has them decoded, of devices whose clocks are right."""
        first = self._next if self._next + rows <= len(self._ids) else 0
        self._next = first + rows
        event_ms = np.full(rows, now_ms, np.int64)
        cells = {
            "device_id": self._ids.slice(first, rows),
            "event_time": pa.array(event_ms).cast(_INSTANT),
            "lon": pa.array(self._lon[first : first + rows]),
            "lat": pa.array(self._lat[first : first + rows]),
        }
        lines: Sequence[bytes] = ()
        usable = UsableBatch(pa.RecordBatch.from_pydict(cells))
        return Received(PING, np.zeros(rows, np.int8), event_ms, usable, lines, (now_ms, now_ms))
