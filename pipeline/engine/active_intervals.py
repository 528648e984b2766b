"""When fences are active: their validity and their schedules, opened out as the stream goes on."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from threading import Lock
from zoneinfo import ZoneInfo

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geofences.appending import Appending
from geofences.errors import HolidayYearMissing
from geofences.fence import Fence
from geofences.instant import BEGIN_MS, END_MS
from geofences.schedule import Schedule, open_intervals
from pipeline.sites.policies import Policies
from pipeline.sites.records import Site
from pipeline.sites.row_columns import cells_of

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

    def __init__(self, fences: Sequence[Fence], site: Site) -> None:
        self._zones = _zones(site.policies)
        self._holidays = site.holidays
        #: Schedules by number, each with the id of a fence that has it: shared by all versions.
        self._numbers: dict[Schedule, int] = {}
        self._named_by: list[str] = []
        self._columns = tuple(Appending(np.empty(0, np.int64)) for _ in range(3))
        self._extending = Lock()
        self._add(fences)
        self._packed = len(fences)
        self._beginning = np.argsort(self.valid_from, kind="stable")
        self._begins_ms = self.valid_from[self._beginning]
        self._opened = self._nothing_opened()

    def _add(self, fences: Sequence[Fence]) -> None:
        schedules = cells_of(fences, "schedule")
        # Nearly all that are equal are one object: a look-up by what a schedule says costs far more.
        objects = list(map(id, schedules))
        first = dict(zip(reversed(objects), reversed(range(len(objects))), strict=True))
        first.pop(id(None), None)
        number_of: dict[int, int] = {id(None): -1}
        for place in sorted(first.values()):
            number_of[objects[place]] = self._number(schedules[place], fences, place)
        self._schedules = list(self._numbers)
        number = list(map(number_of.__getitem__, objects))
        begin, end = cells_of(fences, "valid_from_ms"), cells_of(fences, "valid_to_ms")
        self.schedule, self.valid_from, self.valid_to = (
            column.also(np.asarray(cells, np.int64))
            for column, cells in zip(self._columns, (number, begin, end), strict=True)
        )

    def _number(self, schedule: Schedule, fences: Sequence[Fence], place: int) -> int:
        if schedule not in self._numbers:
            self._numbers[schedule] = len(self._numbers)
            self._named_by.append(fences[place].fence_id)
        return self._numbers[schedule]

    def _nothing_opened(self) -> Opened:
        nothing = np.empty(0, np.int64)
        return Opened(END_MS, BEGIN_MS, np.zeros(len(self._schedules) + 1, np.int64), nothing, nothing)

    def also(self, fences: Sequence[Fence]) -> ActiveIntervals:
        """The same with more fences, at their cost; this one goes on as it is."""
        more = copy(self)
        more._extending = Lock()
        more._add(fences)
        new = more._schedules[len(self._schedules) :]
        known = self._opened
        if not new:
            return more
        if known.low_ms > known.high_ms:
            more._opened = more._nothing_opened()
            return more
        try:
            parts = [self._open_intervals(schedule, known.low_ms, known.high_ms) for schedule in new]
        except HolidayYearMissing:  # perhaps only the look-ahead is too far: it is said when it is needed
            more._opened = more._nothing_opened()
            return more
        ends = known.first[-1] + np.cumsum([len(starts) for starts, _ in parts])
        more._opened = Opened(
            known.low_ms,
            known.high_ms,
            np.concatenate([known.first, ends]),
            np.concatenate([known.starts, *(starts for starts, _ in parts)]),
            np.concatenate([known.ends, *(stops for _, stops in parts)]),
        )
        return more

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
    def known_from_ms(self) -> int:
        """From when the schedules are opened out; BEGIN_MS where no fence has one."""
        return self._opened.low_ms if self._schedules else BEGIN_MS

    @property
    def known_to_ms(self) -> int:
        """How far the schedules are opened out; END_MS where no fence has one."""
        return self._opened.high_ms if self._schedules else END_MS

    def _open_out(self, low_ms: int, high_ms: int) -> Opened:
        parts = []
        for number, schedule in enumerate(self._schedules):
            try:
                parts.append(self._open_intervals(schedule, low_ms, high_ms))
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

    def _open_intervals(self, schedule: Schedule, low_ms: int, high_ms: int) -> tuple[Ints, Ints]:
        """The open intervals of a schedule that meet a range, by the time zones in force; rising, apart."""
        starts: list[Ints] = []
        ends: list[Ints] = []
        for from_ms, to_ms, zone in self._zones:
            begin_ms, end_ms = max(low_ms, from_ms), min(high_ms, to_ms)
            if begin_ms < end_ms:
                found = open_intervals(schedule, zone, begin_ms, end_ms, self._holidays)
                starts.append(np.maximum(found[0], from_ms))
                ends.append(np.minimum(found[1], to_ms))
        if len(starts) == 1:
            return starts[0], ends[0]
        return _joined(np.concatenate(starts), np.concatenate(ends))

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
            found = starts[slice(*np.searchsorted(starts, (after_ms, upto_ms), "right"))].tolist()
            fences = np.flatnonzero(self.schedule == schedule) if found else starts
            for at_ms in found:
                valid = (self.valid_from[fences] <= at_ms) & (at_ms < self.valid_to[fences])
                if valid.any():
                    moments.setdefault(at_ms, []).append(fences[valid])
        part = slice(*np.searchsorted(self._begins_ms, (after_ms, upto_ms), "right"))
        newer = np.arange(self._packed, len(self.valid_from))
        begins_ms = self.valid_from[self._packed :]
        begun = np.concatenate(
            [self._beginning[part], newer[(begins_ms > after_ms) & (begins_ms <= upto_ms)]]
        )
        for fence in begun[self.activity(begun, self.valid_from[begun])[0]].tolist():
            moments.setdefault(int(self.valid_from[fence]), []).append(np.array([fence], np.int64))
        return {at_ms: np.unique(np.concatenate(parts)) for at_ms, parts in sorted(moments.items())}


def _zones(policies: Policies) -> list[tuple[int, int, ZoneInfo]]:
    """From when until when which time zone is in force; nearly always one, as long as there is time."""
    zones: list[tuple[int, int, ZoneInfo]] = []
    for from_ms, to_ms, policy in policies.spans():
        zone = ZoneInfo(policy.timezone)
        if zones and zones[-1][2] == zone:
            from_ms = zones.pop()[0]
        zones.append((from_ms, to_ms, zone))
    return zones


def _joined(starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Rising intervals, those that adjoin made one and those of no length dropped."""
    some = starts < ends
    starts, ends = starts[some], ends[some]
    apart = starts[1:] > ends[:-1]
    return starts[np.append(True, apart)[: len(starts)]], ends[np.append(apart, True)[: len(ends)]]


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
