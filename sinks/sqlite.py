"""The SQLite that all stores are written and read with: one that brings its own library.

Up to 3.51.2 a checkpoint that meets a write may damage a file in WAL mode that several connections have open
(https://sqlite.org/wal.html#walresetbug). Ours have many, and the library of a system is mostly older. Two
libraries in one process would let go of each other's locks, so nobody imports another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the same names; it has no types of its own
    import sqlite3 as sqlite3
else:
    from pysqlite3 import dbapi2 as sqlite3

__all__ = ["OLDEST", "sqlite3"]

#: The first without that fault.
OLDEST = (3, 51, 3)
