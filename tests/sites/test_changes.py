"""What a change makes of a site, row by row, and what is refused of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from minimal_site import write_site
from site_operations import (
    AFTER,
    BEFORE,
    EIGHT_DAYS_LATER,
    LATER,
    LONG_AGO,
    MUCH_LATER,
    NOW,
    NOW_MS,
    OFFICE,
    Op,
    device,
    end,
    fence,
    leave,
    person,
    put,
)  # fmt: skip

from geofences.instant import instant_ms
from pipeline.sites.change_faults import ChangeRefused
from pipeline.sites.changes import resolved
from pipeline.sites.documents import SiteDocuments
from pipeline.sites.edits import Edits, edited
from pipeline.sites.load import load_documents
from pipeline.sites.site_versions import IndexedSite


@pytest.fixture
def documents(tmp_path: Path) -> SiteDocuments:
    second = ("offices.csv", "O1,C1,Office,judicial_office", f"O1,C1,One,{OFFICE}\nO2,C1,Two,{OFFICE}")
    return load_documents(write_site(tmp_path, second))


def tuples(site: SiteDocuments, table: str, name: str, *columns: str) -> list[tuple[str, ...]]:
    """The columns of the rows of an id, validity first."""
    found = []
    for row in site.table(table):
        cells = row.get("properties", row)
        if name in (next(iter(cells.values())), cells.get("fence_id")):
            found.append(tuple(str(cells.get(column, "")) for column in ("valid_from", "valid_to", *columns)))
    return found


# (why, operations, table, id, columns beside the validity, the rows about the id afterwards)
TAKEN: list[tuple[str, list[Op], str, str, tuple[str, ...], list[tuple[str, ...]]]] = [
    ("another class from now on", [put("people", **person(**{"class": "strict"}))],
     "people", "P1", ("class",), [("", NOW, "general"), (NOW, "", "strict")]),
    ("from an instant to come", [put("people", LATER, **person(**{"class": "strict"}))],
     "people", "P1", ("class",), [("", LATER, "general"), (LATER, "", "strict")]),
    ("the row's own begin is later", [put("people", **person(**{"class": "strict"}, valid_from=LATER))],
     "people", "P1", ("class",), [("", LATER, "general"), (LATER, "", "strict")]),
    ("people edit what they were given: an old begin is no fault",
     [put("people", **person(name="New", valid_from=LONG_AGO))],
     "people", "P1", ("name",), [("", NOW, "Person 1"), (NOW, "", "New")]),
    ("nothing is another", [put("people", **person())], "people", "P1", (), [("", "")]),
    ("only the end is another", [put("people", **person(valid_to=LATER))],
     "people", "P1", (), [("", NOW), (NOW, LATER)]),
    ("a new person begins now", [put("people", **person(person_id="P9"))], "people", "P9", (), [(NOW, "")]),
    ("a new person with a device in one change",
     [put("people", **person(person_id="P9")), put("devices", **device(device_id="D9", person_id="P9"))],
     "devices", "D9", ("person_id",), [(NOW, "", "P9")]),
    ("a device is handed over", [put("devices", **device(person_id="P2"))],
     "devices", "D1", ("person_id",), [("", NOW, "P1"), (NOW, "", "P2")]),
    ("a device is lent and given back, in one change",
     [put("devices", **device(person_id="P2", valid_to=LATER)), put("devices", LATER, **device())],
     "devices", "D1", ("person_id",), [("", NOW, "P1"), (NOW, LATER, "P2"), (LATER, "", "P1")]),
    ("replaced where it begins at that very instant",
     [put("devices", LATER, **device(person_id="P2")), put("devices", LATER, **device(kind="wristband"))],
     "devices", "D1", ("person_id", "kind"), [("", LATER, "P1", "phone"), (LATER, "", "P1", "wristband")]),
    ("a binding ends", [end("devices", device_id="D1")], "devices", "D1", (), [("", NOW)]),
    ("it ends later", [end("devices", LATER, device_id="D1")], "devices", "D1", (), [("", LATER)]),
    ("what was to come does not come",
     [put("devices", LATER, **device(person_id="P2")), end("devices", device_id="D1")],
     "devices", "D1", (), [("", NOW)]),
    ("a plan is given up before it begins",
     [put("leaves", **leave()), end("leaves", leave_id="L9")], "leaves", "L9", (), []),
    ("a leave to come", [put("leaves", **leave())],
     "leaves", "L9", ("approved_at",), [(LATER, MUCH_LATER, "")]),
    ("a leave entered late counts for what arrives after the change",
     [put("leaves", **leave(valid_from=BEFORE))],
     "leaves", "L9", ("approved_at",), [(BEFORE, MUCH_LATER, AFTER)]),
    ("however early it says it was approved",
     [put("leaves", **leave(valid_from=BEFORE, approved_at=BEFORE))],
     "leaves", "L9", ("approved_at",), [(BEFORE, MUCH_LATER, AFTER)]),
    ("or later, where it says so", [put("leaves", **leave(valid_from=BEFORE, approved_at=LATER))],
     "leaves", "L9", ("approved_at",), [(BEFORE, MUCH_LATER, LATER)]),
    ("a leave with no begin begins now", [put("leaves", **leave(valid_from=""))],
     "leaves", "L9", ("approved_at",), [(NOW, MUCH_LATER, "")]),
    ("a circle in numbers, as JSON has them",
     [put("leaves", **leave(fence_ids=None, lon=106.5, lat=29, radius_m=500))],
     "leaves", "L9", ("lon", "lat", "radius_m"), [(LATER, MUCH_LATER, "106.5", "29", "500")]),
    ("a fence", [put("fences", **fence())], "fences", "F9", (), [(NOW, "")]),
    ("a fence is moved", [put("fences", **fence(fence_id="zone", radius_m=50))],
     "fences", "zone", ("radius_m",), [("2025-01-01T00:00:00+08:00", NOW, "300"), (NOW, "", "50")]),
    ("a fence ends by its id", [end("fences", fence_id="zone")],
     "fences", "zone", (), [("2025-01-01T00:00:00+08:00", NOW)]),
    ("an office is renamed", [put("offices", office_id="O1", parent_id="C1", name="New", level=OFFICE)],
     "offices", "O1", ("name",), [("", NOW, "One"), (NOW, "", "New")]),
    ("an office is put elsewhere", [put("offices", LATER, office_id="O2", name="Two", level=OFFICE)],
     "offices", "O2", ("parent_id",), [("", LATER, "C1"), (LATER, "", "")]),
    ("a policy begins", [put("policies", version="2")], "policies", "2", (), [(NOW, "")]),
    ("a policy to come, by its own date", [put("policies", version="2", valid_from=LATER)],
     "policies", "2", (), [(LATER, "")]),
    ("an old date is now", [put("policies", version="2", valid_from=LONG_AGO)],
     "policies", "2", (), [(NOW, "")]),
    ("it is in force already",
     [put("policies", version="test", boundary={"keep_in": {"tolerance_m": 5}})], "policies", "test", (), []),
    ("it is put in once more, as another one",
     [put("policies", LATER, version="2"), put("policies", LATER, version="2", timezone="UTC")],
     "policies", "2", ("timezone",), [(LATER, "", "UTC")]),
    ("it begins twice", [put("policies", version="2"), put("policies", LATER, version="3"),
                         put("policies", MUCH_LATER, version="2")],
     "policies", "2", (), [(NOW, ""), (MUCH_LATER, "")]),
    ("a policy does not begin after all",
     [put("policies", LATER, version="2"), end("policies", version="2")], "policies", "2", (), []),
    ("a longer horizon, when so much has been kept",
     [put("policies", EIGHT_DAYS_LATER, version="2", boundary={"backfill_horizon_s": 1_296_000})],
     "policies", "2", (), [(EIGHT_DAYS_LATER, "")]),
    ("an empty office ends", [end("offices", office_id="O2")], "offices", "O2", (), [("", NOW)]),
    ("its people go first",
     [put("people", **person(office_id="O2")), put("people", **person(person_id="P2", office_id="O2")),
      end("offices", office_id="O1")],
     "offices", "O1", (), [("", NOW)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("operations", "table", "name", "columns", "rows"),
    [row[1:] for row in TAKEN],
    ids=[row[0] for row in TAKEN],
)
def test_taken(
    documents: SiteDocuments,
    operations: list[Op],
    table: str,
    name: str,
    columns: tuple[str, ...],
    rows: list[tuple[str, ...]],
) -> None:
    edits = resolved(IndexedSite(documents), operations, NOW_MS)
    after = edited(documents, json.loads(json.dumps(edits.edits)))  # as they come out of the log
    assert tuples(after, table, name, *columns) == rows


# (why, operations, [(operation, table, id, field, code)]): all faults, and nothing is taken
REFUSED: list[tuple[str, list[Any], list[tuple[int, str, str, str, str]]]] = [
    ("no operation", [], [(0, "", "", "", "malformed")]),
    ("nothing that can be read", [{"op": "cut", "table": "pets"}],
     [(0, "pets", "", "op", "malformed"), (0, "pets", "", "table", "malformed"),
      (0, "pets", "", "row", "malformed")]),
    ("no object", [7], [(0, "", "", field, "malformed") for field in ("op", "table", "row")]),
    ("an unknown column", [put("devices", **device(colour="red"))],
     [(0, "devices", "D1", "colour", "malformed")]),
    ("an unknown property", [put("fences", **fence(colour="red"))],
     [(0, "fences", "F9", "colour", "malformed")]),
    ("no id", [put("devices", person_id="P1", kind="phone")],
     [(0, "devices", "", "device_id", "malformed")]),
    ("a value that is none of a file's", [put("devices", **device(kind=["phone"]))],
     [(0, "devices", "D1", "kind", "broken_site"), (0, "devices", "D1", "kind", "malformed")]),
    ("half a letter", [put("people", **person(name="\ud800"))], [(0, "people", "P1", "name", "malformed")]),
    ("a time without offset", [put("devices", "2025-08-01T00:00:00", **device(person_id="P2"))],
     [(0, "devices", "D1", "effective_at", "malformed")]),
    ("a fence of no feature", [put("fences", fence_id="F9", rule="keep_out")],
     [(0, "fences", "F9", "properties", "malformed"), (0, "fences", "F9", "rule", "broken_site"),
      (0, "fences", "F9", "applies_to", "broken_site"), (0, "fences", "F9", "geometry", "broken_site")]),
    ("before the clock", [put("devices", BEFORE, **device(person_id="P2"))],
     [(0, "devices", "D1", "effective_at", "in_the_past")]),
    ("an end before the clock", [end("devices", BEFORE, device_id="D1")],
     [(0, "devices", "D1", "effective_at", "in_the_past")]),
    ("a leave entered when nobody has its fixes any more", [put("leaves", **leave(valid_from=LONG_AGO))],
     [(0, "leaves", "L9", "valid_from", "in_the_past")]),
    ("an id that nobody knows ends", [end("devices", device_id="D9")],
     [(0, "devices", "D9", "", "not_in_force")]),
    ("a leave that is over ends", [end("leaves", leave_id="L1")], [(0, "leaves", "L1", "", "not_in_force")]),
    ("a person of nowhere", [put("devices", **device(person_id="P8"))],
     [(0, "devices", "D1", "person_id", "broken_site")]),
    ("a plan goes, and its device stays",
     [put("people", LATER, **person(person_id="P9")),
      put("devices", LATER, **device(device_id="D9", person_id="P9")), end("people", person_id="P9")],
     [(1, "devices", "D9", "person_id", "broken_site")]),
    ("over before it begins", [put("people", LATER, **person(valid_to=NOW))],
     [(0, "people", "P1", "valid_to", "broken_site")]),
    ("into a version that is to come",
     [put("people", LATER, **person(name="Later")), put("people", **person(name="Now"))],
     [(1, "people", "P1", "valid_from", "broken_site")]),
    ("an office ends under its people", [end("offices", office_id="O1")],
     [(0, "people", "P1", "office_id", "broken_site"), (0, "people", "P2", "office_id", "broken_site")]),
    ("an office ends under a fence and another office", [end("offices", office_id="C1")],
     [(0, "offices", "O1", "parent_id", "broken_site"), (0, "offices", "O2", "parent_id", "broken_site"),
      (0, "fences", "home", "applies_to", "broken_site")]),
    ("an office is put below itself",
     [put("offices", office_id="C1", parent_id="O2", name="C", level="county")],
     [(0, "offices", "C1", "parent_id", "broken_site")]),
    ("a policy of no version", [put("policies", timezone="UTC")],
     [(0, "policies", "", "version", "malformed")]),
    ("a policy with faults", [put("policies", version="2", timezone="Mars", silence={"phone": [3, 2, 1]})],
     [(0, "policies", "2", "timezone", "broken_site"), (0, "policies", "2", "silence.phone", "broken_site")]),
    ("half a letter in a policy", [put("policies", version="2", confirmation={"\ud800": []})],
     [(0, "policies", "2", "row", "malformed")]),
    ("a policy before the clock", [put("policies", BEFORE, version="2")],
     [(0, "policies", "2", "effective_at", "in_the_past")]),
    ("two policies begin together",
     [put("policies", LATER, version="2"), put("policies", LATER, version="3")],
     [(1, "policies", "3", "valid_from", "broken_site")]),
    ("a policy in force ends, and none comes",
     [put("policies", version="2"), end("policies", LATER, version="2")],
     [(1, "policies", "2", "", "not_supported_yet")]),
    ("a policy that nobody knows ends", [end("policies", version="2")],
     [(0, "policies", "2", "", "not_in_force")]),
    ("a horizon that reaches behind what is kept",
     [put("policies", LATER, version="2", boundary={"backfill_horizon_s": 3_000_000})],
     [(0, "policies", "2", "boundary.backfill_horizon_s", "in_the_past")]),
    ("a longer lateness", [put("policies", LATER, version="2", boundary={"allowed_lateness_s": 301})],
     [(0, "policies", "2", "boundary.allowed_lateness_s", "not_supported_yet")]),
    ("holidays that are known already",
     [put("holidays", version="x", days_off={"2025": ["2025-01-01"]})],
     [(0, "holidays", "", "days_off.2025", "not_supported_yet")]),
    ("holidays of no day", [put("holidays", version="x", days_off={"2090": ["soon"]})],
     [(0, "holidays", "", "days_off.2090", "malformed")]),
    ("all faults of all operations at once",
     [put("people", BEFORE, **person(office_id="O8")), end("devices", device_id="D9"),
      put("leaves", **leave(fence_ids="nowhere"))],
     [(0, "people", "P1", "effective_at", "in_the_past"), (0, "people", "P1", "office_id", "broken_site"),
      (1, "devices", "D9", "", "not_in_force"), (2, "leaves", "L9", "fence_ids", "broken_site")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("operations", "faults"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_refused(
    documents: SiteDocuments, operations: list[Any], faults: list[tuple[int, str, str, str, str]]
) -> None:
    with pytest.raises(ChangeRefused) as refused:
        resolved(IndexedSite(documents), operations, NOW_MS)
    told = [
        (fault.operation, fault.table, fault.id, fault.field, fault.code) for fault in refused.value.faults
    ]
    assert sorted(told) == sorted(faults), str(refused.value)
    assert len(str(refused.value).splitlines()) == len(faults)


def test_the_refusal_names_the_clock_and_no_row_of_nobodys(documents: SiteDocuments) -> None:
    with pytest.raises(ChangeRefused, match=f"the log's clock stands at {NOW}"):
        resolved(IndexedSite(documents), [end("devices", BEFORE, device_id="D1")], NOW_MS)
    later = [put("people", LATER, **person(name="Later")), put("people", **person(name="Now"))]
    with pytest.raises(ChangeRefused, match=f"'P1' is supervised by its version from {NOW} to ever"):
        resolved(IndexedSite(documents), later, NOW_MS)


#: (why, operations, from when on the site is another)
EARLIEST: list[tuple[str, list[Op], str]] = [
    ("a version that begins now", [put("people", **person(name="New"))], NOW),
    ("an end to come", [end("devices", LATER, device_id="D1")], LATER),
    ("the earliest of several",
     [end("devices", LATER, device_id="D1"), put("leaves", **leave(valid_from=BEFORE))], BEFORE),
    ("a version that begins later", [put("people", LATER, **person(name="New"))], LATER),
]  # fmt: skip


@pytest.mark.parametrize(
    ("operations", "at"), [row[1:] for row in EARLIEST], ids=[row[0] for row in EARLIEST]
)
def test_from_when_on_the_site_is_another(documents: SiteDocuments, operations: list[Op], at: str) -> None:
    assert resolved(IndexedSite(documents), operations, NOW_MS).earliest_ms == instant_ms(at)


def test_nothing_to_do_is_no_edit(documents: SiteDocuments) -> None:
    edits = resolved(IndexedSite(documents), [put("people", **person())], NOW_MS)
    assert not edits
    assert edits == Edits(())


def test_years_of_holidays_are_added(documents: SiteDocuments) -> None:
    first = put("holidays", version="a", days_off={"2090": ["2090-01-01/2090-01-03"]})
    second = put("holidays", version="b", days_off={"2090": ["2090-01-01/2090-01-03"], "2091": []})
    site = edited(documents, resolved(IndexedSite(documents), [first], NOW_MS).edits)
    edits = resolved(IndexedSite(site), [second], NOW_MS)
    assert edits.earliest_ms == instant_ms("2090-12-31T10:00:00Z")
    assert edited(site, edits.edits).holidays == (
        '"version" = "b"\n[days_off]\n"2090" = ["2090-01-01/2090-01-03"]\n"2091" = []\n'
    )
    assert not resolved(IndexedSite(edited(site, edits.edits)), [second], NOW_MS)
