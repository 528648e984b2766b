"""A stream with changes of the site among its rows: the same alerts as by the site as it stands then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from minimal_site import write_site
from replay.command_line import invoked

from geofences.instant import instant_ms
from pipeline.sites.changes import resolved
from pipeline.sites.documents import SiteDocuments, write_documents
from pipeline.sites.edits import edited
from pipeline.sites.load import load_documents
from pipeline.sites.site_versions import IndexedSite

DAY = "2025-07-14"
#: Far outside the fence of P1 (106..107, 29..30), inside it, and inside the circle of the new zone.
OUT, IN, ZONE = (108.0, 29.5), (106.5, 29.8), (106.2, 29.2)
SQUARE = [[[107.5, 29.0], [108.5, 29.0], [108.5, 30.0], [107.5, 30.0], [107.5, 29.0]]]


def at(minute: int) -> str:
    return f"{DAY}T{4 + minute // 60:02d}:{minute % 60:02d}:00Z"


def fence(name: str, valid: dict[str, str] | None = None, **geometry: Any) -> dict[str, Any]:
    properties = {"fence_id": name, "rule": "keep_in", "applies_to": ["person:P1", "office:C1"]}
    return {"type": "Feature", "properties": properties | (valid or {}), "geometry": geometry}


#: What changes when, each with what it is good for; minutes of arrival.
CHANGES: list[tuple[int, list[dict[str, Any]]]] = [
    # a fence moved under a standing person: D1 stands outside from minute 10 on, and is inside from 40 on
    (40, [{"op": "put", "table": "fences", "row": fence("home", type="Polygon", coordinates=SQUARE)}]),
    # a device given to another person, who is out as well
    (
        90,
        [{"op": "put", "table": "devices", "row": {"device_id": "D2", "person_id": "P1", "kind": "phone"}}],
    ),
    # another policy: one fix outside is enough from then on
    (
        95,
        [
            {
                "op": "put",
                "table": "policies",
                "row": {
                    "version": "quick",
                    "boundary": {"keep_in": {"tolerance_m": 5.0, "fixes": 1, "dwell_s": 0}},
                },
            }
        ],
    ),
    # a person and a device at once, in force later
    (
        100,
        [
            {
                "op": "put",
                "table": "people",
                "effective_at": at(110),
                "row": {"person_id": "P9", "name": "Nine", "office_id": "O1", "class": "lenient"},
            },
            {
                "op": "put",
                "table": "devices",
                "effective_at": at(110),
                "row": {"device_id": "D9", "person_id": "P9", "kind": "wristband"},
            },
        ],
    ),
    # an office put below another county: the fence of the county it was below is no longer for its people
    (
        130,
        [
            {
                "op": "put",
                "table": "offices",
                "row": {"office_id": "C2", "parent_id": "", "name": "Other county", "level": "county"},
            },
            {
                "op": "put",
                "table": "offices",
                "row": {"office_id": "O1", "parent_id": "C2", "name": "Office", "level": "judicial_office"},
            },
        ],
    ),
    # a leave entered late: it would have prevented what P1's D2 did
    (
        150,
        [
            {
                "op": "put",
                "table": "leaves",
                "row": {
                    "leave_id": "L9",
                    "person_id": "P1",
                    "valid_from": at(80),
                    "valid_to": at(300),
                    "category": "work",
                    "module": "travel",
                    "lon": "106.5",
                    "lat": "29.8",
                    "radius_m": "500",
                    "approved_at": at(155),
                },
            }
        ],
    ),
    (170, [{"op": "end", "table": "devices", "row": {"device_id": "D9"}}]),
]


def pings() -> list[dict[str, Any]]:
    """D1 inside, then outside; D2 inside the old fence, outside the new one; D9 from when it is known.

    D9 is mostly outside the new fence; from minute 120 on it is inside, until it is below another county.
    """
    rows = [("D1", minute, IN if minute < 10 else OUT) for minute in range(0, 180, 2)]
    rows += [("D2", minute, IN) for minute in range(1, 180, 3)]
    rows += [
        ("D9", minute, OUT if minute % 4 == 0 or 120 <= minute <= 130 else IN) for minute in range(101, 180)
    ]
    return [
        {"device_id": name, "event_time": at(minute), "lon": lon, "lat": lat, "accuracy_m": 5}
        for name, minute, (lon, lat) in sorted(rows, key=lambda row: row[1])
    ]


def write_lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def last_site(site: SiteDocuments) -> SiteDocuments:
    for minute, operations in CHANGES:
        found = resolved(IndexedSite(site), operations, instant_ms(at(minute)))
        site = edited(site, found.edits)
    return site


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site, its stream, its changes and the site as they leave it."""
    folder = tmp_path_factory.mktemp("changes")
    (folder / "site").mkdir()
    site = load_documents(write_site(folder / "site"))
    write_lines(folder / "pings.ndjson", pings())
    lines = [[{**part, "arrival_time": at(minute)} for part in operations] for minute, operations in CHANGES]
    write_lines(folder / "changes.ndjson", [line if len(line) > 1 else line[0] for line in lines])
    (folder / "last").mkdir()
    write_documents(last_site(site), folder / "last")
    return folder


