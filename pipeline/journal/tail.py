"""The growing end of the log on disk: found again at opening, written and rolled by one thread at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from geofences.instant import BEGIN_MS
from pipeline.journal.disk import SCRATCH, sync_file, write_at
from pipeline.journal.errors import AppendFailed
from pipeline.journal.frame import FRAME_BYTES, HEAD_BYTES, PAYLOAD_BYTES_MOST, frame_of
from pipeline.journal.record import MARKS, START, Entry, Record, mark_payload
from pipeline.journal.segment import (
    SegmentEnd,
    TailCut,
    create_segment,
    cut_segment,
    find_end,
    segment_firsts,
    segment_path,
)


class Tail:
    """The last segment of a journal, open for writing.

    ``number`` is that of the next record, ``clock_ms`` the highest mark, ``start_ms`` the first start
    (both BEGIN_MS before any); ``cut`` is what opening had to cut off.
    """

    def __init__(self, directory: Path, segment_bytes: int, known_end: int) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        for scratch in directory.glob("*" + SCRATCH):
            scratch.unlink()
        self.cut: TailCut | None = None
        self._broken: str | None = None
        self._handle = -1
        end = self._found_end(known_end)
        self.number, self.clock_ms, self.start_ms = end.number, end.clock_ms, end.start_ms
        if self.number < known_end:  # numbers that were acknowledged are never given to other records
            self.number = known_end
            self._begin_segment(after=end.number)
        else:
            self._use(end)

    def write(self, entries: Sequence[Entry]) -> None:
        """Appends entries; they are durable on return. Raises AppendFailed, with nothing appended."""
        if self._broken is not None:
            raise AppendFailed(self._broken)
        size = sum(FRAME_BYTES + len(entry.payload) for entry in entries)
        if self._position > HEAD_BYTES and self._position + size > self._segment_bytes:
            try:
                self._begin_segment(after=self.number)
            except OSError as error:
                raise AppendFailed(f"{self._directory}: no new segment: {error}") from error
        records = self._numbered(entries)
        frames = b"".join(frame_of(self._head, record, back) for back, record in enumerate(records))
        self._put(frames)
        self._position += len(frames)
        self.number += len(records)
        self.clock_ms = records[-1].clock_ms
        if self.start_ms == BEGIN_MS:
            starts = (record.clock_ms for record in records if record.kind == START)
            self.start_ms = next(starts, BEGIN_MS)

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._handle)

    def _numbered(self, entries: Sequence[Entry]) -> list[Record]:
        records = []
        clock_ms = self.clock_ms
        for number, entry in enumerate(entries, self.number):
            payload = entry.payload
            if entry.kind in MARKS:
                assert entry.at_ms is not None, "a mark tells a time"
                payload = mark_payload(clock_ms)
                clock_ms = max(clock_ms, entry.at_ms)  # a clock that was set back waits until it catches up
            assert len(payload) <= PAYLOAD_BYTES_MOST, "the journal refused it before"
            records.append(Record(number, entry.kind, clock_ms, payload))
        return records

    def _put(self, frames: bytes) -> None:
        """Writes at the end and waits for the disk; what fails leaves no trace, or no more is written.

        After a failed sync the system may take pages that are not on disk for clean, so that another sync
        proves nothing: only opening the journal anew does.
        """
        self._broken = f"{self._path}: an earlier write broke off; the journal must be opened again"
        try:
            write_at(self._handle, frames, self._position)
        except OSError as error:
            if self._is_taken_back():
                self._broken = None
            raise AppendFailed(f"{self._path}: {error}") from error
        try:
            sync_file(self._handle)
        except OSError as error:
            self._is_taken_back()
            raise AppendFailed(f"{self._path}: {error}") from error
        self._broken = None

    def _is_taken_back(self) -> bool:
        """Cuts off what stands behind the last durable record; whether that went well."""
        try:
            os.ftruncate(self._handle, self._position)
        except OSError:
            return False
        return True

    def _found_end(self, known_end: int) -> SegmentEnd:
        """The end of the last segment that has a head, with what is no record cut off."""
        firsts = segment_firsts(self._directory)
        if not firsts:
            return self._created(0)
        path = segment_path(self._directory, firsts[-1])
        size = path.stat().st_size
        if size < HEAD_BYTES:  # no record was ever in it, but all before its first were durable
            path.unlink()
            ...
        end = find_end(path, known_end)
        if end.torn_bytes or end.number < known_end:
            self.cut = TailCut(path, end.position, end.torn_bytes, max(0, known_end - end.number))
        cut_segment(path, end.position)
        return end

    def _created(self, first: int) -> SegmentEnd:
        head = create_segment(self._directory, first, first, BEGIN_MS, BEGIN_MS)
        return SegmentEnd(head, HEAD_BYTES, first, BEGIN_MS, BEGIN_MS)

    def _begin_segment(self, after: int) -> None:
        head = create_segment(self._directory, self.number, after, self.start_ms, self.clock_ms)
        self._use(SegmentEnd(head, HEAD_BYTES, self.number, self.start_ms, self.clock_ms))

    def _use(self, end: SegmentEnd) -> None:
        path = segment_path(self._directory, end.head.first)
        handle = os.open(path, os.O_RDWR)
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self._path, self._head, self._position = handle, path, end.head, end.position
