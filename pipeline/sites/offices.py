"""offices.csv: the offices and who stands above whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from geofences.instant import END_MS
from pipeline.sites.cells import Span, identifier, validity
from pipeline.sites.findings import Findings, Place, listed, shown
from pipeline.sites.records import Office
from pipeline.sites.table import Table
from pipeline.sites.versions import overlaps

COLUMNS = ("office_id", "parent_id", "name", "level")
#: A site may leave them out; offices that were renamed or closed have them.
VALIDITY = ("valid_from", "valid_to")

#: From the bottom up.
LEVELS = ("judicial_office", "county", "city", "province")


@dataclass(frozen=True, slots=True)
class Offices:
    """The sound offices, each once as its last version has it, and until when each of them is there."""

    records: list[Office]
    ends_ms: dict[str, int]

    @property
    def have_ends(self) -> bool:
        """Whether any of them ends."""
        return any(end_ms < END_MS for end_ms in self.ends_ms.values())

    def fault_ended(self, office_id: str, until_ms: int, field: str, place: Place) -> None:
        """A fault where something goes on in an office that has ended before it."""
        end_ms = self.ends_ms.get(office_id, END_MS)
        if end_ms < until_ms:
            wrong = f"office {shown(office_id)} ends before this row does"
            place.fault(field, wrong, "an office that is there as long, or an earlier valid_to")


def read_offices(table: Table, findings: Findings) -> Offices:
    """The sound offices; faults for ids given twice, unknown levels and parents, and circles."""
    offices: dict[str, Office] = {}
    places: dict[str, Place] = {}
    spans: dict[int, tuple[str, Span]] = {}
    for row, (office_id, parent_id, name, level, valid_from, valid_to), place in table.places(findings):
        if level not in LEVELS:
            place.fault("level", f"unknown level {shown(level)}", f"one of {', '.join(LEVELS)}")
        if parent_id and table.ids is not None and parent_id not in table.ids:
            wrong = f"unknown office {shown(parent_id)}"
            place.fault("parent_id", wrong, "an office_id of this file, or empty")
        span = validity(valid_from, valid_to, place)
        if identifier(office_id, "office_id", place) is None or span is None:
            continue
        spans[row] = office_id, span
        before = offices.get(office_id)
        if before is not None and before.parent_id != (parent_id or None):
            wrong = f"another parent than in the version of {places[office_id].where}"
            place.fault("parent_id", wrong, "one parent for all versions of an office")
            continue
        places.setdefault(office_id, place)
        offices[office_id] = Office(office_id, parent_id or None, name, level)
    for row, other in overlaps((office_id, span, row) for row, (office_id, span) in spans.items()):
        wrong = f"{shown(spans[row][0])} stands in row {other} already"
        Place(findings, table.file, f"row {row}").fault("office_id", wrong, "each office once at a time")
    for circle in _circles(offices):
        wrong = f"is above itself: {' -> '.join([*circle, circle[0]])}"
        places[circle[0]].fault("parent_id", wrong, "parents that end at an office without one")
    _warn_of_levels(offices, places, findings)
    found = Offices(list(offices.values()), _ends_ms(spans.values()))
    for row, (office_id, (_, end_ms)) in spans.items():
        parent_id = offices[office_id].parent_id or ""
        found.fault_ended(parent_id, end_ms, "parent_id", Place(findings, table.file, f"row {row}"))
    return found


def _ends_ms(spans: Iterable[tuple[str, Span]]) -> dict[str, int]:
    ends_ms: dict[str, int] = {}
    for office_id, (_, end_ms) in spans:
        ends_ms[office_id] = max(end_ms, ends_ms.get(office_id, end_ms))
    return ends_ms


def offices_above(offices: list[Office]) -> dict[str, tuple[str, ...]]:
    """Per office itself and all above it, nearest first. The offices must hold no circle."""
    parent = {office.office_id: office.parent_id for office in offices}
    above: dict[str, tuple[str, ...]] = {}
    for office_id in parent:
        chain: list[str] = []
        step: str | None = office_id
        while step is not None and step not in above:
            chain.append(step)
            step = parent.get(step)
        tail = above[step] if step is not None else ()
        for name in reversed(chain):
            tail = above[name] = (name, *tail)
    return above


def _circles(offices: dict[str, Office]) -> list[list[str]]:
    """Each circle of parents once, from its first office in the file."""
    circles: list[list[str]] = []
    done: set[str] = set()
    for office_id in offices:
        path: dict[str, None] = {}
        step: str | None = office_id
        while step in offices and step not in done and step not in path:
            path[step] = None
            step = offices[step].parent_id
        if step in path:
            chain = list(path)
            circles.append(chain[chain.index(step) :])
        done.update(path)
    return circles


def _warn_of_levels(offices: dict[str, Office], places: dict[str, Place], findings: Findings) -> None:
    """A county below a judicial office is legal, and most likely a slip."""
    for office_id, office in offices.items():
        parent = offices.get(office.parent_id or "")
        if parent is None or office.level not in LEVELS or parent.level not in LEVELS:
            continue
        if LEVELS.index(parent.level) <= LEVELS.index(office.level):
            place = places[office_id]
            wrong = f"{office.level} {shown(office_id)} is below the {parent.level} {shown(parent.office_id)}"
            above = listed(LEVELS[LEVELS.index(office.level) + 1 :]) or "no parent"
            findings.warn(place.file, f"{place.where}, parent_id", wrong, above)
