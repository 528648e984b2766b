"""Tables and fences are read by columns; what that says is what reading them one by one says."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from geofences.fence import Fence
from pipeline.errors import Fault
from pipeline.sites import plain_features
from pipeline.sites.documents import TABLES, SiteDocuments
from pipeline.sites.findings import Findings
from pipeline.sites.instants import Instants
from pipeline.sites.load import site_of
from pipeline.sites.people import DEVICE_COLUMNS, PEOPLE_COLUMNS, read_devices, read_people
from pipeline.sites.policies import Policies
from pipeline.sites.policy import Policy
from pipeline.sites.records import Site
from pipeline.sites.rows import Rows
from pipeline.sites.site_lines import SiteLines
from pipeline.sites.table import Table
from pipeline.sites.versions import overlaps

IDS = ["P1", "P2", "P3", "张", "P 4", " P5", "P6 ", "", "\u2003", "P\ud800"]
TIMES = [
    "",
    "",
    "",
    "2025-07-01T00:00:00+08:00",
    "2025-07-02T00:00:00Z",
    "2025-07-03T00:00:00Z",
    "soon",
    "2025-07-01",
]


def table(file: str, columns: tuple[str, ...], rows: list[tuple[str, ...]], first: int = 1) -> Table:
    cells = tuple(zip(*rows, strict=True)) if rows else tuple(() for _ in columns)
    return Table(file, range(first, first + len(rows)), cells, frozenset(row[0] for row in rows))


@pytest.mark.parametrize("seed", range(60))
def test_a_table_has_the_faults_of_each_row_and_then_the_overlaps(seed: int) -> None:
    """A row's faults do not hang on the rows beside it, so rows one by one say the same."""
    dice = random.Random(seed)
    people: list[tuple[str, ...]] = [
        (dice.choice(IDS), "N", dice.choice(["O1", "O1", "O2", "", "O9"]), dice.choice(["general", "x", ""]),
         dice.choice(TIMES), dice.choice(TIMES), dice.choice(["", " 1 ", "2" * 50]))
        for _ in range(dice.randrange(12))
    ]  # fmt: skip
    devices: list[tuple[str, ...]] = [
        (dice.choice(IDS), dice.choice([*IDS, "P1", "P9"]), dice.choice(["phone", "wristband", "hat"]),
         dice.choice(TIMES), dice.choice(TIMES))
        for _ in range(dice.randrange(12))
    ]  # fmt: skip
    policies, offices = Policies(Policy(), []), frozenset({"O1", "O2"})
    known = dice.choice([None, frozenset({"P1", "P2"})])

    def of_people(rows: list[tuple[str, ...]], first: int, findings: Findings) -> list[Any]:
        read = read_people(
            table("people.csv", (*PEOPLE_COLUMNS, "phone"), rows, first), offices, policies, findings
        )
        return list(zip(read.numbers, read.rows, strict=True))

    def of_devices(rows: list[tuple[str, ...]], first: int, findings: Findings) -> list[Any]:
        read = read_devices(table("devices.csv", DEVICE_COLUMNS, rows, first), known, findings)
        return list(zip(read.numbers, read.rows, strict=True))

    for read, rows, times in ((of_people, people, 4), (of_devices, devices, 3)):
        together, single = Findings(), Findings()
        found = read(rows, 1, together)
        assert found == [pair for at, row in enumerate(rows, 1) for pair in read([row], at, single)]
        assert together.faults[: len(single.faults)] == single.faults
        pairs = [(f"row {at}, valid_from", f"row {other} ") for at, other in overlapping(rows, times)]
        rest = together.faults[len(single.faults) :]
        assert [fault.where for fault in rest] == [where for where, _ in pairs]
        assert all(f"{other}" in f"{fault.wrong} " for fault, (_, other) in zip(rest, pairs, strict=True))


