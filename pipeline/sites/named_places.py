"""`places.csv`: what places are called, for people who ask where something happened. No rule knows them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import SiteError
from pipeline.sites.cells import number
from pipeline.sites.documents import PLACES
from pipeline.sites.findings import Findings, Place
from pipeline.sites.table import parse_table, read_text

COLUMNS = ("name", "lon", "lat")


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """A name in WGS-84 degrees; ``name_en`` where it is known in Latin letters too."""

    name: str
    lon: float
    lat: float
    name_en: str | None = None


def read_places(path: Path, findings: Findings) -> list[NamedPlace]:
    """The sound rows; none where there is no such file."""
    if not path.exists():
        return []
    return parse_places(path.name, read_text(path, Place(findings, path.name, "file")), findings)


def parse_places(name: str, text: str | None, findings: Findings) -> list[NamedPlace]:
    """The same of the text of a file of this name; none where there is no text."""
    table = parse_table(name, text, COLUMNS, findings) if text else None
    if table is None:
        return []
    places = []
    for _, (name, lon_text, lat_text), place in table.places(findings):
        if not name.strip():
            place.fault("name", "is empty", "what the place is called")
        lon = number(lon_text, "lon", place, accept=lambda x: abs(x) <= 180, expected="degrees within ±180")
        lat = number(lat_text, "lat", place, accept=lambda x: abs(x) <= 90, expected="degrees within ±90")
        if lon is not None and lat is not None:
            places.append(NamedPlace(name.strip(), lon, lat))
    return places


def load_places(directory: Path) -> list[NamedPlace]:
    """The named places of a site's directory. Raises SiteError with every fault of the file."""
    findings = Findings()
    places = read_places(directory / PLACES, findings)
    if findings.faults:
        raise SiteError(findings.faults)
    return places
