"""When fences are active: their validity and their schedules, opened out as the stream goes on."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from zoneinfo import ZoneInfo

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geofences.errors import HolidayYearMissing
from geofences.instant import BEGIN_MS, END_MS
from geofences.schedule import Schedule, open_intervals
from pipeline.sites.records import Site

Ints = NDArray[np.int64]

_DAY_MS = 86_400_000
#: How far beyond the instants asked for the schedules are opened out at a time.
_AHEAD_MS = 32 * _DAY_MS


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """Open intervals over a range of time, those of schedule ``q`` at ``first[q] .. first[q + 1]``."""

    low_ms: int
    high_ms: int
    first: Ints
    starts: Ints
    ends: Ints

    def of(self, schedule: int) -> tuple[Ints, Ints]:
        """Starts and ends of one schedule's open intervals."""
        part = slice(self.first[schedule], self.first[schedule + 1])
        return self.starts[part], self.ends[part]


class ActiveIntervals:
    """When each fence is active: its validity and the open intervals of its schedule.

    Schedules are opened out over the range asked for and extended as the stream goes on, so that a
    public-holiday year that is not published fails when it is needed and no earlier.
    """

    def __init__(self, site: Site) -> None:
        self._zone = ZoneInfo(site.policy.timezone)
        self._holidays = site.holidays
        numbers: dict[Schedule, int] = {}
        self.schedule = np.array(
            [-1 if f.schedule is None else numbers.setdefault(f.schedule, len(numbers)) for f in site.fences],
            np.int64,
        )
        self._schedules = list(numbers)
        self._named_by = [
            site.fences[int(np.flatnonzero(self.schedule == q)[0])].fence_id for q in range(len(numbers))
        ]
        self.valid_from = np.array([fence.valid_from_ms for fence in site.fences], np.int64)
        self.valid_to = np.array([fence.valid_to_ms for fence in site.fences], np.int64)
        self._beginning = np.argsort(self.valid_from, kind="stable")
        self._begins_ms = self.valid_from[self._beginning]
        nothing = np.empty(0, np.int64)
        self._opened = Opened(END_MS, BEGIN_MS, np.zeros(len(numbers) + 1, np.int64), nothing, nothing)
        self._extending = Lock()

    def cover(self, low_ms: int, high_ms: int) -> None:
        """Make sure every schedule is known over ``[low_ms, high_ms]``.

        Raises HolidayYearMissing where a schedule needs a year that the holiday table lacks.
        """
        known = self._opened
        if not self._schedules or (known.low_ms <= low_ms and high_ms <= known.high_ms):
            return
        with self._extending:  # shards on other threads read the table as a whole, before or after
            low_ms, high_ms = min(low_ms - _DAY_MS, known.low_ms), max(high_ms, known.high_ms)
            try:
                self._opened = self._open_out(low_ms, high_ms + _AHEAD_MS)
            except HolidayYearMissing:  # perhaps only the look-ahead is too far
                self._opened = self._open_out(low_ms, high_ms)

    @property
    def known_to_ms(self) -> int:
        """How far the schedules are opened out; END_MS where no fence has one."""
        return self._opened.high_ms if self._schedules else END_MS

    def _open_out(self, low_ms: int, high_ms: int) -> Opened:
        parts = []
        for number, schedule in enumerate(self._schedules):
            try:
                parts.append(open_intervals(schedule, self._zone, low_ms, high_ms, self._holidays))
            except HolidayYearMissing as missing:
                missing.add_note(f"fence {self._named_by[number]} has a schedule with PH")
                raise
        return Opened(
            low_ms,
            high_ms,
            np.cumsum([0] + [len(starts) for starts, _ in parts]).astype(np.int64),
            np.concatenate([starts for starts, _ in parts]).astype(np.int64),
            np.concatenate([ends for _, ends in parts]).astype(np.int64),
        )

    def activity(self, fence: Ints, at_ms: Ints) -> tuple[NDArray[np.bool_], Ints, Ints]:
        """Of pairs (fence, instant): active then, since when (or inactive since), and until when."""
        opened = self._opened
        since, until = np.empty_like(at_ms), np.empty_like(at_ms)
        active = _activity(
            fence, at_ms, self.schedule, self.valid_from, self.valid_to, opened.first, opened.starts,
            opened.ends, opened.high_ms, since, until,
        )  # fmt: skip
        return active, since, until

    def active_at(self, fence: int, at_ms: int) -> bool:
        """``activity`` for a single fence and instant."""
        if not self.valid_from[fence] <= at_ms < self.valid_to[fence]:
            return False
        schedule = self.schedule[fence]
        if schedule < 0:
            return True
        starts, ends = self._opened.of(schedule)
        number = int(np.searchsorted(starts, at_ms, "right")) - 1
        return bool(number >= 0 and at_ms < ends[number])

    def intervals(self, fence: int, after_ms: int, upto_ms: int) -> list[tuple[int, int]]:
        """Active intervals of a fence that begin or end in ``(after_ms, upto_ms]``."""
        valid_from, valid_to = int(self.valid_from[fence]), int(self.valid_to[fence])
        schedule = self.schedule[fence]
        if schedule < 0:
            spans = [(valid_from, valid_to)]
        else:
            starts, ends = self._opened.of(schedule)
            part = slice(np.searchsorted(ends, after_ms, "right"), np.searchsorted(starts, upto_ms, "right"))
            opened = zip(starts[part].tolist(), ends[part].tolist(), strict=True)
            spans = [(max(valid_from, start), min(valid_to, stop)) for start, stop in opened]
        return [
            (start, stop)
            for start, stop in spans
            if start < stop and (after_ms < start <= upto_ms or after_ms < stop <= upto_ms)
        ]

    def openings(self, after_ms: int, upto_ms: int) -> dict[int, Ints]:
        """Moments in ``(after_ms, upto_ms]`` at which fences become active, with their numbers."""
        moments: dict[int, list[Ints]] = {}
        for schedule in range(len(self._schedules)):
            starts, _ = self._opened.of(schedule)
            fences = np.flatnonzero(self.schedule == schedule)
            for at_ms in starts[(starts > after_ms) & (starts <= upto_ms)].tolist():
                valid = (self.valid_from[fences] <= at_ms) & (at_ms < self.valid_to[fences])
                if valid.any():
                    moments.setdefault(at_ms, []).append(fences[valid])
        part = slice(*np.searchsorted(self._begins_ms, (after_ms, upto_ms), "right"))
        begun = self._beginning[part]
        for fence in begun[self.activity(begun, self.valid_from[begun])[0]].tolist():
            moments.setdefault(int(self.valid_from[fence]), []).append(np.array([fence], np.int64))
        return {at_ms: np.unique(np.concatenate(parts)) for at_ms, parts in sorted(moments.items())}


@njit(cache=True, nogil=True)
def _activity(  # type: ignore[no-untyped-def]  # numba infers the arrays
    fence, at_ms, schedule, valid_from, valid_to, first, starts, ends, known_to, since, until
):
    active = np.zeros(len(fence), np.bool_)
    for pair in range(len(fence)):
        f, t = fence[pair], at_ms[pair]
        if t < valid_from[f]:
            since[pair], until[pair] = BEGIN_MS, valid_from[f]
            continue
        if t >= valid_to[f]:
            since[pair], until[pair] = valid_to[f], END_MS
            continue
        since[pair], until[pair] = valid_from[f], valid_to[f]
        q = schedule[f]
        if q < 0:
            active[pair] = True
            continue
        low, high = first[q], first[q + 1]
        while low < high:
            middle = (low + high) // 2
            if starts[middle] <= t:
                low = middle + 1
            else:
                high = middle
        following = starts[low] if low < first[q + 1] else known_to
        if low > first[q]:
            active[pair] = t < ends[low - 1]
            since[pair] = max(since[pair], starts[low - 1] if active[pair] else ends[low - 1])
            if active[pair]:
                following = ends[low - 1]
        until[pair] = min(until[pair], following)
    return active
