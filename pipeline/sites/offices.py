"""offices.csv: the offices and who stands above whom."""

from __future__ import annotations

from pipeline.sites.cells import identifier
from pipeline.sites.findings import Findings, Place, listed, shown
from pipeline.sites.records import Office
from pipeline.sites.table import Table

COLUMNS = ("office_id", "parent_id", "name", "level")

#: From the bottom up.
LEVELS = ("judicial_office", "county", "city", "province")


def read_offices(table: Table, findings: Findings) -> list[Office]:
    """The sound offices; faults for ids given twice, unknown levels and parents, and circles."""
    offices: dict[str, Office] = {}
    places: dict[str, Place] = {}
    first_row: dict[str, int] = {}
    for row, (office_id, parent_id, name, level), place in table.places(findings):
        if level not in LEVELS:
            place.fault("level", f"unknown level {shown(level)}", f"one of {', '.join(LEVELS)}")
        if parent_id and table.ids is not None and parent_id not in table.ids:
            wrong = f"unknown office {shown(parent_id)}"
            place.fault("parent_id", wrong, "an office_id of this file, or empty")
        if identifier(office_id, "office_id", place) is None:
            continue
        if office_id in first_row:
            wrong = f"{shown(office_id)} stands in row {first_row[office_id]} already"
            place.fault("office_id", wrong, "each office once")
            continue
        first_row[office_id], places[office_id] = row, place
        offices[office_id] = Office(office_id, parent_id or None, name, level)
    for circle in _circles(offices):
        wrong = f"is above itself: {' -> '.join([*circle, circle[0]])}"
        places[circle[0]].fault("parent_id", wrong, "parents that end at an office without one")
    _warn_of_levels(offices, places, findings)
    return list(offices.values())


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
