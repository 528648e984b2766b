"""The growing end of the log on disk, written and rolled by one thread at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from geofences.instant import BEGIN_MS
from pipeline.host.disk import sync_file, write_at
from pipeline.log.errors import AppendError
from pipeline.log.journal.frame import FRAME_BYTES, HEAD_BYTES, frame_of
from pipeline.log.journal.recovery import Recovered
from pipeline.log.journal.segment import SegmentEnd, create_segment, segment_path
from pipeline.log.record import MARKS, START, Entry, Record, mark_payload

#: A segment that spans so much of the log's time is followed by another.
SEGMENT_MOST_MS = 86_400_000


class Tail:
    """The last segment of a journal, open for writing.

    ``number`` is that of the next record, ``clock_ms`` the highest mark, ``start_ms`` the first start
    (both BEGIN_MS before any).
    """

    def __init__(self, directory: Path, segment_bytes: int, found: Recovered) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._broken: str | None = None
        self._handle = -1
        self.number = found.number
        self.clock_ms, self.start_ms = found.end.clock_ms, found.end.start_ms
        if found.number > found.end.number or found.damage is not None:
            self._begin_segment(after=found.end.number)
        else:
            self._use(found.end)

    def write(self, entries: Sequence[Entry]) -> None:
        """Appends entries; they are durable on return. Raises AppendError where they are not."""
        if self._broken is not None:
            raise AppendError(self._broken)
        size = sum(FRAME_BYTES + len(entry.payload) for entry in entries)
        if self._position > HEAD_BYTES and (self._position + size > self._segment_bytes or self._is_old()):
            self._roll()
        records = self._numbered(entries)
        frames = b"".join(frame_of(self._head, record, back) for back, record in enumerate(records))
        self._put(frames)
        self._position += len(frames)
        self.number += len(records)
        self.clock_ms = records[-1].clock_ms
        if self.start_ms == BEGIN_MS:
            self.start_ms = next((found.clock_ms for found in records if found.kind == START), BEGIN_MS)

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._handle)

    def _is_old(self) -> bool:
        """Whether the segment is a day old by its own marks: only whole segments are ever removed."""
        begun_ms = max(self._head.clock_ms, self.start_ms)
        return begun_ms != BEGIN_MS and self.clock_ms - begun_ms >= SEGMENT_MOST_MS

    def _numbered(self, entries: Sequence[Entry]) -> list[Record]:
        records = []
        clock_ms = self.clock_ms
        for number, entry in enumerate(entries, self.number):
            payload = entry.payload
            if entry.kind in MARKS:
                payload = mark_payload(clock_ms)
                clock_ms = max(clock_ms, entry.at_ms)  # a clock that was set back waits until it catches up
            records.append(Record(number, entry.kind, clock_ms, payload))
        return records

    def _put(self, frames: bytes) -> None:
        """Writes at the end and waits for the disk.

        After a failed sync the system may take pages that are not on disk for clean, so that another sync
        would prove nothing: no more is written until the journal is opened anew.
        """
        self._broken = f"{self._path}: an earlier write broke off; the journal must be opened again"
        try:
            write_at(self._handle, frames, self._position)
        except OSError as error:
            if self._is_taken_back():
                self._broken = None
            raise AppendError(f"{self._path}: {error}") from error
        try:
            sync_file(self._handle)
        except OSError as error:
            self._is_taken_back()
            raise AppendError(f"{self._path}: {error}") from error
        self._broken = None

    def _is_taken_back(self) -> bool:
        """Cuts off what stands behind the last durable record; whether that went well."""
        try:
            os.ftruncate(self._handle, self._position)
        except OSError:
            return False
        return True

    def _roll(self) -> None:
        try:
            self._begin_segment(after=self.number)
        except OSError as error:
            raise AppendError(f"{self._directory}: no new segment: {error}") from error

    def _begin_segment(self, after: int) -> None:
        head = create_segment(self._directory, self.number, after, self.start_ms, self.clock_ms)
        self._use(SegmentEnd(head, HEAD_BYTES, self.number, self.start_ms, self.clock_ms))

    def _use(self, end: SegmentEnd) -> None:
        path = segment_path(self._directory, end.head.first)
        handle = os.open(path, os.O_RDWR)
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self._path, self._head, self._position = handle, path, end.head, end.position
