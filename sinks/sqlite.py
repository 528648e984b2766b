"""The SQLite that all stores are written and read with: one that brings its own library, and page checksums.

Up to 3.51.2 a checkpoint that meets a write may damage a file in WAL mode that several connections have open
(https://sqlite.org/wal.html#walresetbug). Ours have many, and the library of a system is mostly older. Two
libraries in one process would let go of each other's locks, so nobody imports another.

SQLite by itself does not notice a changed bit inside a value. Its checksum extension
(https://sqlite.org/cksumvfs.html) does, for files made by ``sinks.page_checksums``; importing this module
puts it under every connection of the process. It comes compiled in the package apsw, of which only that file
is used: importing apsw would bring another SQLite into the process.
"""

from __future__ import annotations

from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the same names; it has no types of its own
    import sqlite3 as sqlite3
else:
    from pysqlite3 import dbapi2 as sqlite3

__all__ = ["OLDEST", "sqlite3"]

#: The first without that fault.
OLDEST = (3, 51, 3)


def _put_checksums_under_all() -> None:
    """Raises ImportError where the environment is not that of the lock file."""
    package = find_spec("apsw")
    if package is None or package.origin is None:
        raise ImportError("the package apsw is missing, whose checksums every store has; run `make set-up`")
    # SQLite adds the ending that libraries have on this system.
    extension = Path(package.origin).parent / "sqlite_extra_binaries" / "cksumvfs"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.enable_load_extension(True)
        try:
            connection.load_extension(str(extension))
        except sqlite3.Error as error:
            raise ImportError(f"SQLite's page checksums cannot be used: {error}") from error


_put_checksums_under_all()