def replayed(folder: Path, site: str, *more: str | Path) -> list[dict[str, Any]]:
    out = folder / "alerts.ndjson"
    words = "--site", folder / site, "--pings", folder / "pings.ndjson", "--alerts", out, *more
    done = invoked("replay", *words)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in out.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("cut", [("--batch", "1"), ("--batch", "7"), (), ("--workers", "2")])
def test_changes_among_the_rows_give_what_the_last_site_gives(recorded: Path, cut: tuple[str, ...]) -> None:
    changed = replayed(recorded, "site", "--changes", recorded / "changes.ndjson", *cut)
    assert changed == replayed(recorded, "last")


def test_each_change_shows_in_the_alerts(recorded: Path) -> None:
    before = replayed(recorded, "site")
    found = replayed(recorded, "site", "--changes", recorded / "changes.ndjson")
    violations = {(a["device_id"], a["person_id"]): a for a in found if a["kind"] == "boundary_violation"}
    assert violations["D1", "P1"]["cleared_at"] == f"{DAY}T04:40:00.000Z", "the fence came to where it stood"
    assert violations["D2", "P1"]["authorised_by"] == "L9", "approved afterwards"
    assert ("D9", "P9") in violations, "a person added is watched"
    [outside] = [a for a in found if (a["kind"], a["person_id"]) == ("boundary_violation", "P9")]
    assert outside["policy_version"] == "quick"
    assert outside["onset_at"] == outside["raised_at"], "one fix was enough"
    assert outside["cleared_at"] == f"{DAY}T06:00:00.000Z", "and of no use later: no longer below the county"
    assert not any(alert["device_id"] == "D9" for alert in before)


WRONG = [
    ("{", "line 1: is no JSON"),
    ('{"op": "put"}', "line 1: arrival_time is None"),
    ('{"arrival_time": "2025-07-14", "op": "put"}', "line 1: arrival_time is '2025-07-14'"),
    (
        json.dumps({"arrival_time": at(5), "op": "end", "table": "devices", "row": {"device_id": "D7"}}),
        "line 1",
    ),
]


@pytest.mark.parametrize(("line", "told"), WRONG)
def test_a_wrong_change_ends_with_its_place(recorded: Path, line: str, told: str) -> None:
    wrong = recorded / "wrong.ndjson"
    wrong.write_text(line + "\n", "utf-8")
    out = recorded / "none.ndjson"
    words = "--site", recorded / "site", "--pings", recorded / "pings.ndjson", "--alerts", out
    done = invoked("replay", *words, "--changes", wrong)
    assert done.exit_code == 2, done.output
    assert told in done.output
    assert not out.exists()
