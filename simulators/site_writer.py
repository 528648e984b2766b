"""Writes a site directory and the truth beside it, the same bytes for the same content."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shapely.geometry import mapping

from geofences.instant import BEGIN_MS, END_MS
from pipeline.sites.records import Leave, Office
from simulators.names import made_up_names
from simulators.orders import PlannedFence
from simulators.population import CLASSES, Population
from simulators.truth import Incident

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAVE_COLUMNS = (
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


def instant_text(ms: int) -> str:
    """``2025-07-14T00:30:15.000Z``; empty for the two ends of all time."""
    if ms in (BEGIN_MS, END_MS):
        return ""
    moment = _EPOCH + timedelta(milliseconds=ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def write_site(
    site: Path,
    folk: Population,
    offices: Sequence[Office],
    fences: Iterable[PlannedFence],
    leaves: Iterable[Leave],
    policy_toml: str,
) -> None:
    """All files of a site; the directory is made where it is missing."""
    site.mkdir(parents=True, exist_ok=True)
    _write_fences(site / "fences.geojson", fences)
    _write_people(site, folk, [office.office_id for office in offices if office.level == "judicial_office"])
    _write_table(
        site / "offices.csv",
        ("office_id", "parent_id", "name", "level"),
        ((office.office_id, office.parent_id or "", office.name, office.level) for office in offices),
    )
    _write_table(site / "leaves.csv", _LEAVE_COLUMNS, map(_leave_row, leaves))
    (site / "policy.toml").write_text(policy_toml, encoding="utf-8", newline="\n")


def write_truth(path: Path, incidents: Iterable[Incident]) -> None:
    """One line per incident, in order of time."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for incident in sorted(incidents, key=_incident_key):
            row = {
                "kind": incident.kind,
                "person_id": incident.person_id,
                "device_id": incident.device_id,
                "group": incident.group,
                "fence_id": incident.fence_id,
                "from": instant_text(incident.from_ms),
                "to": instant_text(incident.to_ms),
                "note": incident.note,
            }
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def _write_people(site: Path, folk: Population, office_ids: list[str]) -> None:
    ids = folk.person_ids
    people = zip(ids, made_up_names(len(ids)), folk.office.tolist(), folk.class_.tolist(), strict=True)
    _write_table(
        site / "people.csv",
        ("person_id", "name", "office_id", "class", "valid_from", "valid_to"),
        ((id_, name, office_ids[office], CLASSES[of], "", "") for id_, name, office, of in people),
    )
    devices = zip(folk.device_ids, folk.device_person.tolist(), folk.wristband.tolist(), strict=True)
    _write_table(
        site / "devices.csv",
        ("device_id", "person_id", "kind", "valid_from", "valid_to"),
        ((id_, ids[person], "wristband" if band else "phone", "", "") for id_, person, band in devices),
    )


def _write_fences(path: Path, fences: Iterable[PlannedFence]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"type":"FeatureCollection","features":[')
        for number, fence in enumerate(fences):
            file.write(",\n" if number else "\n")
            file.write(json.dumps(_feature(fence), ensure_ascii=False, separators=(",", ":")))
        file.write("\n]}\n")


def _feature(fence: PlannedFence) -> dict[str, object]:
    properties: dict[str, object] = {
        "fence_id": fence.fence_id,
        "name": fence.name,
        "rule": fence.rule,
        "applies_to": list(fence.applies_to),
    }
    if fence.reach_m:
        properties["radius_m" if fence.shape.geom_type == "Point" else "buffer_m"] = fence.reach_m
    if fence.schedule:
        properties["schedule"] = list(fence.schedule)
    if fence.severity:
        properties["severity"] = fence.severity
    return {"type": "Feature", "properties": properties, "geometry": mapping(fence.shape)}


def _leave_row(leave: Leave) -> tuple[object, ...]:
    return (
        leave.leave_id,
        leave.person_id,
        instant_text(leave.valid_from_ms),
        instant_text(leave.valid_to_ms),
        leave.category,
        leave.module,
        ";".join(leave.fence_ids),
        leave.lon,
        leave.lat,
        leave.radius_m,
        instant_text(leave.approved_at_ms),
    )


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)


def _incident_key(incident: Incident) -> tuple[int, str, str, str, str]:
    return (
        incident.from_ms,
        incident.kind,
        incident.person_id,
        incident.device_id or "",
        incident.fence_id or "",
    )
