"""The embedded durable log: one writer, any number of readers, nothing acknowledged that is not on disk."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from pipeline.host.disk import LockedError, acquire_lock, sync_directory
from pipeline.log.errors import AppendError
from pipeline.log.journal.consumer_offsets import ConsumerOffsets
from pipeline.log.journal.errors import JournalLockedError
from pipeline.log.journal.high_water_mark import HighWaterMarkReader, HighWaterMarkWriter
from pipeline.log.journal.reader import JournalReader
from pipeline.log.journal.recovery import TailCut, recover
from pipeline.log.journal.segment import read_head, segment_firsts, segment_path
from pipeline.log.journal.tail import Tail
from pipeline.log.record import PAYLOAD_BYTES_MOST, Entry

#: A segment that would grow beyond this is followed by another.
SEGMENT_BYTES = 64 << 20

_log = logging.getLogger(__name__)


class OldSegment(NamedTuple):
    """A segment that is followed by another, and the log's clock where it ended."""

    path: Path
    ended_ms: int


class _Group:
    """Entries of several appends that one write and one sync make durable."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.is_led = False
        #: Where others than the one who leads wait.
        self.is_done: threading.Event | None = None
        self.first = 0
        self.failure: BaseException | None = None


class Journal:
    """A journal open for writing, from any number of threads.

    ``cut`` says what opening had to cut off the end (None: nothing).
    """

    def __init__(self, directory: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Opens or begins the journal of a directory.

        Raises JournalLockedError where another writer has it. Where a durable record is bad, ``damage`` says
        which, and a new segment is begun; only the last one is read, readers find what is wrong in others.
        """
        self.directory = directory
        _make_directory(directory)
        self._lock = _acquire_lock(directory / "lock")
        try:
            found = recover(directory, HighWaterMarkReader(directory).read())
            self._tail = Tail(directory, segment_bytes, found)
            self._end_writer = HighWaterMarkWriter(directory, self._tail.number)
        except BaseException:
            os.close(self._lock)
            raise
        self._mutex = threading.Lock()
        self._writing = threading.Lock()
        self._gathering = _Group()
        self._is_open = True
        self._end = self._tail.number
        self.cut: TailCut | None = found.cut
        self.damage = found.damage
        if found.cut is not None:
            _log.warning("%s", found.cut)

    def append(self, entries: Sequence[Entry]) -> int:
        """Makes entries durable, in order and together, and returns the offset after them.

        Appends that come while another is being written share the next write. Raises AppendError where
        the disk did not take them; they may then be sent again. A crash before the return may keep some of
        them, each whole.
        """
        for entry in entries:
            if len(entry.payload) > PAYLOAD_BYTES_MOST:
                raise ValueError(f"a record of {len(entry.payload)} bytes; at most {PAYLOAD_BYTES_MOST}")
        with self._mutex:
            group = self._gathering
            group.entries += entries
            place = len(group.entries)
            leads, group.is_led = not group.is_led, True
            if not leads:
                is_done = group.is_done = group.is_done or threading.Event()
        if leads:
            self._lead(group)
        else:
            is_done.wait()
            if group.failure is not None:
                raise AppendError(str(group.failure)) from group.failure
        return group.first + place

    @property
    def end_offset(self) -> int:
        """The offset after the last durable record."""
        return self._end

    @property
    def start_ms(self) -> int:
        """The time of the journal's first start mark; BEGIN_MS before it."""
        return self._tail.start_ms

    @property
    def clock_ms(self) -> int:
        """The highest mark so far; BEGIN_MS before any."""
        return self._tail.clock_ms

    def reader(self, offset: int = 0) -> JournalReader:
        """A reader of its own from an offset on."""
        return JournalReader(self.directory, offset)

    def due(self, before_ms: int) -> list[OldSegment]:
        """Whole segments that every reader is past and that ended before an instant, oldest first.

        ``ConsumerOffsets`` say how far consumers are; while there are none, all is kept.
        """
        consumed = ConsumerOffsets(self.directory).lowest()
        found: list[OldSegment] = []
        for first, following in pairwise(segment_firsts(self.directory)):
            ended_ms = read_head(segment_path(self.directory, following)).clock_ms
            if consumed is None or following > consumed or ended_ms >= before_ms:
                break
            found.append(OldSegment(segment_path(self.directory, first), ended_ms))
        return found

    def drop_old(self, before_ms: int) -> list[Path]:
        """Removes the segments that are due; returns what was removed."""
        with self._writing:
            dropped = [segment.path for segment in self.due(before_ms)]
            for path in dropped:
                path.unlink()
            sync_directory(self.directory)
        return dropped

    def close(self) -> None:
        """Waits for the append that is being written, refuses later ones and lets another writer in."""
        with self._writing:
            if self._is_open:
                self._is_open = False
                self._end_writer.close()
                self._tail.close()
                os.close(self._lock)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lead(self, group: _Group) -> None:
        """Writes a group once the write before it is done; those that come meanwhile join it."""
        try:
            with self._writing:
                with self._mutex:
                    self._gathering = _Group()
                self._write(group)
        except BaseException as failure:
            group.failure = failure
            raise
        finally:
            with self._mutex:
                if self._gathering is group:  # interrupted while it waited: nobody may join any longer
                    self._gathering = _Group()
                is_done = group.is_done  # nobody joins any longer
            if is_done is not None:
                is_done.set()

    def _write(self, group: _Group) -> None:
        if not self._is_open:
            raise AppendError(f"{self.directory}: the journal is closed")
        group.first = self._tail.number
        if not group.entries:
            return
        self._tail.write(group.entries)
        try:
            self._end_writer.write(self._tail.number)
        except OSError as error:
            raise AppendError(f"{self.directory}: the high-water mark cannot be written: {error}") from error
        self._end = self._tail.number


def _make_directory(directory: Path) -> None:
    missing = [directory, *directory.parents]
    missing = missing[: next(place for place, path in enumerate(missing) if path.is_dir())]
    directory.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_directory(path.parent)


def _acquire_lock(path: Path) -> int:
    try:
        return acquire_lock(path)
    except LockedError as error:
        raise JournalLockedError(
            f"{path.parent}: process {error.holder} writes this journal already"
        ) from None
