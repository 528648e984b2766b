"""A site as documents is the site of its files: read, written and read again it stays the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from minimal_site import WHOLE, Edit, write_site

from geofences.fence import Fence
from pipeline.sites.documents import SiteDocuments, write_documents
from pipeline.sites.findings import Findings
from pipeline.sites.load import check_site, load_documents, load_site, read_documents, site_of

OFFICES_THAT_END = (
    "office_id,parent_id,name,level,valid_from,valid_to\n"
    "C1,,County,county,,\n"
    "O1,C1,Old name,judicial_office,,2025-06-01T00:00:00Z\n"
    "O1,C1,New name,judicial_office,2025-06-01T00:00:00Z,\n"
    "O2,C1,Closed,judicial_office,,2025-06-01T00:00:00Z\n"
)

#: (why, edits of the sound site)
SITES: list[tuple[str, list[Edit]]] = [
    ("as it is", []),
    ("a column that may be left out", [("people.csv", WHOLE,
     "person_id,name,office_id,class,valid_from,valid_to,phone\n"
     'P1,"One, ""P""",O1,general,,,139\nP2,李四,O1,strict,,,\n')]),
    ("offices in versions", [("offices.csv", WHOLE, OFFICES_THAT_END)]),
    ("policies by date",
     [("policies/b.toml", WHOLE, 'version = "b"\nvalid_from = 2025-08-01T00:00:00+08:00\n')]),
    ("own holidays", [("holidays.toml", WHOLE, 'version = "own"\n[days_off]\n2090 = ["2090-01-01"]\n')]),
    ("named places", [("places.csv", WHOLE, "name,lon,lat\n桥头,106.5,29.6\n")]),
    ("defaults", [("policy.toml", WHOLE, ""), ("leaves.csv", WHOLE,
     "leave_id,person_id,valid_from,valid_to,category,module,fence_ids,lon,lat,radius_m,approved_at\n")]),
    ("a line break in a name", [("offices.csv", "County,county", '"Coun\r\nty",county')]),
]  # fmt: skip


@pytest.mark.parametrize("edits", [row[1] for row in SITES], ids=[row[0] for row in SITES])
def test_written_and_read_again(tmp_path: Path, edits: list[Edit]) -> None:
    given, written = tmp_path / "given", tmp_path / "written"
    given.mkdir()
    written.mkdir()
    documents = load_documents(write_site(given, *edits))
    write_documents(documents, written)
    assert load_documents(written) == documents
    _assert_one_site(documents, given)
    _assert_one_site(documents, written)


def _assert_one_site(documents: SiteDocuments, directory: Path) -> None:
    findings = Findings()
    site, of_files = site_of(documents, findings), load_site(directory)
    assert findings.faults == []
    assert site is not None
    for name in ("policy", "offices", "people", "bindings", "leaves", "holidays"):
        assert getattr(site, name) == getattr(of_files, name), name
    assert [_plain(fence) for fence in site.fences] == [_plain(fence) for fence in of_files.fences]


def _plain(fence: Fence) -> tuple[object, ...]:
    return fence.fence_id, fence.name, fence.rule, fence.area.shape.wkb, fence.valid_to_ms, fence.tolerance_m


def test_what_is_unknown_is_not_kept(tmp_path: Path) -> None:
    devices = "device_id,person_id,kind,valid_from,valid_to,colour\nD1,P1,phone,,,red\n"
    coloured = ("fences.geojson", '"severity": 2', '"severity": 2, "colour": "red"')
    write_site(tmp_path, ("devices.csv", WHOLE, devices), coloured)
    findings = Findings()
    documents = read_documents(tmp_path, findings)
    assert documents is not None
    assert len(findings.warnings) == 2
    assert documents.rows["devices"][0].keys() == {
        "device_id", "person_id", "kind", "valid_from", "valid_to"
    }  # fmt: skip
    assert "colour" not in documents.fences[1]["properties"]


def test_documents_have_the_faults_of_their_files(tmp_path: Path) -> None:
    documents = load_documents(write_site(tmp_path))
    broken = [{**row, "office_id": "O9"} for row in documents.rows["people"]]
    rows = {**documents.rows, "people": tuple(broken)}
    findings = Findings()
    assert site_of(SiteDocuments(rows, documents.fences, "x = 1", "version = 3"), findings) is None
    (tmp_path / "people.csv").write_text(
        (tmp_path / "people.csv").read_text("utf-8").replace(",O1,", ",O9,"), "utf-8"
    )
    (tmp_path / "policy.toml").write_text("x = 1")
    (tmp_path / "holidays.toml").write_text("version = 3")
    assert findings.faults == check_site(tmp_path)[0]
    assert len(findings.faults) == 4


#: (why, edits, where the one fault is): offices that end
ENDED: list[tuple[str, list[Edit], str]] = [
    ("a person goes on in an office that has ended",
     [("people.csv", "O1,strict", "O2,strict")], "row 2, office_id"),
    ("a fence goes on", [("fences.geojson", "office:C1", "office:O2")], "feature 1 (home), applies_to"),
    ("an office below goes on",
     [("offices.csv", "O2,C1,Closed", "O3,O2,Below,judicial_office,,\nO2,C1,Closed")], "row 4, parent_id"),
    ("versions meet", [("offices.csv", "name,judicial_office,2025-06", "name,judicial_office,2025-05")],
     "row 3, office_id"),
    ("versions have two parents, above each other for a while",
     [("offices.csv", "O1,C1,New", "O1,O3,New"),
      ("offices.csv", "O2,C1,Closed", "O3,O1,Below,judicial_office,,\nO2,C1,Closed")], "row 3, parent_id"),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "where"), [row[1:] for row in ENDED], ids=[row[0] for row in ENDED])
def test_an_office_that_ends(tmp_path: Path, edits: list[Edit], where: str) -> None:
    write_site(tmp_path, ("offices.csv", WHOLE, OFFICES_THAT_END))
    for file, old, new in edits:
        path = tmp_path / file
        assert path.read_text("utf-8").count(old) == 1
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    faults, _ = check_site(tmp_path)
    assert [fault.where for fault in faults] == [where]


def test_what_has_ended_before_its_office_is_sound(tmp_path: Path) -> None:
    write_site(tmp_path, ("offices.csv", WHOLE, OFFICES_THAT_END))
    people = tmp_path / "people.csv"
    text = people.read_text("utf-8").replace(
        "P1,Person 1,O1,general,,", "P1,,O2,general,,2025-06-01T00:00:00Z"
    )
    people.write_text(text, "utf-8")
    assert check_site(tmp_path)[0] == []
