"""The registry follows the log: each change once and in order, and every earlier site is still there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from changing_sites import START_MS, World, begun
from minimal_site import write_site
from seeds import seeds
from site_operations import NOW_MS, device, end, fence, leave, person, put

from pipeline.log.site_record import SiteChange, SiteRecord
from pipeline.registry.history import HistoryFilter
from pipeline.registry.recorded_site import RecordedSite
from pipeline.registry.registry import Registry, RegistryEmpty
from pipeline.sites.change_faults import ChangeRefused
from pipeline.sites.changes import resolved
from pipeline.sites.documents import SiteDocuments
from pipeline.sites.edits import about, apply_edits, edited
from pipeline.sites.load import load_documents
from pipeline.sites.site_versions import VERSIONED, IndexedSite, SiteVersions, key_of

FIRST = 100


@pytest.fixture
def documents(tmp_path: Path) -> SiteDocuments:
    home = tmp_path / "site"
    home.mkdir()
    return load_documents(write_site(home))


@pytest.fixture
def registry(tmp_path: Path, documents: SiteDocuments) -> Iterator[Registry]:
    with closing(Registry.open(tmp_path / "registry.sqlite")) as registry:
        assert registry.begin(documents, record=FIRST, at_ms=NOW_MS, source="site")
        yield registry


def changed(registry: Registry, number: int, *operations: Any, by: str = "li", hours: int = 0) -> SiteRecord:
    """A change that was taken as a record."""
    at_ms = NOW_MS + hours * 3_600_000
    edits = resolved(registry, list(operations), at_ms).edits
    record = SiteRecord(number, at_ms, SiteChange(f"c{number}", by, "why", operations, edits))
    assert registry.take(record)
    return record


CHANGES: list[Any] = [
    put("people", **person(**{"class": "strict"})),
    put("devices", **device(person_id="P2")),
    put("fences", **fence()),
    put("leaves", **leave(fence_ids="home;F9")),
    end("leaves", leave_id="L9"),
    end("devices", device_id="D2"),
    put("holidays", version="v", days_off={"2090": []}),
]


def test_it_is_what_the_edits_make_of_the_documents(registry: Registry, documents: SiteDocuments) -> None:
    """After each change, now and looked back at; and found by id like the documents in memory."""
    sites = [documents]
    assert registry.documents == documents
    for hour, operation in enumerate(CHANGES):
        record = changed(registry, FIRST + 10 * hour, operation, hours=hour)
        sites.append(edited(sites[-1], record.change.edits))
        assert registry.documents == sites[-1]
        _assert_found_alike(registry, sites[-1])
    years = sites[-1].holidays  # which are only ever added
    for hour, site in enumerate(sites[1:]):
        assert registry.documents_at(FIRST + 10 * hour) == replace(site, holidays=years)
        assert registry.documents_at(FIRST + 10 * hour + 9) == replace(site, holidays=years)
    assert registry.documents_at(FIRST - 1) == replace(documents, holidays=years)


@pytest.mark.parametrize("behind", range(len(CHANGES) + 1))
def test_whoever_reads_the_log_behind_it_finds_the_site_of_each_place(
    registry: Registry, documents: SiteDocuments, behind: int
) -> None:
    """From so many changes ago, while the registry has all of them: each comes to what it came to then."""
    sites, records = [documents], []
    for hour, operation in enumerate(CHANGES):
        records.append(changed(registry, FIRST + 10 * hour, operation, hours=hour))
        sites.append(edited(sites[-1], records[-1].change.edits))
    taken = len(CHANGES) - behind
    found = RecordedSite(registry, records[taken - 1].number + 3 if taken else FIRST - 1)
    found.holidays = sites[taken].holidays  # the years are those of now
    _assert_found_alike(found, sites[taken])
    for record, site in zip(records[taken:], sites[taken + 1 :], strict=True):
        with found.read_ahead(map(about, record.change.edits)):  # one by one or at once: it is the same
            apply_edits(found, record.change.edits)
            _assert_found_alike(found, site)
        _assert_found_alike(found, site)


def test_numbers_and_texts_are_kept_as_they_are_given(tmp_path: Path, documents: SiteDocuments) -> None:
    """One row each that a fast writer of JSON refuses, writes otherwise, or must escape."""
    fence = documents.fences[0]
    odd = tuple(
        {**fence, "properties": {**fence["properties"], "fence_id": f"F{number}", "radius_m": cell}}
        for number, cell in enumerate([10**25, 1e16, 1e-5, 0.1, -0.0, 5, 5.0, 'a "quote"\\ 张\u2028\x7f\x01'])
    )
    given = replace(documents, fences=odd)
    with closing(Registry.open(tmp_path / "odd.sqlite")) as registry:
        assert registry.begin(given, record=FIRST, at_ms=NOW_MS, source="site")
        assert repr(registry.documents.fences) == repr(odd)


def _assert_found_alike(registry: SiteVersions, site: SiteDocuments) -> None:
    indexed = IndexedSite(site)
    assert registry.policies() == indexed.policies()
    for classes in (set[str](), {"general"}, {"general", "strict", "lenient"}):
        found = registry.of_other_classes(classes)
        assert sorted(found) == sorted(indexed.of_other_classes(classes))
    assert (registry.policy, registry.holidays) == (site.policy, site.holidays)
    assert registry.offices() == indexed.offices()
    for table in VERSIONED:
        for key in {key_of(table, row) for row in site.table(table)}:
            assert registry.versions(key) == indexed.versions(key)
            assert sorted(registry.referring(key)) == sorted(indexed.referring(key))


def test_a_record_is_taken_once_and_in_order(registry: Registry) -> None:
    record = changed(registry, FIRST, CHANGES[0])
    later = changed(registry, FIRST + 5, CHANGES[1])
    site = registry.documents
    assert not registry.take(record)
    assert not registry.take(later)
    assert registry.documents == site
    assert (registry.last_record, registry.position) == (FIRST + 5, FIRST + 6)


def test_what_stands_before_the_import_is_not_taken(registry: Registry, documents: SiteDocuments) -> None:
    assert (registry.last_record, registry.position) == (FIRST - 1, FIRST)
    change = SiteChange("old", "li", "why", [], [{"table": "people", "drop": {"id": "P1", "valid_from": ""}}])
    assert not registry.take(SiteRecord(FIRST - 1, NOW_MS, change))
    assert registry.documents == documents


def test_the_first_import_stands(registry: Registry, documents: SiteDocuments, tmp_path: Path) -> None:
    with closing(Registry.open(tmp_path / "registry.sqlite")) as second:
        assert not second.begin(SiteDocuments(), record=0, at_ms=0, source="another")
    assert registry.documents == documents


def test_which_record_an_id_is_of(registry: Registry) -> None:
    assert registry.made_by(("people", "P1")) == 0
    assert registry.made_by(("leaves", "L9")) is None
    changed(registry, FIRST, CHANGES[3] | {"row": leave()})
    assert registry.made_by(("leaves", "L9")) == FIRST
    assert registry.made_by(("people", "P1")) == 0
    changed(registry, FIRST + 1, CHANGES[4])  # it had not begun
    assert registry.made_by(("leaves", "L9")) is None


def test_history_tells_who_changed_what(registry: Registry) -> None:
    changed(registry, FIRST, CHANGES[0], by="li")
    changed(registry, FIRST + 1, CHANGES[1], by="wang", hours=1)
    changed(registry, FIRST + 2, CHANGES[2], put("people", **person(name="Li")), by="li", hours=2)

    def told(before: int | None = None, limit: int = 100, **wanted: Any) -> list[int]:
        found = registry.history(HistoryFilter(**wanted), before, limit)
        return [entry.number - FIRST for entry in found]

    assert told() == [2, 1, 0]
    assert told(id="P1") == [2, 0]
    assert told(id="D1", table="devices") == [1]
    assert told(id="D1", table="people") == []
    assert told(by="wang") == [1]
    assert told(from_ms=NOW_MS + 3_600_000) == [2, 1]
    assert told(to_ms=NOW_MS + 3_600_000) == [0]
    assert (told(limit=2), told(before=FIRST + 1)) == ([2, 1], [0])
    entry = registry.history(HistoryFilter(id="D1"))[0]
    assert (entry.id, entry.by, entry.reason, entry.operations) == ("c101", "wang", "why", [CHANGES[1]])
    assert registry.answered("c101") == entry
    assert registry.answered("c999") is None


def test_an_empty_registry_says_so(tmp_path: Path) -> None:
    with closing(Registry.open(tmp_path / "registry.sqlite")) as registry:
        assert not registry.is_begun
        with pytest.raises(RegistryEmpty, match="site import"):
            _ = registry.documents


@pytest.mark.parametrize("seed", seeds(60))
def test_many_edits_of_one_record_are_what_they_make_of_the_documents(tmp_path: Path, seed: int) -> None:
    """Rows in the same order, found by id and by what they name, now and as they were before."""
    world, documents, at_ms = World(seed), begun(World(7)), START_MS
    with closing(Registry.open(tmp_path / "many.sqlite")) as registry:
        assert registry.begin(documents, record=1, at_ms=at_ms, source="site")
        for number in range(1, 12):
            at_ms += 3_600_000
            operations = [world.operation(at_ms) for _ in range(world.random.randint(1, 12))]
            try:
                edits = resolved(registry, operations, at_ms).edits
            except ChangeRefused:
                operations = operations[:1]
                try:
                    edits = resolved(registry, operations, at_ms).edits
                except ChangeRefused:
                    continue
            before = registry.documents
            registry.take(SiteRecord(number, at_ms, SiteChange(f"c{number}", "li", "", operations, edits)))
            documents = edited(documents, edits)
            assert registry.documents == documents
            assert registry.documents_at(number - 1) == before
            indexed = IndexedSite(documents)
            for key in {key_of(table, row) for table in VERSIONED for row in documents.table(table)}:
                assert registry.versions(key) == indexed.versions(key)
                assert sorted(registry.referring(key)) == sorted(indexed.referring(key))


def test_of_edits_of_one_place_the_last_counts(registry: Registry, documents: SiteDocuments) -> None:
    """What was dropped and put again stands behind all others, as the documents have it."""
    row = documents.rows["people"][0]
    drop = {"table": "people", "drop": {"id": row["person_id"], "valid_from": row["valid_from"]}}
    edits = [drop, {"table": "people", "put": {**row, "class": "strict"}}]
    assert registry.take(SiteRecord(FIRST, NOW_MS, SiteChange("c", "li", "", [], edits)))
    assert registry.documents == edited(documents, edits)
