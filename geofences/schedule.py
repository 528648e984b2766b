"""When a fence is open: weekly windows in local time, with public holidays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from geofences.errors import ScheduleError
from geofences.holidays import HolidayTable
from geofences.instant import BEGIN_MS, END_MS, EPOCH

DAY_MIN = 1440
_WEEKDAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_TIMES = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})", re.ASCII)
_EXPECTED = (
    '"Mo-Fr 22:00-06:00", "Sa,Su 08:00-12:00,14:00-18:00", "08:00-20:00", "Mo-Fr", "24/7", '
    '"PH off" or "PH 10:00-12:00"'
)

#: Start and end in minutes past the midnight that begins the day; the end may lie in the next day.
Window = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Windows by weekday (Monday first); ``holiday`` is None where holidays are days like any other,
    else the windows that stand in place of the weekday's on a holiday (empty: closed)."""

    weekly: tuple[tuple[Window, ...], ...]
    holiday: tuple[Window, ...] | None = None

    @property
    def uses_holidays(self) -> bool:
        """Whether opening depends on a holiday table."""
        return self.holiday is not None and not self.always_open

    @property
    def always_open(self) -> bool:
        """Whether there is no closed minute in any week, whatever days are holidays."""
        if self.holiday is not None:
            return all(_covers_day(windows) for windows in (*self.weekly, self.holiday))
        week = [(day * DAY_MIN + a, day * DAY_MIN + b) for day in range(7) for a, b in self.weekly[day]]
        # The last day's windows may reach into the next Monday, which is this week's Monday again.
        before = [(start - 7 * DAY_MIN, end - 7 * DAY_MIN) for start, end in week]
        merged = _merged(before + week)
        return any(start <= 0 and end >= 7 * DAY_MIN for start, end in merged)

    @property
    def latest_end_min(self) -> int:
        """The latest minute after a day's midnight that a window of that day reaches."""
        return max(end for windows in (*self.weekly, self.holiday or ()) for _, end in windows)


def parse_schedule(items: Sequence[str]) -> Schedule:
    """The schedule a list of windows describes: their union.

    ``PH off`` closes the weekday windows on public holidays, ``PH 10:00-12:00`` replaces them there.
    An end at or before its start is the next day's; days without times mean the whole day, times
    without days every day. Raises ScheduleError saying what is wrong and what was expected.
    """
    weekly: list[list[Window]] = [[] for _ in _WEEKDAYS]
    holiday: list[Window] | None = None
    off = False
    for item in items:
        days, on_holidays, windows = _parse_item(item)
        for day in days:
            weekly[day] += windows
        if on_holidays:
            off = off or not windows
            holiday = (holiday or []) + windows
    if off and holiday:
        raise ScheduleError(f"{list(items)!r} both closes and opens on PH", "one of the two")
    if not any(weekly) and not holiday:
        raise ScheduleError(f"{list(items)!r} never opens", f"at least one window such as {_EXPECTED}")
    return Schedule(
        tuple(tuple(_merged(windows)) for windows in weekly),
        None if holiday is None else tuple(_merged(holiday)),
    )


