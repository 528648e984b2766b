"""Tokens that were looked up before, for as long as nobody has written to their file since."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Generic, TypeVar

from sinks.sqlite import sqlite3
from sinks.sqlite_file import SqliteFile

#: As many are remembered; with more the memory begins anew.
_MOST = 20_000

Found = TypeVar("Found")


class TokenMemory(Generic[Found]):
    """Asks SQLite whether the file has changed, which reads no page of it: microseconds, from any thread.

    So a token that another program revokes counts no longer at the very next request. The question has a
    connection of its own, as SQLite tells a connection only what others have written.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._asking = file.connected(wait_s=0.0)
        self._mutex = threading.Lock()
        self._known: dict[bytes, tuple[Found, int | None]] = {}
        self._version: int | None = None

    def version(self) -> int | None:
        """What the file is now, to be asked before it is read; None where that cannot be told at once."""
        with self._mutex:
            return self._asked()

    def get(self, digest: bytes, now_ms: int) -> Found | None:
        """Whom a token in force is known to stand for; None where the file has to be asked."""
        with self._mutex:
            found = self._known.get(digest)
            if found is None or self._asked() != self._version or self._version is None:
                return None
        found_one, expires_ms = found
        return found_one if expires_ms is None or expires_ms > now_ms else None

    def put(self, version: int | None, digest: bytes, found: Found, expires_ms: int | None) -> None:
        """What the file had of a token when it was, or was newer than, that version."""
        with self._mutex:
            if version is None:
                return
            if version != self._version or len(self._known) >= _MOST:
                self._known.clear()
                self._version = version
            self._known[digest] = found, expires_ms

    def close(self) -> None:
        """Lets go of the file."""
        with self._mutex:
            self._known.clear()
            self._version = None
            self._asking.close()

    def _asked(self) -> int | None:
        with suppress(sqlite3.Error):
            return int(self._asking.execute("PRAGMA data_version").fetchone()[0])
        return None
