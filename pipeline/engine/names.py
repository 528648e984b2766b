"""What the numbers in a shard's state stand for: names that outlive a start and a change of the site.

A shard counts its people, bindings, episodes, scopes and leaves in columns. Which number each has follows
from the site; so a state bears their names beside it, and what was kept under one site is found again under
another.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.checkpoint import Rows
from pipeline.engine.assignment import Assignment
from pipeline.engine.compiled_fences import CompiledFences
from pipeline.engine.growing_columns import Columns
from pipeline.engine.spans import Spans
from pipeline.engine.subject_table import SubjectTable

Ints = NDArray[np.int64]
Key = tuple[Hashable, ...]
#: The numbers of the lists in the columns: of people, bindings, episodes, leaves, and formerly scopes.
LISTS = (0, 1, 2, 4)
_PEOPLE, _SCOPES, _LEAVES = 0, 3, 4


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one shard's numbers, each list in the order of the numbers.

    A binding is a device, a person and the instant it began; so is an episode. A leave is its id and the
    beginning of a version. Scopes, of which a site may have one for each person, are not among them: a
    state has the names of those that it refers to (``scope_numbers``).
    """

    people: list[Key]
    bindings: list[Key]
    episodes: list[Key]
    leaves: list[Key]

    @classmethod
    def of(cls, assignment: Assignment) -> Names:
        """The names of a shard that was compiled for a site."""
        subjects = assignment.subjects
        return cls(
            people=[(person_id,) for person_id in subjects.person_ids],
            bindings=names_of_bindings(subjects, range(len(subjects.binding_person))),
            episodes=names_of_episodes(subjects, range(len(subjects.episode_binding))),
            leaves=[(leave.leave_id, leave.valid_from_ms) for leave in assignment.leaves],
        )

    def extend(self, more: Names) -> None:
        """Numbers that came behind."""
        self.people.extend(more.people)
        self.bindings.extend(more.bindings)
        self.episodes.extend(more.episodes)
        self.leaves.extend(more.leaves)

    def columns(self) -> Columns:
        """The same as columns that a checkpoint keeps."""
        lists = (self.people, self.bindings, self.episodes, self.leaves)
        table: list[tuple[int, tuple[Any, ...]]] = [
            (number, key) for number, keys in zip(LISTS, lists, strict=True) for key in keys
        ]
        made = _no_columns()
        made.append(
            {
                "list": np.array([number for number, _ in table], np.int8),
                "name": _texts([_text(key) for _, key in table]),
                "person": _texts([key[1] if len(key) == _STRETCH else None for _, key in table]),
                "number": np.array([_number(key) for _, key in table], np.int64),
            }
        )
        return made

    @classmethod
    def of_columns(cls, rows: Rows) -> Names:
        """What ``columns`` gave. Raises KeyError, TypeError or ValueError where it is something else."""
        lists: dict[int, list[Key]] = {number: [] for number in LISTS}
        cells = (rows[name].tolist() for name in ("list", "name", "person", "number"))
        for which, name, person, number in zip(*cells, strict=True):
            if which != _SCOPES:
                lists[which].append(_key(which, name, person, number))
        return cls(*lists.values())


#: What a scope is by name: whether it is one of keep_in fences, and their group or its only fence.
ScopeName = tuple[bool, str]


def scopes_in_columns(rows: Rows) -> dict[int, ScopeName]:
    """The scopes by number, which the columns had of all of a site in states of before."""
    chosen = rows["list"] == _SCOPES
    names = zip(rows["number"][chosen].tolist(), rows["name"][chosen].tolist(), strict=True)
    return {number: (bool(keep_in), name) for number, (keep_in, name) in enumerate(names)}


def scope_numbers(old: Mapping[int, ScopeName], fences: CompiledFences) -> Ints:
    """The number that each scope has here, by the number it had; -1 where it is none any more."""
    numbers = np.full(max(old, default=-1) + 1, -1, np.int64)
    for number, name in old.items():
        found = fences.scopes.find(*name)
        numbers[number] = found if found < fences.scope_count else -1
    return numbers


def name_columns(assignment: Assignment) -> Columns:
    """``Names.of(assignment).columns()``, without a tuple for everything there is."""
    subjects, leaves = assignment.subjects, assignment.leaves
    people, ids = _texts(subjects.person_ids), _texts([one.leave_id for one in leaves])
    nobody = np.zeros(len(people), np.int64), np.full(len(people), None, np.object_)
    begun_ms = np.array([one.valid_from_ms for one in leaves], np.int64)
    bound = _devices(subjects, subjects.bindings), people[subjects.binding_person]
    # Nearly always each binding is one episode.
    are_alike = np.array_equal(subjects.episode_binding, np.arange(len(bound[0])))
    bearer = subjects.binding_person[subjects.episode_binding]
    followed = bound if are_alike else (_devices(subjects, subjects.episodes), people[bearer])
    lists = (
        (people, nobody[1], nobody[0]),
        (*bound, subjects.bindings.from_ms),
        (*followed, subjects.episodes.from_ms),
        (ids, np.full(len(ids), None, np.object_), begun_ms),
    )
    counts = [len(name) for name, _, _ in lists]
    name, person, number = (np.concatenate(cells) for cells in zip(*lists, strict=True))
    which = np.repeat(np.array(LISTS, np.int8), counts)
    return Columns.of({"list": which, "name": name, "person": person, "number": number})


def are_same_names(one: Rows, other: Rows) -> bool:
    """Whether two columns of names say the same in the same order."""
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def _devices(subjects: SubjectTable, spans: Spans) -> NDArray[np.object_]:
    return _texts(list(map(subjects.device_ids.__getitem__, spans.owner.tolist())))


def _no_columns() -> Columns:
    return Columns({"list": np.int8, "name": np.object_, "person": np.object_, "number": np.int64})


#: How many parts the name of a stretch of time has.
_STRETCH = 3


def names_of_bindings(subjects: SubjectTable, numbers: range) -> list[Key]:
    """The names of some bindings."""
    person = subjects.binding_person[numbers.start : numbers.stop]
    return _stretches(subjects, subjects.bindings, person, numbers)


def names_of_episodes(subjects: SubjectTable, numbers: range) -> list[Key]:
    """The names of some episodes."""
    person = subjects.binding_person[subjects.episode_binding[numbers.start : numbers.stop]]
    return _stretches(subjects, subjects.episodes, person, numbers)


def _stretches(subjects: SubjectTable, spans: Spans, person: Ints, numbers: range) -> list[Key]:
    part = slice(numbers.start, numbers.stop)
    owners, persons, from_ms = spans.owner[part].tolist(), person.tolist(), spans.from_ms[part].tolist()
    return [
        (subjects.device_ids[owner], subjects.person_ids[who], since_ms)
        for owner, who, since_ms in zip(owners, persons, from_ms, strict=True)
    ]


def _texts(texts: list[Any]) -> NDArray[np.object_]:
    column = np.empty(len(texts), np.object_)
    column[:] = texts
    return column


def _text(key: tuple[Any, ...]) -> str:
    return str(key[0])


def _number(key: tuple[Any, ...]) -> int:
    return int(key[-1]) if len(key) > 1 else 0


def _key(which: int, name: str, person: str | None, number: int) -> Key:
    if which == _PEOPLE:
        return (name,)
    return (name, number) if which == _LEAVES else (name, person, number)
