"""Daily windows in nights in which clocks are changed."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from geofences.instant import EPOCH
from geofences.schedule import local_ms
from geofences.wall_time import wall_instants, wall_span

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
SHANGHAI, SAO_PAULO, APIA = "Asia/Shanghai", "America/Sao_Paulo", "Pacific/Apia"

#: Zone, day on which the window begins, the window, start and end in UTC (None: nothing left), why.
WINDOWS = [
    (SHANGHAI, "2025-07-14", "07:00-09:00", "2025-07-13T23:00 2025-07-14T01:00", "clocks never change"),
    (BERLIN, "2025-03-30", "02:30-03:00", None, "nothing left: 03:00 is when 02:00 would have been"),
    (BERLIN, "2025-03-30", "02:15-02:45", None, "wholly inside the hour that is skipped"),
    (BERLIN, "2025-03-30", "02:00-03:00", None, "the very hour"),
    (BERLIN, "2025-03-30", "02:30-03:01", "2025-03-30T01:00 2025-03-30T01:01", "a minute is left"),
    (BERLIN, "2025-03-30", "02:30-04:00", "2025-03-30T01:00 2025-03-30T02:00", "begins with the skip"),
    (BERLIN, "2025-03-30", "01:30-02:30", "2025-03-30T00:30 2025-03-30T01:00", "ends with the skip"),
    (BERLIN, "2025-03-30", "01:30-03:30", "2025-03-30T00:30 2025-03-30T01:30", "an hour shorter"),
    (BERLIN, "2025-03-29", "23:00-02:30", "2025-03-29T22:00 2025-03-30T01:00", "over midnight, into it"),
    (BERLIN, "2025-03-30", "02:30-02:15", "2025-03-30T01:00 2025-03-31T00:15", "a day long, less the hour"),
    (BERLIN, "2025-10-26", "02:15-02:45", "2025-10-26T00:15 2025-10-26T01:45", "first start, last end"),
    (BERLIN, "2025-10-26", "01:30-02:30", "2025-10-25T23:30 2025-10-26T01:30", "its end comes twice"),
    (BERLIN, "2025-10-26", "01:00-02:00", "2025-10-25T23:00 2025-10-26T01:00", "02:00 comes twice too"),
    (BERLIN, "2025-10-26", "02:30-03:30", "2025-10-26T00:30 2025-10-26T02:30", "its start comes twice"),
    (BERLIN, "2025-10-26", "03:00-04:00", "2025-10-26T02:00 2025-10-26T03:00", "03:00 comes once"),
    (BERLIN, "2025-10-26", "01:30-03:30", "2025-10-25T23:30 2025-10-26T02:30", "an hour longer"),
    (NEW_YORK, "2025-03-09", "02:30-03:30", "2025-03-09T07:00 2025-03-09T07:30", "begins with the skip"),
    (NEW_YORK, "2025-03-09", "02:10-02:50", None, "wholly skipped"),
    (NEW_YORK, "2025-11-02", "01:15-01:45", "2025-11-02T05:15 2025-11-02T06:45", "first start, last end"),
    (LORD_HOWE, "2025-10-05", "02:10-02:45", "2025-10-04T15:30 2025-10-04T15:45", "half an hour skipped"),
    (LORD_HOWE, "2025-04-06", "01:40-01:50", "2025-04-05T14:40 2025-04-05T15:20", "half an hour twice"),
    (SAO_PAULO, "2018-11-04", "00:00-00:30", None, "midnight itself is skipped"),
    (SAO_PAULO, "2018-11-04", "00:30-02:00", "2018-11-04T03:00 2018-11-04T04:00", "the day begins at 01:00"),
    (APIA, "2011-12-30", "08:00-20:00", None, "a day that there never was"),
    (APIA, "2011-12-30", "20:00-06:00", "2011-12-30T10:00 2011-12-30T16:00", "the rest is the next day"),
]  # fmt: skip


def minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def utc_text(ms: int) -> str:
    return (EPOCH + timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(("zone", "day", "window", "expected", "why"), WINDOWS)
def test_wall_span(zone: str, day: str, window: str, expected: str | None, why: str) -> None:
    start, end = map(minutes, window.split("-"))
    span = wall_span(date.fromisoformat(day), start, end + 1440 * (end <= start), ZoneInfo(zone))
    assert (None if span is None else " ".join(map(utc_text, span))) == expected, why


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE, SAO_PAULO, APIA, "Africa/Casablanca"])
def test_instants_go_on_with_the_wall(zone: str) -> None:
    """No minute of a year comes before the one ahead of it, and all but the odd ones are as plain."""
    timezone, begin, odd = ZoneInfo(zone), date(2018 if zone == SAO_PAULO else 2011, 1, 1), 0
    before = (-1, -1)
    for days, minute in product(range(0, 366), range(0, 1440, 30)):
        day = begin + timedelta(days=days)
        first, last = wall_instants(day, minute, timezone)
        assert first <= last
        assert before[0] <= first
        assert before[1] <= last
        before = (first, last)
        odd += (first, last) != (local_ms(day, minute, timezone),) * 2
    assert 1 <= odd <= 60
