"""The log as a store of a data directory: where it ends, and which of its records can be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from geofences.instant import BEGIN_MS
from pipeline.host.disk import sync_file
from pipeline.log.journal.consumer_offsets import ConsumerOffsets
from pipeline.log.journal.errors import JournalDamagedError
from pipeline.log.journal.high_water_mark import (
    HighWaterMarkReader,
    HighWaterMarkWriter,
    high_water_mark_path,
)
from pipeline.log.journal.scan import scan
from pipeline.log.journal.segment import find_end, segment_firsts, segment_path
from pipeline.upkeep.copying import BackupFailed, Copy
from pipeline.upkeep.folders import Folder
from pipeline.upkeep.store import REPAIR, Finding, Seen, Store
from sinks.bearing import BearingFile, witness_of


class LogFolder(Folder):
    """The journal of the data directory; its place is where it ends, whatever it bears."""

    def seen(self, store: Store, path: Path, *, is_quick: bool) -> Seen:
        """A log that was begun, and where it really ends; damage before that is reported where it is read."""
        told = max(HighWaterMarkReader(path).read(), witness_of(path).recorded())
        firsts = segment_firsts(path)  # after it was asked: a segment begun since ends later
        if not firsts and not high_water_mark_path(path).exists():
            return Seen(store, path, exists=False)
        end = told if firsts else 0
        if firsts and not is_quick:
            with suppress(JournalDamagedError):
                end = find_end(segment_path(path, firsts[-1]), told).number
        return Seen(store, path, True, BearingFile(path).read(), max(end, 0), 0, told)

    def look_through(self, store: Store, path: Path) -> tuple[str, list[Finding]]:
        """Every record."""
        return f"{len(segment_firsts(path))} segments", list(log_findings(path))

    def copy(self, copy: Copy, path: Path) -> None:
        """The segments that are there, the newest first: the log lets go of the oldest ones.

        How far consumers are must be copied before: what they still need must be among these.
        """
        place, mark = copy.place(path / "segments").parent, HighWaterMarkReader(path).read()
        firsts = segment_firsts(path) if path.is_dir() else []
        if not firsts:
            return
        kept = firsts[-1]
        for first in reversed(firsts):
            try:
                copy.file(segment_path(path, first))
            except FileNotFoundError:
                break
            kept = first
        if kept > (ConsumerOffsets(place).lowest() or 0) and kept != firsts[0]:
            raise BackupFailed(f"{path}: the log let go of records that are still needed; try again")
        _cut_behind(place, segment_path(place, firsts[-1]), mark)


def _cut_behind(place: Path, last: Path, mark: int) -> None:
    """The last segment of a copy ends with its last whole record, which the copy says it has."""
    number = mark
    with suppress(JournalDamagedError):  # copied as it is; a look at the copy tells it as of the original
        end = find_end(last, mark)
        number = max(mark, end.number)
        with last.open("r+b") as copied:
            copied.truncate(end.position)
            sync_file(copied.fileno())
    HighWaterMarkWriter(place, number).close()


def log_end(journal: Path) -> tuple[int, int | None]:
    """The number after a log's last record, and the clock there (None: no mark, or nothing to be read)."""
    mark, firsts = HighWaterMarkReader(journal).read(), segment_firsts(journal) if journal.is_dir() else []
    if not firsts:
        return mark, None
    with suppress(JournalDamagedError):
        clock_ms = find_end(segment_path(journal, firsts[-1]), mark).clock_ms
        return mark, None if clock_ms == BEGIN_MS else clock_ms
    return mark, None


def log_findings(journal: Path) -> Iterator[Finding]:
    """Records of the log that cannot be read."""
    high_water_mark, following = HighWaterMarkReader(journal).read(), segment_firsts(journal)
    for first, after in zip(following, [*following[1:], None], strict=True):
        path = segment_path(journal, first)
        try:
            found = scan(path)
        except FileNotFoundError:  # let go of since it was listed
            continue
        if found.head is None:
            yield _damaged(path, 0, first, first if after is None else after)
            continue
        for lost, end, position in found.holes():
            yield _damaged(path, position, lost, end)
        wanted = high_water_mark if after is None else _after(journal, after)
        if found.end < wanted:
            position = found.stretches[-1].position_end if found.stretches else 0
            yield _damaged(path, position, found.end, wanted)


def _after(journal: Path, following: int) -> int:
    """Where the segment before another ends, as that one says."""
    head = scan(segment_path(journal, following)).head
    return following if head is None else head.after


def _damaged(path: Path, position: int, first: int, end: int) -> Finding:
    wrong = f"byte {position}: records {first} to {max(first, end - 1)} cannot be read"
    return Finding(Store.LOG, path, wrong, f"{REPAIR} sets it aside and goes on behind it", ends=False)
