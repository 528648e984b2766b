"""What each store of a data directory bears: whose it is, and how far in the log it has come.

A store that was taken away, or put back from an earlier time, may be sound in itself; it shows only beside
the others. So all bear one identity, drawn at random, and those that follow the log how far they have come.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from sinks.durable import put_file, write_at
from sinks.errors import SinkFailed
from sinks.sqlite import sqlite3

#: The file that a store which is a directory has this in.
BEARING = "identity.json"

#: The directory of a data directory in which counts of its stores are kept apart from them.
WITNESSES = "witness"

#: The same as a table of one row, for a store that is a SQLite file.
BEARING_TABLE = """
CREATE TABLE IF NOT EXISTS bearing (
    slot INTEGER NOT NULL,
    identity TEXT NOT NULL,
    position BIGINT NOT NULL,
    writes BIGINT NOT NULL,
    gaps TEXT NOT NULL,
    PRIMARY KEY (slot),
    CONSTRAINT bearing_single CHECK (slot = 1)
)
"""


@dataclass(frozen=True, slots=True)
class Bearing:
    """``position``: the store has all up to this record of the log, but for ``gaps`` (from, to) of it.

    ``writes`` counts what people wrote, where a store has such (0 else).
    """

    identity: str
    position: int = 0
    writes: int = 0
    gaps: tuple[tuple[int, int], ...] = ()

    def at(self, position: int) -> Self:
        """The same farther on; never back."""
        return replace(self, position=max(self.position, position))

    def lacking(self, upto: int) -> Self:
        """The same with everything from its position on given up."""
        if upto <= self.position:
            return self
        return replace(self, position=upto, gaps=(*self.gaps, (self.position, upto)))


class SealedFile:
    """A small JSON object in a file of its own, with a checksum."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Any] | None:
        """None where there is no such file. Raises SinkFailed where it is not what was written."""
        try:
            content = self._path.read_bytes()
            recorded = json.loads(content)
            said = recorded.pop("sum")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise SinkFailed(f"{self._path}: cannot be read: {error}") from None
        if said != _sum(recorded) or content != _line(recorded):
            raise SinkFailed(f"{self._path}: damaged: its checksum does not hold")
        return dict(recorded)

    def write(self, recorded: dict[str, Any]) -> None:
        """Durable on return."""
        put_file(self._path, _line(recorded))


def _line(recorded: dict[str, Any]) -> bytes:
    return json.dumps(recorded | {"sum": _sum(recorded)}).encode() + b"\n"


def _sum(recorded: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(recorded, sort_keys=True).encode())


class BearingFile:
    """A bearing in a file of its own."""

    def __init__(self, directory: Path) -> None:
        self._file = SealedFile(directory / BEARING)

    def read(self) -> Bearing | None:
        """None where there is none. Raises SinkFailed where it is not what was written."""
        recorded = self._file.read()
        if recorded is None:
            return None
        return Bearing(recorded["identity"], recorded["position"], 0, tuple(map(tuple, recorded["gaps"])))

    def write(self, bearing: Bearing) -> None:
        """Durable on return."""
        self._file.write(
            {
                "identity": bearing.identity,
                "position": bearing.position,
                "gaps": list(map(list, bearing.gaps)),
            }
        )


def can_bear(connection: sqlite3.Connection) -> bool:
    """Whether a SQLite file has its tables: whoever makes it has come so far. Raises sqlite3.Error."""
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'bearing'")
    return there.fetchone() is not None


def bearing_in(connection: sqlite3.Connection) -> Bearing | None:
    """What a SQLite file bears; None where it bears nothing. Raises sqlite3.Error."""
    if not can_bear(connection):
        return None
    row = connection.execute("SELECT identity, position, writes, gaps FROM bearing").fetchone()
    if row is None:
        return None
    gaps = tuple((int(first), int(end)) for first, end in json.loads(row[3]))
    return Bearing(str(row[0]), int(row[1]), int(row[2]), gaps)


def put_bearing(connection: sqlite3.Connection, bearing: Bearing) -> None:
    """Within the caller's transaction; ``writes`` that are there stay. Raises sqlite3.Error."""
    connection.execute(BEARING_TABLE)
    connection.execute(
        "INSERT INTO bearing (slot, identity, position, writes, gaps) VALUES (1, ?, ?, ?, ?)"
        " ON CONFLICT (slot) DO UPDATE SET identity = excluded.identity, position = excluded.position,"
        " gaps = excluded.gaps",
        (bearing.identity, bearing.position, bearing.writes, json.dumps(bearing.gaps)),
    )


_COUNT = struct.Struct("<QI")


class Witness:
    """A count kept apart from the store it is of, so that a store of an earlier time is found out.

    It is written after the store and left to the system: it may be behind, never ahead.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1

    def recorded(self) -> int:
        """The count last told; 0 where none was, or none that can be read."""
        try:
            content = self._path.read_bytes()
        except OSError:
            return 0
        if len(content) != _COUNT.size:
            return 0
        count, recorded = _COUNT.unpack(content)
        return int(count) if recorded == zlib.crc32(str(count).encode()) else 0

    def record(self, count: int) -> None:
        """The store has come so far. Nothing where no directory for it was made: outside of a data directory.

        The store has what it is told of, so a disk that is full is for the store itself to complain of.
        """
        with suppress(OSError):
            is_kept_open = self._handle >= 0
            handle = self._handle if is_kept_open else self._opened()
            try:
                write_at(handle, _COUNT.pack(count, zlib.crc32(str(count).encode())), 0)
            finally:
                if not is_kept_open:
                    os.close(handle)

    def keep_open(self) -> None:
        """For a store that is told of many times a second, by one who alone may write it."""
        with suppress(OSError):
            self._handle = self._opened()

    def close(self) -> None:
        """Lets go of the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _opened(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)


def witness_of(store: Path) -> Witness:
    """The witness of a store that lies in a data directory."""
    return Witness(store.parent / WITNESSES / store.stem)
