"""Reads a journal from an offset on, in whatever process, while it is being written."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.log.errors import LogError, RecordsGoneError
from pipeline.log.journal.errors import JournalDamagedError
from pipeline.log.journal.frame import FRAME_BYTES, HEAD_BYTES, Frame, FrameError, frame_at, frame_bytes
from pipeline.log.journal.high_water_mark import HighWaterMarkReader
from pipeline.log.journal.segment import read_head, segment_firsts, segment_path
from pipeline.log.protocol import BYTES_MOST, RECORDS_MOST
from pipeline.log.record import Record

#: What is read of a file at a time.
_READ_BYTES = 1 << 20


class JournalReader:
    """A reader at its own ``offset``, the number of the record it gives next.

    It gives what is durable and nothing else. Readers know nothing of each other and may outlive the
    writer; a directory in which no journal was begun yet reads as empty.
    """

    def __init__(self, directory: Path, offset: int = 0) -> None:
        """Raises RecordsGoneError where the journal does not reach so far."""
        self._directory = directory
        self._end = HighWaterMarkReader(directory)
        self._segment: _OpenSegment | None = None
        self.offset = offset
        if offset > self.end_offset:
            raise RecordsGoneError(
                f"{directory}: the journal ends at record {self.end_offset}, before {offset}"
            )

    @property
    def directory(self) -> Path:
        """Where the journal is."""
        return self._directory

    @property
    def end_offset(self) -> int:
        """The offset after the last durable record; less ``offset``, it is how far the reader is behind."""
        return self._end.read()

    def poll(self, records_most: int = RECORDS_MOST, bytes_most: int = BYTES_MOST) -> list[Record]:
        """The next records, none where there are none yet; never waits.

        It stops after ``records_most``, after the record with which payloads reach ``bytes_most``, and
        before what cannot be read, which the next poll then raises.
        Raises JournalDamagedError where a durable record cannot be read, RecordsGoneError where it was
        removed.
        """
        records: list[Record] = []
        end, held_bytes = self.end_offset, 0
        while self.offset < end and len(records) < records_most and held_bytes < bytes_most:
            try:
                frame = self._next_frame(end)
            except LogError:
                if records:
                    break
                raise
            if frame is None:
                continue
            records.append(frame.record)
            held_bytes += len(frame.record.payload)
            self.offset = frame.record.number + 1
        return records

    def close(self) -> None:
        """Lets go of the file; a later poll opens it again."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _next_frame(self, end: int) -> Frame | None:
        """The frame of the record at the offset; None after another step towards it."""
        if self._segment is None:
            self._segment = self._found_segment()
        segment = self._segment
        frame = segment.next_frame(end)
        if frame is None:
            self._go_on(segment)
        elif frame.record.number >= self.offset:
            return frame
        return None

    def _found_segment(self) -> _OpenSegment:
        """The segment that the offset lies in, at its beginning."""
        firsts = [first for first in segment_firsts(self._directory) if first <= self.offset]
        if firsts:
            return self._opened(firsts[-1])
        raise self._gone()

    def _go_on(self, segment: _OpenSegment) -> None:
        """To the segment after one that is read to its end."""
        firsts = [first for first in segment_firsts(self._directory) if first > segment.head.first]
        following = self._opened(firsts[0]) if firsts else None
        if following is not None and following.head.after == segment.number:
            self.close()
            self._segment = following
            self.offset = max(self.offset, following.head.first)
            return
        if following is not None:
            following.close()
        if not segment.path.exists():
            raise self._gone()
        raise JournalDamagedError(
            segment.path, segment.position, segment.number, "it is not whole, or not there"
        )

    def _opened(self, first: int) -> _OpenSegment:
        try:
            return _OpenSegment(segment_path(self._directory, first))
        except FileNotFoundError:  # removed since the directory was listed
            raise self._gone() from None

    def _gone(self) -> RecordsGoneError:
        first = next(iter(segment_firsts(self._directory)), self.end_offset)
        return RecordsGoneError(
            f"{self._directory}: the journal begins at record {first}, after {self.offset}"
        )


class _OpenSegment:
    """One segment being read: ``number`` is the next record's, ``position`` where its frame begins."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.head = read_head(path)
        self.number = self.head.first
        self.position = HEAD_BYTES
        self._handle = os.open(path, os.O_RDONLY)
        self._content = b""
        self._content_position = HEAD_BYTES
        self._content_end = 0

    def next_frame(self, end: int) -> Frame | None:
        """The next frame before a durable end of the journal; None where the segment holds no more."""
        # What was read ahead of the end of that time may have been replaced since by another write.
        frame = self._frame() if self.number < self._content_end else None
        if frame is None:
            self._read_on(end)
            frame = self._frame()
        if frame is None:
            return None
        self.position = self._content_position + frame.end
        self.number += 1
        return frame

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._handle)

    def _frame(self) -> Frame | None:
        place = self.position - self._content_position
        try:
            frame = frame_at(self.head, self._content, place)
            if frame is not None and frame.record.number != self.number:
                raise FrameError(f"record {frame.record.number} stands in its place")
        except FrameError as bad:
            raise JournalDamagedError(self.path, self.position, self.number, str(bad)) from None
        return frame

    def _read_on(self, end: int) -> None:
        self._content = os.pread(self._handle, _READ_BYTES, self.position)
        wanted = frame_bytes(self._content)
        if wanted > len(self._content) >= FRAME_BYTES:
            self._content = os.pread(self._handle, wanted, self.position)
        self._content_position, self._content_end = self.position, end