def overlapping(rows: list[tuple[str, ...]], times: int) -> Iterator[tuple[int, int]]:
    """The rows with a sound id and sound times that hold at one time, by the plain definition."""
    from_ms, to_ms, holds = Instants().spans([row[times] for row in rows], [row[times + 1] for row in rows])
    spans = [
        (row[0], (int(from_ms[at]), int(to_ms[at])), at + 1)
        for at, row in enumerate(rows)
        if holds[at] and row[0] and row[0] == row[0].strip() and "\ud800" not in row[0]
    ]
    return overlaps(spans)


#: Values of properties, the first of which is nearly always taken.
PROPERTIES: dict[str, list[Any]] = {
    "fence_id": ["F", "F2", " F", "", 7, None, "F\ud800"],
    "name": [None, "Home", "", 3, "\ud800"],
    "rule": ["keep_in", "keep_out", "keep", None, ["keep_in"]],
    "group": [None, "G", "", 4, "F2"],
    "applies_to": [
        ["person:P1"], ["person:P2", "person:P2"], ["all"], ["class:general"], ["office:O1", "all"],
        ["person:"], ["person:P9"], [], None, "all", [5], ["office:O9"],
    ],
    "crs": [None, "wgs84", "gcj02", "bd09", "cgcs2000", "moon", 4326],
    "tolerance_m": [None, 0, 12.5, -1, True, "3", float("nan"), 10**400],
    "schedule": [None, ["22:00-06:00"], ["Mo-Fr 08:00-17:00", "PH off"], [], ["never"], "22:00-06:00", [1]],
    "valid_from": [None, "", "2025-07-01T00:00:00Z", "2025-07-05T00:00:00Z", "soon", 5],
    "valid_to": [None, "2025-07-03T00:00:00Z", "2025-07-04T00:00:00Z", "2025-06-01T00:00:00Z"],
    "severity": [None, 1, 4, 5, 0, 2.0, True],
    "radius_m": [300, 0.5, 0, -3, None, "300", float("inf"), False],
    "buffer_m": [None, 20],
    "crs ": [None, "x"],
    "CRS": [None, "gcj02"],
    "colour": [None, "red"],
}  # fmt: skip
RING = [[100.0, 25.0], [100.1, 25.0], [100.1, 25.1], [100.0, 25.0]]
GEOMETRIES: list[Any] = [
    {"type": "Point", "coordinates": [100.5, 25.5]},
    {"type": "Point", "coordinates": [100, 25]},
    {"type": "Point", "coordinates": [100.5, 25.5, 30.0]},
    {"type": "Point", "coordinates": [181, 25]},
    {"type": "Point", "coordinates": [100, float("nan")]},
    {"type": "Point", "coordinates": ["100", 25]},
    {"type": "Point", "coordinates": [100.5, 25.5], "crs": "EPSG:4479"},
    {"type": "Polygon", "coordinates": [RING]},
    {"type": "Polygon", "coordinates": [RING[:3]]},
    {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]},
    {"type": "LineString", "coordinates": [[100, 25], [100.1, 25.1]]},
    {"type": "MultiPolygon", "coordinates": [[RING], [RING]]},
    {"type": "Circle", "coordinates": [1, 2]},
    None,
]


def one_of(dice: random.Random, values: list[Any], odd: float) -> Any:
    return dice.choice(values) if dice.random() < odd else values[0]


def feature(dice: random.Random, number: int, odd: float) -> Any:
    properties = {name: one_of(dice, values, odd) for name, values in PROPERTIES.items()}
    if properties["fence_id"] == "F" and dice.random() > odd:
        properties["fence_id"] = f"F{number}"
    given = {name: value for name, value in properties.items() if value is not None or dice.random() < 0.2}
    for name in ("crs ", "CRS", "colour"):  # which no fence has
        if given.get(name) is None:
            given.pop(name, None)
    made = {"type": "Feature", "properties": given, "geometry": one_of(dice, GEOMETRIES, odd)}
    if dice.random() < odd:
        made["id"] = dice.choice([1, "a", 1.5, [2], None])
    return (
        made
        if dice.random() > odd / 5
        else dice.choice([5, [], {"type": "Feature"}, {**made, "type": "feature"}])
    )


