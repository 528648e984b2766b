"""What is kept in a data directory: a store as it stands, and what may be asked of every kind of store."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from pipeline.log.journal.consumer_offsets import ConsumerOffsets
from pipeline.upkeep.copying import Copy
from sinks.bearing import BEARING, Bearing, SealedFile

#: What puts a store right that cannot be used.
REPAIR = "`fencewatch data repair`"


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


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a store, and what to do. Where ``ends``, nobody may go on before it is done."""

    store: Store
    path: Path
    wrong: str
    todo: str
    ends: bool = True

    def __str__(self) -> str:
        return f"{self.path}: {self.wrong}; {self.todo}"


class StoreKind(Protocol):
    """One way of keeping a store: whose it is, how far it has come, and whether all of it can be read.

    ``tests/stores`` has one suite that every store passes, whatever keeps it.
    """

    def seen(self, store: Store, path: Path, *, is_quick: bool) -> Seen:
        """The store of a path that is there, also while it is in use; nothing is changed.

        Quick: as far as notes beside it say. Raises SinkFailed, sqlite3.Error, LogDamagedError, OSError and
        ValueError where it cannot be read.
        """

    def is_made(self, path: Path) -> bool:
        """Whether whoever makes it has come so far that it can bear something."""

    def bear(self, path: Path, bearing: Bearing) -> None:
        """It bears this from here on; durable on return. Raises SinkFailed."""

    def reached(self, path: Path, position: int) -> None:
        """It has all up to a record of the log; never back, and nothing where it bears nothing yet.

        Durable on return. Raises SinkFailed.
        """

    def copy(self, copy: Copy, path: Path) -> None:
        """All of it as it is at one moment, while others work on it; its directories are there already.

        Raises BackupFailed, FileNotFoundError where it is gone.
        """

    def look_through(self, store: Store, path: Path) -> tuple[str, list[Finding]]:
        """All of it, read to the last byte: what it holds, in words, and what is wrong with it."""


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
