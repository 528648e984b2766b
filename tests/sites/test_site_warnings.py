"""What is legal in a site and odd is warned of, once per name where it is a name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from minimal_site import FILES, Edit, write_site

from pipeline.sites.load import check_site, load_site

FENCES, PEOPLE, DEVICES, OFFICES = "fences.geojson", "people.csv", "devices.csv", "offices.csv"
FOR_ALL = '["class:general", "all"]'
SCHEDULE = '["Mo-Fr 22:00-06:00"]'

#: (why, edits, what the one warning's line must hold)
WARNINGS: list[tuple[str, list[Edit], list[str]]] = [
    ("a person without device", [(DEVICES, "D2,P2,wristband,,\n", "")],
     ["people.csv: row 2: 'P2' has no device"]),
    ("a device before the supervision", [(DEVICES, "wristband,,", "wristband,,2025-01-01T00:00:00+08:00")],
     ["row 2: 'P2' has no device", "within the supervision"]),
    ("an unknown column", [(PEOPLE, "O1,general,,", "O1,general,,,x"),
     (PEOPLE, "valid_to\n", "valid_to,tag\n"),
      (PEOPLE, "2026-01-01T00:00:00+08:00", "2026-01-01T00:00:00+08:00,y")],
     ["people.csv: file: unknown name 'tag' is left out (2 rows)"]),
    ("an unknown property", [(FENCES, '"severity"', '"colour": 1, "severity"')],
     ["fences.geojson: file: unknown name 'colour' is left out (1 feature)"]),
    ("a person yet to come", [(FENCES, FOR_ALL, '["person:P2"]'), (FENCES, '"2025-01', '"2026-01')],
     ["feature 2 (zone), applies_to: matches nobody while the fence is valid"]),
    ("a class of nobody", [(FENCES, FOR_ALL, '["class:lenient"]')], ["(zone), applies_to: matches nobody"]),
    ("an office of nobody",
     [(OFFICES, "O1,C1,", "O2,C1,Empty,judicial_office\nO1,C1,"), (FENCES, FOR_ALL, '["office:O2"]')],
     ["(zone), applies_to: matches nobody"]),
    ("a leave named as a fence", [("leaves.csv", "L1,P1", "home,P1")],
     ["row 1, leave_id: 'home' is a fence_id too"]),
    ("a county below an office",
     [(OFFICES, "County,county", "County,judicial_office"),
     (OFFICES, "Office,judicial_office", "Office,county")],
     ["offices.csv: row 2, parent_id: county 'O1' is below the judicial_office 'C1'"]),
    ("a holiday table that ends", [(FENCES, SCHEDULE, '["Mo-Fr 08:00-12:00", "PH off"]')],
     ["feature 2 (zone), schedule: asks for public holidays", "in holidays.toml"]),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "words"), [row[1:] for row in WARNINGS], ids=[row[0] for row in WARNINGS])
def test_warning(tmp_path: Path, edits: list[Edit], words: list[str]) -> None:
    faults, warnings = check_site(write_site(tmp_path, *edits))
    assert faults == []
    assert len(warnings) == 1, warnings
    assert all(word in str(warnings[0]) for word in words), str(warnings[0])
    assert load_site(tmp_path)


def test_a_file_that_is_no_part_of_a_site(tmp_path: Path) -> None:
    """leaves.csv need not be there, so a slip in its name would lose it without a word."""
    (write_site(tmp_path) / "leave.csv").write_text("leave_id\n")
    (tmp_path / "truth.ndjson").write_text("")
    _, warnings = check_site(tmp_path)
    assert [warning.file for warning in warnings] == ["leave.csv"]


def test_a_holiday_table_that_reaches_is_no_warning(tmp_path: Path) -> None:
    within = (FENCES, SCHEDULE, '["Mo-Fr 08:00-12:00", "PH off"], "valid_to": "2025-12-31T16:00:00Z"')
    assert check_site(write_site(tmp_path, within)) == ([], [])


def test_a_far_end_is_as_good_as_none(tmp_path: Path) -> None:
    """9999-12-31 in UTC is no date at all in Shanghai."""
    far = (FENCES, SCHEDULE, '["Mo-Fr 08:00-12:00", "PH off"], "valid_to": "9999-12-31T23:59:59Z"')
    faults, warnings = check_site(write_site(tmp_path, far))
    assert faults == []
    assert [warning.where for warning in warnings] == ["feature 2 (zone), schedule"]


# --- keep-in fences covered by another of their group -----------------------------------------------

BOX = "POLYGON 106.40 29.40, 106.60 29.40, 106.60 29.60, 106.40 29.60, 106.40 29.40"
INNER = "POLYGON 106.45 29.45, 106.55 29.45, 106.55 29.55, 106.45 29.55, 106.45 29.45"
ACROSS = "POLYGON 106.55 29.45, 106.65 29.45, 106.65 29.55, 106.55 29.55, 106.55 29.45"
CIRCLE = "POINT 106.5 29.5"

#: The ground of a fence and its further properties.
Ground = tuple[str, dict[str, object]]

MANY: list[Ground] = [(INNER, {}) for _ in range(20)]

#: (why, the fences as (ground, further properties), numbers of the features warned of)
COVERED: list[tuple[str, list[Ground], list[int]]] = [
    ("inside", [(INNER, {}), (BOX, {})], [1]),
    ("across", [(ACROSS, {}), (BOX, {})], []),
    ("equal: the later", [(BOX, {}), (BOX, {}), (BOX, {})], [2, 3]),
    ("another group", [(INNER, {"group": "other"}), (BOX, {})], []),
    ("a circle in a box", [(CIRCLE, {"radius_m": 500}), (BOX, {})], [1]),
    ("a circle about a box", [(INNER, {}), (CIRCLE, {"radius_m": 20_000})], [1]),
    ("a circle in a circle", [(CIRCLE, {"radius_m": 500}), (CIRCLE, {"radius_m": 501})], [1]),
    ("a circle larger than its box", [(CIRCLE, {"radius_m": 12_000}), (BOX, {})], []),
    ("for more people", [(INNER, {"applies_to": ["office:O1"]}), (BOX, {"applies_to": ["office:C1"]})], [1]),
    ("for everyone", [(INNER, {"applies_to": ["person:P1", "person:P2"]}), (BOX, {"applies_to": ["all"]})],
     [1]),
    ("for fewer people", [(INNER, {"applies_to": ["all"]}), (BOX, {"applies_to": ["office:C1"]})], []),
    ("for some of them",
     [(INNER, {"applies_to": ["person:P1", "person:P2"]}), (BOX, {"applies_to": ["person:P1"]})], []),
    ("for a shorter time", [(INNER, {}), (BOX, {"valid_to": "2025-06-01T00:00:00Z"})], []),
    ("for a longer time", [(INNER, {"valid_to": "2025-06-01T00:00:00Z"}), (BOX, {})], [1]),
    ("open at other hours", [(INNER, {}), (BOX, {"schedule": ["Mo-Fr 08:00-12:00"]})], []),
    ("open at the same hours",
     [(INNER, {"schedule": ["08:00-12:00"]}), (BOX, {"schedule": ["Mo-Su 08:00-12:00"]})], [1]),
    ("of less tolerance", [(INNER, {"tolerance_m": 50}), (BOX, {"tolerance_m": 5})], []),
    ("many", [*MANY, (BOX, {})], list(range(1, 21))),
]  # fmt: skip


@pytest.mark.parametrize(("fences", "warned"), [row[1:] for row in COVERED], ids=[row[0] for row in COVERED])
def test_covered(tmp_path: Path, fences: list[Ground], warned: list[int]) -> None:
    write_site(tmp_path, ("leaves.csv", "home,106.6", ",106.6"))
    features = [_feature(number, *fence) for number, fence in enumerate(fences, 1)]
    (tmp_path / FENCES).write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    faults, warnings = check_site(tmp_path)
    assert faults == []
    assert [warning.where for warning in warnings] == [f"feature {n} (f{n}), geometry" for n in warned]


def _feature(number: int, ground: str, further: dict[str, object]) -> dict[str, object]:
    kind, _, text = ground.partition(" ")
    points = [[float(degrees) for degrees in pair.split()] for pair in text.split(", ")]
    geometry = (
        {"type": "Point", "coordinates": points[0]}
        if kind == "POINT"
        else {"type": "Polygon", "coordinates": [points]}
    )
    properties = {"fence_id": f"f{number}", "rule": "keep_in", "group": "life", "applies_to": ["person:P1"]}
    return {"type": "Feature", "properties": {**properties, **further}, "geometry": geometry}


def test_the_sound_site_has_nothing_odd(tmp_path: Path) -> None:
    assert set(FILES) == {path.name for path in write_site(tmp_path).iterdir()}
    assert check_site(tmp_path) == ([], [])
