"""The last known fixes that fences look at when they open."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.assignment import Assignment
from pipeline.engine.boundary.distance_screen import Candidates
from pipeline.engine.boundary.fix_log import FixLog

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Where no more fences open at once, the people whom they name are looked up.
_OPENED_FEW = 100


class LastKnown:
    """Bindings that an opening may concern, with their newest fixes."""

    def __init__(self, assignment: Assignment, log: FixLog) -> None:
        self._assignment = assignment
        self._log = log
        self._table = assignment.compiled.policies

    def at(self, at_ms: int, fences: Ints) -> tuple[Ints, Candidates]:
        """Bindings that these fences may look at when they open, with their newest fixes."""
        a, log = self._assignment, self._log
        oldest_ms = at_ms - self._table.longest_first_silence_ms
        screened = self._bindings_of(fences)
        screened = screened[log.newest_ms[screened] >= oldest_ms]
        person = a.subjects.binding_person[screened]
        row = a.subjects.rows.at(person, np.full(len(screened), at_ms))
        concerned = row >= 0
        if not a.compiled.shared[fences].any():
            concerned[concerned] = self._concerned(row[concerned], fences)
        screened, row = screened[concerned], row[concerned]
        newest, at = log.newest_row[screened], np.full(len(screened), at_ms)
        lon, lat = log.columns(newest, "lon", "lat")
        radius_m = log.radii_m(newest, self._table, at)
        return screened, Candidates(screened, row, at, at, lon, lat, radius_m)

    def _bindings_of(self, fences: Ints) -> Ints:
        """The bindings of the people whom these fences name; all where they name others, or are many."""
        a, every = self._assignment, np.arange(len(self._log.newest_ms))
        if len(fences) > _OPENED_FEW:
            return every
        named = {one for fence in fences.tolist() for one in a.compiled.applies_to(fence)}
        if any(not one.startswith("person:") for one in named):
            return every
        people = [a.subjects.person_number.get(one.removeprefix("person:"), -1) for one in named]
        of = np.isin(a.subjects.binding_person, [person for person in people if person >= 0])
        return np.flatnonzero(of)

    def _concerned(self, row: Ints, fences: Ints) -> Bools:
        """Rows to which one of these fences is assigned."""
        concerned = np.zeros(len(row), np.bool_)
        for assigned in (self._assignment.keep_in, self._assignment.keep_out):
            owner, fence = assigned.pairs(row)
            concerned[owner[np.isin(fence, fences)]] = True
        return concerned
