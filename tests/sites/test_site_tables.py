"""What is wrong in a CSV file of a site is told with its row, its field and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest
from minimal_site import WHOLE, Edit, write_site

from pipeline.sites.load import check_site

PEOPLE, DEVICES, OFFICES, LEAVES = "people.csv", "devices.csv", "offices.csv", "leaves.csv"

#: (why, edit, what the one fault's line must hold)
FAULTS: list[tuple[str, Edit, list[str]]] = [
    # --- the file as a table
    ("no header", (PEOPLE, WHOLE, ""), ["people.csv: file: is empty", "person_id,name,office_id"]),
    ("a column short", (OFFICES, "name,level", "level"), ["header: column name is missing"]),
    ("a column twice", (DEVICES, "kind,valid_from", "kind,kind,valid_from"),
     ["column kind is given 2 times"]),
    ("a field too few", (PEOPLE, "general,,", "general,"),
     ["people.csv: row 1:", "has 5 fields", "expected 6"]),
    ("a field too many", (DEVICES, "phone,,", "phone,,,"),
     ["devices.csv: row 1:", "has 6 fields", "expected 5"]),
    ("an open quote", (OFFICES, "O1,C1,Office", 'O1,C1,"Office'),
     ["offices.csv: file: broken CSV after 2 lines"]),
    # --- people
    ("a person without id", (PEOPLE, "P2,Person", ",Nobody,O1,strict,,\nP2,Person"),
     ["row 2, person_id: is empty"]),
    ("an id no stream matches", (PEOPLE, "P2,Person", "P3 ,Person,O1,strict,,\nP2,Person"),
     ["row 2, person_id: 'P3 ' has spaces"]),
    ("office of nowhere", (PEOPLE, "O1,general", "O9,general"),
     ["row 1, office_id: unknown office 'O9'", "offices.csv"]),
    ("no office", (PEOPLE, "O1,general", ",general"), ["row 1, office_id: is empty"]),
    ("class of nowhere", (PEOPLE, "general,,", "vip,,"),
     ["row 1, class: unknown class 'vip'", "general, lenient, strict"]),
    ("no class", (PEOPLE, "O1,general", "O1,"), ["row 1, class: is empty", "general, lenient, strict"]),
    ("a time without offset", (PEOPLE, "2026-01-01T00:00:00+08:00", "2026-01-01T00:00:00"),
     ["row 2, valid_to: '2026-01-01T00:00:00' is no time with offset", "ISO 8601"]),
    ("a day is no time", (PEOPLE, "2025-01-01T00:00:00+08:00", "2025-01-01"),
     ["row 2, valid_from: '2025-01-01'"]),
    ("ends before it begins", (PEOPLE, "2026-01-01T00:00:00+08:00", "2024-01-01T00:00:00+08:00"),
     ["row 2, valid_to", "is not after valid_from"]),
    ("holds for no moment", (PEOPLE, "2026-01-01T00:00:00+08:00", "2025-01-01T00:00:00+08:00"),
     ["row 2, valid_to", "is not after valid_from"]),
    ("supervised twice", (PEOPLE, "P2,Person", "P1,Again,O1,strict,,\nP2,Person"),
     ["row 2, valid_from: 'P1' is supervised by row 1"]),
    # --- devices
    ("a device of nobody known", (DEVICES, "D2,P2", "D2,P9"),
     ["row 2, person_id: unknown person 'P9'", "people.csv"]),
    ("a device of nobody", (DEVICES, "D2,P2", "D2,"), ["row 2, person_id: is empty"]),
    ("a kind of nowhere", (DEVICES, "wristband", "anklet"),
     ["row 2, kind: unknown kind of device 'anklet'", "phone, wristband"]),
    ("two people at once", (DEVICES, "D2,P2,wristband", "D1,P2,phone"),
     ["row 2", "two people on device 'D1' at once: 'P2' and 'P1' of row 1"]),
    ("bound twice", (DEVICES, "D2,P2,wristband", "D1,P1,phone"),
     ["row 2", "'D1' is bound to 'P1' by row 1 at the same"]),
    # --- offices
    ("an office twice",
     (OFFICES, "O1,C1,Office,judicial_office", "O1,C1,Office,judicial_office\nO1,C1,,county"),
     ["row 3, office_id: 'O1' stands in row 2 already"]),
    ("a level of nowhere", (OFFICES, "County,county", "County,nation"),
     ["row 1, level: unknown level 'nation'", "province"]),
    ("a parent of nowhere", (OFFICES, "O1,C1", "O1,C9"), ["row 2, parent_id: unknown office 'C9'"]),
    ("above each other", (OFFICES, "C1,,", "C1,O1,"), ["row 1, parent_id: is above itself: C1 -> O1 -> C1"]),
    ("above itself", (OFFICES, "C1,,", "C1,C1,"), ["row 1, parent_id: is above itself: C1 -> C1"]),
    # --- leaves
    ("a leave of nobody known", (LEAVES, "L1,P1", "L1,P9"), ["row 1, person_id: unknown person 'P9'"]),
    ("a leave without id", (LEAVES, "L1,P1", ",P1"), ["row 1, leave_id: is empty"]),
    ("a fence of nowhere", (LEAVES, "home", "home;mill"),
     ["row 1, fence_ids: unknown fence 'mill'", "fences.geojson"]),
    ("a name left out", (LEAVES, "home", "home;"), ["row 1, fence_ids: an empty name in 'home;'"]),
    ("neither fence nor circle", (LEAVES, "home,106.6,29.6,2000", ",,,"),
     ["fence_ids: neither fences nor a circle"]),
    ("a circle without centre", (LEAVES, "106.6,29.6,2000", ",,2000"),
     ["row 1, lon: part of a circle only, without lon and lat"]),
    ("a centre without radius", (LEAVES, "2000", ""),
     ["row 1, radius_m: part of a circle only, without radius_m"]),
    ("no radius at all", (LEAVES, "2000", "0"), ["row 1, radius_m: '0' will not do", "metres above 0"]),
    ("east of everything", (LEAVES, "106.6", "181"), ["row 1, lon: '181'", "-180 to 180"]),
    ("lat in place of lon", (LEAVES, "29.6", "106.6"), ["row 1, lat: '106.6'", "-90 to 90"]),
    ("no number", (LEAVES, "29.6", "29_6"), ["row 1, lat: '29_6'"]),
    ("not finite", (LEAVES, "2000", "inf"), ["row 1, radius_m: 'inf'"]),
    ("reversed", (LEAVES, "2025-07-02T00:00:00Z", "2025-06-02T00:00:00Z"),
     ["row 1, valid_to", "is not after"]),
    ("approved at no time", (LEAVES, "2000,", "2000,yesterday"),
     ["row 1, approved_at: 'yesterday' is no time"]),
    ("a leave twice", (LEAVES, "L1,P1", "L1,P1,,,,,home,,,,\nL1,P1"),
     ["row 2, leave_id: 'L1' stands in row 1"]),
    ("one leave of two people", (LEAVES, "L1,P1", "L1,P2,,2025-01-01T00:00:00Z,,,home,,,,\nL1,P1"),
     ["row 2, leave_id: 'L1' is a leave of 'P2' already"]),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "parts"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_fault(tmp_path: Path, edit: Edit, parts: list[str]) -> None:
    faults, _ = check_site(write_site(tmp_path, edit))
    lines = [str(fault) for fault in faults]
    assert any(line.startswith(edit[0]) and all(part in line for part in parts) for line in lines), lines
    assert len(lines) == 1, lines


#: (why, edit): the like of a fault, and none
SOUND: list[tuple[str, Edit]] = [
    ("a person comes again later", (PEOPLE, "P1,Person 1,O1,general,,\n",
     "P1,,O1,general,,2025-03-01T00:00:00Z\nP1,,O1,strict,2025-03-01T00:00:00Z,\n")),
    ("a device is handed on", (DEVICES, "D2,P2,wristband,,",
     "D2,P2,phone,,2025-03-01T00:00:00Z\nD2,P1,wristband,2025-03-01T00:00:00Z,")),
    ("two devices of one person", (DEVICES, "D2,P2", "D2,P1")),
    ("columns in another order",
     (DEVICES, WHOLE, "kind,valid_to,device_id,valid_from,person_id\nphone,,D1,,P1\n")),
    ("blank lines, CRLF and a byte order mark", (OFFICES, WHOLE,
     "\ufeffoffice_id,parent_id,name,level\r\n\r\nC1,,County,county\r\nO1,C1,Office,judicial_office\r\n\r\n")),
    ("quoted commas", (OFFICES, "County,", '"County, east",')),
    ("a leave of fences alone", (LEAVES, "106.6,29.6,2000", ",,")),
    ("a leave of a circle alone", (LEAVES, "home,", ",")),
    ("a leave without end", (LEAVES, "2025-07-02T00:00:00Z", "")),
    ("a leave comes again later", (LEAVES, "L1,P1", "L1,P1,,2025-07-01T00:00:00Z,,,home,,,,\nL1,P1")),
]  # fmt: skip


@pytest.mark.parametrize("edit", [row[1] for row in SOUND], ids=[row[0] for row in SOUND])
def test_sound(tmp_path: Path, edit: Edit) -> None:
    faults, _ = check_site(write_site(tmp_path, edit))
    assert faults == []


@pytest.mark.parametrize("name", [PEOPLE, DEVICES, OFFICES, "fences.geojson"])
def test_a_missing_file_is_the_only_fault(tmp_path: Path, name: str) -> None:
    (write_site(tmp_path) / name).unlink()
    faults, _ = check_site(tmp_path)
    assert [str(fault) for fault in faults] == [
        f"{name}: file: is missing; expected a file {name} in the site's directory"
    ]


@pytest.mark.parametrize("name", [LEAVES, "policy.toml"])
def test_leaves_and_policy_need_not_be_there(tmp_path: Path, name: str) -> None:
    (write_site(tmp_path) / name).unlink()
    assert check_site(tmp_path) == ([], [])


def test_a_file_in_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    path = write_site(tmp_path) / PEOPLE
    path.write_bytes(path.read_bytes() + "P3,张三,O1,strict,,\n".encode("gb18030"))
    faults, _ = check_site(tmp_path)
    assert [(fault.file, fault.where) for fault in faults] == [(PEOPLE, "file")]
    assert "line 4 is not UTF-8" in faults[0].wrong


def test_an_unsound_row_still_names_its_person(tmp_path: Path) -> None:
    """A device or selector that names the person of a broken row is not broken by that."""
    faults, _ = check_site(write_site(tmp_path, (PEOPLE, "O1,general,,", "O1,general")))
    assert [fault.where for fault in faults] == ["row 1"]
