"""Random sites and random changes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

from geofences.instant import instant_ms
from pipeline.sites.documents import TABLES, Document, SiteDocuments
from pipeline.sites.edits import contents
from pipeline.sites.site_versions import FENCES, VERSIONED, Key, key_of, span_of, with_cells
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
            "offices": lambda: self.office(self.random.choice(OFFICES)),
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

    def office(self, office_id: str) -> Document:
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
            row = with_cells(table, row, {"valid_from": self.hour(clock_ms, -8, 24)})
        if self.random.random() < 0.2:
            row = with_cells(table, row, {"valid_to": self.hour(clock_ms, -2, 48)})
        op = "end" if self.random.random() < 0.25 else "put"
        return {"op": op, "table": table, "row": row, "effective_at": at_ms and instant_text(at_ms)}

    def hour(self, clock_ms: int, least: int, most: int) -> str:
        return instant_text(clock_ms + self.random.randint(least, most) * HOUR_MS)


def begun(world: World) -> SiteDocuments:
    """A sound site with a county and its offices, from which random changes make the rest."""
    offices = tuple({**world.office(name), "valid_from": "", "valid_to": ""} for name in OFFICES)
    return SiteDocuments({**dict.fromkeys(TABLES, ()), "offices": offices})


def timeline(
    site: SiteDocuments, table: str, from_ms: int, to_ms: int
) -> dict[Key, list[tuple[int, int, str]]]:
    """What each id of a table says of a span of time; adjoining pieces that say the same are one."""
    found: dict[Key, list[tuple[int, int, str]]] = {}
    for row in sorted(site.table(table), key=lambda row: span_of(table, row)):
        begin_ms, end_ms = span_of(table, row)
        begin_ms, end_ms = max(begin_ms, from_ms), min(end_ms, to_ms)
        if begin_ms >= end_ms:
            continue
        cells = contents(table, row)
        if table == "leaves" and cells["approved_at"] and instant_ms(cells["approved_at"]) <= from_ms + 1:
            cells["approved_at"] = ""  # which is the same for all that arrives by then
        said = json.dumps(cells, sort_keys=True)
        pieces = found.setdefault(key_of(table, row), [])
        if pieces and pieces[-1][1:] == (begin_ms, said):
            begin_ms = pieces.pop()[0]
        pieces.append((begin_ms, end_ms, said))
    return found
