"""Random changes of random sites: looking at a part finds what the whole would, and the past stays."""

from __future__ import annotations

import json
import re
from dataclasses import fields

import pytest
from changing_sites import HOUR_MS, START_MS, World, begun, timeline
from seeds import seeds

from geofences.fence import Fence
from geofences.instant import END_MS
from pipeline.sites.change_faults import ChangeRefused
from pipeline.sites.changed_site import changed_site
from pipeline.sites.changes import resolved
from pipeline.sites.documents import TABLES, Document, SiteDocuments
from pipeline.sites.edits import apply_edits, edited
from pipeline.sites.findings import Findings
from pipeline.sites.load import site_of
from pipeline.sites.neighbourhood import neighbourhood
from pipeline.sites.records import Site
from pipeline.sites.site_versions import FENCES, VERSIONED, IndexedSite, Key, key_of, span_of, with_cells


def faults_of(documents: SiteDocuments) -> set[tuple[str, str, str]]:
    """What is wrong with each row, by its id in place of its number."""
    findings = Findings()
    site_of(documents, findings)
    tables = {form.file: name for name, form in TABLES.items()} | {"fences.geojson": FENCES}
    told = set()
    for fault in findings.faults:
        table, number = tables[fault.file], re.match(r"(?:row|feature) (\d+)", fault.where)
        assert number is not None
        row = documents.table(table)[int(number[1]) - 1]
        field = fault.where.rpartition(", ")[2]
        told.add((f"{table} {key_of(table, row)[1]} {span_of(table, row)}", field, _numberless(fault.wrong)))
    return told


def _numberless(text: str) -> str:
    return re.sub(r"(row|feature) \d+", r"\1 N", text)


@pytest.mark.parametrize("seed", seeds(60))
def test_a_random_life_of_a_site(seed: int) -> None:
    """Whatever is taken leaves the site sound and its past as it was; what it says is the same in place."""
    world = World(seed)
    documents, clock_ms, taken = begun(world), START_MS, 0
    site = IndexedSite(documents)
    for _ in range(60):
        clock_ms += world.random.randint(0, 3) * HOUR_MS
        operations = [world.operation(clock_ms) for _ in range(world.random.randint(1, 4))]
        try:
            edits = resolved(site, operations, clock_ms)
        except ChangeRefused:
            continue
        taken += bool(edits)
        after = edited(documents, json.loads(json.dumps(edits.edits)))
        assert faults_of(after) == set()
        _assert_the_past_stays(documents, after, clock_ms, edits.earliest_ms)
        apply_edits(site, edits.edits)
        whole = made(after)
        _assert_same(changed_site(made(documents), site, edits.edits), whole)
        documents = after
        rebuilt = IndexedSite(documents)
        for key in {key_of(table, row) for table in VERSIONED for row in documents.table(table)}:
            assert list(site.versions(key)) == list(rebuilt.versions(key))
            assert set(site.referring(key)) == set(rebuilt.referring(key))
    assert taken > 3


def made(documents: SiteDocuments) -> Site:
    """The site of sound documents."""
    site = site_of(documents, Findings())
    assert site is not None
    return site


def _assert_same(one: Site, other: Site) -> None:
    for name in ("policy", "offices", "people", "bindings", "leaves", "holidays"):
        assert getattr(one, name) == getattr(other, name), name
    assert list(map(_told, one.fences)) == list(map(_told, other.fences))


def _told(fence: Fence) -> tuple[object, ...]:
    area = fence.area.shape.wkb, fence.area.reach_m
    return area, *(getattr(fence, field.name) for field in fields(fence) if field.name != "area")


def _assert_the_past_stays(
    before: SiteDocuments, after: SiteDocuments, clock_ms: int, earliest_ms: int
) -> None:
    assert earliest_ms >= clock_ms or before.table("leaves") != after.table("leaves")
    for table in VERSIONED:
        untouched_ms = earliest_ms if table == "leaves" else max(earliest_ms, clock_ms)
        # Ids that had rows before and after say the same of every instant before.
        assert timeline(before, table, -END_MS, untouched_ms) == timeline(
            after, table, -END_MS, untouched_ms
        ), table


@pytest.mark.parametrize("seed", seeds(150))
def test_the_neighbourhood_finds_what_the_whole_site_would(seed: int) -> None:
    world = World(seed)
    documents = _grown(world)
    site = IndexedSite(documents)
    for _ in range(20):
        changed = _random_rows(world, documents, site)
        whole = _with_rows(documents, changed)
        assert faults_of(neighbourhood(site, changed, documents.holidays)) == faults_of(whole)


def _grown(world: World) -> SiteDocuments:
    documents, clock_ms = begun(world), START_MS
    for _ in range(60):
        clock_ms += HOUR_MS
        try:
            edits = resolved(IndexedSite(documents), [world.operation(clock_ms)], clock_ms)
        except ChangeRefused:
            continue
        documents = edited(documents, edits.edits)
    return documents


def _random_rows(world: World, documents: SiteDocuments, site: IndexedSite) -> dict[Key, list[Document]]:
    """Some ids with rows that are gone, cut short, moved or drawn anew."""
    changed: dict[Key, list[Document]] = {}
    for _ in range(world.random.randint(1, 3)):
        table = world.random.choice(VERSIONED)
        row = world.random.choice([*documents.table(table), world.row(table)])
        key = key_of(table, row)
        rows = list(site.versions(key))
        match world.random.randint(0, 3):
            case 0:
                rows = []
            case 1 if rows:
                rows[-1] = with_cells(table, rows[-1], {"valid_to": world.hour(START_MS, 0, 60)})
            case 2:
                rows.append(world.row(table))
                key = key_of(table, rows[-1])
                rows = [*site.versions(key), rows[-1]]
            case _:
                drawn = world.row(table)
                key, rows = key_of(table, drawn), [drawn]
        changed[key] = rows
    return changed


def _with_rows(documents: SiteDocuments, changed: dict[Key, list[Document]]) -> SiteDocuments:
    tables = {}
    for table in VERSIONED:
        kept = [row for row in documents.table(table) if key_of(table, row) not in changed]
        new = [row for (other, _), rows in changed.items() if other == table for row in rows]
        tables[table] = (*kept, *new)
    fences = tables.pop(FENCES)
    return SiteDocuments(tables, fences, documents.policy, documents.holidays)
