"""The log's clock: which marks are written, what they tell, and what a gap means."""

from __future__ import annotations

from pathlib import Path

import pytest

from geofences.instant import BEGIN_MS
from pipeline.host.clock import system_now_ms
from pipeline.log.journal import ClockGap, ClockMark, Entry, Journal, JournalReader, clock_mark, start_mark
from pipeline.log.record import MARKS, PINGS


def marks_in(directory: Path, offset: int = 0) -> list[ClockMark]:
    return [
        ClockMark.of(record) for record in JournalReader(directory, offset).poll() if record.kind in MARKS
    ]


def test_a_clock_set_back_waits_until_it_has_caught_up(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append([start_mark(10_000), clock_mark(12_000), clock_mark(3_000)])
        journal.append([start_mark(5_000)])
        assert journal.clock_ms == 12_000
    assert [mark.at_ms for mark in marks_in(tmp_path)] == [10_000, 12_000, 12_000, 12_000]


@pytest.mark.parametrize(
    ("stopped_ms", "clock_gap"),
    [
        (60_000, None),
        (60_001, ClockGap(10_000, 70_001)),
        (3_600_000, ClockGap(10_000, 3_610_000)),
    ],
)
def test_a_gap_of_more_than_a_minute_is_told_with_its_bounds(
    tmp_path: Path, stopped_ms: int, clock_gap: ClockGap | None
) -> None:
    with Journal(tmp_path) as journal:
        journal.append([start_mark(10_000)])
    with Journal(tmp_path) as journal:
        journal.append([start_mark(10_000 + stopped_ms)])
    first, second = marks_in(tmp_path)
    assert (first.is_start, first.previous_ms, first.clock_gap) == (True, None, None)
    assert (second.is_start, second.clock_gap) == (True, clock_gap)
    assert marks_in(tmp_path, 1) == [second], "a mark tells its gap by itself"


def test_the_start_is_that_of_the_first_opening_whatever_is_kept(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=200) as journal:
        assert journal.start_ms == BEGIN_MS
        journal.append([start_mark(10_000)])
        assert journal.start_ms == 10_000
    for at_ms in range(20_000, 60_000, 10_000):
        with Journal(tmp_path, segment_bytes=200) as journal:
            journal.append([start_mark(at_ms)])
            journal.append([Entry(PINGS, b"x" * 100)])
    for path in sorted(tmp_path.glob("*.journal"))[:-1]:
        path.unlink()
    with Journal(tmp_path) as journal:
        assert (journal.start_ms, journal.clock_ms) == (10_000, 50_000)


def test_rows_bear_the_clock_they_follow(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=200) as journal:
        journal.append([Entry(PINGS)])
        journal.append([start_mark(10_000)])
        journal.append([Entry(PINGS), Entry(PINGS)])
        journal.append([clock_mark(11_000)])
        journal.append([Entry(PINGS)])
    clocks = [record.clock_ms for record in JournalReader(tmp_path).poll()]
    assert clocks == [BEGIN_MS, 10_000, 10_000, 10_000, 11_000, 11_000]


def test_the_machine_is_asked_in_milliseconds_of_our_time() -> None:
    assert 1_700_000_000_000 < system_now_ms() < 10_000_000_000_000
