"""When a scope opens or ends for a person under a binding, and when supervision ends."""

from __future__ import annotations

from geofences.instant import END_MS
from pipeline.engine.assignment import Assignment
from pipeline.engine.boundary.machine import END, OPENING
from pipeline.engine.boundary.side_classifier import SideClassifier
from pipeline.engine.compiled_fences import CompiledFences

#: How far ahead a next moment is looked for; beyond it the search begins anew.
_AHEAD_MS = 8 * 86_400_000


class Timeline:
    """Moments of scopes, looked up on demand: only bindings that something is going on with ask."""

    def __init__(self, assignment: Assignment, classifier: SideClassifier) -> None:
        self._assignment = assignment
        self._subjects = assignment.subjects
        self._classifier = classifier

    @property
    def _compiled(self) -> CompiledFences:
        return self._assignment.compiled

    def moments(self, scope: int, binding: int, after_ms: int, upto_ms: int) -> list[tuple[int, int]]:
        """(instant, OPENING or END) of a scope in ``(after_ms, upto_ms]``, rising."""
        if upto_ms <= after_ms:
            return []
        ends = {at_ms for at_ms in self._subjects.ends_of(binding) if after_ms < at_ms <= upto_ms}
        starts: set[int] = set()
        stops: set[int] = set()
        person = int(self._subjects.binding_person[binding])
        for fence in self._classifier.fences_ever(scope, person):
            for start, stop in self._compiled.active_intervals.intervals(fence, after_ms, upto_ms):
                starts |= {start} if after_ms < start <= upto_ms else set()
                stops |= {stop} if after_ms < stop <= upto_ms else set()
        openings = [(at, OPENING) for at in starts if self._opens(scope, binding, person, at)]
        closings = [(at, END) for at in stops | ends if at in ends or self._closes(scope, person, at)]
        return sorted(openings + closings)

    def cover(self, low_ms: int, high_ms: int) -> None:
        """Make sure that moments between two instants are known."""
        self._compiled.active_intervals.cover(low_ms, high_ms)

    def next_ms(self, scope: int, binding: int, after_ms: int) -> int:
        """No moment of the scope lies in ``(after_ms, next_ms)``; END_MS where none can come."""
        ends = [at_ms for at_ms in self._subjects.ends_of(binding) if at_ms > after_ms]
        person = int(self._subjects.binding_person[binding])
        if self._always_open(self._classifier.fences_ever(scope, person), after_ms):
            return min(ends, default=END_MS)
        upto_ms = min(after_ms + _AHEAD_MS, max(self._compiled.active_intervals.known_to_ms, after_ms + 1))
        for fence in self._classifier.fences_ever(scope, person):
            ends += self._next_of_fence(fence, after_ms, upto_ms)
        return min(ends, default=END_MS)

    def _always_open(self, fences: tuple[int, ...], after_ms: int) -> bool:
        """Whether none of these fences ever opens or ends from an instant on."""
        active_intervals = self._compiled.active_intervals
        return all(
            active_intervals.schedule[fence] < 0
            and active_intervals.valid_from[fence] <= after_ms
            and active_intervals.valid_to[fence] == END_MS
            for fence in fences
        )

    def _next_of_fence(self, fence: int, after_ms: int, upto_ms: int) -> list[int]:
        active_intervals = self._compiled.active_intervals
        if active_intervals.schedule[fence] < 0:
            instants = (int(active_intervals.valid_from[fence]), int(active_intervals.valid_to[fence]))
            return [at_ms for at_ms in instants if at_ms > after_ms]
        spans = active_intervals.intervals(fence, after_ms, upto_ms)
        return [at_ms for span in spans for at_ms in span if at_ms > after_ms] or [upto_ms]

    def _opens(self, scope: int, binding: int, person: int, at_ms: int) -> bool:
        row = self._classifier.row_at(person, at_ms)
        if row < 0 or not self._bound(binding, at_ms):
            return False
        own = self._classifier.own_fences(scope, row)
        active_intervals = self._compiled.active_intervals
        return any(
            start == at_ms
            for fence in own
            for start, _ in active_intervals.intervals(fence, at_ms - 1, at_ms)
        )

    def _closes(self, scope: int, person: int, at_ms: int) -> bool:
        row = self._classifier.row_at(person, at_ms)
        return row < 0 or not self._classifier.active_fences(scope, row, at_ms)

    def _bound(self, binding: int, at_ms: int) -> bool:
        bindings = self._subjects.bindings
        return bool(bindings.from_ms[binding] <= at_ms < bindings.to_ms[binding])
