"""A segment from end to end, past what is damaged: which records are whole, and which are lost."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from geofences.instant import BEGIN_MS
from pipeline.log.journal.errors import JournalDamagedError
from pipeline.log.journal.frame import HEAD_BYTES, Frame, FrameError, Head, frame_at
from pipeline.log.journal.segment import mapped, read_head
from pipeline.log.record import START


@dataclass(slots=True)
class Stretch:
    """Whole records that follow each other: numbers ``first`` to before ``end``, and where they stand.

    ``before_ms`` is the log's clock at their beginning, ``clock_ms`` at their end.
    """

    first: int
    end: int
    position: int
    position_end: int
    before_ms: int
    clock_ms: int


@dataclass(slots=True)
class Scan:
    """What a segment holds; ``head`` None: nothing of it can be read, as the head says how.

    ``torn_at``: behind the last whole record stand bytes that are none.
    """

    path: Path
    head: Head | None
    stretches: list[Stretch] = field(default_factory=list)
    start_ms: int = BEGIN_MS
    torn_at: int | None = None

    @property
    def end(self) -> int:
        """The number after the last whole record."""
        if self.stretches:
            return self.stretches[-1].end
        return int(self.path.stem) if self.head is None else self.head.first

    def holes(self) -> list[tuple[int, int, int]]:
        """Records lost between whole ones: first, the one after the last, and the byte where it begins."""
        if self.head is None:
            return []
        number, position, found = self.head.first, HEAD_BYTES, []
        for stretch in self.stretches:
            if stretch.first > number:
                found.append((number, stretch.first, position))
            number, position = stretch.end, stretch.position_end
        return found


def scan(path: Path) -> Scan:
    """Looks at all of a segment; raises nothing for damage."""
    try:
        head = read_head(path)
    except JournalDamagedError:
        return Scan(path, None)
    found = Scan(path, head, start_ms=head.start_ms)
    with mapped(path) as content:
        place = HEAD_BYTES
        for position, frame in _whole_frames(head, content):
            _add(found, position, frame)
            place = frame.end
        if place < len(content):
            found.torn_at = place
    return found


def _add(found: Scan, position: int, frame: Frame) -> None:
    record, stretches = frame.record, found.stretches
    if record.kind == START and found.start_ms == BEGIN_MS:
        found.start_ms = record.clock_ms
    if stretches and stretches[-1].end == record.number and stretches[-1].position_end == position:
        stretches[-1].end, stretches[-1].position_end = record.number + 1, frame.end
        stretches[-1].clock_ms = record.clock_ms
        return
    assert found.head is not None
    before_ms = stretches[-1].clock_ms if stretches else found.head.clock_ms
    stretches.append(
        Stretch(record.number, record.number + 1, position, frame.end, before_ms, record.clock_ms)
    )


def _whole_frames(head: Head, content: memoryview) -> Iterator[tuple[int, Frame]]:
    """Frames with rising numbers, each as it follows the last, or as it is found behind damage."""
    base = content.obj
    assert isinstance(base, mmap.mmap)
    place, number = HEAD_BYTES, head.first
    while 0 <= place < len(content):
        try:
            frame = frame_at(head, content, place)
        except FrameError:
            frame = None
        if frame is not None and frame.record.number >= number:
            yield place, frame
            place, number = frame.end, frame.record.number + 1
        else:
            place = base.find(head.sync, place + 1)
