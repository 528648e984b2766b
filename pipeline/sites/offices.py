"""offices.csv: the offices and who stands above whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from geofences.instant import BEGIN_MS, END_MS
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
    """The sound versions of offices in the order of the file, and until when each office is there."""

    records: list[Office]
    ends_ms: dict[str, int]

    @property
    def have_ends(self) -> bool:
        """Whether any of them ends."""
        return any(end_ms < END_MS for end_ms in self.ends_ms.values())

    def ends(self, office_id: str) -> bool:
        """Whether an office does."""
        return self.ends_ms.get(office_id, END_MS) < END_MS

    def fault_ended(self, office_id: str, until_ms: int, field: str, place: Place) -> None:
        """A fault where something goes on in an office that has ended before it."""
        end_ms = self.ends_ms.get(office_id, END_MS)
        if end_ms < until_ms:
            wrong = f"office {shown(office_id)} ends before this row does"
            place.fault(field, wrong, "an office that is there as long, or an earlier valid_to")


def read_offices(table: Table, findings: Findings) -> Offices:
    """The sound offices; faults for ids given twice, unknown levels and parents, and circles."""
    offices: dict[int, Office] = {}
    places: dict[Office, Place] = {}
    for row, (office_id, parent_id, name, level, valid_from, valid_to), place in table.places(findings):
        if level not in LEVELS:
            place.fault("level", f"unknown level {shown(level)}", f"one of {', '.join(LEVELS)}")
        if parent_id and table.ids is not None and parent_id not in table.ids:
            wrong = f"unknown office {shown(parent_id)}"
            place.fault("parent_id", wrong, "an office_id of this file, or empty")
        span = validity(valid_from, valid_to, place)
        if identifier(office_id, "office_id", place) is None or span is None:
            continue
        offices[row] = Office(office_id, parent_id or None, name, level, *span)
        places.setdefault(offices[row], place)
    spans = ((office.office_id, _span(office), row) for row, office in offices.items())
    for row, other in overlaps(spans):
        wrong = f"{shown(offices[row].office_id)} stands in row {other} already"
        Place(findings, table.file, f"row {row}").fault("office_id", wrong, "each office once at a time")
    records = list(offices.values())
    _fault_circles(records, places)
    _warn_of_levels(offices, Place(findings, table.file, ""))
    found = Offices(records, _ends_ms(records))
    for row, office in offices.items():
        place = Place(findings, table.file, f"row {row}")
        found.fault_ended(office.parent_id or "", office.valid_to_ms, "parent_id", place)
    return found


def _span(office: Office) -> Span:
    return office.valid_from_ms, office.valid_to_ms


def _ends_ms(offices: Iterable[Office]) -> dict[str, int]:
    ends_ms: dict[str, int] = {}
    for office in offices:
        ends_ms[office.office_id] = max(office.valid_to_ms, ends_ms.get(office.office_id, office.valid_to_ms))
    return ends_ms


@dataclass(frozen=True, slots=True)
class OfficeTree:
    """Who stands above whom from an instant on: per office itself and all above it, nearest first."""

    from_ms: int
    above: dict[str, tuple[str, ...]]


def office_trees(offices: Iterable[Office]) -> list[OfficeTree]:
    """The trees that follow one another; the first has always been, and no two neighbours are the same.

    Where no version of an office holds, it stands where the last one put it, or else the first.
    The offices must hold no circle.
    """
    versions = _versions(offices)
    return [
        OfficeTree(from_ms, _above({name: office.parent_id for name, office in now.items()}))
        for from_ms, now in _epochs(versions)
    ]


def present_offices(offices: Iterable[Office], at_ms: int) -> dict[str, Office]:
    """Each office in the version that holds at an instant, or else the last before it, or the first."""
    return {name: _version_at(of, at_ms) for name, of in _versions(offices).items()}


def parents_at(offices: Iterable[Office], at_ms: int) -> dict[str, str | None]:
    """The office above each at an instant."""
    return {name: office.parent_id for name, office in present_offices(offices, at_ms).items()}


def _versions(offices: Iterable[Office]) -> dict[str, list[Office]]:
    """Of each office its versions in order of time."""
    versions: dict[str, list[Office]] = {}
    for office in offices:
        versions.setdefault(office.office_id, []).append(office)
    for of in versions.values():
        of.sort(key=_span)
    return versions


def _version_at(versions: list[Office], at_ms: int) -> Office:
    begun = [office for office in versions if office.valid_from_ms <= at_ms]
    return begun[-1] if begun else versions[0]


def _epochs(versions: dict[str, list[Office]]) -> list[tuple[int, dict[str, Office]]]:
    """From when on which versions tell who stands above whom."""
    turns = {
        office.valid_from_ms
        for of in versions.values()
        for before, office in pairwise(of)
        if office.parent_id != before.parent_id
    }
    return [
        (from_ms, {name: _version_at(of, from_ms) for name, of in versions.items()})
        for from_ms in sorted({BEGIN_MS} | turns)
    ]


def offices_above(offices: Iterable[Office], at_ms: int) -> dict[str, tuple[str, ...]]:
    """Per office itself and all above it at an instant, nearest first. The offices must hold no circle."""
    return _above(parents_at(offices, at_ms))


def _above(parent: dict[str, str | None]) -> dict[str, tuple[str, ...]]:
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


def _fault_circles(offices: list[Office], places: dict[Office, Place]) -> None:
    """Each circle once, however long it lasts."""
    told: set[frozenset[str]] = set()
    for _, now in _epochs(_versions(offices)):
        for circle in _circles(now):
            if frozenset(circle) not in told:
                told.add(frozenset(circle))
                wrong = f"is above itself: {' -> '.join([*circle, circle[0]])}"
                places[now[circle[0]]].fault("parent_id", wrong, "parents that end at an office without one")


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


def _warn_of_levels(offices: dict[int, Office], table: Place) -> None:
    """A county below a judicial office is legal, and most likely a slip."""
    versions = _versions(offices.values())
    for row, office in offices.items():
        above = versions.get(office.parent_id or "")
        parent = None if above is None else _version_at(above, office.valid_from_ms)
        if parent is None or office.level not in LEVELS or parent.level not in LEVELS:
            continue
        if LEVELS.index(parent.level) <= LEVELS.index(office.level):
            wrong = f"{office.level} {shown(office.office_id)} is below the "
            wrong += f"{parent.level} {shown(parent.office_id)}"
            expected = listed(LEVELS[LEVELS.index(office.level) + 1 :]) or "no parent"
            table.findings.warn(table.file, f"row {row}, parent_id", wrong, expected)