def open_intervals(
    schedule: Schedule, timezone: ZoneInfo, from_ms: int, to_ms: int, holidays: HolidayTable
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts and ends of the open intervals [start, end) that meet [from_ms, to_ms), in order.

    Windows that touch or overlap are one interval, given whole even where it reaches outside what
    was asked; always open is BEGIN_MS..END_MS. ``from_ms`` and ``to_ms`` must be instants of years
    2..9998. Raises HolidayYearMissing where a day whose windows decide inside [from_ms, to_ms) is of
    an unpublished year; an interval running out of the published years is given up to their edge.
    """
    if schedule.always_open:
        return np.array([BEGIN_MS], np.int64), np.array([END_MS], np.int64)
    if to_ms <= from_ms:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    spill = 1 if schedule.latest_end_min > DAY_MIN else 0
    first = _local_day(from_ms, timezone) - timedelta(days=spill)
    last = _local_day(to_ms - 1, timezone)
    first, last = _widened(schedule, first, last, timezone, (from_ms, to_ms), holidays)
    met = [
        (start, end)
        for start, end in _instants(_wall_windows(schedule, first, last, holidays), timezone)
        if start < to_ms and end > from_ms
    ]
    table = np.array(met, np.int64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


def local_ms(day: date, minute: int, timezone: ZoneInfo) -> int:
    """The instant of ``minute`` minutes of wall time past the midnight that begins ``day``.

    ``minute`` may reach into following days. A wall time that comes twice is the first one; one that
    a clock change skips counts by the offset before the change (PEP 495, fold=0).
    """
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    return (wall.replace(tzinfo=timezone).astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)


def _parse_item(item: str) -> tuple[list[int], bool, list[Window]]:
    """Weekdays, whether PH is among the days, and the windows (none: ``off``)."""
    if not isinstance(item, str):
        raise ScheduleError(f"{item!r} is no text", _EXPECTED)
    words = item.split()
    if words == ["24/7"]:
        return list(range(7)), False, [(0, DAY_MIN)]
    if words and words[0][0].isdigit():
        words.insert(0, "Mo-Su")
    if not 1 <= len(words) <= 2:
        raise ScheduleError(f"{item!r} is no window", _EXPECTED)
    days, on_holidays = _parse_days(item, words[0])
    if len(words) == 1:
        return days, on_holidays, [(0, DAY_MIN)]
    if words[1] == "off":
        if days or not on_holidays:
            raise ScheduleError(f'{item!r}: "off" is for public holidays only', '"PH off"')
        return [], True, []
    return days, on_holidays, [_parse_times(item, part) for part in words[1].split(",")]


def _parse_days(item: str, word: str) -> tuple[list[int], bool]:
    days: list[int] = []
    on_holidays = False
    for part in word.split(","):
        if part == "PH":
            on_holidays = True
            continue
        ends = part.split("-")
        if len(ends) > 2 or any(end not in _WEEKDAYS for end in ends):
            raise ScheduleError(f"{item!r}: {part!r} is no day", f"{', '.join(_WEEKDAYS)}, PH or a range")
        first, last = _WEEKDAYS.index(ends[0]), _WEEKDAYS.index(ends[-1])
        days += [(first + step) % 7 for step in range((last - first) % 7 + 1)]
    return sorted(set(days)), on_holidays


def _parse_times(item: str, part: str) -> Window:
    found = _TIMES.fullmatch(part)
    if found is None:
        raise ScheduleError(f"{item!r}: {part!r} is no time range", "hh:mm-hh:mm")
    start_h, start_min, end_h, end_min = map(int, found.groups())
    start, end = start_h * 60 + start_min, end_h * 60 + end_min
    if start_min > 59 or end_min > 59 or start >= DAY_MIN or end > DAY_MIN:
        raise ScheduleError(f"{item!r}: {part!r} is no time of a day", "00:00 to 23:59, an end up to 24:00")
    return start, end if end > start else end + DAY_MIN


def _merged(windows: Sequence[Window]) -> list[Window]:
    """Sorted, with those that touch or overlap made one."""
    merged: list[Window] = []
    for start, end in sorted(windows):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _covers_day(windows: Sequence[Window]) -> bool:
    return any(start <= 0 and end >= DAY_MIN for start, end in windows)


def _local_day(at_ms: int, timezone: ZoneInfo) -> date:
    return (EPOCH + timedelta(milliseconds=at_ms)).astimezone(timezone).date()


def _wall_windows(schedule: Schedule, first: date, last: date, holidays: HolidayTable) -> list[Window]:
    """Merged windows of the days first..last, in minutes of wall time since the proleptic day 0.

    Merged on the wall, where a clock change cannot tear apart what touches.
    """
    windows: list[Window] = []
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        of_day = schedule.weekly[day.weekday()]
        if schedule.holiday is not None and holidays.is_holiday(day):
            of_day = schedule.holiday
        midnight = ordinal * DAY_MIN
        windows += [(midnight + start, midnight + end) for start, end in of_day]
    return _merged(windows)


def _instants(windows: Sequence[Window], timezone: ZoneInfo) -> list[tuple[int, int]]:
    """Wall windows as instants; one that a clock change leaves without length is dropped."""
    instants = [(_wall_ms(start, timezone), _wall_ms(end, timezone)) for start, end in windows]
    return _merged([(start, end) for start, end in instants if end > start])


@lru_cache(maxsize=1 << 14)  # the windows of thousands of fences begin and end at the same few times
def _wall_ms(wall_min: int, timezone: ZoneInfo) -> int:
    return local_ms(date.fromordinal(wall_min // DAY_MIN), wall_min % DAY_MIN, timezone)


def _widened(
    schedule: Schedule,
    first: date,
    last: date,
    timezone: ZoneInfo,
    asked_ms: tuple[int, int],
    holidays: HolidayTable,
) -> tuple[date, date]:
    """The days to look at so that the outermost intervals asked about show their true ends."""
    step = 1
    while True:
        windows = _wall_windows(schedule, first, last, holidays)
        met = [
            window
            for window in windows
            if _wall_ms(window[0], timezone) < asked_ms[1] and _wall_ms(window[1], timezone) > asked_ms[0]
        ]
        if not met:
            return first, last
        # Windows of the day before `first` could reach this far into `first` itself.
        reachable = first.toordinal() * DAY_MIN + max(schedule.latest_end_min - DAY_MIN, 0)
        earlier = _stepped(schedule, first, -step, holidays) if met[0][0] <= reachable else first
        later = last
        if met[-1][1] >= (last.toordinal() + 1) * DAY_MIN:
            later = _stepped(schedule, last, step, holidays)
        if (earlier, later) == (first, last):
            return first, last
        first, last, step = earlier, later, step * 2


def _stepped(schedule: Schedule, day: date, days: int, holidays: HolidayTable) -> date:
    """The day moved by at most ``days``, staying where the holidays are known."""
    edge = day + timedelta(days=days)
    if not schedule.uses_holidays:
        return edge
    sign = 1 if days > 0 else -1
    while day != edge and (day + timedelta(days=sign)).year in holidays.years:
        day += timedelta(days=sign)
    return day
