"""Random changes of random sites: looking at a part finds what the whole would, and the past stays."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import fields
from random import Random
from typing import Any

import pytest
from seeds import seeds

from geofences.fence import Fence
from pipeline.sites.change_faults import ChangeRefused
from pipeline.sites.changed_site import changed_site
from pipeline.sites.changes import resolved
from pipeline.sites.documents import TABLES, Document, SiteDocuments
from pipeline.sites.edits import apply_edits, contents, edited
from pipeline.sites.findings import Findings
from pipeline.sites.load import site_of
from pipeline.sites.neighbourhood import neighbourhood
from pipeline.sites.records import Site
from pipeline.sites.site_versions import FENCES, VERSIONED, IndexedSite, Key, key_of, span_of, with_cells
from sinks.alert import instant_text

HOUR_MS = 3_600_000
START_MS = 1_752_451_200_000
OFFICES, PEOPLE, DEVICES, ZONES = (
    ("C1", "O1", "O2"),
    ("P1", "P2", "P3"),
    ("D1", "D2", "D3"),
    ("F1", "F2", "F3"),
)


class World:
    """Draws rows, most of them sound and some with a name that nobody has."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def name(self, names: Sequence[str]) -> str:
        """One of the names; now and then one that is none of them."""
        return "nobody" if self.random.random() < 0.05 else self.random.choice(names)

    def row(self, table: str) -> Document:
        """A row about one of the ids of a table, without validity."""
        draw = {
            "offices": lambda: self._office(self.random.choice(OFFICES)),
            "people": lambda: {
                "person_id": self.random.choice(PEOPLE), "office_id": self.name(OFFICES),
                "class": self.random.choice(("strict", "general")),
            },
            "devices": lambda: {
                "device_id": self.random.choice(DEVICES), "person_id": self.name(PEOPLE),
                "kind": self.random.choice(("phone", "wristband")),
            },
            "leaves": lambda: {
                "leave_id": self.random.choice(("L1", "L2")), "person_id": self.name(PEOPLE),
                "fence_ids": self.name(ZONES),
            },
            FENCES: self._fence,
        }  # fmt: skip
        drawn: Document = draw[table]()
        if table == FENCES:
            return drawn
        form = TABLES[table]
        return {name: drawn.get(name, "") for name in (*form.columns, *form.optional)}

    def _office(self, office_id: str) -> Document:
        parent = "" if office_id == "C1" else "C1"
        level = "county" if office_id == "C1" else "judicial_office"
        return {
            "office_id": office_id,
            "parent_id": parent,
            "name": str(self.random.random()),
            "level": level,
        }

    def _fence(self) -> Document:
        selectors = [f"person:{self.name(PEOPLE)}", f"office:{self.name(OFFICES)}", "class:strict", "all"]
        properties = {
            "fence_id": self.random.choice(ZONES), "rule": self.name(("keep_in", "keep_out")),
            "applies_to": self.random.sample(selectors, self.random.randint(1, 2)),
            "radius_m": self.random.randint(1, 500),
        }  # fmt: skip
        return {
            "type": "Feature",
            "properties": properties,
            "geometry": {"type": "Point", "coordinates": [106.5, 29.5]},
        }

    def operation(self, clock_ms: int) -> dict[str, Any]:
        """Put or end something, now, in a while or, now and then, in the past."""
        table, at_ms = self.random.choice(VERSIONED), None
        if self.random.random() < 0.4:
            at_ms = clock_ms + self.random.randint(-1, 24) * HOUR_MS
        row = self.row(table)
        if self.random.random() < 0.2:
            row = with_cells(table, row, {"valid_from": self._hour(clock_ms, -8, 24)})
        if self.random.random() < 0.2:
            row = with_cells(table, row, {"valid_to": self._hour(clock_ms, -2, 48)})
        op = "end" if self.random.random() < 0.25 else "put"
        return {"op": op, "table": table, "row": row, "effective_at": at_ms and instant_text(at_ms)}

    def _hour(self, clock_ms: int, least: int, most: int) -> str:
        return instant_text(clock_ms + self.random.randint(least, most) * HOUR_MS)


def begun(world: World) -> SiteDocuments:
    """A sound site with a county and its offices, from which random changes make the rest."""
    offices = tuple({**world._office(name), "valid_from": "", "valid_to": ""} for name in OFFICES)
    return SiteDocuments({**dict.fromkeys(TABLES, ()), "offices": offices})


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
        assert _timeline(before, table, untouched_ms) == _timeline(after, table, untouched_ms), table


def _timeline(site: SiteDocuments, table: str, upto_ms: int) -> dict[Key, list[tuple[int, int, str]]]:
    found: dict[Key, list[tuple[int, int, str]]] = {}
    for row in site.table(table):
        from_ms, to_ms = span_of(table, row)
        if from_ms < upto_ms:
            said = json.dumps(contents(table, row), sort_keys=True)
            pieces = found.setdefault(key_of(table, row), [])
            pieces.append((from_ms, min(to_ms, upto_ms), said))
    return {key: sorted(pieces) for key, pieces in found.items()}


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
                rows[-1] = with_cells(table, rows[-1], {"valid_to": world._hour(START_MS, 0, 60)})
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
