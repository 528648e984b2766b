"""All that a data directory keeps, read to the last byte and held against its checksums."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pipeline.log.journal.high_water_mark import HighWaterMarkReader
from pipeline.log.journal.scan import scan
from pipeline.log.journal.segment import segment_firsts, segment_path
from pipeline.runtime.checkpoints import CheckpointDamaged, read_rows, read_state
from pipeline.upkeep.store import FILES, Store, check, opened_to_read
from pipeline.upkeep.stores import Finding, Look, look
from sinks.errors import SinkFailed
from sinks.page_checksums import why
from sinks.sqlite import sqlite3
from sinks.tracks import TrackFileDamaged, check_file, has_checksum

_REPAIR = "`fencewatch data repair`"
#: How long a database may be looked through; it is as good as for ever.
_MOST_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Verified:
    """What a store is found to be: ``sound``, ``unsound`` or ``absent``, with all that is wrong."""

    store: Store
    state: str
    identity: str | None
    position: int
    holds: str
    findings: tuple[Finding, ...]

    def as_json(self) -> dict[str, object]:
        """For machines."""
        wrong = [{"file": str(one.path), "wrong": one.wrong, "todo": one.todo} for one in self.findings]
        return {
            "store": self.store.value, "state": self.state, "identity": self.identity,
            "position": self.position, "holds": self.holds, "wrong": wrong,
        }  # fmt: skip

    def lines(self) -> list[str]:
        """For people: the store, and a line for each thing that is wrong."""
        whose = "" if self.identity is None else f"of {self.identity[:8]}, record {self.position:>8}"
        said = f"{self.store:<17} {self.state:<8} {whose:<30} {self.holds}".rstrip()
        return [said, *(f"  {finding}" for finding in self.findings)]


def verify(data: Path) -> list[Verified]:
    """Every store of a data directory, also while it is in use; nothing is changed."""
    seen = look(data)
    beside = seen.findings()
    return [_verified(seen, store, [one for one in beside if one.store is store]) for store in Store]


def _verified(seen: Look, store: Store, found: list[Finding]) -> Verified:
    part = seen.stores[store]
    holds = ""
    if part.exists and part.damage is None:
        holds, more = _LOOKS[store](part.path) if store not in FILES else _database(store, part.path)
        found = [*found, *more]
    state = "unsound" if found else "sound" if part.exists else "absent"
    identity = None if part.bearing is None else part.bearing.identity
    return Verified(store, state, identity, part.position, holds, tuple(found))


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
    return Finding(Store.LOG, path, wrong, f"{_REPAIR} sets it aside and goes on behind it", ends=False)


def _log(journal: Path) -> tuple[str, list[Finding]]:
    return f"{len(segment_firsts(journal))} segments", list(log_findings(journal))


def _state(state: Path) -> tuple[str, list[Finding]]:
    found, count = [], 0
    for path in sorted((state / "checkpoints").glob("*.state")):
        try:
            kept, _ = read_state(path)
            for file in kept.files.values():
                read_rows(path.parent, file)
            count += 1
        except CheckpointDamaged as damage:
            if path.exists():  # not replaced by a newer one since it was listed
                todo = f"{_REPAIR} sets the state aside"
                found.append(Finding(Store.STATE, damage.path, str(damage.wrong), todo))
    for path in sorted((state / "recovery").glob("*.sqlite3")):
        found += _check(Store.STATE, path)
    return f"{count} states", found


def _tracks(tracks: Path) -> tuple[str, list[Finding]]:
    found, fixes, files, former = [], 0, 0, 0
    for path in sorted(tracks.glob("*/*/*.parquet")):
        try:
            fixes += check_file(path)
        except FileNotFoundError:  # merged into another
            continue
        except TrackFileDamaged as damage:
            found.append(
                Finding(Store.TRACKS, path, str(damage.wrong), f"{_REPAIR} sets it aside", ends=False)
            )
        files, former = files + 1, former + (not has_checksum(path))
    said = f", {former} of them from before there were checksums" if former else ""
    return f"{fixes:,} fixes in {files} files{said}", found


def _database(store: Store, path: Path) -> tuple[str, list[Finding]]:
    return f"{path.stat().st_size / 1e6:.1f} MB", _check(store, path)


def _check(store: Store, path: Path) -> list[Finding]:
    try:
        with closing(opened_to_read(path)) as connection:
            check(connection, path, _MOST_S, is_whole=True)
            if (row := connection.execute("PRAGMA foreign_key_check").fetchone()) is not None:
                raise SinkFailed(f"a row of table {row[0]} refers to none of {row[2]}")
    except (SinkFailed, sqlite3.Error, OSError) as error:
        return [Finding(store, path, f"damaged: {why(error)}", f"{_REPAIR} sets it aside")]
    return []


_LOOKS = {Store.LOG: _log, Store.STATE: _state, Store.TRACKS: _tracks}
