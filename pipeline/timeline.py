"""When a scope opens or ends for a person under a binding, and when supervision ends."""

from __future__ import annotations

from geofences.instant import END_MS
from pipeline.ground import Ground
from pipeline.judge import Judge
from pipeline.machine import END, OPENING
from pipeline.roster import Roster

#: How far ahead a next moment is looked for; beyond it the search begins anew.
_AHEAD_MS = 8 * 86_400_000


class Timeline:
    """Moments of scopes, looked up on demand: only bindings that something is going on with ask."""

    def __init__(self, ground: Ground, roster: Roster, judge: Judge) -> None:
        self._ground = ground
        self._roster = roster
        self._judge = judge

    def moments(self, scope: int, binding: int, after_ms: int, upto_ms: int) -> list[tuple[int, int]]:
        """(instant, OPENING or END) of a scope in ``(after_ms, upto_ms]``, rising."""
        if upto_ms <= after_ms:
            return []
        ends = {at_ms for at_ms in self._roster.ends_of(binding) if after_ms < at_ms <= upto_ms}
        starts: set[int] = set()
        stops: set[int] = set()
        person = int(self._roster.binding_person[binding])
        for fence in self._judge.fences_ever(scope, person):
            for start, stop in self._ground.hours.intervals(fence, after_ms, upto_ms):
                starts |= {start} if after_ms < start <= upto_ms else set()
                stops |= {stop} if after_ms < stop <= upto_ms else set()
        openings = [(at, OPENING) for at in starts if self._opens(scope, binding, person, at)]
        closings = [(at, END) for at in stops | ends if at in ends or self._closes(scope, person, at)]
        return sorted(openings + closings)

    def cover(self, low_ms: int, high_ms: int) -> None:
        """Make sure that moments between two instants are known."""
        self._ground.hours.cover(low_ms, high_ms)

    def next_ms(self, scope: int, binding: int, after_ms: int) -> int:
        """No moment of the scope lies in ``(after_ms, next_ms)``; END_MS where none can come."""
        ends = [at_ms for at_ms in self._roster.ends_of(binding) if at_ms > after_ms]
        person = int(self._roster.binding_person[binding])
        upto_ms = min(after_ms + _AHEAD_MS, max(self._ground.hours.known_to_ms, after_ms + 1))
        for fence in self._judge.fences_ever(scope, person):
            ends += self._next_of_fence(fence, after_ms, upto_ms)
        return min(ends, default=END_MS)

    def _next_of_fence(self, fence: int, after_ms: int, upto_ms: int) -> list[int]:
        hours = self._ground.hours
        if hours.schedule[fence] < 0:
            instants = (int(hours.valid_from[fence]), int(hours.valid_to[fence]))
            return [at_ms for at_ms in instants if at_ms > after_ms]
        spans = hours.intervals(fence, after_ms, upto_ms)
        return [at_ms for span in spans for at_ms in span if at_ms > after_ms] or [upto_ms]

    def _opens(self, scope: int, binding: int, person: int, at_ms: int) -> bool:
        row = self._judge.row_at(person, at_ms)
        if row < 0 or not self._bound(binding, at_ms):
            return False
        own = self._judge.own_fences(scope, row)
        hours = self._ground.hours
        return any(start == at_ms for fence in own for start, _ in hours.intervals(fence, at_ms - 1, at_ms))

    def _closes(self, scope: int, person: int, at_ms: int) -> bool:
        row = self._judge.row_at(person, at_ms)
        return row < 0 or not self._judge.active_fences(scope, row, at_ms)

    def _bound(self, binding: int, at_ms: int) -> bool:
        bindings = self._roster.bindings
        return bool(bindings.from_ms[binding] <= at_ms < bindings.to_ms[binding])
