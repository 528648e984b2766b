"""policies/*.toml: whole policies, each from its own instant on, in place of the one before it."""

from __future__ import annotations

from pathlib import Path

import pytest
from minimal_site import WHOLE, Edit, write_site

from geofences.instant import BEGIN_MS, END_MS, instant_ms
from pipeline.errors import Fault
from pipeline.sites.documents import write_documents
from pipeline.sites.load import check_site, load_documents, load_site, site_files
from pipeline.sites.policies import LaterPolicy, Policies
from pipeline.sites.policy import Policy

JULY, AUGUST = "2025-07-01T00:00:00+08:00", "2025-08-01T00:00:00+08:00"
DAY_MS = 86_400_000


def dated(name: str, valid_from: str, text: str = "", version: str = "") -> Edit:
    """The file of a policy that begins then; its version is its name unless one is given."""
    head = f'version = "{version or name}"\nvalid_from = "{valid_from}"\n'
    return f"policies/{name}.toml", WHOLE, head + text


#: (why, files, the lines of all faults, each told by what it begins with)
FAULTS: list[tuple[str, list[Edit], list[str]]] = [
    ("no TOML", [("policies/a.toml", WHOLE, "version =")], ["policies/a.toml: file: is no TOML"]),
    ("no version", [("policies/a.toml", WHOLE, f'valid_from = "{JULY}"')],
     ["policies/a.toml: version: is missing"]),
    ("no beginning", [("policies/a.toml", WHOLE, 'version = "a"')],
     ["policies/a.toml: valid_from: is missing"]),
    ("a beginning without offset", [dated("a", "2025-07-01T00:00:00")],
     ["policies/a.toml: valid_from: '2025-07-01T00:00:00' is no time with offset"]),
    ("a date", [("policies/a.toml", WHOLE, 'version = "a"\nvalid_from = 2025-07-01')],
     ["policies/a.toml: valid_from: '2025-07-01' is no time with offset"]),
    ("an end, which it has none", [dated("a", JULY, f'valid_to = "{AUGUST}"\n')],
     ["policies/a.toml: valid_to: unknown key"]),
    ("two faults in two files",
     [dated("a", JULY, "speed = 3\n"), dated("b", AUGUST, "[silence]\nphone = [1]\n")],
     ["policies/a.toml: speed: unknown key", "policies/b.toml: silence.phone: [1] will not do"]),
    ("two begin together", [dated("a", JULY), dated("b", "2025-06-30T16:00:00Z")],
     ["policies/b.toml: valid_from: '2025-06-30T16:00:00Z' is when policy 'a' begins"]),
    ("a beginning in policy.toml", [("policy.toml", 'version = "test"', f'valid_from = "{JULY}"')],
     ["policy.toml: valid_from: unknown key"]),
    ("a person of a class that is yet to be",
     [dated("a", JULY, "[confirmation]\nyoung = []\n"), ("people.csv", "1,O1,general", "1,O1,young")],
     ["people.csv: row 1, class: unknown class 'young'; expected a class of policy 'test': general, l"]),
    ("a class that nobody knows",
     [dated("a", JULY, "[confirmation]\nyoung = []\n"), ("fences.geojson", "class:general", "class:old")],
     ["fences.geojson: feature 2 (zone), applies_to: unknown class 'old'"]),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "lines"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_faults(tmp_path: Path, edits: list[Edit], lines: list[str]) -> None:
    found, _ = check_site(write_site(tmp_path, *edits))
    told = list(map(str, found))
    assert len(told) == len(lines), told
    assert all(line.startswith(head) for line, head in zip(told, lines, strict=True)), told


def test_which_policy_is_in_force(tmp_path: Path) -> None:
    site = load_site(write_site(tmp_path, dated("b", AUGUST), dated("a", JULY, 'timezone = "UTC"\n')))
    july_ms, august_ms = instant_ms(JULY), instant_ms(AUGUST)
    at = [BEGIN_MS, july_ms - 1, july_ms, august_ms - 1, august_ms, END_MS - 1]
    assert [site.policies.at(ms).version for ms in at] == ["test", "test", "a", "a", "b", "b"]
    assert site.policies.at(july_ms) == Policy(version="a", timezone="UTC"), (
        "of the one before nothing is left"
    )
    assert site.policies.at(august_ms) == Policy(version="b")


def test_a_class_may_be_of_the_policies_of_its_people_only(tmp_path: Path) -> None:
    """One class comes with a policy and its people; a selector may name it at any time."""
    site = load_site(
        write_site(
            tmp_path,
            dated("a", JULY, "[confirmation]\nyoung = []\n"),
            ("people.csv", "P1,Person 1,O1,general,,", f"P1,Person 1,O1,young,{JULY},"),
            ("fences.geojson", "class:general", "class:young"),
        )
    )
    assert (site.people[0].class_name, site.fences[1].applies_to[0]) == ("young", "class:young")


def test_what_is_no_policy_is_told_of(tmp_path: Path) -> None:
    _, warnings = check_site(write_site(tmp_path, ("policies/a.tmol", WHOLE, "x")))
    assert [(fault.file, fault.wrong) for fault in warnings] == [
        ("policies/a.tmol", "is no policy and is not read")
    ]
    assert isinstance(warnings[0], Fault)


def test_written_out_and_read_again(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    site = write_site(
        tmp_path / "one",
        dated(
            "a", JULY, '[accuracy]\nfloor_m = { gnss = 12.5 }\n[confirmation]\n"a\\u007f" = ["07:00-09:00"]\n'
        ),
        ("policies/b.toml", WHOLE, 'version = "ü \\" 乙"\nvalid_from = 2025-08-01T00:00:00+08:00\n'),
    )
    documents = load_documents(site)
    (tmp_path / "two").mkdir()
    write_documents(documents, tmp_path / "two")
    again = load_documents(tmp_path / "two")
    assert again.policies == documents.policies
    assert load_site(tmp_path / "two").policies.all == load_site(site).policies.all
    names = [path.name for path in site_files(tmp_path / "two") if path.parent.name == "policies"]
    assert names == ["2025-06-30T160000Z.toml", "2025-07-31T160000Z.toml"]


def policies(*later: tuple[int, int, int]) -> Policies:
    """Policies that begin on a day, each with a horizon in days and a lateness in minutes."""
    made = [
        LaterPolicy(
            day * DAY_MS, Policy(backfill_horizon_ms=horizon * DAY_MS, allowed_lateness_ms=late * 60_000)
        )
        for day, horizon, late in later
    ]
    first = Policy(backfill_horizon_ms=7 * DAY_MS, allowed_lateness_ms=300_000)
    return Policies(first, made)


#: (why, policies by date, the day it is, since which day rows are kept, the longest lateness in minutes)
KEPT: list[tuple[str, list[tuple[int, int, int]], float, float, int]] = [
    ("one policy", [], 100, 93, 5),
    ("a shorter horizon to come asks for no more", [(110, 3, 1)], 100, 93, 5),
    ("and counts from its beginning on", [(110, 3, 1)], 110, 107, 1),
    ("a longer one reaches back from its beginning", [(110, 20, 9)], 100, 90, 9),
    ("far ahead it asks for nothing yet", [(200, 20, 5)], 100, 93, 5),
    ("a policy that is over does not count", [(50, 40, 9), (60, 7, 5)], 100, 93, 5),
]  # fmt: skip


@pytest.mark.parametrize(
    ("later", "today", "kept", "late"), [row[1:] for row in KEPT], ids=[row[0] for row in KEPT]
)
def test_how_far_back_anything_is_kept(
    later: list[tuple[int, int, int]], today: float, kept: float, late: int
) -> None:
    found, clock_ms = policies(*later), int(today * DAY_MS)
    assert found.kept_from_ms(clock_ms) == kept * DAY_MS
    assert found.lateness_from_ms(clock_ms) == late * 60_000
