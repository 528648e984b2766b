"""Sets aside what is damaged or does not belong, and goes on with the rest; each step says what is lost.

Nothing is deleted: what is taken away lies in ``damaged/`` of the data directory, under a number of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from geofences.instant import BEGIN_MS
from pipeline.errors import PipelineError
from pipeline.host.disk import LockedError, acquire_lock, put_file, sync_directory, write_at
from pipeline.log.journal.frame import Head
from pipeline.log.journal.high_water_mark import HighWaterMarkWriter
from pipeline.log.journal.scan import Scan, scan
from pipeline.log.journal.segment import (
    create_segment,
    foreign_segments,
    read_head,
    segment_firsts,
    segment_path,
)
from pipeline.upkeep.kinds import stamp
from pipeline.upkeep.log_folder import log_findings
from pipeline.upkeep.store import FILES, FOLLOWING, Finding, Store, write_root
from pipeline.upkeep.stores import Look, look
from pipeline.upkeep.verify import verify
from sinks.alert import instant_text
from sinks.bearing import BEARING, Bearing, witness_of
from sinks.page_checksums import add_checksums
from sinks.run_metrics import RunMetrics

#: Stores that begin anew where they are set aside, and from what.
_BEGUN_ANEW = {
    Store.TOKENS: "",
    Store.ACCESSES: "",
    Store.REJECTS: "",
    Store.REGISTRY: " from the configured site",
}


class CannotRepair(PipelineError):  # noqa: N818 - the name says what is the matter
    """A process works on what is to be repaired."""


def repair(data: Path, clock_ms: int | None) -> Iterator[str]:
    """Repairs what can be, one line for each thing done. `run` may not run; where `serve` does, only what it
    does not write to is repaired.

    ``clock_ms`` is where the log's clock stood last, for a log that is begun anew. Raises CannotRepair.
    """
    state, log = lock(data / Store.STATE), None
    if state is None:
        raise CannotRepair(f"{data / Store.STATE}: an engine works on it; stop `fencewatch run` first")
    try:
        log = lock(data / Store.LOG)
        if log is None:
            yield from _segments(data, is_written=True)
            yield from _tracks(data)
            if wrong := [finding for finding in look(data).findings() if finding.ends]:
                raise CannotRepair(
                    f"{wrong[0].path}: {wrong[0].wrong}; stop `fencewatch serve` and repair again"
                )
            return
        yield from _root(data)
        yield from _log(data, clock_ms)
        yield from _others(data)
        yield from _checksums(data)
        yield from _tracks(data)
    finally:
        for handle in (state, log):
            if handle is not None and handle >= 0:
                os.close(handle)


def lock(directory: Path) -> int | None:
    """The lock of whoever works on a directory; -1 where there is none, None where somebody has it."""
    if not directory.is_dir():
        return -1
    try:
        return acquire_lock(directory / "lock")
    except LockedError:
        return None


def aside(data: Path, path: Path) -> Path:
    """Moves a file or directory into ``damaged/``, with what SQLite keeps beside it; returns its place."""
    place = data / "damaged"
    place.mkdir(mode=0o700, exist_ok=True)
    number = 1 + max((int(name.name[:4]) for name in place.glob("[0-9][0-9][0-9][0-9]-*")), default=0)
    target = place / f"{number:04d}-{path.name}"
    for beside in (path, *path.parent.glob(f"{path.name}-wal"), *path.parent.glob(f"{path.name}-shm")):
        beside.rename(place / f"{number:04d}-{beside.name}")
    for directory in (place, path.parent):
        sync_directory(directory)
    return target


def _root(data: Path) -> Iterator[str]:
    if look(data).damage is not None:
        seen = look(data)
        yield f"{data / BEARING}: set aside as {aside(data, data / BEARING)}, written anew from the stores"
        if seen.root is not None:
            write_root(data, seen.root, [store for store in Store if seen.stores[store].exists])


def _log(data: Path, clock_ms: int | None) -> Iterator[str]:
    """The log without what cannot be read; a new one where it is gone, older or another's."""
    journal, seen = data / Store.LOG, look(data)
    log = seen.stores[Store.LOG]
    reached = max([log.witnessed, *(seen.stores[store].position for store in FOLLOWING), seen.consumed])
    is_ours = log.exists and log.bearing is not None and log.bearing.identity == seen.root
    if seen.root is not None and Store.LOG in seen.born and not is_ours:
        if log.exists or journal.is_dir():
            yield f"{journal}: set aside as {aside(data, journal)}"
        reached = max(reached, witness_of(journal).recorded())
        journal.mkdir(mode=0o700)
        stamp(data, Store.LOG, Bearing(seen.root))  # first: its segments bear a mark of it
        begin_log(journal, seen.consumed, reached, clock_ms)
        yield f"{journal}: a new log begins at record {reached}; what was not judged of the old one is lost"
        return
    if not log.exists:
        return
    yield from _segments(data, is_written=False)
    position = look(data).stores[Store.LOG].position
    if position < reached:
        give_up_tail(journal, position, reached)
        yield f"{journal}: records {position} to {reached - 1} are lost; the log goes on behind them"


