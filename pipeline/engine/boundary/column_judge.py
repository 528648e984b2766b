"""Which fixes of a batch are judged in columns and which by trackers, and the columns' part of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geofences.instant import END_MS
from pipeline.engine.assignment import Assignment
from pipeline.engine.boundary.column_machines import ColumnMachines, Fixes, Pairs
from pipeline.engine.boundary.open_scopes import OpenScopes
from pipeline.engine.boundary.raised import Onset
from pipeline.engine.boundary.safe_region import mark_fixes
from sinks.alert import Alert

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Regions = NDArray[Any]


class Marks:
    """What ``mark_fixes`` finds of each fix; columns of shape (n,)."""

    def __init__(self, regions: Regions, fixes: Fixes, lateness_ms: int) -> None:
        batch = fixes.batch
        self.unmoved, self.backfill, self.followed, self.busy, self.unordered, self.asked = np.empty(
            (6, len(batch)), np.bool_
        )
        mark_fixes(
            regions, fixes.binding, batch.event_ms, batch.arrival_ms, batch.lon, batch.lat, fixes.radius_m,
            lateness_ms, self.unmoved, self.backfill, self.followed, self.busy, self.unordered, self.asked,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Suspects:
    """Pairs of a fix, by its place in the batch, and a scope that it may change something of."""

    fix: Ints
    scope: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What came of the fixes in columns: alerts, what was raised by binding, when to ask again."""

    alerts: list[Alert]
    raised: list[tuple[int, Onset]]
    next_ms: int


class ColumnJudge:
    """Divides the fixes of a batch, and steps those in columns that trackers need not see.

    A binding goes in columns while its live fixes come in order and no moment and no leave bears on it; a
    tracker takes over where it does not.
    """

    def __init__(self, assignment: Assignment, machines: ColumnMachines, open_scopes: OpenScopes) -> None:
        self._assignment = assignment
        self._machines = machines
        self._open_scopes = open_scopes
        self._chosen = np.zeros(0, np.bool_)

    def divide(
        self, regions: Regions, fixes: Fixes, marks: Marks, suspects: Suspects, apart: Ints, past_ms: int
    ) -> tuple[Pairs, Ints]:
        """What is stepped in columns, and the bindings that trackers judge; ``apart`` are some of them.

        Moments before ``past_ms`` are in.
        """
        binding, batch = fixes.binding, fixes.batch
        suspected = binding[suspects.fix]
        involved = np.unique(np.concatenate([suspected, binding[marks.busy]]))
        slow = [
            binding[marks.followed], apart, self._asked(regions, fixes, marks),
            suspected[marks.backfill[suspects.fix]], involved[regions["is_tracked"][involved]],
            self._with_leaves(involved),
        ]  # fmt: skip
        if len(involved):
            rows = self._rows_of(involved, binding)
            slow.append(binding[rows[marks.unordered[rows] & ~marks.backfill[rows]]])
        tracked = np.unique(np.concatenate(slow))
        light = np.setdiff1d(involved, tracked, assume_unique=True)
        if not len(light):
            return Pairs(light, light, light), tracked
        pairs = self._pairs(light, binding, suspects)
        self._machines.begin(pairs, np.minimum(past_ms, batch.event_ms[pairs.first]) - 1)
        regions["in_columns"][light] = True
        # A moment within the batch comes between its fixes.
        due = self._machines.due_ms(pairs) < batch.arrival_ms[-1]
        late = np.unique(pairs.binding[due])
        return pairs.of(~np.isin(pairs.binding, late)), np.union1d(tracked, late)

    def _asked(self, regions: Regions, fixes: Fixes, marks: Marks) -> Ints:
        """Bindings that columns are not enough for: a moment is due, or a late fix comes before a change."""
        asked = np.flatnonzero(marks.asked)
        binding, batch = fixes.binding[asked], fixes.batch
        is_due = batch.arrival_ms[asked] > regions["due_ms"][binding]
        found: Ints = binding[is_due | self._machines.bear_on(binding, batch.event_ms[asked])]
        return found

    def _with_leaves(self, bindings: Ints) -> Ints:
        """The bindings of people who have leaves, which have machines for what each of them would prevent."""
        a = self._assignment
        if not a.leave_numbers or not len(bindings):
            return bindings[:0]
        person = a.subjects.binding_person[bindings].tolist()
        return bindings[np.array([bool(a.leaves_of(one)) for one in person], np.bool_)]

    def _pairs(self, light: Ints, binding: Ints, suspects: Suspects) -> Pairs:
        """Scopes that have to see every fix of their binding, and suspects, from their first fix on."""
        busy = self._machines.busy(light)
        mine = np.isin(binding[suspects.fix], light)
        fix, scope = suspects.fix[mine], suspects.scope[mine]
        return Pairs.once(
            np.concatenate([busy[0], binding[fix]]),
            np.concatenate([busy[1], scope]),
            np.concatenate([np.zeros(len(busy[0]), np.int64), fix]),
        )

    def _rows_of(self, bindings: Ints, binding: Ints) -> Ints:
        """The places of the fixes of some bindings."""
        if len(self._chosen) <= bindings[-1] or len(self._chosen) <= binding.max():
            self._chosen = np.zeros(2 * int(max(bindings[-1], binding.max())) + 1, np.bool_)
        self._chosen[bindings] = True
        rows = np.flatnonzero(self._chosen[binding])
        self._chosen[bindings] = False
        return rows

    def judge(
        self, regions: Regions, fixes: Fixes, marks: Marks, pairs: Pairs, settled_ms: Ints, patience_ms: int
    ) -> Judged:
        """Step what was divided off. ``settled_ms`` (of each pair): before it nothing can come any more.

        What goes on for longer than ``patience_ms`` is left to a tracker.
        """
        light = np.unique(pairs.binding)
        if not len(light):
            return Judged([], [], END_MS)
        rows = self._rows_of(light, fixes.binding)
        rows = rows[~marks.backfill[rows]]
        mine = Fixes(fixes.batch.select(rows), fixes.binding[rows], fixes.row[rows], fixes.radius_m[rows])
        found = self._machines.judge(
            mine, Pairs(pairs.binding, pairs.scope, np.searchsorted(rows, pairs.first)), settled_ms
        )
        self.rest(regions, found.changed)
        next_ms = self._machines.renew(regions, light, patience_ms)
        return Judged(found.alerts, found.raised, next_ms)

    def rest(self, regions: Regions, bindings: Ints) -> None:
        """Other scopes of these bindings have an open incident than when they were screened."""
        binding, scope = self._machines.open_scopes(bindings)
        self._open_scopes.put_all(bindings, binding, scope)
        regions["is_at_rest"][bindings] = np.isin(bindings, binding)
        regions["leeway_m"][bindings] = -np.inf
