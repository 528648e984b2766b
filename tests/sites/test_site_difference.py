"""What an import would do: from the clock on the site is the given one, and what was stays what it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from changing_sites import START_MS, World, begun, timeline
from minimal_site import WHOLE, Edit, write_site
from seeds import seeds
from site_operations import LATER, NOW_MS

from geofences.instant import END_MS
from pipeline.sites import line_difference
from pipeline.sites import site_difference as site_difference_module
from pipeline.sites.change_faults import ChangeRefused
from pipeline.sites.changes import resolved
from pipeline.sites.documents import SiteDocuments
from pipeline.sites.edits import edited
from pipeline.sites.line_difference import difference_of_lines
from pipeline.sites.load import load_documents
from pipeline.sites.site_difference import SiteDifference, site_difference
from pipeline.sites.site_lines import SiteLines
from pipeline.sites.site_versions import VERSIONED, IndexedSite

PEOPLE, DEVICES, LEAVES, FENCES = "people.csv", "devices.csv", "leaves.csv", "fences.geojson"
P1 = "P1,Person 1,O1,general,,"
LEAVE = "L1,P1,2025-07-01T00:00:00Z,2025-07-02T00:00:00Z,work,travel,home,106.6,29.6,2000,\n"


def difference(tmp_path: Path, *edits: Edit) -> tuple[SiteDocuments, SiteDifference]:
    """The minimal site, and its difference from the same with edits, at NOW."""
    for name in ("now", "given"):
        (tmp_path / name).mkdir()
    now = load_documents(write_site(tmp_path / "now"))
    return now, site_difference(now, load_documents(write_site(tmp_path / "given", *edits)), NOW_MS)


# (why, edit of the files, what is said of it)
TABLE: list[tuple[str, Edit, list[str]]] = [
    ("nothing", (PEOPLE, "Person 1,", "Person 1,"), []),
    ("a row edited in place holds from now on; what it says of before is not taken",
     (PEOPLE, "O1,general,,", "O1,strict,,"),
     ["people P1: class 'general' -> 'strict', from now on",
      "not taken: people P1: what the files say of the time before 2025-07-14T00:00:00.000Z"]),
    ("a version that is to come",
     (PEOPLE, P1, f"P1,Person 1,O1,general,,{LATER}\nP1,Person 1,O1,strict,{LATER},"),
     [f"people P1: class 'general' -> 'strict', from {LATER} on"]),
    ("a new person", (PEOPLE, P1, f"{P1}\nP9,Nine,O1,strict,,"), ["people P9: new from now on"]),
    ("a new person to come", (PEOPLE, P1, f"{P1}\nP9,Nine,O1,strict,{LATER},"),
     [f"people P9: new from {LATER} on"]),
    ("a device is gone", (DEVICES, "D2,P2,wristband,,\n", ""),
     ["devices D2: ends now",
      "not taken: devices D2: what the files say of the time before 2025-07-14T00:00:00.000Z"]),
    ("a device ends", (DEVICES, "D2,P2,wristband,,", f"D2,P2,wristband,,{LATER}"),
     [f"devices D2: ends {LATER}"]),
    ("a leave that is over is gone", (LEAVES, LEAVE, ""),
     ["not taken: leaves L1: what the files say of the time before 2025-07-14T00:00:00.000Z"]),
    ("a leave that was over before anybody entered it",
     (LEAVES, LEAVE, LEAVE + LEAVE.replace("L1", "L2")),
     ["not taken: leaves L2: it was over before 2025-07-14T00:00:00.000Z"]),
    ("a leave entered late", (LEAVES, LEAVE, LEAVE + f"L2,P1,2025-07-13T00:00:00Z,{LATER},work,,home,,,,\n"),
     ["leaves L2: new from now on"]),
    ("a fence is moved", (FENCES, "[106.5, 29.5]", "[106.5, 29.6]"),
     ["fences zone: another geometry, from now on",
      "not taken: fences zone: what the files say of the time before 2025-07-14T00:00:00.000Z"]),
    ("a fence is larger", (FENCES, '"radius_m": 300', '"radius_m": 400'),
     ["fences zone: radius_m 300 -> 400, from now on",
      "not taken: fences zone: what the files say of the time before 2025-07-14T00:00:00.000Z"]),
    ("another policy", ("policy.toml", '"test"', '"other"'),
     ["policies other: from now on",
      "not taken: policies: what the files say of the time before 2025-07-14T00:00:00.000Z"]),
    ("a policy to come", ("policies/a.toml", WHOLE, 'version = "b"\nvalid_from = "2025-08-01T00:00:00Z"\n'),
     ["policies b: from 2025-08-01T00:00:00.000Z on"]),
    ("a policy by date that is in force and was not",
     ("policies/a.toml", WHOLE, 'version = "b"\nvalid_from = "2025-07-01T00:00:00Z"\n'),
     ["policies b: from now on",
      "not taken: policies: what the files say of the time before 2025-07-14T00:00:00.000Z"]),
    ("the same policy in other words", ("policy.toml", "5.0", "5.00"), []),
    ("a year of holidays", ("holidays.toml", WHOLE, 'version = "v"\n[days_off]\n2090 = []\n'),
     ["holidays.toml: the days off of 2090"]),
    ("names of places", ("places.csv", WHOLE, "name,lon,lat\nBridge,106,29\n"),
     ["not taken: places.csv: `serve` reads the names of places where it is configured"]),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "lines"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_is_said(tmp_path: Path, edit: Edit, lines: list[str]) -> None:
    assert difference(tmp_path, edit)[1].lines() == lines


@pytest.mark.parametrize("edit", [row[1] for row in TABLE], ids=[row[0] for row in TABLE])
def test_once_imported_nothing_is_left_to_import(tmp_path: Path, edit: Edit) -> None:
    now, found = difference(tmp_path, edit)
    if found.operations:
        now = edited(now, resolved(IndexedSite(now), found.operations, NOW_MS).edits)
    given = load_documents(tmp_path / "given")
    assert site_difference(now, given, NOW_MS).operations == []
    assert site_difference(now, given, NOW_MS + 1).operations == []


@pytest.mark.parametrize("seed", seeds(150))
def test_random_sites_become_each_other(seed: int) -> None:
    """From the clock on one site is the other, whose ids have the same rule and the same person."""
    world = World(seed)
    now, given = _grown(world), _grown(world)
    clock_ms = START_MS + world.random.randint(0, 60) * 3_600_000
    found = site_difference(now, given, clock_ms)
    assert difference_of_lines(lines_of(now), given, clock_ms) == found
    try:
        edits = resolved(IndexedSite(now), found.operations, clock_ms) if found.operations else None
    except ChangeRefused as refused:
        wrong = [fault for fault in refused.faults if not _of_two_lives(fault)]
        assert wrong == [], str(refused)  # noqa: PT017 - the others are checked below
        return
    after = now if edits is None else edited(now, edits.edits)
    for table in VERSIONED:
        assert timeline(after, table, clock_ms, END_MS) == timeline(given, table, clock_ms, END_MS), table
        if table != "leaves":
            assert timeline(after, table, -END_MS, clock_ms) == timeline(now, table, -END_MS, clock_ms), table
    assert site_difference(after, given, clock_ms).operations == []


@pytest.mark.parametrize("seed", seeds(150))
def test_what_takes_the_place_of_one_row_ends_it(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A put by itself comes to what an end and a put come to, at the clock and a while later."""
    world = World(seed)
    now, given = _grown(world), _grown(world)
    clock_ms = START_MS + world.random.randint(0, 60) * 3_600_000
    short = site_difference(now, given, clock_ms)
    monkeypatch.setattr(site_difference_module, "_is_replaced", lambda *_: False)
    long = site_difference(now, given, clock_ms)
    assert (short.changes, short.notes) == (long.changes, long.notes)
    for later_ms in (0, 1, 1_800_000):
        edits = [_edits(now, found.operations, clock_ms + later_ms) for found in (short, long)]
        assert edits[1] is None or edits[0] == edits[1]


