"""leaves.csv: where a person may be for a while."""

from __future__ import annotations

from collections.abc import Set

from geofences.instant import BEGIN_MS
from pipeline.sites.cells import Span, identifier, instant, number, validity
from pipeline.sites.findings import Findings, Place, shown
from pipeline.sites.records import Leave
from pipeline.sites.table import Table
from pipeline.sites.versions import overlaps

COLUMNS = (
    "leave_id",
    "person_id",
    "valid_from",
    "valid_to",
    "category",
    "module",
    "fence_ids",
    "lon",
    "lat",
    "radius_m",
    "approved_at",
)

#: lon, lat and radius_m of a leave's circle.
Circle = tuple[float, float, float]


def read_leaves(
    table: Table, people: Set[str] | None, fences: Set[str] | None, findings: Findings
) -> dict[int, Leave]:
    """Sound rows by row number; a set that is None could not be read, and nothing is held against it."""
    leaves: dict[int, Leave] = {}
    spans: dict[int, tuple[str, str, Span]] = {}
    for row, cells, place in table.places(findings):
        named = dict(zip(COLUMNS, cells, strict=True))
        leave_id = identifier(named["leave_id"], "leave_id", place)
        span = validity(named["valid_from"], named["valid_to"], place)
        leave = _leave(named, span, people, fences, place)
        if leave_id and span:
            spans[row] = leave_id, named["person_id"], span
            if leave is not None:
                leaves[row] = leave
    _fault_repeats(table.file, spans, findings)
    return leaves


def _leave(
    cells: dict[str, str],
    span: Span | None,
    people: Set[str] | None,
    fences: Set[str] | None,
    place: Place,
) -> Leave | None:
    faults = len(place.findings.faults)
    person_id = cells["person_id"]
    if people is not None and person_id not in people:
        place.fault("person_id", f"unknown person {shown(person_id)}", "a person_id of people.csv")
    approved_ms = instant(cells["approved_at"], "approved_at", place, empty_ms=BEGIN_MS)
    fence_ids = _fence_ids(cells["fence_ids"], fences, place)
    circle = _circle(cells["lon"], cells["lat"], cells["radius_m"], place)
    if not any(cells[name] for name in ("fence_ids", "lon", "lat", "radius_m")):
        expected = "fence_ids, or lon, lat and radius_m, or both"
        place.fault("fence_ids", "neither fences nor a circle", expected)
    if len(place.findings.faults) > faults or span is None or approved_ms is None:
        return None
    lon, lat, radius_m = circle or (None, None, None)
    category, module = cells["category"], cells["module"]
    leave_id = cells["leave_id"]
    return Leave(leave_id, person_id, *span, category, module, fence_ids, lon, lat, radius_m, approved_ms)


def _fence_ids(text: str, fences: Set[str] | None, place: Place) -> tuple[str, ...]:
    if not text:
        return ()
    names = [name.strip() for name in text.split(";")]
    for name in dict.fromkeys(names):
        if not name:
            place.fault("fence_ids", f"an empty name in {shown(text)}", "fence_ids separated by ;")
        elif fences is not None and name not in fences:
            place.fault("fence_ids", f"unknown fence {shown(name)}", "a fence_id of fences.geojson")
    return tuple(dict.fromkeys(names))


def _circle(lon_text: str, lat_text: str, radius_text: str, place: Place) -> Circle | None:
    given = {"lon": lon_text, "lat": lat_text, "radius_m": radius_text}
    if not any(given.values()):
        return None
    missing = [name for name, text in given.items() if not text]
    if missing:
        wrong = f"part of a circle only, without {' and '.join(missing)}"
        place.fault(missing[0], wrong, "lon, lat and radius_m together, or none of them")
        return None
    lon = number(lon_text, "lon", place, accept=_is_lon, expected="degrees from -180 to 180")
    lat = number(lat_text, "lat", place, accept=_is_lat, expected="degrees from -90 to 90")
    radius_m = number(radius_text, "radius_m", place, accept=_is_radius, expected="metres above 0")
    if lon is None or lat is None or radius_m is None:
        return None
    return lon, lat, radius_m


def _is_lon(deg: float) -> bool:
    return abs(deg) <= 180


def _is_lat(deg: float) -> bool:
    return abs(deg) <= 90


def _is_radius(metres: float) -> bool:
    return metres > 0


def _fault_repeats(file: str, spans: dict[int, tuple[str, str, Span]], findings: Findings) -> None:
    """A leave_id may come again for the same person at another time, and in no other way."""
    owner: dict[str, str] = {}
    for row, (leave_id, person_id, _) in spans.items():
        if owner.setdefault(leave_id, person_id) != person_id:
            wrong = f"{shown(leave_id)} is a leave of {shown(owner[leave_id])} already"
            Place(findings, file, f"row {row}").fault("leave_id", wrong, "a leave_id of one person")
    versions = (((leave_id, person_id), span, row) for row, (leave_id, person_id, span) in spans.items())
    for row, other in overlaps(versions):
        wrong = f"{shown(spans[row][0])} stands in row {other} for the same time"
        Place(findings, file, f"row {row}").fault("leave_id", wrong, "each leave once")
