"""Which leave, approved after the fact, would have prevented an alert."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from geofences.instant import BEGIN_MS
from pipeline.reference.lane import Entry, Stepper, found, steps
from pipeline.reference.machine import State
from pipeline.sites.records import Leave


class Authority:
    """Judges the entries of a lane again, once per leave approved before an instant, as if it had counted.

    ``stepper`` gives the judge with a leave that counts for every fix whenever it came in.
    """

    def __init__(
        self,
        leaves: Sequence[Leave],
        entries: Sequence[Entry],
        stepper: Callable[[Leave], Stepper],
        *,
        before_ms: int,
    ) -> None:
        late = (leave for leave in leaves if BEGIN_MS < leave.approved_at_ms < before_ms)
        self._leaves = sorted(late, key=lambda leave: leave.leave_id.encode())
        self._entries, self._stepper = entries, stepper
        self._left: dict[Leave, set[int]] = {}

    def of(self, onset_ms: int) -> str | None:
        """The smallest leave_id by bytes that leaves no alert of this onset."""
        return next((leave.leave_id for leave in self._leaves if onset_ms not in self._onsets(leave)), None)

    def _onsets(self, leave: Leave) -> set[int]:
        if leave not in self._left:
            results = steps(self._stepper(leave), State(), self._entries)
            self._left[leave] = set(found(self._entries, results))
        return self._left[leave]
