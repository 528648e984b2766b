"""Databases whose every page has a checksum, so that no changed bit of a value is read as if it were right.

A page that is not what was written ends the statement that reads it with an error. SQLite computes and checks
the sums where a file's header says that each page keeps eight bytes free for them; it says so in a single
byte. So our files also bear a number that says it: where the two differ, the header itself was changed.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sinks.durable import SCRATCH, sync_directory, sync_file
from sinks.errors import SinkFailed
from sinks.sqlite import sqlite3

#: What ``PRAGMA application_id`` says of a file that was made with checksums.
_CHECKED = 0x66770001
#: What a statement says that comes to a page whose sum does not hold, and what a check of all pages says
#: (SQLITE_IOERR_DATA).
_STATEMENT_SAYS = "disk I/O error"
_CHECK_SAYS = re.compile(r"page (\d+): unable to get the page\. error code=8202")


def has_checksums(connection: sqlite3.Connection) -> bool:
    """Whether the pages of a file are checked; False for a file that was made before they were.

    Raises SinkFailed where its header was changed, sqlite3.Error.
    """
    are_checked: bool = connection.execute("PRAGMA checksum_verification").fetchone()[0] == "1"
    should_be: bool = connection.execute("PRAGMA application_id").fetchone()[0] == _CHECKED
    if should_be != are_checked:
        raise SinkFailed("its header is not what was written: whether pages have checksums is contradictory")
    return are_checked


def why(said: object) -> str:
    """What SQLite says, as one line that tells a sum that does not hold."""
    line = " ".join(str(said).split())
    if (found := _CHECK_SAYS.search(line)) is not None:
        return f"page {found[1]} is not what was written: its checksum does not hold"
    meant = "a page cannot be read, or is not what was written: its checksum does not hold"
    return line.replace(_STATEMENT_SAYS, meant)


def make_checked(path: Path) -> None:
    """An empty database whose pages have checksums, unless something is there; for its owner alone.

    Raises SinkFailed. Any number of programs may try at once.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone_in(path.parent):
            if path.exists() and path.stat().st_size > 0:
                return
            _remove_beside(path)  # what a file that is gone has left would be taken for part of the new one
            made = _new(path)
            with closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
                empty.execute(f"PRAGMA application_id = {_CHECKED}")
                _vacuum_into(empty, made)
            _log_ahead(made)
            _put(made, path)
    except (OSError, sqlite3.Error) as error:
        raise SinkFailed(f"{path}: cannot be made: {error}") from error


def copy_checked(path: Path, target: Path) -> None:
    """A database as it is at this moment, also while it is in use, as another file with sums that hold.

    In a copy that a program without the checksums makes they do not. One that has none has none there.
    Raises SinkFailed, also where the target exists.
    """
    if target.exists():
        raise SinkFailed(f"{target}: exists; expected the name of a file to be made")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as source:
            if has_checksums(source):
                make_checked(target)  # first, so that a sum is made of each page that is then written to it
            with closing(sqlite3.connect(target)) as copy:
                source.backup(copy)
    except (SinkFailed, sqlite3.Error) as error:
        target.unlink(missing_ok=True)
        raise SinkFailed(f"{path}: cannot be copied: {why(error)}") from error


def add_checksums(path: Path) -> None:
    """Writes a file from before there were checksums anew with them, whole or not at all.

    Raises SinkFailed, also where another program has it open.
    """
    made = _new(path)
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=1.0)) as former:
            former.execute("PRAGMA locking_mode = EXCLUSIVE")
            former.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            former.execute("BEGIN IMMEDIATE")
            former.execute("COMMIT")
            _vacuum_into(former, made)
            with closing(sqlite3.connect(made, isolation_level=None)) as anew:
                # Of pages that SQLite wrote before the header there are no sums yet.
                anew.execute("PRAGMA checksum_verification = OFF").fetchall()
                anew.execute(f"PRAGMA application_id = {_CHECKED}")
                anew.execute("VACUUM")
            _log_ahead(made)
            _put(made, path)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            made.unlink()
        raise SinkFailed(f"{path}: cannot be written anew with checksums: {why(error)}") from error
    _remove_beside(path)


def _vacuum_into(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("VACUUM INTO ?", (f"{path.resolve().as_uri()}?reserve=8",))


def _log_ahead(made: Path) -> None:
    """Puts a file that nobody else knows yet into WAL mode."""
    # Programs that open a file at once and change its mode are refused it as locked, with no waiting.
    with closing(sqlite3.connect(made, isolation_level=None)) as alone:
        alone.execute("PRAGMA journal_mode = WAL").fetchall()


def _new(path: Path) -> Path:
    """An empty file beside a path, in which SQLite writes."""
    made = path.with_name(path.name + SCRATCH)
    with suppress(FileNotFoundError):
        made.unlink()
    os.close(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return made


def _put(made: Path, path: Path) -> None:
    """Gives a written file its name; durable on return."""
    handle = os.open(made, os.O_RDONLY)
    try:
        sync_file(handle)
    finally:
        os.close(handle)
    made.replace(path)
    sync_directory(path.parent)


def _remove_beside(path: Path) -> None:
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
