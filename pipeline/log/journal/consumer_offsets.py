"""How far each consumer has come with the log, so that retention removes nothing that is still needed."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

from pipeline.host.disk import put_file, sync_directory

_NAME = re.compile(r"[A-Za-z0-9_-]+")


class ConsumerOffsets:
    """One small file per consumer, ``NAME.floor``, beside the segments.

    A consumer's offset is the lowest it may ever start from again: that of its last durable state.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, reader: str, offset: int) -> None:
        """A reader needs nothing before an offset; durable on return."""
        put_file(self._path(reader), f"{offset} {_sum(offset)}\n".encode())

    def forget(self, reader: str) -> None:
        """A reader that will never come back keeps nothing any longer."""
        self._path(reader).unlink(missing_ok=True)
        sync_directory(self._directory)

    def of(self, reader: str) -> int:
        """The offset that a consumer put last; 0 where it never did."""
        path = self._path(reader)
        return _offset_in(path) if path.exists() else 0

    def lowest(self) -> int | None:
        """The lowest offset of all consumers; None where there are none."""
        return min(map(_offset_in, self._directory.glob("*.floor")), default=None)

    def _path(self, reader: str) -> Path:
        assert _NAME.fullmatch(reader), f"{reader!r} is no name for a file"
        return self._directory / f"{reader}.floor"


def _offset_in(path: Path) -> int:
    """The offset of a file; 0, before which nothing may be removed, where it is not what was written."""
    words = path.read_bytes().decode("ascii", "replace").split()
    if not words or not words[0].isdecimal():
        return 0
    offset = int(words[0])
    is_sound = len(words) == 1 or words[1:] == [_sum(offset)]  # one word: from before there were checksums
    return offset if is_sound else 0


def _sum(offset: int) -> str:
    return f"{zlib.crc32(str(offset).encode()):08x}"
