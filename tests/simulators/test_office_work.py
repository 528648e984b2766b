"""A made-up site taken apart into that of an instant and the changes that come later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from geofences.instant import instant_ms
from pipeline.sites.changes import resolved
from pipeline.sites.documents import SiteDocuments
from pipeline.sites.edits import edited
from pipeline.sites.findings import Findings
from pipeline.sites.load import load_documents, site_of
from pipeline.sites.site_versions import IndexedSite
from simulators.office_work import SiteChange, office_work
from simulators.scenario import simulate

START = "2025-07-14T06:00:00+08:00"
HOURS, FROM_MS = 30, 270 * 60_000
ZONE = "Asia/Shanghai"


class Taken:
    """A scenario's site, its truth, and how it was taken apart."""

    def __init__(self, home: Path) -> None:
        made = simulate("county", 200, HOURS, 7, home, start=START)
        self.whole = load_documents(made.site)
        self.truth: list[dict[str, Any]] = [
            json.loads(line) for line in made.truth_file.read_text("utf-8").splitlines()
        ]
        self.start_ms, self.first_ms = made.start_ms, made.start_ms + FROM_MS
        bounds_ms = (made.start_ms, self.first_ms, made.end_ms)
        self.first, self.changes = office_work(self.whole, self.truth, bounds_ms, ZONE, 7)

    def of(self, what: str) -> list[SiteChange]:
        return [change for change in self.changes if change.what == what]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    return Taken(tmp_path_factory.mktemp("scenario"))


def ids(documents: SiteDocuments, table: str, column: str) -> set[str]:
    rows = documents.table(table)
    return {row["properties"][column] if table == "fences" else row[column] for row in rows}


def test_every_change_is_taken_by_the_site_before_it(taken: Taken) -> None:
    """The first site is sound, and so is each that follows; in the end all is there that was at first."""
    documents = taken.first
    assert site_of(documents, Findings()) is not None
    for change in taken.changes:
        edits = resolved(IndexedSite(documents), list(change.operations), change.at_ms)
        documents = edited(documents, edits.edits)
    assert site_of(documents, Findings()) is not None
    for table, column in (("people", "person_id"), ("devices", "device_id"), ("fences", "fence_id")):
        assert ids(documents, table, column) == ids(taken.whole, table, column)
    assert ids(documents, "leaves", "leave_id") >= ids(taken.whole, "leaves", "leave_id")


def test_there_is_something_of_each_kind_soon_after_the_beginning(taken: Taken) -> None:
    for what, minutes in (("enrolled", 2), ("granted", 4), ("ended", 12)):
        assert taken.of(what)[0].at_ms - taken.first_ms <= minutes * 60_000
        assert len(taken.of(what)) >= 3


def test_who_is_enrolled_has_done_nothing_before(taken: Taken) -> None:
    for change in taken.of("enrolled"):
        (person_id,) = {one["row"]["person_id"] for one in change.operations if one["table"] == "people"}
        own = [one for one in taken.truth if one["person_id"] == person_id]
        assert all(instant_ms(one["from"]) > change.at_ms for one in own)
        assert change.devices, "a person without a device would be of no use here"
        assert set(change.devices).isdisjoint(ids(taken.first, "devices", "device_id"))


def test_leaves_of_trips_are_granted_in_time_but_for_those_approved_too_late(taken: Taken) -> None:
    for change in taken.of("granted"):
        (one,) = change.operations
        approved = one["row"]["approved_at"]
        assert change.at_ms == instant_ms(approved) if approved else True
        assert approved or change.at_ms <= instant_ms(one["row"]["valid_from"])


def test_errands_are_of_people_who_do_nothing_meanwhile(taken: Taken) -> None:
    errands = [one.operations[0]["row"] for one in taken.of("granted")]
    errands = [row for row in errands if row["leave_id"].startswith("E")]
    assert len({row["person_id"] for row in errands}) == len(errands) >= 3
    for row in errands:
        span = (instant_ms(row["valid_from"]), instant_ms(row["valid_to"]))
        own = [one for one in taken.truth if one["person_id"] == row["person_id"]]
        assert all(instant_ms(one["to"]) < span[0] or span[1] < instant_ms(one["from"]) for one in own)


def test_the_same_seed_gives_the_same_changes(taken: Taken) -> None:
    bounds_ms = (taken.start_ms, taken.first_ms, taken.start_ms + HOURS * 3_600_000)
    assert office_work(taken.whole, taken.truth, bounds_ms, ZONE, 7) == (taken.first, taken.changes)
