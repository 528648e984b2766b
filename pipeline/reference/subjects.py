"""Who is supervised when, which device is whose when, and which selectors a person answers to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pipeline.sites.offices import office_trees
from pipeline.sites.records import Binding, Leave, Person, Site


class _Valid(Protocol):
    @property
    def valid_from_ms(self) -> int: ...
    @property
    def valid_to_ms(self) -> int: ...


RowT = TypeVar("RowT", bound=_Valid)


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of time without a break, ``from_ms <= t < to_ms``."""

    from_ms: int
    to_ms: int

    def holds(self, at_ms: int) -> bool:
        return self.from_ms <= at_ms < self.to_ms


@dataclass(frozen=True, slots=True)
class Tie:
    """One binding of a device and a person: adjoining rows of devices.csv joined."""

    device_id: str
    person_id: str
    spell: Spell
    rows: tuple[Binding, ...]

    def kind_at(self, at_ms: int) -> str:
        row = valid_at(self.rows, at_ms)
        assert row is not None, "asked for the kind of a device outside of its binding"
        return row.kind


def valid_at(rows: Iterable[RowT], at_ms: int) -> RowT | None:
    """The row that is valid at an instant, None where none is."""
    return next((row for row in rows if row.valid_from_ms <= at_ms < row.valid_to_ms), None)


def joined(rows: Iterable[_Valid]) -> list[Spell]:
    """Validities as unbroken spells: rows that adjoin or overlap are one."""
    return joined_spells(Spell(row.valid_from_ms, row.valid_to_ms) for row in rows)


def joined_spells(spells: Iterable[Spell]) -> list[Spell]:
    """The same of spells."""
    found: list[Spell] = []
    for spell in sorted(spells, key=lambda spell: spell.from_ms):
        if found and spell.from_ms <= found[-1].to_ms:
            last = found.pop()
            found.append(Spell(last.from_ms, max(last.to_ms, spell.to_ms)))
        else:
            found.append(spell)
    return found


class Subjects:
    """People, their supervision, devices and leaves, looked up by id and instant."""

    def __init__(self, site: Site) -> None:
        self.people: dict[str, list[Person]] = defaultdict(list)
        for person in site.people:
            self.people[person.person_id].append(person)
        self.leaves: dict[str, list[Leave]] = defaultdict(list)
        for leave in site.leaves:
            self.leaves[leave.person_id].append(leave)
        self.supervision = {person_id: joined(rows) for person_id, rows in self.people.items()}
        self.ties = _ties(site)
        self._trees = office_trees(site.offices)
        self._labels: dict[tuple[Person, int], frozenset[str]] = {}

    def person_at(self, person_id: str, at_ms: int) -> Person | None:
        return valid_at(self.people[person_id], at_ms)

    def office_at(self, person_id: str, at_ms: int) -> str:
        """The office of the row valid then, else of the last row before it."""
        row = self.person_at(person_id, at_ms)
        if row is None:
            row = max(
                (row for row in self.people[person_id] if row.valid_to_ms <= at_ms),
                key=lambda row: row.valid_to_ms,
            )
        return row.office_id

    def tie_at(self, device_id: str, at_ms: int) -> Tie | None:
        ties = self.ties.get(device_id, ())
        return next((tie for tie in ties if tie.spell.holds(at_ms)), None)

    def labels(self, person: Person, at_ms: int) -> frozenset[str]:
        """Every selector that means this row of a person then: an office's means all below it too."""
        return self._labels_in(person, sum(tree.from_ms <= at_ms for tree in self._trees) - 1)

    def labels_ever(self, person: Person) -> frozenset[str]:
        """Every selector that ever means this row, wherever its office stands meanwhile."""
        return frozenset().union(*(self._labels_in(person, tree) for tree in range(len(self._trees))))

    def _labels_in(self, person: Person, tree: int) -> frozenset[str]:
        if (person, tree) not in self._labels:
            offices = (f"office:{office}" for office in self._trees[tree].above[person.office_id])
            own = {"all", f"person:{person.person_id}", f"class:{person.class_name}"}
            self._labels[person, tree] = frozenset(own.union(offices))
        return self._labels[person, tree]


def _ties(site: Site) -> dict[str, list[Tie]]:
    rows: dict[tuple[str, str], list[Binding]] = defaultdict(list)
    for binding in site.bindings:
        rows[binding.device_id, binding.person_id].append(binding)
    ties: dict[str, list[Tie]] = defaultdict(list)
    for (device_id, person_id), own in rows.items():
        for spell in joined(own):
            inside = tuple(row for row in own if spell.holds(row.valid_from_ms))
            ties[device_id].append(Tie(device_id, person_id, spell, inside))
    return ties
