"""The log's high-water mark: how far it is durable, as its writer says to readers in whatever process.

A reader that went by the segments alone could take a record that a loss of power then takes back. The file
is written after the disk has the records, and itself left to the system: after a loss of power it may name
an earlier end, never a later one. The writer finds the true end when it opens the journal.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

from pipeline.host.disk import put_file, sync_file, write_at
from sinks.bearing import witness_of

_END = struct.Struct("<QI")
_NUMBER = struct.Struct("<Q")
_READS_MOST = 3


def high_water_mark_path(directory: Path) -> Path:
    """The file with a journal's high-water mark."""
    return directory / "end"


class HighWaterMarkWriter:
    """The writer's side."""

    def __init__(self, directory: Path, number: int) -> None:
        path = high_water_mark_path(directory)
        self._witness = witness_of(directory)
        if HighWaterMarkReader(directory).read() != number or not path.exists():
            put_file(path, _encoded(number))
        self._handle = os.open(path, os.O_RDWR)
        self._witness.keep_open()
        self._witness.record(number)

    def write(self, number: int) -> None:
        """All records before this number are durable."""
        write_at(self._handle, _encoded(number), 0)
        self._witness.record(number)

    def close(self) -> None:
        """Leaves the file durable as well."""
        sync_file(self._handle)
        os.close(self._handle)
        self._witness.close()


class HighWaterMarkReader:
    """A reader's side."""

    def __init__(self, directory: Path) -> None:
        self._path = high_water_mark_path(directory)
        self._last = 0

    def read(self) -> int:
        """The number after the last record known to be durable; 0 where no journal was ever opened.

        A mark that is caught half written is read again; if it stays so, the one before counts.
        """
        for _ in range(_READS_MOST):
            try:
                content = self._path.read_bytes()
            except FileNotFoundError:
                break
            number = _number_in(content)
            if number is not None:
                self._last = max(self._last, number)
                break
        return self._last


def _number_in(content: bytes) -> int | None:
    if len(content) != _END.size:
        return None
    number, crc = _END.unpack(content)
    return int(number) if crc == zlib.crc32(_NUMBER.pack(number)) else None


def _encoded(number: int) -> bytes:
    return _END.pack(number, zlib.crc32(_NUMBER.pack(number)))