def documents(dice: random.Random, odd: float) -> SiteDocuments:
    always = {"valid_from": "", "valid_to": ""}
    offices = ({"office_id": "O1", "parent_id": "", "name": "O", "level": "county", **always},)
    person = {"office_id": "O1", "class": "general", **always, "phone": ""}
    people = tuple({"person_id": name, "name": name, **person} for name in ("P1", "P2"))
    rows = {**dict.fromkeys(TABLES, ()), "offices": offices, "people": people}
    return SiteDocuments(rows, tuple(feature(dice, number, odd) for number in range(dice.randrange(12))))


@pytest.mark.parametrize("odd", [0.0, 0.02, 0.05, 0.3])
@pytest.mark.parametrize("seed", range(40))
def test_fences_read_by_columns_are_those_read_one_by_one(
    seed: int, odd: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = documents(random.Random(f"{seed} {odd}"), odd)
    by_columns = outcome(given)
    monkeypatch.setattr(plain_features, "_plain", lambda _: plain_features._NONE)
    assert by_columns == outcome(given)


@pytest.mark.parametrize("odd", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("seed", range(20))
def test_lines_of_a_store_are_read_as_the_documents_that_they_hold(seed: int, odd: float) -> None:
    given = documents(random.Random(f"{seed} {odd}"), odd)
    lines = SiteLines(
        {name: [json.dumps(row) for row in rows] for name, rows in given.rows.items()},
        [json.dumps(each) for each in given.fences],
    )
    assert outcome(lines) == outcome(lines.documents()) == outcome(given)


def test_plain_fences_are_read_by_columns_indeed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tests above would compare one way of reading with itself."""
    given = documents(random.Random(5), 0.0)
    monkeypatch.setattr("pipeline.sites.fences._draft", lambda *_: pytest.fail("looked at one by one"))
    site, faults, _ = outcome(given)
    assert site is not None
    assert len(site[1]) == len(given.fences) > 3
    assert faults == []


def test_a_polygon_leaves_the_circles_beside_it_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    given = documents(random.Random(5), 0.0)
    polygon = {**given.fences[0], "geometry": GEOMETRIES[7]}
    polygon["properties"] = {**polygon["properties"], "fence_id": "polygon"}
    polygon["properties"].pop("radius_m")
    lines = SiteLines(
        {name: [json.dumps(row) for row in rows] for name, rows in given.rows.items()},
        [json.dumps(each) for each in (*given.fences, polygon)],
    )
    monkeypatch.setattr(plain_features, "_plain", lambda _: pytest.fail("read one by one"))
    site, faults, _ = outcome(lines)
    assert site is not None
    assert len(site[1]) == len(given.fences) + 1
    assert faults == []


def outcome(given: SiteDocuments | SiteLines) -> tuple[Any, list[Fault], list[Fault]]:
    """The rows, faults and warnings of a site, to be compared."""
    site = site_of(given, findings := Findings())
    return None if site is None else comparable(site), findings.faults, findings.warnings


def comparable(site: Site) -> tuple[Any, ...]:
    return list(site.people), [fields(fence) for fence in site.fences]


def fields(fence: Fence) -> tuple[Any, ...]:
    return (
        fence.fence_id, fence.name, fence.rule, fence.group, fence.applies_to, fence.area.shape.wkb,
        fence.area.reach_m, fence.tolerance_m, fence.schedule, fence.valid_from_ms, fence.valid_to_ms,
        fence.severity, fence.has_policy_tolerance,
    )  # fmt: skip


def test_a_row_that_is_asked_for_twice_is_one_object(tmp_path: Path) -> None:
    site = site_of(documents(random.Random(5), 0.0), Findings())
    assert site is not None
    assert site.fences[2] is site.fences[2]
    assert isinstance(site.people, Rows)
    assert site.people.about("P2")[0] is list(site.people)[1]
