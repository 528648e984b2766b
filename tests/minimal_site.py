"""A small sound site as text, and copies of it with one thing changed."""

from __future__ import annotations

from pathlib import Path

#: An edit of one file: (file, what stands there, what is to stand there). An empty second is the whole file.
Edit = tuple[str, str, str]

WHOLE = ""

FILES = {
    "offices.csv": """\
office_id,parent_id,name,level
C1,,County,county
O1,C1,Office,judicial_office
""",
    "people.csv": """\
person_id,name,office_id,class,valid_from,valid_to
P1,Person 1,O1,general,,
P2,Person 2,O1,strict,2025-01-01T00:00:00+08:00,2026-01-01T00:00:00+08:00
""",
    "devices.csv": """\
device_id,person_id,kind,valid_from,valid_to
D1,P1,phone,,
D2,P2,wristband,,
""",
    "leaves.csv": """\
leave_id,person_id,valid_from,valid_to,category,module,fence_ids,lon,lat,radius_m,approved_at
L1,P1,2025-07-01T00:00:00Z,2025-07-02T00:00:00Z,work,travel,home,106.6,29.6,2000,
""",
    "policy.toml": """\
version = "test"
[boundary]
keep_in = { tolerance_m = 5.0 }
""",
    "fences.geojson": """\
{"type": "FeatureCollection", "features": [
{"type": "Feature",
 "properties": {"fence_id": "home", "rule": "keep_in", "applies_to": ["person:P1", "office:C1"],
  "crs": "gcj02"},
 "geometry": {"type": "Polygon", "coordinates": [[[106, 29], [107, 29], [107, 30], [106, 30], [106, 29]]]}},
{"type": "Feature",
 "properties": {"fence_id": "zone", "rule": "keep_out", "applies_to": ["class:general", "all"],
  "radius_m": 300, "schedule": ["Mo-Fr 22:00-06:00"], "valid_from": "2025-01-01T00:00:00+08:00",
  "severity": 2},
 "geometry": {"type": "Point", "coordinates": [106.5, 29.5]}}
]}
""",
}


def write_site(directory: Path, *edits: Edit) -> Path:
    """The sound site with these edits, each of which must find exactly one place."""
    files = dict(FILES)
    for file, old, new in edits:
        text = files.get(file, "")
        assert old == WHOLE or text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        files[file] = text.replace(old, new) if old != WHOLE else new
    for file, text in files.items():
        (directory / file).parent.mkdir(exist_ok=True)
        (directory / file).write_text(text, encoding="utf-8")
    return directory
