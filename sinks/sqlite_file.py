"""A small SQLite file that several programs and threads write to: what a commit returned from is on disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sinks.bearing import BEARING_TABLE, Bearing, bearing_in, put_bearing, witness_of
from sinks.errors import SinkFailed
from sinks.page_checksums import has_checksums, make_checked, why
from sinks.sqlite import sqlite3

_COUNT = "UPDATE bearing SET writes = writes + 1 RETURNING writes"
#: How long a write waits for another program's before it gives up.
_BUSY_S = 30.0


class SqliteFile:
    """Connections to one file, one per thread, so that readers never wait for a writer (write-ahead log)."""

    def __init__(self, path: Path, schema: str) -> None:
        """Opens or makes the file; ``schema`` is a script that may run any number of times.

        Raises SinkFailed where that cannot be.
        """
        make_checked(path)
        self._path = path
        self._witness = witness_of(path)
        self._of_thread = threading.local()
        self._mutex = threading.Lock()
        self._all: list[sqlite3.Connection] = []
        try:
            with self.named():
                self.reading().executescript(f"{schema};{BEARING_TABLE};")
        except BaseException:
            self.close()
            raise

    def reading(self) -> sqlite3.Connection:
        """The thread's connection; every statement sees what is committed by then."""
        connection: sqlite3.Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = self.connected()
            self._of_thread.connection = connection
            with self._mutex:
                self._all.append(connection)
        return connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, durable when the block is left, undone where an error leaves it.

        Raises SinkFailed where it cannot be, and IntegrityError as it comes.
        """
        with self.named():
            connection = self.reading()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                counted = connection.execute(_COUNT).fetchone()
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # of a full disk SQLite may have undone it by itself
                    connection.execute("ROLLBACK")
                raise
            if counted is not None:
                self._witness.record(int(counted[0]))

    def bearing(self) -> Bearing | None:
        """Whose the file is and how far it has come; None before it was told. Raises SinkFailed."""
        with self.named():
            return bearing_in(self.reading())

    def bear(self, bearing: Bearing) -> None:
        """Durable on return. Raises SinkFailed."""
        with self.writing() as connection:
            put_bearing(connection, bearing)

    def reached(self, position: int) -> None:
        """The file has all up to this record of the log. Raises SinkFailed."""
        with self.writing() as connection:
            connection.execute("UPDATE bearing SET position = max(position, ?)", (position,))

    def close(self) -> None:
        """Closes the connections of all threads; call it when no thread works any longer."""
        with self._mutex:
            while self._all:
                self._all.pop().close()
        self._of_thread = threading.local()

    @contextmanager
    def named(self) -> Iterator[None]:
        """What SQLite says, with the file that it says it of; a row that breaks a rule is no fault of it."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise SinkFailed(f"{self._path}: cannot be used: {why(error)}") from error

    def connected(self, wait_s: float = _BUSY_S) -> sqlite3.Connection:
        """A connection of the caller's own, who closes it; ``wait_s`` is how long it waits for others."""
        connection = sqlite3.connect(
            self._path, timeout=wait_s, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            has_checksums(connection)
        except SinkFailed as error:
            connection.close()
            raise SinkFailed(f"{self._path}: {error}") from None
        except sqlite3.Error:
            connection.close()
            raise
        return connection
