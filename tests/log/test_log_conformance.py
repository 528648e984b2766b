"""What every log promises, whatever keeps it: one suite for all of them (``pipeline/log/protocol.py``)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from geofences.instant import BEGIN_MS
from pipeline.log.errors import AppendError, LogLockedError, RecordsGoneError
from pipeline.log.journal.embedded import EmbeddedLog
from pipeline.log.marks import ClockMark
from pipeline.log.protocol import Log, LogWriter
from pipeline.log.record import CLOCK, PAYLOAD_BYTES_MOST, PINGS, SITE, START, Entry, clock_mark, start_mark

#: A log that does not exist yet, kept in parts of about so many bytes. Another log is another entry.
LOGS: dict[str, Callable[[Path, int], Log]] = {
    "journal": lambda directory, part_bytes: EmbeddedLog(directory / "log", part_bytes)
}


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Log:
    return LOGS[request.param](tmp_path, 64 << 20)


@pytest.fixture(params=LOGS)
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Log:
    """One in parts of a few records, so that there are old ones soon."""
    return LOGS[request.param](tmp_path, 256)


def rows(*texts: str) -> list[Entry]:
    return [Entry(PINGS, text.encode()) for text in texts]


def texts(log: Log, offset: int = 0) -> list[str]:
    return [record.payload.decode() for record in log.reader(offset).poll() if record.kind == PINGS]


def filled(log: Log, last_ms: int) -> LogWriter:
    """A log open for writing with a row and a mark each second up to an instant."""
    writer = log.writer()
    for at_ms in range(1000, last_ms + 1, 1000):
        writer.append([*rows("x" * 100), clock_mark(at_ms)])
    return writer


def test_one_that_nobody_began_reads_as_empty(log: Log) -> None:
    assert not log.is_there
    assert (log.first_offset, log.end_offset, log.reader().end_offset, log.reader().poll()) == (0, 0, 0, [])
    assert log.offset_near_end(10, 1000) == 0
    assert log.consumers.lowest() is None
    with pytest.raises(RecordsGoneError):
        log.reader(1)


def test_what_was_appended_is_read_in_order_and_from_any_place(log: Log) -> None:
    writer = log.writer()
    assert writer.append(rows("a", "b")) == 2
    assert writer.append([]) == 2
    assert writer.append(rows("c")) == 3 == writer.end_offset
    assert log.is_there
    assert texts(log) == ["a", "b", "c"]
    assert [texts(log, offset) for offset in range(4)] == [["a", "b", "c"], ["b", "c"], ["c"], []]
    assert [record.number for record in log.reader(1).poll()] == [1, 2]
    with pytest.raises(RecordsGoneError):
        log.reader(4)


def test_a_reader_follows_the_writer_and_never_waits(log: Log) -> None:
    writer, reader = log.writer(), log.reader()
    assert reader.poll() == []
    writer.append(rows("a"))
    assert [record.payload for record in reader.poll()] == [b"a"]
    assert (reader.poll(), reader.offset, reader.end_offset) == ([], 1, 1)
    reader.close()
    writer.append(rows("b"))
    assert [record.payload for record in reader.poll()] == [b"b"]
    other = writer.reader(1)
    assert [record.payload for record in other.poll()] == [b"b"]


def test_a_poll_gives_no_more_than_is_wanted(log: Log) -> None:
    log.writer().append(rows("aaaa", "bbbb", "cccc", "dddd"))
    assert len(log.reader().poll(records_most=3)) == 3
    assert len(log.reader().poll(bytes_most=5)) == 2, "after the record with which the bytes are reached"
    assert len(log.reader().poll(bytes_most=1)) == 1, "one record at least"


def test_its_last_records_are_found_without_reading_the_others(parts: Log) -> None:
    filled(parts, 20_000)
    end = parts.end_offset
    assert end == parts.reader().end_offset
    whole = parts.offset_near_end(end, 1 << 20)
    assert whole == 0
    assert parts.offset_near_end(3, 1 << 20) == end - 3, "no more records than are wanted"
    assert parts.offset_near_end(end, 0) == end, "no more bytes than are wanted"
    near = parts.offset_near_end(end, 1000)
    assert 0 < near < end
    assert sum(len(record.payload) for record in parts.reader(near).poll()) <= 1000


def test_every_record_bears_the_clock_of_its_place(log: Log) -> None:
    writer = log.writer()
    assert (writer.start_ms, writer.clock_ms) == (BEGIN_MS, BEGIN_MS)
    writer.append([*rows("before"), start_mark(1000), *rows("a"), clock_mark(3000), *rows("b")])
    assert (writer.start_ms, writer.clock_ms) == (1000, 3000)
    records = log.reader().poll()
    assert [record.clock_ms for record in records] == [BEGIN_MS, 1000, 1000, 3000, 3000]
    assert [record.kind for record in records] == [PINGS, START, PINGS, CLOCK, PINGS]


def test_marks_know_the_one_before(log: Log) -> None:
    """Also over writers and polls, so that each shows its gap by itself."""
    with_marks = log.writer()
    with_marks.append([start_mark(1000), clock_mark(2000)])
    with_marks.close()
    log.writer().append([start_mark(90_000), clock_mark(91_000)])
    marks = [ClockMark.of(record) for record in log.reader(2).poll()]
    assert [(mark.previous_ms, mark.at_ms, mark.is_start) for mark in marks] == [
        (2000, 90_000, True),
        (90_000, 91_000, False),
    ]
    assert [mark.clock_gap is not None for mark in marks] == [True, False]
    first = ClockMark.of(log.reader().poll()[0])
    assert (first.previous_ms, first.clock_gap) == (None, None)


def test_the_clock_never_falls(log: Log) -> None:
    writer = log.writer()
    writer.append([clock_mark(5000), clock_mark(4000), *rows("a")])
    assert writer.clock_ms == 5000
    assert [record.clock_ms for record in log.reader().poll()] == [5000, 5000, 5000]


def test_changes_of_the_site_keep_their_place_among_rows(log: Log) -> None:
    log.writer().append([*rows("a"), Entry(SITE, b"{}"), *rows("b")])
    assert [(record.kind, record.payload) for record in log.reader().poll()] == [
        (PINGS, b"a"),
        (SITE, b"{}"),
        (PINGS, b"b"),
    ]


def test_payloads_come_back_as_they_were(log: Log) -> None:
    payloads = [b"", b"\x00" * 3, bytes(range(256)), b"\xff" * 100_000]
    log.writer().append([Entry(PINGS, payload) for payload in payloads])
    assert [record.payload for record in log.reader().poll()] == payloads


def test_a_payload_that_no_log_takes_is_refused_before_anything_is_written(log: Log) -> None:
    writer = log.writer()
    with pytest.raises(ValueError, match="at most"):
        writer.append([*rows("a"), Entry(PINGS, bytes(PAYLOAD_BYTES_MOST + 1))])
    assert (writer.end_offset, writer.append(rows("b"))) == (0, 1)


def test_another_writer_goes_on_where_the_first_ended_and_only_then(log: Log) -> None:
    writer = log.writer()
    writer.append([start_mark(1000), *rows("a")])
    with pytest.raises(LogLockedError):
        log.writer()
    writer.close()
    with pytest.raises(AppendError):
        writer.append(rows("late"))
    second = log.writer()
    assert (second.start_ms, second.clock_ms, second.end_offset) == (1000, 1000, 2)
    assert second.append(rows("b")) == 3
    assert texts(log) == ["a", "b"]


def test_appends_of_many_threads_stay_whole(log: Log) -> None:
    writer, ends = log.writer(), {}

    def append(thread: int) -> None:
        for turn in range(20):
            ends[thread, turn] = writer.append(rows(*(f"{thread}-{turn}-{place}" for place in range(3))))

    threads = [threading.Thread(target=append, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = texts(log)
    assert len(found) == 6 * 20 * 3
    for (number, turn), end in ends.items():
        assert found[end - 3 : end] == [f"{number}-{turn}-{place}" for place in range(3)]


def test_consumers_say_what_is_still_needed(log: Log) -> None:
    log.writer()
    consumers = log.consumers
    assert (consumers.of("engine"), consumers.lowest()) == (0, None)
    consumers.put("engine", 7)
    consumers.put("inbox", 3)
    assert (log.consumers.of("engine"), log.consumers.lowest()) == (7, 3)
    consumers.forget("inbox")
    assert (log.consumers.of("inbox"), log.consumers.lowest()) == (0, 7)


def test_nothing_goes_that_somebody_needs(parts: Log) -> None:
    writer = filled(parts, 10_000)
    assert list(writer.due(1 << 60)) == [], "nobody has said how far it is"
    parts.consumers.put("engine", 0)
    assert list(writer.due(1 << 60)) == []
    parts.consumers.put("engine", writer.end_offset)
    due = writer.due(6_000)
    assert due
    assert all(part.ended_ms < 6_000 for part in due)
    assert list(writer.drop_old(BEGIN_MS)) == []
    assert parts.first_offset == 0


def test_what_went_is_gone_and_the_rest_is_not(parts: Log) -> None:
    writer = filled(parts, 10_000)
    behind = parts.reader()
    parts.consumers.put("engine", writer.end_offset)
    assert writer.drop_old(6_000)
    first = parts.first_offset
    assert 0 < first < writer.end_offset
    kept = parts.reader(first).poll()
    assert [record.number for record in kept] == list(range(first, writer.end_offset))
    with pytest.raises(RecordsGoneError):
        behind.poll()
    with pytest.raises(RecordsGoneError):
        parts.reader(first - 1).poll()
    assert (writer.start_ms, writer.clock_ms) == (BEGIN_MS, 10_000)
    writer.close()
    assert parts.writer().clock_ms == 10_000