def _segments(data: Path, *, is_written: bool) -> Iterator[str]:
    """Damaged segments, but for the last where it is being written to."""
    journal = data / Store.LOG
    damaged = sorted({finding.path for finding in log_findings(journal)})
    last, foreign = segment_path(journal, max(segment_firsts(journal), default=0)), foreign_segments(journal)
    for path in damaged:
        if is_written and path == last:
            raise CannotRepair(f"{path}: it is being written to; stop `fencewatch serve` and repair again")
        if path != last or scan(path).holes() or path in foreign:
            yield from split(data, path)


def begin_log(journal: Path, consumed: int, record: int, clock_ms: int | None) -> None:
    """A log whose first record will be this one; readers from ``consumed`` on find their way to it."""
    journal.mkdir(mode=0o700, exist_ok=True)
    known_ms = BEGIN_MS if clock_ms is None else clock_ms
    if consumed < record:
        create_segment(journal, consumed, consumed, BEGIN_MS, known_ms)
    create_segment(journal, record, min(consumed, record), BEGIN_MS, known_ms)
    HighWaterMarkWriter(journal, record).close()


def give_up_tail(journal: Path, position: int, record: int) -> None:
    """The log goes on at a record behind those that are lost from its end."""
    found = scan(segment_path(journal, segment_firsts(journal)[-1]))
    known_ms = (
        found.stretches[-1].clock_ms if found.stretches else found.head.clock_ms if found.head else BEGIN_MS
    )
    if found.torn_at is not None:
        os.truncate(found.path, found.torn_at)
    create_segment(journal, record, position, found.start_ms, known_ms)
    HighWaterMarkWriter(journal, record).close()


def split(data: Path, path: Path) -> Iterator[str]:
    """A damaged segment as its whole stretches, each a segment of its own; the damaged one is set aside."""
    found = scan(path)
    content, following = path.read_bytes(), _following(path)
    before = _end_before(path)
    yield f"{path}: set aside as {aside(data, path)}"
    end = before
    if before == int(path.stem) and (not found.stretches or found.stretches[0].first > before):
        # No other segment leads readers to what is left.
        create_segment(path.parent, before, before, BEGIN_MS, BEGIN_MS)
    for stretch in found.stretches:
        assert found.head is not None
        head = replace(
            found.head, first=stretch.first, after=end, start_ms=found.start_ms, clock_ms=stretch.before_ms
        )
        frames = content[stretch.position : stretch.position_end]
        put_file(segment_path(path.parent, stretch.first), head.encoded() + frames)
        if stretch.first > end:
            yield _lost(path, end, stretch.first, stretch.before_ms, stretch.clock_ms)
        end = stretch.end
    if following is None:
        return
    head = read_head(following)
    if head.first > end:
        yield _lost(path, end, head.first, _clock_of(found), head.clock_ms)
    if head.after > end:
        _rewrite_head(following, replace(head, after=end))


