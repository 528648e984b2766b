"""Which kind each store of a data directory is of: another way to keep one is another entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pipeline.log.errors import LogDamagedError
from pipeline.upkeep.databases import Database
from pipeline.upkeep.folders import StateFolder, TracksFolder
from pipeline.upkeep.log_folder import LogFolder
from pipeline.upkeep.store import FILES, Seen, Store, StoreKind, inode_of
from sinks.bearing import Bearing
from sinks.errors import SinkFailed
from sinks.page_checksums import why
from sinks.sqlite import sqlite3

KIND_OF: Mapping[Store, StoreKind] = {
    Store.LOG: LogFolder(),
    Store.STATE: StateFolder(),
    Store.TRACKS: TracksFolder(),
    **dict.fromkeys(FILES, Database()),
}


def seen_store(data: Path, store: Store, is_quick: bool) -> Seen:
    """A store as it stands; what is wrong with it is in ``damage``. Quick: as far as notes beside it say."""
    path = data / store
    if not (inode := inode_of(path)):
        return Seen(store, path, exists=False)
    try:
        return replace(KIND_OF[store].seen(store, path, is_quick=is_quick), inode=inode)
    except sqlite3.OperationalError as error:
        busy = "locked" in str(error)
        damage = None if busy else f"it cannot be read: {why(error)}"
        return Seen(store, path, exists=True, inode=inode, damage=damage, is_busy=busy)
    except (SinkFailed, sqlite3.Error, LogDamagedError, OSError, ValueError) as error:
        return Seen(store, path, exists=True, inode=inode, damage=f"it cannot be read: {error}")


def stamp(data: Path, store: Store, bearing: Bearing) -> None:
    """A store bears this from here on. Raises SinkFailed."""
    KIND_OF[store].bear(data / store, bearing)


def mark_reached(data: Path, store: Store, position: int) -> None:
    """A store has all up to a record of the log. Raises SinkFailed."""
    KIND_OF[store].reached(data / store, position)
