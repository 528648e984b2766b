"""Which fences and leaves each person of a shard has, by person row."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.compiled_fences import CompiledFences, LeavePlace
from pipeline.engine.intervals import ranges, starts_of_runs
from pipeline.engine.subject_table import SubjectTable
from pipeline.sites.records import Leave, Site

Ints = NDArray[np.int64]


class Lists:
    """A list of numbers per owner: owner ``o`` has ``items[first[o]:first[o + 1]]``."""

    def __init__(self, lists: Iterable[Iterable[int]]) -> None:
        parts = [np.fromiter(part, np.int64) for part in lists]
        self.first = np.cumsum([0] + [len(part) for part in parts]).astype(np.int64)
        self.items = np.concatenate([np.empty(0, np.int64), *parts])

    def of(self, owner: int) -> list[int]:
        """The numbers of one owner."""
        items: list[int] = self.items[self.first[owner] : self.first[owner + 1]].tolist()
        return items

    def pairs(self, owners: Ints) -> tuple[Ints, Ints]:
        """Rows of ``owners`` and their numbers, each pair once; both of shape (k,), by row."""
        row, item = ranges(self.first[owners], self.first[owners + 1])
        return row, self.items[item]


class Assignment:
    """Fences by person row (keep_in, and keep_out by name of the person); leaves by person."""

    def __init__(self, site: Site, compiled: CompiledFences, subjects: SubjectTable) -> None:
        self.compiled = compiled
        self.subjects = subjects
        self.row_office = np.array([compiled.office_span[o][0] for o in subjects.row_office], np.int64)
        self.row_class = np.array([compiled.class_code[c] for c in subjects.row_class], np.int64)
        shared = cache(compiled.shared_for)
        named = [compiled.numbers_for(f"person:{person_id}") for person_id in subjects.person_ids]
        owner = subjects.rows.owner.tolist()
        self.keep_in = Lists(
            sorted({f for f in (*shared(cls, office), *named[person]) if compiled.keep_in[f]})
            for person, cls, office in zip(owner, subjects.row_class, subjects.row_office, strict=True)
        )
        self.keep_out = Lists([f for f in named[person] if not compiled.keep_in[f]] for person in owner)
        self._set_leaves(site)

    def _set_leaves(self, site: Site) -> None:
        number = {person_id: code for code, person_id in enumerate(self.subjects.person_ids)}
        owned = sorted(
            (number[leave.person_id], code)
            for code, leave in enumerate(site.leaves)
            if leave.person_id in number
        )
        self.leaves: list[Leave] = [site.leaves[code] for _, code in owned]
        self.leave_places: list[tuple[LeavePlace, ...]] = [self.compiled.leave_places[c] for _, c in owned]
        first = starts_of_runs(np.array([person for person, _ in owned], np.int64), len(number))
        self.leave_first = first
        self._set_places(owned)

    def _set_places(self, owned: list[tuple[int, int]]) -> None:
        flat = [
            (person, leave.valid_from_ms, leave.valid_to_ms, leave.approved_at_ms, place)
            for (person, _), leave, places in zip(owned, self.leaves, self.leave_places, strict=True)
            for place in places
        ]
        self.place_first = starts_of_runs(
            np.array([row[0] for row in flat], np.int64), len(self.subjects.person_ids)
        )
        self.place_from = np.array([row[1] for row in flat], np.int64)
        self.place_to = np.array([row[2] for row in flat], np.int64)
        self.place_approved = np.array([row[3] for row in flat], np.int64)
        self.place_area = np.array([row[4].area for row in flat], np.int64)
        self.place_tolerance_m = np.array([row[4].tolerance_m for row in flat], np.float64)

    def leaves_of(self, person: int) -> range:
        """The numbers of a person's leaves in ``leaves`` and ``leave_places``."""
        return range(int(self.leave_first[person]), int(self.leave_first[person + 1]))

    def keep_in_scopes(self, person: int) -> list[int]:
        """The groups of keep_in fences that some row of a person has."""
        rows = self.subjects.rows
        fences = [
            fence
            for row in range(int(rows.first[person]), int(rows.first[person + 1]))
            for fence in self.keep_in.of(row)
        ]
        scopes: list[int] = np.unique(self.compiled.scope[fences]).tolist() if fences else []
        return scopes

    def applies(self, fence: int, row: int) -> bool:
        """Does a fence apply to a person's row?"""
        subjects = self.subjects
        person_id = subjects.person_ids[int(subjects.rows.owner[row])]
        above = self.compiled.offices_above[subjects.row_office[row]]
        return any(
            selector == "all"
            or selector == f"person:{person_id}"
            or selector == f"class:{subjects.row_class[row]}"
            or (selector.startswith("office:") and selector[7:] in above)
            for selector in self.compiled.fences[fence].applies_to
        )
