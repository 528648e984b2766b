"""What is wrong in fences.geojson is told with its feature, fence_id, field and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest
from minimal_site import WHOLE, Edit, write_site

from pipeline.sites.load import check_site

FENCES = "fences.geojson"
POLYGON = '{"type": "Polygon", "coordinates": [[[106, 29], [107, 29], [107, 30], [106, 30], [106, 29]]]}'
POINT = '{"type": "Point", "coordinates": [106.5, 29.5]}'
ZONE_ID, RULE, RADIUS = '"fence_id": "zone"', '"rule": "keep_out"', '"radius_m": 300'
FOR_HOME = '"applies_to": ["person:P1", "office:C1"]'
CRS, SEVERITY, SCHEDULE = '"crs": "gcj02"', '"severity": 2', '["Mo-Fr 22:00-06:00"]'
FROM = '"valid_from": "2025-01-01T00:00:00+08:00"'


def edit(old: str, new: str) -> Edit:
    return FENCES, old, new


def rings(*ring: str) -> Edit:
    """The polygon with these rings, as ``lon lat, lon lat``."""
    return edit(POLYGON, '{"type": "Polygon", "coordinates": [' + ",".join(map(_ring, ring)) + "]}")


def parts(*ring: str) -> Edit:
    """A MultiPolygon in place of the polygon, each part of one ring."""
    listed = ",".join(f"[{_ring(text)}]" for text in ring)
    return edit(POLYGON, '{"type": "MultiPolygon", "coordinates": [' + listed + "]}")


def line(text: str) -> Edit:
    """A corridor in place of the circle."""
    circle = f'{RADIUS}, "schedule": {SCHEDULE}, {FROM},\n  {SEVERITY}}},\n "geometry": {POINT}'
    ground = f'{{"type": "LineString", "coordinates": {_ring(text)}}}'
    return edit(circle, f'"buffer_m": 300}},\n "geometry": {ground}')


def _ring(text: str) -> str:
    return "[" + ",".join(f"[{', '.join(pair.split())}]" for pair in text.split(",") if pair) + "]"


#: (why, edit, what the one fault's line must hold)
FAULTS: list[tuple[str, Edit, list[str]]] = [
    # --- the file
    ("no JSON", (FENCES, WHOLE, "{"), ["file: is no JSON", "FeatureCollection"]),
    ("null", (FENCES, WHOLE, "null"), ["file: holds no FeatureCollection"]),
    ("a lone feature", (FENCES, WHOLE, '{"type": "Feature"}'), ["file: holds no FeatureCollection"]),
    ("a key twice", edit(RULE, '"rule": "keep_in", "rule": "keep_out"'), ["file: 'rule' is given twice"]),
    ("a key twice, its colons apart", edit(RULE, '"rule" : "keep_in", "rule"\n\t: "keep_out"'),
     ["file: 'rule' is given twice within 1 object;"]),
    ("a key twice, written otherwise", edit(RULE, '"rule": "keep_in", "r\\u0075le": "keep_out"'),
     ["file: 'rule' is given twice"]),
    ("a key twice deep down", edit('"type": "Point"', '"x": [[{"a": 1, "a": 2}]], "type": "Point"'),
     ["file: 'a' is given twice within 1 object;"]),
    ("moved by its crs", edit('n", "features', 'n", "crs": {"properties": {"name": "EPSG:3857"}}, "features'),
     ["file, crs: the collection's own crs 'EPSG:3857' is not read"]),
    # --- names and rules
    ("no fence_id", edit(ZONE_ID + ", ", ""), ["feature 2, fence_id: is missing"]),
    ("a number for an id", edit('"zone"', "7"), ["feature 2, fence_id: 7 is no text"]),
    ("an id with a space", edit('"zone"', '"zone "'), ["fence_id: 'zone ' has spaces"]),
    ("no rule", edit(RULE, '"rule": null'), ["feature 2 (zone), rule: is missing", "keep_in, keep_out"]),
    ("a rule of nowhere", edit(RULE, '"rule": "keep"'), ["feature 2 (zone), rule: unknown rule 'keep'"]),
    ("an empty group", edit(CRS, '"group": ""'), ["feature 1 (home), group: is empty"]),
    ("a number for a group", edit(CRS, '"group": 3'), ["feature 1 (home), group: 3 is no text"]),
    ("an id of half a letter", edit(ZONE_ID, '"fence_id": "\\ud800"'),
     ["fence_id: '\\ud800' is no Unicode text"]),
    ("a name of half a letter", edit(ZONE_ID, f'{ZONE_ID}, "name": "a\\udc00"'),
     ["(zone), name: 'a\\udc00' is no Unicode text"]),
    ("a crs of nowhere", edit(CRS, '"crs": "epsg:4326"'), ["(home), crs: unknown crs 'epsg:4326'", "bd09"]),
    ("graver than grave", edit(SEVERITY, '"severity": 0'), ["(zone), severity: 0 will not do", "1 to 4"]),
    ("milder than mild", edit(SEVERITY, '"severity": 5'), ["(zone), severity: 5"]),
    ("half a severity", edit(SEVERITY, '"severity": 2.0'), ["(zone), severity: 2.0"]),
    ("true is no severity", edit(SEVERITY, '"severity": true'), ["(zone), severity: true"]),
    ("narrowed by tolerance", edit(CRS, '"tolerance_m": -1'), ["(home), tolerance_m: -1", "at least 0"]),
    ("endless tolerance", edit(CRS, '"tolerance_m": Infinity'), ["(home), tolerance_m: Infinity"]),
    ("text for a number", edit(CRS, '"tolerance_m": "5"'), ["(home), tolerance_m: '5'"]),
    # --- whom it is for
    ("for whom?", edit(FOR_HOME, '"name": "x"'), ["feature 1 (home), applies_to: is missing", "person:ID"]),
    ("for nobody", edit(FOR_HOME, '"applies_to": []'), ["(home), applies_to: is empty"]),
    ("no list", edit(FOR_HOME, '"applies_to": "all"'), ["(home), applies_to: 'all' is no list"]),
    ("a name without kind", edit('"office:C1"', '"C1"'), ["applies_to: malformed selector 'C1'"]),
    ("a kind without name", edit('"office:C1"', '"office:"'), ["malformed selector 'office:'"]),
    ("a kind of nowhere", edit('"office:C1"', '"team:C1"'), ["malformed selector 'team:C1'"]),
    ("a number", edit('"office:C1"', "1"), ["malformed selector 1;"]),
    ("a person of nowhere", edit("person:P1", "person:P9"), ["unknown person 'P9'", "people.csv"]),
    ("an office of nowhere", edit("office:C1", "office:C9"), ["unknown office 'C9'", "offices.csv"]),
    ("a class of nowhere", edit("class:general", "class:vip"), ["unknown class 'vip'", "lenient, strict"]),
    # --- when it holds
    ("no offset", edit("00:00:00+08:00", "00:00:00"), ["(zone), valid_from:", "no time with offset"]),
    ("a number for a time", edit(FROM, '"valid_from": 1735660800'), ["valid_from: 1735660800 is no text"]),
    ("reversed", edit(FROM, FROM + ', "valid_to": "2024-01-01T00:00:00Z"'), ["valid_to", "is not after"]),
    ("a day of nowhere", edit(SCHEDULE, '["Xx 08:00-09:00"]'), ["(zone), schedule:", "Xx"]),
    ("an hour of nowhere", edit(SCHEDULE, '["Mo 25:00-26:00"]'), ["(zone), schedule:", "25:00"]),
    ("never open", edit(SCHEDULE, "[]"), ["(zone), schedule: [] is no list of windows"]),
    ("a text for a list", edit(SCHEDULE, '"24/7"'), ["(zone), schedule: '24/7' is no list"]),
    ("versions at one time", edit('"zone", "rule": "keep_out"', '"home", "rule": "keep_in"'),
     ["feature 2 (home), valid_from: overlaps in time with feature 1 (home)"]),
    ("versions of two rules", edit(CRS, '"valid_to": "2025-01-01T00:00:00+08:00"},\n "geometry": ' + POLYGON
     + '},\n{"type": "Feature", "properties": {"fence_id": "home", "rule": "keep_out", "applies_to": ["all"],'
     + ' "valid_from": "2025-01-01T00:00:00+08:00"'),
     ["feature 2 (home), rule: keep_out, where feature 1 (home) of the same fence_id is keep_in"]),
    # --- reach
    ("a point", edit(RADIUS + ",", ""), ["feature 2 (zone), radius_m: is missing on a Point", "above 0"]),
    ("a circle of nothing", edit(RADIUS, '"radius_m": 0'), ["(zone), radius_m: 0 will not do"]),
    ("a buffered circle", edit(RADIUS, RADIUS + ', "buffer_m": 5'),
     ["(zone), buffer_m: is given on a Point"]),
    ("a polygon with a radius", edit(CRS, '"radius_m": 5'), ["(home), radius_m: is given on a Polygon"]),
    ("a line without buffer", edit(POINT, '{"type": "LineString", "coordinates": [[106, 29], [107, 29]]}'),
     ["(zone), buffer_m: is missing on a LineString", "radius_m: is given on a LineString"]),
    # --- ground
    ("no geometry", edit(POLYGON, "null"), ["feature 1 (home), geometry: type null", "MultiPolygon"]),
    ("many points", edit(POLYGON, '{"type": "MultiPoint", "coordinates": [[1, 2]]}'), ["type 'MultiPoint'"]),
    ("no ring", rings(), ["geometry: coordinates [] hold no ring"]),
    ("no part", parts(), ["geometry: coordinates [] hold no part"]),
    ("two corners", rings("106 29, 107 29, 106 29"), ["ring 1 has 3 positions", "at least 4"]),
    ("not closed", rings("106 29, 107 29, 107 30, 106 30"), ["ring 1 is not closed"]),
    ("a hole not closed",
     rings("106 29, 107 29, 107 30, 106 29", "106.5 29.1, 106.6 29.1, 106.6 29.2, 106.5 29.2"),
     ["ring 2 is not closed"]),
    ("no area", rings("106 29, 107 29, 106 29, 107 29, 106 29"), ["(home), geometry: a ring", "has no area"]),
    ("a bow tie", rings("106 29, 107 30, 107 29, 106 30, 106 29"), ["(home), geometry: a ring crosses"]),
    ("a hole outside", rings("106 29, 107 29, 107 30, 106 29", "108 29, 109 29, 109 30, 108 29"), ["a ring"]),
    ("parts that overlap", parts("106 29, 107 29, 107 30, 106 29", "106.5 29, 107.5 29, 107.5 30, 106.5 29"),
     ["(home), geometry: parts overlap or share an edge"]),
    ("parts along an edge",
     parts("106 29, 107 29, 107 30, 106 30, 106 29", "107 29, 108 29, 108 30, 107 30, 107 29"),
     ["(home), geometry: parts overlap or share an edge"]),
    ("a part of a part",
     parts("106 29, 107 29, 107 30, 106 30, 106 29", "106.1 29.1, 106.2 29.1, 106.2 29.2, 106.1 29.1"),
     ["(home), geometry: parts overlap"]),
    ("a part beyond the world", parts("106 29, 107 29, 107 30, 106 29", "179 0, 181 0, 181 1, 179 0"),
     ["part 2, ring 1: position 2, [181, 0], is beyond ±180", "(2 such positions)", "cut there"]),
    ("lat, lon", rings("29 106, 29 107, 30 107, 29 106"), ["ring 1: position 1, [29, 106], is beyond ±90"]),
    ("not a number", rings("106 29, NaN 29, 107 30, 106 29"), ["position 2, [NaN, 29], is not finite"]),
    ("not a position", rings("106 29, 107, 107 30, 106 29"), ["position 2, [107], is no position"]),
    ("text", edit("[106.5, 29.5]", '["106.5", "29.5"]'),
     ["(zone), geometry: the position", "is no position"]),
    ("over the antimeridian", rings("179 0, -179 0, -179 1, 179 1, 179 0"),
     ["ring 1: positions 1 and 2 are 358 degrees of longitude apart", "cut there"]),
    ("a line over the antimeridian", line("179 0, -179 0"), ["the line: positions 1 and 2 are 358 degrees"]),
    ("a line of one", line("106 29"), ["the line has 1 positions"]),
    ("a line of no length", line("106 29, 106 29"), ["the line has no length"]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_fault(tmp_path: Path, change: Edit, words: list[str]) -> None:
    # The leave of the sound site names the fence that some rows break.
    faults, _ = check_site(write_site(tmp_path, change, ("leaves.csv", "home,106.6", ",106.6")))
    lines = [str(fault) for fault in faults]
    assert lines
    assert all(fault.startswith(FENCES) for fault in lines)
    assert all(any(word in fault for fault in lines) for word in words), lines
    assert len(lines) == (2 if "LineString" in words[0] else 1), lines


#: (why, edit): the like of a fault, and none
SOUND: list[tuple[str, Edit]] = [
    ("a text that looks like two keys", edit(RULE, RULE + ', "name": "a\\": 1, \\"a\\" : 2"')),
    ("parts that touch in a point",
     parts("106 29, 107 29, 107 30, 106 29", "107 30, 108 30, 108 31, 107 30")),
    ("parts cut at the antimeridian",
     parts("179 0, 180 0, 180 1, 179 1, 179 0", "-180 0, -179 0, -179 1, -180 1, -180 0")),
    ("a hole", rings("106 29, 107 29, 107 30, 106 30, 106 29",
     "106.2 29.2, 106.4 29.2, 106.4 29.4, 106.2 29.2")),
    ("clockwise", rings("106 29, 106 30, 107 30, 107 29, 106 29")),
    ("a corner given twice", rings("106 29, 107 29, 107 29, 107 30, 106 29")),
    ("altitudes", rings("106 29 5, 107 29 5, 107 30 5, 106 29 5")),
    ("a line that crosses itself", line("106 29, 107 30, 107 29, 106 30")),
    ("one version after the other",
     edit(ZONE_ID, ZONE_ID + ', "rule": "keep_out", "applies_to": ["all"], "radius_m": 5,'
          ' "valid_to": "2025-01-01T00:00:00+08:00"},\n "geometry": ' + POINT
          + '},\n{"type": "Feature", "properties": {' + ZONE_ID)),
    ("nulls are not given",
     edit(CRS, '"crs": null, "group": null, "severity": null, "schedule": null, "valid_to": null')),
    ("a group on keep_out is ignored", edit(RADIUS, RADIUS + ', "group": 5')),
    ("no fences at all", (FENCES, WHOLE, '{"type": "FeatureCollection", "features": []}')),
    ("holidays", edit(SCHEDULE, '["Mo-Fr 08:00-12:00", "PH off"]')),
]  # fmt: skip


@pytest.mark.parametrize("change", [row[1] for row in SOUND], ids=[row[0] for row in SOUND])
def test_sound(tmp_path: Path, change: Edit) -> None:
    faults, _ = check_site(write_site(tmp_path, change, ("leaves.csv", "home,106.6", ",106.6")))
    assert faults == []


def test_every_wrong_item_of_a_schedule_is_told(tmp_path: Path) -> None:
    faults, _ = check_site(
        write_site(tmp_path, edit(SCHEDULE, '["Mo 8-9", "Mo-Fr", "PH off", "Xy 08:00-09:00"]'))
    )
    assert [fault.where for fault in faults] == ["feature 2 (zone), schedule"] * 2
    assert "8-9" in faults[0].wrong
    assert "Xy" in faults[1].wrong
