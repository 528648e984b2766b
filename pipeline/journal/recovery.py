"""Finds where a journal really ends when it is opened for writing, and cuts off what is no record."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from geofences.instant import BEGIN_MS
from pipeline.journal.disk import SCRATCH, sync_file
from pipeline.journal.errors import JournalDamagedError
from pipeline.journal.frame import HEAD_BYTES, Head
from pipeline.journal.scan import scan
from pipeline.journal.segment import SegmentEnd, create_segment, find_end, segment_firsts, segment_path


@dataclass(frozen=True, slots=True)
class TailCut:
    """What was cut off a journal's end because it was no whole record.

    ``acknowledged`` records are known to have been durable once: the disk lost them.
    """

    segment: Path
    position: int
    cut_bytes: int
    acknowledged: int

    def __str__(self) -> str:
        lost = f"; {self.acknowledged} acknowledged records are lost" if self.acknowledged else ""
        return f"{self.segment}: {self.cut_bytes} bytes of a torn write cut off at byte {self.position}{lost}"


@dataclass(frozen=True, slots=True)
class Recovered:
    """The end of the last segment and the number of the next record.

    The number is higher than that of the segment's end only where acknowledged records are lost: a number
    that was acknowledged is never given to another record.
    """

    end: SegmentEnd
    number: int
    cut: TailCut | None
    damage: JournalDamagedError | None = None


def recover(directory: Path, known_end: int) -> Recovered:
    """The end of a journal, which is durable from then on; an empty directory gets its first segment.

    Records before ``known_end`` are known to have been durable. Where a bad record stands before a good one
    that came later, the segment is left as it is and nothing more is written to it: readers stop there, and
    what comes in goes on.
    """
    for scratch in directory.glob("*" + SCRATCH):
        scratch.unlink()
    known_end, cut = _drop_headless(directory, known_end)
    firsts = segment_firsts(directory)
    if not firsts:
        create_segment(directory, known_end, known_end, BEGIN_MS, BEGIN_MS)
        firsts = [known_end]
    path = segment_path(directory, firsts[-1])
    try:
        end = find_end(path, known_end)
    except JournalDamagedError as damage:
        return _past_damage([segment_path(directory, first) for first in firsts], known_end, damage)
    lost = max(0, known_end - end.number)
    if end.torn_bytes or lost:
        cut = TailCut(path, end.position, end.torn_bytes, lost)
    _cut_segment(path, end.position)
    return Recovered(end, end.number + lost, cut)


def _past_damage(paths: list[Path], known_end: int, damage: JournalDamagedError) -> Recovered:
    """Where the log goes on behind a last segment that cannot be read to its end."""
    found = [scan(path) for path in paths[-1:]]
    while found[-1].head is None and len(found) < len(paths):  # the clock of whatever can be read
        found.append(scan(paths[-1 - len(found)]))
    last, known = found[0], found[-1]
    head = known.head or Head(b"", last.end, last.end, BEGIN_MS, BEGIN_MS)
    clock_ms = known.stretches[-1].clock_ms if known.stretches else head.clock_ms
    end = SegmentEnd(head, 0, last.end, known.start_ms, clock_ms)
    # A segment needs a name of its own, also where nothing of the damaged one can be read.
    return Recovered(end, max(known_end, last.end, int(paths[-1].stem) + 1), None, damage)


def _drop_headless(directory: Path, known_end: int) -> tuple[int, TailCut | None]:
    """Removes a last segment too short for a head; all records before it were durable when it was made."""
    firsts = segment_firsts(directory)
    if not firsts:
        return known_end, None
    path = segment_path(directory, firsts[-1])
    size = path.stat().st_size
    if size >= HEAD_BYTES:
        return known_end, None
    path.unlink()
    return max(known_end, firsts[-1]), TailCut(path, 0, size, max(0, known_end - firsts[-1]))


def _cut_segment(path: Path, position: int) -> None:
    """Ends a segment at a position; whole records that were never synced become durable as well."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.ftruncate(handle, position)
        sync_file(handle)
    finally:
        os.close(handle)
