"""What an append promises: durable and numbered on return, one writer, as many readers as there are."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.host.disk import sync_file
from pipeline.log.errors import AppendError, RecordsGoneError
from pipeline.log.journal import (
    ConsumerOffsets,
    Entry,
    Journal,
    JournalDamagedError,
    JournalLockedError,
    JournalReader,
    clock_mark,
    start_mark,
)
from pipeline.log.journal import tail as tail_module
from pipeline.log.record import PINGS


def rows(*texts: str) -> list[Entry]:
    return [Entry(PINGS, text.encode()) for text in texts]


def texts_in(directory: Path, offset: int = 0) -> list[str]:
    return [record.payload.decode() for record in JournalReader(directory, offset).poll()]


def segments(directory: Path) -> list[str]:
    return [str(int(path.stem)) for path in sorted(directory.glob("*.journal"))]


def test_offsets_count_records_and_hold_over_reopening(tmp_path: Path) -> None:
    with Journal(tmp_path / "log") as journal:
        assert journal.append(rows("a", "b")) == 2
        assert journal.append([]) == 2
        assert journal.append(rows("c")) == 3
    with Journal(tmp_path / "log") as journal:
        assert (journal.end_offset, journal.cut) == (3, None)
        assert journal.append(rows("d")) == 4
    assert texts_in(tmp_path / "log") == ["a", "b", "c", "d"]
    assert texts_in(tmp_path / "log", 2) == ["c", "d"]


def test_two_readers_tail_at_their_own_offsets(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        early, late = journal.reader(), journal.reader()
        journal.append(rows("a", "b"))
        assert [record.number for record in early.poll(records_most=1)] == [0]
        assert [record.number for record in early.poll()] == [1]
        journal.append(rows("c"))
        assert [record.number for record in early.poll()] == [2]
        assert early.poll() == []
        assert [record.number for record in late.poll()] == [0, 1, 2]


def test_a_poll_stops_at_the_record_that_fills_it(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append(rows("aaaa", "bbbb", "cccc"))
        reader = journal.reader()
        assert len(reader.poll(bytes_most=5)) == 2
        assert len(reader.poll(bytes_most=5)) == 1


def test_a_reader_may_be_there_before_the_journal(tmp_path: Path) -> None:
    reader = JournalReader(tmp_path / "log")
    assert reader.poll() == []
    with Journal(tmp_path / "log") as journal:
        journal.append(rows("a"))
    assert [record.payload for record in reader.poll()] == [b"a"]


def test_a_record_larger_than_what_is_read_at_a_time(tmp_path: Path) -> None:
    large = "x" * (3 << 20)
    with Journal(tmp_path) as journal:
        journal.append(rows("a", large, "b"))
    assert texts_in(tmp_path) == ["a", large, "b"]


def test_a_second_writer_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    with Journal(tmp_path):
        with pytest.raises(JournalLockedError, match=r"process \d+ writes this journal already"):
            Journal(tmp_path)
        script = "import sys, pathlib, pipeline.log.journal as j; j.Journal(pathlib.Path(sys.argv[1]))"
        command = [sys.executable, "-c", script, str(tmp_path)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "JournalLockedError" in ended.stderr
    Journal(tmp_path).close()


def test_appends_at_once_share_writes_and_keep_their_own_order(tmp_path: Path) -> None:
    offsets: dict[str, int] = {}

    def append_all(journal: Journal, name: str) -> None:
        for count in range(10):
            offsets[f"{name}{count}"] = journal.append(rows(f"{name}{count}"))

    with Journal(tmp_path) as journal:
        threads = [threading.Thread(target=append_all, args=(journal, name)) for name in "abcdefgh"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = texts_in(tmp_path)
    assert found == sorted(offsets, key=offsets.__getitem__)
    assert sorted(offsets.values()) == list(range(1, 81))
    for name in "abcdefgh":
        assert [text for text in found if text[0] == name] == [f"{name}{count}" for count in range(10)]


def test_what_is_not_on_disk_is_neither_acknowledged_nor_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[str], int]] = []

    def watching_sync(handle: int) -> None:
        seen.append((texts_in(tmp_path), journal.end_offset))
        sync_file(handle)

    monkeypatch.setattr(tail_module, "sync_file", watching_sync)
    with Journal(tmp_path) as journal:
        journal.append(rows("a", "b"))
        journal.append(rows("c"))
    assert seen == [([], 0), (["a", "b"], 2)]


def test_what_comes_during_a_write_shares_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs, may_go_on = [], threading.Event()

    def slow_sync(handle: int) -> None:
        syncs.append(handle)
        may_go_on.wait()
        sync_file(handle)

    monkeypatch.setattr(tail_module, "sync_file", slow_sync)
    with Journal(tmp_path) as journal:
        threads = [threading.Thread(target=journal.append, args=(rows(name),)) for name in "abcdefgh"]
        threads[0].start()
        until(lambda: len(syncs) == 1)
        for thread in threads[1:]:
            thread.start()
        until(lambda: len(journal._gathering.entries) == 7)
        may_go_on.set()
        for thread in threads:
            thread.join()
    assert sorted(texts_in(tmp_path)) == list("abcdefgh")
    assert len(syncs) == 2


def until(holds: Callable[[], bool]) -> None:
    """Waits for other threads to get somewhere."""
    while not holds():
        threading.Event().wait(0.001)


def test_segments_roll_and_readers_go_through_them(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=200) as journal:
        reader, found = journal.reader(), []
        for number in range(20):
            journal.append(rows(f"record {number}"))
            found += reader.poll()
    assert len(segments(tmp_path)) > 5
    assert [record.number for record in found] == list(range(20))
    for offset in range(21):
        assert texts_in(tmp_path, offset) == [f"record {number}" for number in range(offset, 20)]


def test_a_missing_segment_is_damage(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=200) as journal:
        for number in range(9):
            journal.append(rows(f"record {number}"))
    sorted(tmp_path.glob("*.journal"))[1].unlink()
    reader = JournalReader(tmp_path)
    assert [record.number for record in reader.poll()] == [0, 1, 2]
    with pytest.raises(JournalDamagedError, match="record 3: it is not whole, or not there"):
        reader.poll()


def test_retention_takes_what_is_old_and_done_with(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=200) as journal:
        for second in range(12):  # three to a segment: 0, 3, 6, 9
            journal.append([clock_mark(second * 1000), *rows("x" * 100)][second % 2 :][:1])
        begun = segments(tmp_path)
        assert journal.drop_old(1 << 50) == [], "nobody has told how far he is"
        consumer_offsets = ConsumerOffsets(tmp_path)
        consumer_offsets.put("engine", int(begun[3]))
        consumer_offsets.put("archive", int(begun[2]))
        assert journal.drop_old(0) == [], "none is so old"
        assert len(journal.drop_old(1 << 50)) == 2, "the archive still wants the third"
        consumer_offsets.forget("archive")
        assert len(journal.drop_old(1 << 50)) == 1
        assert segments(tmp_path) == begun[3:]
    with Journal(tmp_path) as journal:
        assert journal.append(rows("y")) == 13
    with pytest.raises(RecordsGoneError, match=f"begins at record {begun[3]}, after 0"):
        JournalReader(tmp_path).poll()
    assert len(JournalReader(tmp_path, int(begun[3])).poll()) == 13 - int(begun[3])


def test_the_segment_written_to_stays(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append(rows("a"))
        ConsumerOffsets(tmp_path).put("engine", 1)
        assert journal.drop_old(1 << 50) == []


def test_a_reader_ahead_of_the_journal_is_told(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append(rows("a"))
        with pytest.raises(RecordsGoneError, match="ends at record 1, before 2"):
            journal.reader(2)


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """The system then refuses to write on, in the middle of a write if need be, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_refuses_an_append_and_takes_later_ones(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append(rows("a"))
        with files_no_larger_than(200), pytest.raises(AppendError, match="File too large"):
            journal.append(rows("x" * 500))
        assert journal.append(rows("b")) == 2
        assert texts_in(tmp_path) == ["a", "b"]
    with Journal(tmp_path) as journal:
        assert journal.cut is None


def test_no_room_for_a_new_segment_refuses_an_append(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=100) as journal:
        journal.append(rows("a"))
        with files_no_larger_than(20), pytest.raises(AppendError, match="no new segment"):
            journal.append(rows("b"))
        assert journal.append(rows("c")) == 2
    assert texts_in(tmp_path) == ["a", "c"]


def test_after_a_failed_sync_nothing_is_taken_until_reopening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing_sync(_: int) -> None:
        raise OSError(5, "Input/output error")

    with Journal(tmp_path) as journal:
        journal.append(rows("a"))
        with monkeypatch.context() as patch:
            patch.setattr(tail_module, "sync_file", failing_sync)
            with pytest.raises(AppendError, match="Input/output error"):
                journal.append(rows("b"))
        with pytest.raises(AppendError, match="must be opened again"):
            journal.append(rows("c"))
    with Journal(tmp_path) as journal:
        assert journal.append(rows("d")) == 2
    assert texts_in(tmp_path) == ["a", "d"]


def test_a_closed_journal_takes_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.close()
    journal.close()
    with pytest.raises(AppendError, match="closed"):
        journal.append(rows("a"))


def test_a_segment_spans_a_day_at_most(tmp_path: Path) -> None:
    """Only whole segments are removed, so that none may hold what is much younger than its beginning."""
    day_ms = 86_400_000
    with Journal(tmp_path) as journal:
        for at_ms in (0, day_ms - 1, day_ms, day_ms + 1, 2 * day_ms, 2 * day_ms + 1):
            journal.append([start_mark(at_ms) if at_ms == 0 else clock_mark(at_ms)])
        assert segments(tmp_path) == ["0", "3", "5"], "begun by the first append after a day is over"
        ConsumerOffsets(tmp_path).put("engine", 6)
        assert len(journal.drop_old(2 * day_ms)) == 1, "what ended before the second day"