def _lost(path: Path, first: int, end: int, from_ms: int, to_ms: int) -> str:
    when = (
        ""
        if BEGIN_MS in (from_ms, to_ms)
        else f", from between {instant_text(from_ms)} and {instant_text(to_ms)}"
    )
    return f"{path}: records {first} to {end - 1} are lost{when}"


def _clock_of(found: Scan) -> int:
    if found.stretches:
        return found.stretches[-1].clock_ms
    return BEGIN_MS if found.head is None else found.head.clock_ms


def _following(path: Path) -> Path | None:
    later = [first for first in segment_firsts(path.parent) if first > int(path.stem)]
    return segment_path(path.parent, later[0]) if later else None


def _end_before(path: Path) -> int:
    """Where the segment before one ends; the beginning of this one where there is none."""
    earlier = [first for first in segment_firsts(path.parent) if first < int(path.stem)]
    return scan(segment_path(path.parent, earlier[-1])).end if earlier else int(path.stem)


def _rewrite_head(path: Path, head: Head) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        write_at(handle, head.encoded(), 0)
        os.fsync(handle)
    finally:
        os.close(handle)


def _others(data: Path) -> Iterator[str]:
    """Databases and the state that are damaged, another's, gone or of an earlier time."""
    for found in verify(data):
        if found.store in (Store.LOG, Store.TRACKS) or not any(finding.ends for finding in found.findings):
            continue
        seen = look(data)
        yield from _other(data, seen, found.store, found.findings)


def _other(data: Path, seen: Look, store: Store, findings: tuple[Finding, ...]) -> Iterator[str]:
    part = seen.stores[store]
    is_ours = part.bearing is not None and part.bearing.identity == seen.root and part.damage is None
    is_damaged = any(_is_damage(finding, part.path) for finding in findings)
    if part.exists and (is_damaged or not is_ours):
        yield f"{part.path}: set aside as {aside(data, part.path)}"
    elif is_ours and part.writes < part.witnessed:
        witness_of(part.path).record(part.writes)
        yield f"{part.path}: goes on without the last {part.witnessed - part.writes} things written to it"
        return
    if store in _BEGUN_ANEW and seen.root is not None:
        witness_of(part.path).record(0)
        write_root(data, seen.root, seen.born - {store})
        yield f"{part.path}: a new one is begun at the next start{_BEGUN_ANEW[store]}; what it had is lost"
    elif store is Store.STATE and seen.log_first == 0:
        yield f"{part.path}: the log is judged again from its beginning at the next start"
    elif store in (Store.QUEUE, Store.STATE):
        yield f"{part.path}: now `fencewatch data rebuild` judges again what the log still has"


def _checksums(data: Path) -> Iterator[str]:
    """Databases from before they had checksums, written anew with them."""
    seen = look(data)
    for part in (seen.stores[store] for store in FILES):
        if not part.is_checked:
            add_checksums(part.path)
            yield f"{part.path}: written anew, each page with a checksum"


def _is_damage(finding: Finding, path: Path) -> bool:
    return finding.path != path or finding.wrong.startswith(("damaged", "it cannot"))


def _tracks(data: Path) -> Iterator[str]:
    tracks = next(found for found in verify(data) if found.store is Store.TRACKS)
    for finding in tracks.findings:
        if finding.path.suffix == ".parquet":
            hour = finding.path.parent
            yield (
                f"{finding.path}: set aside as {aside(data, finding.path)}; fixes of {hour.parent.name} "
                f"{hour.name}:00 that no other file has are missing"
            )
    seen = look(data)
    part = seen.stores[Store.TRACKS]
    if part.damage is not None and seen.root is not None:
        yield f"{part.path / BEARING}: set aside as {aside(data, part.path / BEARING)}, written anew"
        stamp(data, Store.TRACKS, Bearing(seen.root, seen.consumed))
    elif part.bearing is not None and part.bearing.identity != seen.root:
        yield f"{part.path}: set aside as {aside(data, part.path)}; `fencewatch data rebuild` fills a new one"


def last_clock_ms(figures: Path) -> int | None:
    """Where the log's clock stood by the engine's last figures."""
    metrics = RunMetrics.read(figures)
    return None if metrics is None else metrics.clock_ms