def _edits(now: SiteDocuments, operations: list[Any], clock_ms: int) -> Any:
    """What operations come to, in no order; None where they are refused."""
    try:
        edits = resolved(IndexedSite(now), operations, clock_ms) if operations else None
    except ChangeRefused:
        return None
    return [] if edits is None else (sorted(map(json.dumps, edits.edits)), edits.earliest_ms)


def _of_two_lives(fault: Any) -> bool:
    """What the past of one site and the future of another cannot have together.

    A rule or a person that an id has not in both; a name that one has in its past alone, or gives up.
    """
    if fault.code != "broken_site":
        return False
    return fault.field in ("rule", "leave_id") or fault.wrong.startswith("unknown ")


def lines_of(site: SiteDocuments) -> SiteLines:
    """A site as a registry holds it."""
    rows = {name: [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in site.rows[name]]
            for name in site.rows}  # fmt: skip
    fences = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in site.fences]
    return SiteLines(rows, fences, site.policy, site.holidays, site.places, site.policies)


def test_rows_that_are_written_alike_are_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of a million rows only those about the ids that differ are read."""
    now, _ = difference(tmp_path, (FENCES, '"radius_m": 300', '"radius_m": 400'))
    given = load_documents(tmp_path / "given")
    seen: list[SiteDocuments] = []

    def noted(now: SiteDocuments, given: SiteDocuments, clock_ms: int) -> SiteDifference:
        seen.extend((now, given))
        return site_difference(now, given, clock_ms)

    monkeypatch.setattr(line_difference, "site_difference", noted)
    found = difference_of_lines(lines_of(now), given, NOW_MS)
    assert found.changes == ["fences zone: radius_m 300 -> 400, from now on"]
    for site in seen:
        assert [row["properties"]["fence_id"] for row in site.fences] == ["zone"]
        assert not any(site.rows.values())


def _grown(world: World) -> SiteDocuments:
    documents, clock_ms = begun(World(7)), START_MS
    for _ in range(40):
        clock_ms += 3_600_000
        try:
            edits = resolved(IndexedSite(documents), [world.operation(clock_ms)], clock_ms)
        except ChangeRefused:
            continue
        documents = edited(documents, edits.edits)
    return documents
