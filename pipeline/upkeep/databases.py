"""Stores that are SQLite files."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from pipeline.upkeep.copying import Copy
from pipeline.upkeep.store import REPAIR, Finding, Seen, Store
from sinks.bearing import Bearing, bearing_in, can_bear, put_bearing, witness_of
from sinks.errors import SinkFailed
from sinks.page_checksums import has_checksums, why
from sinks.sqlite import sqlite3

#: Seconds that a start spends on looking through a SQLite file; `fencewatch data verify` takes what it needs.
_CHECK_MOST_S = 5.0
#: How long a whole look may take; it is as good as for ever.
_WHOLE_MOST_S = 86_400.0
#: How long a write waits for another program's.
_BUSY_S = 30.0
_REACHED = "UPDATE bearing SET position = max(position, ?)"


class Database:
    """A ``store.StoreKind``: one file, with what it bears in a table of its own."""

    def seen(self, store: Store, path: Path, *, is_quick: bool) -> Seen:
        """What it bears, once some of its pages were held against their checksums."""
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
        return Seen(store, path, True, bearing, position, writes, witnessed, is_checked=is_checked)

    def is_made(self, path: Path) -> bool:
        """One made here would hinder whoever is about to make the others."""
        try:
            with closing(opened_to_read(path)) as connection:
                return can_bear(connection)
        except sqlite3.Error:
            return False

    def bear(self, path: Path, bearing: Bearing) -> None:
        """In its own table."""
        try:
            with closing(_opened_to_write(path)) as connection:
                put_bearing(connection, bearing)
        except sqlite3.Error as error:
            raise SinkFailed(f"{path}: cannot be used: {error}") from error

    def reached(self, path: Path, position: int) -> None:
        """In its own table."""
        try:
            with closing(_opened_to_write(path)) as connection:
                if can_bear(connection):
                    connection.execute(_REACHED, (position,))
        except sqlite3.Error as error:
            raise SinkFailed(f"{path}: cannot be used: {error}") from error

    def look_through(self, store: Store, path: Path) -> tuple[str, list[Finding]]:
        """Every page and index, and what rows refer to."""
        return f"{path.stat().st_size / 1e6:.1f} MB", database_findings(store, path)

    def copy(self, copy: Copy, path: Path) -> None:
        """As it is at one moment."""
        copy.database(path)


def database_findings(store: Store, path: Path) -> list[Finding]:
    """What is wrong with a SQLite file, whatever else the store has."""
    try:
        with closing(opened_to_read(path)) as connection:
            check(connection, path, _WHOLE_MOST_S, is_whole=True)
            if (row := connection.execute("PRAGMA foreign_key_check").fetchone()) is not None:
                raise SinkFailed(f"a row of table {row[0]} refers to none of {row[2]}")
    except (SinkFailed, sqlite3.Error, OSError) as error:
        return [Finding(store, path, f"damaged: {why(error)}", f"{REPAIR} sets it aside")]
    return []


def opened_to_read(path: Path) -> sqlite3.Connection:
    """A SQLite file that is there, never changed by this connection."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)


def _opened_to_write(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S)


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
