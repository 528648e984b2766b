"""A change of many rows is resolved before its turn where that says the same, and in its turn where not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from minimal_site import write_site
from site_operations import NOW, NOW_MS, Op, device, end, fence, leave, person, put

from pipeline.ingest.resolved_ahead import AHEAD_FROM, resolved_ahead
from pipeline.log.site_record import SiteChange, SiteRecord
from pipeline.registry.registry import Registry
from pipeline.sites.changes import resolved
from pipeline.sites.load import load_documents
from sinks.alert import instant_text

LATER_MS = NOW_MS + 7_000
#: Enough that are new to be looked at ahead.
MANY = [put("people", **person(person_id=f"N{number}")) for number in range(AHEAD_FROM)]

#: What else the change has, by what it shows.
SAYS_THE_SAME: dict[str, list[Op]] = {
    "a version ends and another begins at the clock": [put("people", **person(**{"class": "strict"}))],
    "a row as it is already": [put("devices", **device())],
    "a device goes from one to another": [put("devices", **device(person_id="P2"))],
    "an end": [end("devices", device_id="D2")],
    "a fence": [put("fences", **fence())],
    "to hold from long after the clock": [put("people", "2025-08-01T00:00:00Z", **person(name="Mine"))],
}
#: What hangs on the very instant.
LOOKED_AT_ANEW: dict[str, list[Op]] = {
    "to hold from between the two": [put("people", instant_text(NOW_MS + 1), **person(name="Mine"))],
    "to hold from the earlier one": [put("people", NOW, **person(name="Mine"))],
    "ends between the two": [put("people", **person(name="Mine", valid_to=instant_text(NOW_MS + 6_999)))],
}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with closing(Registry.open(tmp_path / "registry.sqlite")) as opened:
        opened.begin(load_documents(write_site(tmp_path)), record=0, at_ms=NOW_MS, source="site")
        yield opened


@pytest.mark.parametrize("others", SAYS_THE_SAME.values(), ids=SAYS_THE_SAME)
def test_what_was_resolved_ahead_is_what_is_resolved_in_its_turn(
    registry: Registry, others: list[Op]
) -> None:
    ahead = resolved_ahead(registry, "c1", [*MANY, *others], NOW_MS)
    assert ahead is not None
    assert ahead.at(registry.last_record, LATER_MS) == resolved(registry, [*MANY, *others], LATER_MS).edits


@pytest.mark.parametrize("others", LOOKED_AT_ANEW.values(), ids=LOOKED_AT_ANEW)
def test_what_hangs_on_the_instant_is_looked_at_in_its_turn(registry: Registry, others: list[Op]) -> None:
    ahead = resolved_ahead(registry, "c1", [*MANY, *others], NOW_MS)
    assert ahead is not None
    assert ahead.at(registry.last_record, LATER_MS) is None


OF_NO_USE: dict[str, Callable[[Registry], list[Op]]] = {
    "few rows": lambda _: MANY[:-1],
    "a leave, which may be entered late": lambda _: [*MANY, put("leaves", **leave())],
}


@pytest.mark.parametrize("operations", OF_NO_USE.values(), ids=OF_NO_USE)
def test_what_is_not_looked_at_ahead(registry: Registry, operations: Callable[[Registry], list[Op]]) -> None:
    assert resolved_ahead(registry, "c1", operations(registry), NOW_MS) is None


def test_a_change_between_and_one_that_was_taken_already_are_looked_at_in_their_turn(
    registry: Registry,
) -> None:
    ahead = resolved_ahead(registry, "c2", MANY, NOW_MS)
    assert ahead is not None
    assert ahead.at(registry.last_record, NOW_MS - 1) is None, "a clock that went back is none to go by"
    other = [put("people", **person(name="Other"))]
    edits = resolved(registry, other, NOW_MS).edits
    registry.take(SiteRecord(registry.last_record + 2, NOW_MS, SiteChange("c1", "li", "why", other, edits)))
    assert ahead.at(registry.last_record, LATER_MS) is None
    assert resolved_ahead(registry, "c1", MANY, NOW_MS) is None, "it is answered as it was then"
