"""Finds where a journal really ends when it is opened for writing, and cuts off what is no record."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from geofences.instant import BEGIN_MS
from pipeline.host.disk import SCRATCH, sync_file
from pipeline.log.journal.errors import JournalDamagedError
from pipeline.log.journal.frame import HEAD_BYTES, Head
from pipeline.log.journal.scan import scan
from pipeline.log.journal.segment import SegmentEnd, create_segment, find_end, segment_firsts, segment_path


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


def recover(directory: Path, high_water_mark: int) -> Recovered:
    """The end of a journal, which is durable from then on; an empty directory gets its first segment.

    Records before ``high_water_mark`` are known to have been durable. Where a bad record stands before a good
    one that came later, the segment is left as it is and nothing more is written to it: readers stop there,
    and what comes in goes into the next.
    """
    for scratch in directory.glob("*" + SCRATCH):
        scratch.unlink()
    high_water_mark, cut = _drop_headless(directory, high_water_mark)
    firsts = segment_firsts(directory)
    if not firsts:
        create_segment(directory, high_water_mark, high_water_mark, BEGIN_MS, BEGIN_MS)
        firsts = [high_water_mark]
    path = segment_path(directory, firsts[-1])
    try:
        end = find_end(path, high_water_mark)
    except JournalDamagedError as damage:
        return _past_damage([segment_path(directory, first) for first in firsts], high_water_mark, damage)
    lost = max(0, high_water_mark - end.number)
    if end.torn_bytes or lost:
        cut = TailCut(path, end.position, end.torn_bytes, lost)
    _cut_segment(path, end.position)
    return Recovered(end, end.number + lost, cut)


def _past_damage(paths: list[Path], high_water_mark: int, damage: JournalDamagedError) -> Recovered:
    """Where the log goes on behind a last segment that cannot be read to its end."""
    found = [scan(path) for path in paths[-1:]]
    while found[-1].head is None and len(found) < len(paths):  # the clock of whatever can be read
        found.append(scan(paths[-1 - len(found)]))
    last, known = found[0], found[-1]
    head = known.head or Head(b"", last.end, last.end, BEGIN_MS, BEGIN_MS)
    clock_ms = known.stretches[-1].clock_ms if known.stretches else head.clock_ms
    end = SegmentEnd(head, 0, last.end, known.start_ms, clock_ms)
    # A segment needs a name of its own, also where nothing of the damaged one can be read.
    return Recovered(end, max(high_water_mark, last.end, int(paths[-1].stem) + 1), None, damage)


def _drop_headless(directory: Path, high_water_mark: int) -> tuple[int, TailCut | None]:
    """Removes a last segment too short for a head; all records before it were durable when it was made."""
    firsts = segment_firsts(directory)
    if not firsts:
        return high_water_mark, None
    path = segment_path(directory, firsts[-1])
    size = path.stat().st_size
    if size >= HEAD_BYTES:
        return high_water_mark, None
    path.unlink()
    return max(high_water_mark, firsts[-1]), TailCut(path, 0, size, max(0, high_water_mark - firsts[-1]))


def _cut_segment(path: Path, position: int) -> None:
    """Ends a segment at a position; whole records that were never synced become durable as well."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.ftruncate(handle, position)
        sync_file(handle)
    finally:
        os.close(handle)
