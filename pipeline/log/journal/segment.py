"""Segment files: their names, how one comes to be, and where the last one really ends."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from geofences.instant import BEGIN_MS
from pipeline.host.disk import put_file
from pipeline.log.journal.errors import JournalDamagedError
from pipeline.log.journal.frame import (
    HEAD_BYTES,
    SALT_BYTES,
    SYNC_BYTES,
    Frame,
    FrameError,
    Head,
    frame_at,
    head_of,
    mark_of,
)
from pipeline.log.record import START
from sinks.bearing import BearingFile
from sinks.errors import SinkFailed

_NAME = re.compile(r"(\d{20})\.journal")


def segment_path(directory: Path, first: int) -> Path:
    """Where the segment stands whose first record has a number."""
    return directory / f"{first:020d}.journal"


def segment_firsts(directory: Path) -> list[int]:
    """The first record number of each segment, rising."""
    names = (_NAME.fullmatch(name) for name in os.listdir(directory))
    return sorted(int(name[1]) for name in names if name)


def create_segment(directory: Path, first: int, after: int, start_ms: int, clock_ms: int) -> Head:
    """A new segment without records, durable under its name."""
    mark = _mark_in(directory)
    salt = os.urandom(SALT_BYTES) if mark is None else os.urandom(SYNC_BYTES) + mark
    head = Head(salt, first, after, start_ms, clock_ms, is_marked=mark is not None)
    put_file(segment_path(directory, first), head.encoded())
    return head


def read_head(path: Path) -> Head:
    """The head of a segment; raises JournalDamagedError where it has none, or is of another directory."""
    first = int(path.stem)
    try:
        head = _head_in(path)
    except FrameError as bad:
        raise JournalDamagedError(path, 0, first, str(bad)) from None
    if head.first != first:
        raise JournalDamagedError(path, 0, first, f"the segment says that it begins at record {head.first}")
    if _is_foreign(head, _mark_in(path.parent)):
        raise JournalDamagedError(path, 0, first, "the segment is of another data directory")
    return head


def foreign_segments(directory: Path) -> list[Path]:
    """Segments of another data directory, that somebody put among those of a log."""
    mark, found = _mark_in(directory), []
    for path in (segment_path(directory, first) for first in segment_firsts(directory)):
        with suppress(FrameError, FileNotFoundError):  # damaged, or let go of: found elsewhere
            if _is_foreign(_head_in(path), mark):
                found.append(path)
    return found


def _head_in(path: Path) -> Head:
    with path.open("rb") as file:
        return head_of(file.read(HEAD_BYTES))


def _mark_in(directory: Path) -> bytes | None:
    """The mark of whose a log is; None before it was told, and where that cannot be read."""
    with suppress(SinkFailed):
        if (bearing := BearingFile(directory).read()) is not None:
            return mark_of(bearing.identity)
    return None


def _is_foreign(head: Head, mark: bytes | None) -> bool:
    return None not in (head.mark, mark) and head.mark != mark


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    """Where the records of a segment end: position, next number, and what is known there."""

    head: Head
    position: int
    number: int
    start_ms: int
    clock_ms: int
    torn_bytes: int = 0


def find_end(path: Path, high_water_mark: int) -> SegmentEnd:
    """Where the last segment's whole records end, each of them checked.

    What follows is a torn write, never acknowledged, unless a later record shows that it was durable:
    one of a later write (a write begins only when the one before is durable), or one before
    ``high_water_mark``, up to which records were acknowledged. Then JournalDamagedError is raised.
    """
    head = read_head(path)
    end = SegmentEnd(head, HEAD_BYTES, head.first, head.start_ms, head.clock_ms)
    with mapped(path) as content:
        try:
            while (frame := _numbered_frame(head, content, end)) is not None:
                end = _after(end, frame)
        except FrameError as bad:
            wrong = str(bad)
        else:
            wrong = "its end is missing"
        if _was_durable(content, end, high_water_mark):
            raise JournalDamagedError(path, end.position, end.number, wrong)
        return replace(end, torn_bytes=len(content) - end.position)


@contextmanager
def mapped(path: Path) -> Iterator[memoryview]:
    """The bytes of a segment, only to be read."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        view = memoryview(content)
        try:
            yield view
        finally:
            view.release()


def _numbered_frame(head: Head, content: memoryview, end: SegmentEnd) -> Frame | None:
    frame = frame_at(head, content, end.position)
    if frame is not None and frame.record.number != end.number:
        raise FrameError(f"record {frame.record.number} stands in its place")
    return frame


def _after(end: SegmentEnd, frame: Frame) -> SegmentEnd:
    record = frame.record
    is_first_start = record.kind == START and end.start_ms == BEGIN_MS
    start_ms = record.clock_ms if is_first_start else end.start_ms
    return SegmentEnd(end.head, frame.end, end.number + 1, start_ms, record.clock_ms)


def _was_durable(content: memoryview, end: SegmentEnd, high_water_mark: int) -> bool:
    """Whether a whole frame behind a bad one shows that the bad one was durable once."""
    return any(
        frame.group > end.number or end.number < frame.record.number < high_water_mark
        for frame in _frames_behind(end.head, content, end.position)
    )


def _frames_behind(head: Head, content: memoryview, place: int) -> Iterator[Frame]:
    """Every whole frame that begins after a place."""
    base = content.obj
    assert isinstance(base, mmap.mmap)
    while (place := base.find(head.sync, place + 1)) >= 0:
        try:
            frame = frame_at(head, content, place)
        except FrameError:
            continue
        if frame is not None:
            yield frame
