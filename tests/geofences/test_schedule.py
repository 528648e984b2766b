"""Schedules as tables: what is written, what is open, and why."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geofences.errors import HolidayYearMissing, ScheduleError
from geofences.holidays import HolidayTable, load_builtin
from geofences.instant import BEGIN_MS, END_MS, EPOCH
from geofences.schedule import local_ms, open_intervals, parse_schedule

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
FORM = "%m-%d %H:%M"


def at_ms(text: str, timezone: ZoneInfo) -> int:
    wall = datetime.fromisoformat(text).replace(tzinfo=timezone)
    return (wall - EPOCH) // timedelta(milliseconds=1)


def asked_ms(asked: str, timezone: ZoneInfo) -> tuple[int, int]:
    """The two instants of "month-day hour:minute to month-day hour:minute", of 2025 unless it says so."""
    from_ms, to_ms = (
        at_ms(end if end.startswith("20") else f"2025-{end}", timezone) for end in asked.split(" to ")
    )
    return from_ms, to_ms


def open_times(items: list[str], asked: str, timezone: ZoneInfo = SHANGHAI) -> str:
    """Open intervals in local time, as the tables write them."""
    starts, ends = open_intervals(parse_schedule(items), timezone, *asked_ms(asked, timezone), load_builtin())
    local = [(EPOCH + timedelta(milliseconds=int(ms))).astimezone(timezone) for ms in [*starts, *ends]]
    half = len(local) // 2
    return ", ".join(f"{a:{FORM}} .. {b:{FORM}}" for a, b in zip(local[:half], local[half:], strict=True))


# 2025-07-14 is a Monday. What is written, asked about, open, because
WEEKS = [
    (["Mo-Fr 22:00-06:00"], "07-14 12:00 to 07-15 12:00", "07-14 22:00 .. 07-15 06:00", "over midnight"),
    (["Mo-Fr 22:00-06:00"], "07-19 00:00 to 07-21 00:00", "07-18 22:00 .. 07-19 06:00",
     "Friday's window belongs to Friday though it ends on Saturday; its true start is given"),
    (["Mo-Fr 22:00-06:00"], "07-19 06:00 to 07-21 22:00", "",
     "half open: 06:00 is closed, and so is the weekend"),
    (["Mo 18:00-24:00"], "07-14 00:00 to 07-16 00:00", "07-14 18:00 .. 07-15 00:00", "24:00 ends the day"),
    (["Mo 18:00-00:00"], "07-14 00:00 to 07-16 00:00", "07-14 18:00 .. 07-15 00:00",
     "an end before the start is next day's"),
    (["Mo 08:00-08:00"], "07-14 00:00 to 07-16 00:00", "07-14 08:00 .. 07-15 08:00",
     "an end at the start is next day's"),
    (["Sa-Mo 08:00-09:00"], "07-18 00:00 to 07-22 00:00",
     "07-19 08:00 .. 07-19 09:00, 07-20 08:00 .. 07-20 09:00, 07-21 08:00 .. 07-21 09:00",
     "a range round the week's end"),
    (["Mo,We 08:00-09:00"], "07-14 00:00 to 07-18 00:00",
     "07-14 08:00 .. 07-14 09:00, 07-16 08:00 .. 07-16 09:00", "a list of days"),
    (["Mo-Tu,Fr 08:00-09:00"], "07-15 00:00 to 07-19 00:00",
     "07-15 08:00 .. 07-15 09:00, 07-18 08:00 .. 07-18 09:00", "ranges and days in one list"),
    (["Mo 08:00-10:00,14:00-16:00"], "07-14 00:00 to 07-15 00:00",
     "07-14 08:00 .. 07-14 10:00, 07-14 14:00 .. 07-14 16:00", "two times of a day"),
    (["Mo 08:00-10:00", "Mo 10:00-12:00"], "07-14 00:00 to 07-15 00:00", "07-14 08:00 .. 07-14 12:00",
     "what touches is one"),
    (["Mo 08:00-11:00", "Mo 10:00-12:00"], "07-14 00:00 to 07-15 00:00", "07-14 08:00 .. 07-14 12:00",
     "what overlaps is one"),
    (["Mo 20:00-24:00", "Tu 00:00-04:00"], "07-14 00:00 to 07-16 00:00", "07-14 20:00 .. 07-15 04:00",
     "across midnight too"),
    (["Mo"], "07-14 09:00 to 07-14 10:00", "07-14 00:00 .. 07-15 00:00", "days without times are whole days"),
    (["Mo-Fr"], "07-16 09:00 to 07-16 10:00", "07-14 00:00 .. 07-19 00:00",
     "five whole days are one interval, given whole"),
    (["08:00-09:00"], "07-19 00:00 to 07-20 00:00", "07-19 08:00 .. 07-19 09:00",
     "times without days are every day's"),
    (["Mo 8:00-9:00"], "07-14 00:00 to 07-15 00:00", "07-14 08:00 .. 07-14 09:00", "an hour of one digit"),
    (["Mo 08:00-09:00"], "07-14 08:00 to 07-14 08:00", "", "an empty question has an empty answer"),
    (["We-Mo", "Tu 00:00-12:00"], "07-14 00:00 to 07-14 01:00", "07-09 00:00 .. 07-15 12:00",
     "as long as a week but for an afternoon"),
]  # fmt: skip


@pytest.mark.parametrize(("items", "asked", "expected", "reason"), WEEKS)
def test_weeks(items: list[str], asked: str, expected: str, reason: str) -> None:
    assert open_times(items, asked) == expected, reason


# National Day 2025: Wednesday 1 to Wednesday 8 October is off; Saturday 11 is worked.
HOLIDAYS = [
    (["Mo-Fr 08:00-09:00"], "10-01 00:00 to 10-02 00:00", "10-01 08:00 .. 10-01 09:00",
     "without PH a holiday is a day like any"),
    (["Mo-Fr 08:00-09:00", "PH off"], "09-30 00:00 to 10-10 00:00",
     "09-30 08:00 .. 09-30 09:00, 10-09 08:00 .. 10-09 09:00", "PH off closes it"),
    (["Mo-Fr 08:00-09:00", "PH 10:00-11:00"], "09-30 00:00 to 10-02 00:00",
     "09-30 08:00 .. 09-30 09:00, 10-01 10:00 .. 10-01 11:00", "PH times replace the weekday's"),
    (["PH 10:00-11:00"], "10-07 00:00 to 10-12 00:00",
     "10-07 10:00 .. 10-07 11:00, 10-08 10:00 .. 10-08 11:00", "open on holidays only"),
    (["PH"], "10-03 00:00 to 10-03 01:00", "10-01 00:00 .. 10-09 00:00", "the whole holiday, given whole"),
    (["Mo,PH 08:00-09:00"], "10-05 00:00 to 10-07 00:00",
     "10-05 08:00 .. 10-05 09:00, 10-06 08:00 .. 10-06 09:00", "PH in a list of days"),
    (["Mo-Su 22:00-06:00", "PH off"], "09-30 00:00 to 10-09 00:00",
     "09-29 22:00 .. 09-30 06:00, 09-30 22:00 .. 10-01 06:00",
     "a window opened before the holiday runs on into it"),
    (["Mo-Su 22:00-06:00", "PH off"], "10-08 00:00 to 10-10 00:00", "10-09 22:00 .. 10-10 06:00",
     "none opens on its last night"),
    (["24/7", "PH off"], "08-01 00:00 to 08-02 00:00", "06-03 00:00 .. 10-01 00:00",
     "from one holiday to the next"),
    (["Sa,Su 08:00-09:00", "PH off"], "10-11 00:00 to 10-12 00:00", "10-11 08:00 .. 10-11 09:00",
     "a Saturday worked is a Saturday"),
]  # fmt: skip


@pytest.mark.parametrize(("items", "asked", "expected", "reason"), HOLIDAYS)
def test_public_holidays(items: list[str], asked: str, expected: str, reason: str) -> None:
    assert open_times(items, asked) == expected, reason


# Berlin: at 02:00 on 2025-03-30 clocks go to 03:00; at 03:00 on 2025-10-26 back to 02:00.
# what is written, asked about, open, for how many hours, because
CLOCK_CHANGES = [
    (["Su 01:00-04:00"], "03-30 00:00 to 03-31 00:00", "03-30 01:00 .. 03-30 04:00", [2],
     "an hour is missing"),
    (["Su 01:00-04:00"], "10-26 00:00 to 10-27 00:00", "10-26 01:00 .. 10-26 04:00", [4],
     "an hour comes twice"),
    (["Su 02:30-05:00"], "03-30 00:00 to 03-31 00:00", "03-30 03:30 .. 03-30 05:00", [1.5],
     "02:30 does not exist: by the offset before the change it is 03:30"),
    (["Su 02:30-05:00"], "10-26 00:00 to 10-27 00:00", "10-26 02:30 .. 10-26 05:00", [3.5],
     "from the first 02:30 on"),
    (["Su 01:00-02:30"], "10-26 00:00 to 10-27 00:00", "10-26 01:00 .. 10-26 02:30", [1.5],
     "to the first 02:30"),
    (["Su 02:30-03:00"], "03-30 00:00 to 03-31 00:00", "", [], "nothing is left of it"),
    (["Su 00:00-03:00", "Su 02:30-06:00"], "03-30 00:00 to 03-31 00:00", "03-30 00:00 .. 03-30 06:00", [5],
     "what overlaps on the wall is not torn apart by the gap"),
    (["Sa 22:00-06:00"], "03-29 12:00 to 03-31 00:00", "03-29 22:00 .. 03-30 06:00", [7],
     "a night with the change in it"),
]  # fmt: skip


@pytest.mark.parametrize(("items", "asked", "expected", "hours", "reason"), CLOCK_CHANGES)
def test_clock_changes(items: list[str], asked: str, expected: str, hours: list[float], reason: str) -> None:
    assert open_times(items, asked, BERLIN) == expected, reason
    starts, ends = open_intervals(parse_schedule(items), BERLIN, *asked_ms(asked, BERLIN), load_builtin())
    assert ((ends - starts) / 3_600_000).tolist() == hours, reason


ALWAYS = [
    (["24/7"], "said in so many words"),
    (["Mo-Su"], "every whole day"),
    (["00:00-24:00"], "every day from end to end"),
    (["12:00-12:00"], "from noon to noon"),
    (["Mo-Su 08:00-20:00", "Mo-Su 20:00-08:00"], "day and night"),
    (["Mo-Fr 06:00-06:00", "Sa 06:00-24:00", "Su 00:00-24:00", "Mo 00:00-06:00"], "patched from pieces"),
    (["24/7", "PH 00:00-24:00"], "and on holidays as well"),
]


@pytest.mark.parametrize(("items", "reason"), ALWAYS)
def test_always_open_has_no_ends(items: list[str], reason: str) -> None:
    schedule = parse_schedule(items)
    starts, ends = open_intervals(schedule, BERLIN, 0, 1, HolidayTable("none", frozenset(), frozenset()))
    assert (starts.tolist(), ends.tolist()) == ([BEGIN_MS], [END_MS]), reason
    assert not schedule.uses_holidays, reason


# item, part of the message
UNREADABLE = [
    (["Mo-Fr 22:00"], "no time range"),
    (["Mo-Fr 25:00-26:00"], "no time of a day"),
    (["Mo 10:00-24:30"], "no time of a day"),
    (["Mo 24:00-06:00"], "no time of a day"),
    (["Mo 10:61-11:00"], "no time of a day"),
    (["Mon 10:00-11:00"], "'Mon' is no day"),
    (["Mo-We-Fr 10:00-11:00"], "is no day"),
    (["SH 10:00-11:00"], "'SH' is no day"),
    (["Mo-PH"], "is no day"),
    (["Mo off"], "public holidays only"),
    (["Mo,PH off"], "public holidays only"),
    (["Mo 10:00 - 11:00"], "no window"),
    ([""], "no window"),
    ([7], "is no text"),
    ([], "never opens"),
    (["PH off"], "never opens"),
    (["Mo", "PH off", "PH 10:00-11:00"], "both closes and opens"),
]


@pytest.mark.parametrize(("items", "says"), UNREADABLE)
def test_what_cannot_be_read_says_why(items: list[str], says: str) -> None:
    with pytest.raises(ScheduleError, match=says) as caught:
        parse_schedule(items)
    assert caught.value.expected


def test_equal_schedules_are_equal() -> None:
    one, other = (
        parse_schedule(["Mo-We 08:00-10:00"]),
        parse_schedule(["We,Tu,Mo 08:00-09:00", "Mo-We 09:00-10:00"]),
    )
    assert one == other
    assert hash(one) == hash(other)


def test_a_year_not_in_the_table() -> None:
    asked = "2026-12-31 00:00 to 2027-01-02 00:00"
    with pytest.raises(HolidayYearMissing, match="2027"):
        open_times(["Mo-Fr 08:00-09:00", "PH off"], asked)
    assert open_times(["Mo-Fr 08:00-09:00"], asked), "a schedule without PH needs no table"
    to_the_edge = open_times(["24/7", "PH off"], "2026-12-01 00:00 to 2026-12-02 00:00")
    assert to_the_edge == "10-08 00:00 .. 01-01 00:00", "what runs out of the table is given up to its edge"


# day, minutes after midnight, the same in UTC, because
WALL_TIMES = [
    (date(2025, 7, 14), 0, SHANGHAI, "2025-07-13T16:00+00:00", "eight hours ahead"),
    (date(2025, 7, 14), 1800, SHANGHAI, "2025-07-14T22:00+00:00", "06:00 the next day"),
    (date(2025, 3, 30), 150, BERLIN, "2025-03-30T01:30+00:00", "a time that does not exist"),
    (
        date(2025, 3, 29),
        1440 + 150,
        BERLIN,
        "2025-03-30T01:30+00:00",
        "the same, counted from the day before",
    ),
    (date(2025, 10, 26), 150, BERLIN, "2025-10-26T00:30+00:00", "the first of two"),
]


@pytest.mark.parametrize(("day", "minute", "timezone", "utc", "reason"), WALL_TIMES)
def test_local_ms(day: date, minute: int, timezone: ZoneInfo, utc: str, reason: str) -> None:
    assert EPOCH + timedelta(milliseconds=local_ms(day, minute, timezone)) == datetime.fromisoformat(utc), (
        reason
    )


@given(
    windows=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 23), st.integers(0, 24)), min_size=1, max_size=4
    ),
    off=st.booleans(),
    start_h=st.integers(0, 24 * 60),
    length_h=st.integers(1, 24 * 12),
)
@settings(max_examples=40, deadline=None)
def test_open_minutes_agree_with_asking_each_hour(
    windows: list[tuple[int, int, int]], off: bool, start_h: int, length_h: int
) -> None:
    """Every whole hour of a stretch in autumn 2025, against the windows read naively."""
    names = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]
    items = [f"{names[day]} {start:02}:00-{end:02}:00" for day, start, end in windows] + ["PH off"] * off
    table = load_builtin()
    first = datetime(2025, 9, 15, tzinfo=SHANGHAI) + timedelta(hours=start_h)
    from_ms = (first - EPOCH) // timedelta(milliseconds=1)
    starts, ends = open_intervals(
        parse_schedule(items), SHANGHAI, from_ms, from_ms + length_h * 3_600_000, table
    )
    for hour in range(length_h):
        now = first + timedelta(hours=hour)
        at = from_ms + hour * 3_600_000
        expected = False
        for day, start, end in windows:
            for back in (0, 1):
                opened = (now - timedelta(days=back)).date()
                hours = (now - datetime(opened.year, opened.month, opened.day, tzinfo=SHANGHAI)) // timedelta(
                    hours=1
                )
                closes = end if end > start else end + 24
                closed_day = off and table.is_holiday(opened)
                expected |= opened.weekday() == day and start <= hours < closes and not closed_day
        assert bool(((starts <= at) & (at < ends)).any()) == expected
