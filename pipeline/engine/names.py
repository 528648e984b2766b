"""What the numbers in a shard's state stand for: names that outlive a start and a change of the site.

A shard counts its people, bindings, episodes, scopes and leaves in columns. Which number each has follows
from the site; so a state bears their names beside it, and what was kept under one site is found again under
another.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.checkpoint import Rows
from pipeline.engine.assignment import Assignment
from pipeline.engine.compiled_fences import CompiledFences
from pipeline.engine.growing_columns import Columns
from pipeline.engine.subject_table import Spans, SubjectTable

Ints = NDArray[np.int64]
Key = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one shard's numbers, each list in the order of the numbers.

    A binding is a device, a person and the instant it began; so is an episode. A scope is its rule (keep_in
    or not) and the name of its group or fence; a leave is its id and the beginning of a version.
    """

    people: list[Key]
    bindings: list[Key]
    episodes: list[Key]
    scopes: list[Key]
    leaves: list[Key]

    @classmethod
    def of(cls, fences: CompiledFences, assignment: Assignment) -> Names:
        """The names of a shard that was compiled for a site."""
        subjects = assignment.subjects
        return cls(
            people=[(person_id,) for person_id in subjects.person_ids],
            bindings=_stretches(subjects, subjects.bindings, subjects.binding_person),
            episodes=_stretches(
                subjects, subjects.episodes, subjects.binding_person[subjects.episode_binding]
            ),
            scopes=[(scope.keep_in, scope.name) for scope in fences.scopes],
            leaves=[(leave.leave_id, leave.valid_from_ms) for leave in assignment.leaves],
        )

    def columns(self) -> Columns:
        """The same as columns that a checkpoint keeps."""
        lists = (self.people, self.bindings, self.episodes, self.scopes, self.leaves)
        table: list[tuple[int, tuple[Any, ...]]] = [
            (number, key) for number, keys in enumerate(lists) for key in keys
        ]
        made = Columns({"list": np.int8, "name": np.object_, "person": np.object_, "number": np.int64})
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
        lists: list[list[Key]] = [[], [], [], [], []]
        cells = (rows[name].tolist() for name in ("list", "name", "person", "number"))
        for which, name, person, number in zip(*cells, strict=True):
            lists[which].append(_key(which, name, person, number))
        return cls(*lists)


#: How many parts the name of a stretch of time has.
_STRETCH = 3
_PEOPLE, _SCOPES, _LEAVES = 0, 3, 4


def _stretches(subjects: SubjectTable, spans: Spans, person: Ints) -> list[Key]:
    owners, persons, from_ms = spans.owner.tolist(), person.tolist(), spans.from_ms.tolist()
    return [
        (subjects.device_ids[owner], subjects.person_ids[who], since_ms)
        for owner, who, since_ms in zip(owners, persons, from_ms, strict=True)
    ]


def _texts(texts: list[Any]) -> NDArray[np.object_]:
    column = np.empty(len(texts), np.object_)
    column[:] = texts
    return column


def _text(key: tuple[Any, ...]) -> str:
    return str(key[1] if isinstance(key[0], bool) else key[0])


def _number(key: tuple[Any, ...]) -> int:
    if isinstance(key[0], bool):
        return int(key[0])
    return int(key[-1]) if len(key) > 1 else 0


def _key(which: int, name: str, person: str | None, number: int) -> Key:
    if which == _PEOPLE:
        return (name,)
    if which == _SCOPES:
        return bool(number), name
    return (name, number) if which == _LEAVES else (name, person, number)
