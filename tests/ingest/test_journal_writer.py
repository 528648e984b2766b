"""The writing thread: the clock's marks, arrivals that never fall, and an orderly end."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from console_world import NOW_MS, ping

from pipeline.ingest import JournalWriter, WriterStopped
from pipeline.ingest.bodies import received
from pipeline.ingest.received import Received
from pipeline.log.errors import AppendError
from pipeline.log.journal.journal import Journal
from pipeline.log.record import MARKS, PINGS
from pipeline.log.rows import RowDecoder
from pipeline.ping import PING
from pipeline.reading import Challenges, DeviceIds

DEVICES = DeviceIds(("D1",))


class SetClock:
    """A clock that stands where it is put; ``looked`` is set when somebody read it since."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.looked = threading.Semaphore(0)

    def __call__(self) -> int:
        now_ms = self.now_ms
        self.looked.release()
        return now_ms

    def put(self, now_ms: int) -> None:
        """Puts it and waits until the writer has seen it and written what follows."""
        self.now_ms = now_ms
        while self.looked.acquire(blocking=False):
            pass
        for _ in range(2):
            assert self.looked.acquire(timeout=10)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    monkeypatch.setattr("pipeline.ingest.journal_writer.TICK_S", 0.01)
    return SetClock()


@contextmanager
def writing(journal: Journal, clock: Callable[[], int], speed: float = 1.0) -> Iterator[JournalWriter]:
    writer = JournalWriter(journal, clock, horizon_ms=lambda _: 10**12, speed=speed)
    writer.start()
    yield writer
    writer.stop()


def rows(count: int = 1) -> Received:
    body = "\n".join(json.dumps(ping(minutes_ago=number)) for number in range(count))
    return received(body.encode(), PING, DEVICES, own=None, is_ndjson=True)


def marks(journal: Journal) -> list[int]:
    """Seconds after the start."""
    found = [record.clock_ms for record in journal.reader().poll(10_000) if record.kind in MARKS]
    return [(at_ms - NOW_MS) // 1000 for at_ms in found]


@pytest.mark.parametrize(
    ("speed", "seconds", "expected"),
    [
        (1.0, [0.5, 0.9], [0]),
        (1.0, [1, 1.5, 2.1], [0, 1, 2]),
        (1.0, [50], [0, 30, 50]),  # somebody listened all the time, only slowly
        (1.0, [300], [0, 300]),  # nobody listened: one jump, which tells so
        (1.0, [5, 3, 4, 6], [0, 5, 6]),  # set back: nothing until it is past the last mark
        (600.0, [150], [0, 30, 60, 90, 120, 150]),  # a quarter of a second of a fast clock is no gap
        (600.0, [36_001], [0, 36_001]),
    ],
)
def test_marks(
    tmp_path: Path, clock: SetClock, speed: float, seconds: list[float], expected: list[int]
) -> None:
    with Journal(tmp_path) as journal, writing(journal, clock, speed):
        for second in seconds:
            clock.put(NOW_MS + round(second * 1000))
        assert marks(journal) == expected


def test_arrivals_never_fall(tmp_path: Path, clock: SetClock) -> None:
    with Journal(tmp_path) as journal:
        with writing(journal, clock) as writer:
            for second in (0, 10, 5, 20):
                clock.put(NOW_MS + second * 1000)
                writer.submit(rows(2), "http").result(10)
        found = [record for record in journal.reader().poll(1000) if record.kind == PINGS]
        arrivals = RowDecoder(DEVICES, Challenges()).batch(found).rows.given_arrival_ms
        assert ((arrivals - NOW_MS) // 1000).tolist() == [0, 0, 10, 10, 10, 10, 20, 20]


def test_the_end_waits_for_what_was_submitted(tmp_path: Path, clock: SetClock) -> None:
    with Journal(tmp_path) as journal:
        with writing(journal, clock) as writer:
            done = [writer.submit(rows(), "http") for _ in range(600)]
        assert all(len(future.result(0).usable) == 1 for future in done)
        with pytest.raises(WriterStopped):
            writer.submit(rows(), "http")
        assert sum(record.kind == PINGS for record in journal.reader().poll(10_000)) == 600


def test_more_than_can_wait_is_refused(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.ingest.journal_writer.WAITING_ROWS_MOST", 2)
    with Journal(tmp_path) as journal:
        writer = JournalWriter(journal, clock, horizon_ms=lambda _: 10**12)
        monkeypatch.setattr(writer._thread, "is_alive", lambda: True)
        writer.submit(rows(3), "http")
        with pytest.raises(WriterStopped, match="send again later"):
            writer.submit(rows(), "http")


def test_a_log_that_can_be_written_again_is(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk was full for a while: what came meanwhile is refused, and the clock goes on afterwards."""
    with Journal(tmp_path) as journal, writing(journal, clock) as writer:
        append = journal.append
        full = AppendError("no space left")
        monkeypatch.setattr(journal, "append", lambda _: (_ for _ in ()).throw(full))
        with pytest.raises(WriterStopped, match="no space left"):
            writer.submit(rows(), "http").result(5)
        clock.put(clock.now_ms)  # it looks again, and has nothing to write
        assert not writer.is_writing
        with pytest.raises(WriterStopped):
            writer.submit(rows(), "http")
        monkeypatch.setattr(journal, "append", append)
        clock.put(clock.now_ms + 2_000)
        assert writer.is_writing
        assert len(writer.submit(rows(), "http").result(5).usable) == 1


def test_a_bug_ends_the_writer(tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(tmp_path) as journal, writing(journal, clock) as writer:
        monkeypatch.setattr(journal, "append", lambda _: 1 // 0)
        with pytest.raises(WriterStopped, match="by zero"):
            writer.submit(rows(), "http").result(5)
        monkeypatch.undo()
        writer._thread.join(5)
        assert not writer.is_writing
