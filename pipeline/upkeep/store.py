"""One store of a data directory as it stands: its bearing, how far it has come, whether it can be read."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pipeline.log.journal.consumer_offsets import ConsumerOffsets
from pipeline.log.journal.errors import JournalDamagedError
from pipeline.log.journal.high_water_mark import HighWaterMarkReader, high_water_mark_path
from pipeline.log.journal.segment import find_end, segment_firsts, segment_path
from sinks.bearing import (
    BEARING,
    Bearing,
    BearingFile,
    SealedFile,
    bearing_in,
    witness_of,
)  # fmt: skip
from sinks.errors import SinkFailed
from sinks.page_checksums import has_checksums, why
from sinks.sqlite import sqlite3


class Store(StrEnum):
    """What is kept in a data directory; each value is its name there."""

    LOG = "journal"
    STATE = "state"
    QUEUE = "queue.sqlite"
    POSITIONS = "positions.sqlite"
    TRACKS = "tracks"
    TOKENS = "tokens.sqlite"
    ACCESSES = "accesses.sqlite"
    REJECTS = "rejects.sqlite"
    REGISTRY = "registry.sqlite"


#: Stores that follow the log; the engine lets them know how far they have come.
FOLLOWING = (Store.STATE, Store.QUEUE, Store.POSITIONS, Store.TRACKS, Store.REGISTRY)

#: Stores that are SQLite files; the others are directories.
FILES = (Store.QUEUE, Store.POSITIONS, Store.TOKENS, Store.ACCESSES, Store.REJECTS, Store.REGISTRY)

#: Seconds that a start spends on looking through a SQLite file; `fencewatch data verify` takes what it needs.
_CHECK_MOST_S = 5.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A store as it stands. By ``inode`` a file that was replaced differs from one that was written to.

    ``is_checked``: a changed bit of it would be noticed; a quick look takes that for granted.
    """

    store: Store
    path: Path
    exists: bool
    bearing: Bearing | None = None
    position: int = 0
    writes: int = 0
    witnessed: int = 0
    inode: int = 0
    damage: str | None = None
    is_busy: bool = False
    is_checked: bool = True


def seen_store(data: Path, store: Store, is_quick: bool) -> Seen:
    """A store as it stands; what is wrong with it is in ``damage``. Quick: as far as notes beside it say."""
    path = data / store
    if not (inode := inode_of(path)):
        return Seen(store, path, exists=False)
    try:
        if store in FILES:
            return _seen_file(store, path, inode, is_quick)
        if store is Store.LOG:
            return _seen_log(path, inode, is_quick)
        return _seen_directory(store, path, inode)
    except sqlite3.OperationalError as error:
        busy = "locked" in str(error)
        damage = None if busy else f"it cannot be read: {why(error)}"
        return Seen(store, path, exists=True, inode=inode, damage=damage, is_busy=busy)
    except (SinkFailed, sqlite3.Error, JournalDamagedError, OSError, ValueError) as error:
        return Seen(store, path, exists=True, inode=inode, damage=f"it cannot be read: {error}")


def _seen_file(store: Store, path: Path, inode: int, is_quick: bool) -> Seen:
    if path.is_dir():
        raise ValueError("it is a directory; expected a database file")
    witnessed = witness_of(path).recorded()
    with closing(opened_to_read(path)) as connection:
        is_checked = has_checksums(connection) or is_quick
        if not is_quick:
            check(connection, path, _CHECK_MOST_S)
        bearing = bearing_in(connection)
        writes = 0 if bearing is None else bearing.writes
        if store is Store.QUEUE and bearing is not None:
            writes = int(connection.execute("SELECT last_seq FROM event_tail").fetchone()[0])
    position = 0 if bearing is None else bearing.position
    return Seen(store, path, True, bearing, position, writes, witnessed, inode, is_checked=is_checked)


def opened_to_read(path: Path) -> sqlite3.Connection:
    """A SQLite file that is there, never changed by this connection."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)


def check(connection: sqlite3.Connection, path: Path, most_s: float, *, is_whole: bool = False) -> None:
    """Whether a SQLite file is sound, as far as that is found out in some seconds of looking.

    Each page that is looked at is held against its checksum. A whole check also holds indexes against tables.
    Raises SinkFailed, sqlite3.Error.
    """
    page_bytes = int(connection.execute("PRAGMA page_size").fetchone()[0])
    if path.stat().st_size % page_bytes:
        raise SinkFailed("it ends within a page")
    given_up_s = time.monotonic() + most_s
    connection.set_progress_handler(lambda: time.monotonic() > given_up_s, 10_000)
    try:
        found = connection.execute(f"PRAGMA {'integrity' if is_whole else 'quick'}_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            return
        raise
    finally:
        connection.set_progress_handler(None, 0)
    if found[0] != "ok":
        raise SinkFailed(why(found[0]))


def _seen_directory(store: Store, path: Path, inode: int) -> Seen:
    bearing = BearingFile(path).read()
    return Seen(store, path, True, bearing, 0 if bearing is None else bearing.position, inode=inode)


def _seen_log(path: Path, inode: int, is_quick: bool) -> Seen:
    """A log that was begun, and where it really ends; damage before that is reported where it is read."""
    told = max(HighWaterMarkReader(path).read(), witness_of(path).recorded())
    firsts = segment_firsts(path)  # after it was asked: a segment begun since ends later
    if not firsts and not high_water_mark_path(path).exists():
        return Seen(Store.LOG, path, exists=False)
    end = told if firsts else 0
    if firsts and not is_quick:
        with suppress(JournalDamagedError):
            end = find_end(segment_path(path, firsts[-1]), told).number
    return Seen(Store.LOG, path, True, BearingFile(path).read(), max(end, 0), 0, told, inode)


def consumed_of(journal: Path) -> int:
    """The record that the engine is past; 0 where it never was, or nobody can tell."""
    with suppress(OSError, ValueError):
        return ConsumerOffsets(journal).lowest() or 0
    return 0


def write_root(data: Path, identity: str, born: Iterable[Store]) -> None:
    """What a directory says of itself: its identity, and which stores it has had."""
    SealedFile(data / BEARING).write({"identity": identity, "stores": sorted(born)})


def read_root(data: Path) -> tuple[str | None, frozenset[Store]]:
    """What it said; None and nothing where it never did. Raises SinkFailed."""
    recorded = SealedFile(data / BEARING).read()
    if recorded is None:
        return None, frozenset()
    return str(recorded["identity"]), frozenset(map(Store, recorded["stores"]))


def inode_of(path: Path) -> int:
    """The number of a file or directory; 0 where there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0
