"""Simulated fleets to measure with, each made once and kept among the machine's temporary files."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simulators.scenario import simulate

_SIMULATORS = Path(__file__).resolve().parents[1] / "simulators"


@dataclass(frozen=True, slots=True)
class Fleet:
    """A directory as ``simulate`` writes it, and how many rows its streams have."""

    directory: Path
    people: int
    rows: int

    @property
    def site(self) -> Path:
        """The site's directory."""
        return self.directory / "site"

    @property
    def pings(self) -> Path:
        """The recorded pings."""
        return self.directory / "pings.parquet"

    @property
    def confirmations(self) -> Path:
        """The recorded confirmations."""
        return self.directory / "confirmations.parquet"


def fleet(scenario: str, people: int, hours: float, seed: int, start: str) -> Fleet:
    """A scenario's files; made anew where the simulators have changed since."""
    name = f"{scenario}-{people}-{hours:g}h-{seed}-{start[:16].replace(':', '')}"

    def make(directory: Path) -> None:
        simulate(scenario, people, hours, seed, directory, start=start)

    return kept(f"{name}-{_checksum():08x}", people, make)


def part_of(whole: Fleet, people: int) -> Fleet:
    """Some of a fleet's people, spread evenly, with all that is theirs and all that is shared."""
    if people >= whole.people:
        return whole
    return kept(f"{whole.directory.name}-{people}", people, lambda place: _write_part(whole, people, place))


def home_of_fleets() -> Path:
    """Where what was made to measure with is kept, among the machine's temporary files."""
    home = Path(tempfile.gettempdir()) / f"fencewatch-benchmarks-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    return home


def kept_directory(name: str, make: Callable[[Path], None]) -> Path:
    """What ``make`` writes into a directory, kept under a name; made where it is not there."""
    home = home_of_fleets()
    directory = home / name
    if not directory.exists():
        scratch = Path(tempfile.mkdtemp(dir=home))
        try:
            make(scratch)
            scratch.rename(directory)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return directory


def kept(name: str, people: int, make: Callable[[Path], None]) -> Fleet:
    """The same of a site with its streams."""
    directory = kept_directory(name, make)
    files = (directory / "pings.parquet", directory / "confirmations.parquet")
    return Fleet(directory, people, sum(pq.read_metadata(file).num_rows for file in files))


def _checksum() -> int:
    checksum = 0
    for path in sorted(_SIMULATORS.rglob("*.py")):
        checksum = zlib.crc32(path.read_bytes(), checksum)
    return checksum


def _write_part(whole: Fleet, people: int, directory: Path) -> None:
    site = directory / "site"
    site.mkdir()
    ids = [row["person_id"] for row in _rows(whole.site / "people.csv")]
    chosen = set(ids[:: max(len(ids) // people, 1)][:people])
    for name in ("offices.csv", "policy.toml"):
        shutil.copy(whole.site / name, site / name)
    for name in ("people.csv", "devices.csv", "leaves.csv"):
        _copy_rows(whole.site / name, site / name, chosen)
    _copy_fences(whole.site / "fences.geojson", site / "fences.geojson", chosen)
    devices = pa.array([row["device_id"] for row in _rows(site / "devices.csv")], pa.string())
    for name in ("pings.parquet", "confirmations.parquet"):
        _copy_stream(whole.directory / name, directory / name, devices)


def _rows(path: Path) -> Iterable[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _copy_rows(old: Path, new: Path, chosen: Container[str]) -> None:
    with old.open(newline="", encoding="utf-8") as file, new.open("w", newline="", encoding="utf-8") as copy:
        reader = csv.DictReader(file)
        writer = csv.DictWriter(copy, reader.fieldnames or ())
        writer.writeheader()
        writer.writerows(row for row in reader if row["person_id"] in chosen)


def _copy_fences(old: Path, new: Path, chosen: Container[str]) -> None:
    """Fences with the selectors that still name somebody; without any the fence is left out."""
    collection = json.loads(old.read_text("utf-8"))
    kept = []
    for feature in collection["features"]:
        selectors = [
            selector
            for selector in feature["properties"]["applies_to"]
            if not selector.startswith("person:") or selector.removeprefix("person:") in chosen
        ]
        if selectors:
            feature["properties"]["applies_to"] = selectors
            kept.append(feature)
    new.write_text(json.dumps({**collection, "features": kept}, ensure_ascii=False), "utf-8")


def _copy_stream(old: Path, new: Path, devices: pa.Array) -> None:
    mine = pq.read_table(old, filters=pc.field("device_id").isin(devices))
    pq.write_table(mine, new)
