"""What makes bytes and names durable on a POSIX file system."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable
from pathlib import Path

#: What the name of a file that is not whole yet ends in.
SCRATCH = ".writing"
#: Bytes of a piece that are durable before the next one is written.
_PIECE = 1 << 20

#: Is called after each piece with its bytes.
Rest = Callable[[int], object]


def sync_file(handle: int) -> None:
    """Returns when the disk has the file's bytes and length."""
    if sys.platform == "darwin":
        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)  # fsync there leaves them in the drive's own cache
    else:
        os.fsync(handle)


def sync_directory(directory: Path) -> None:
    """Returns when the disk has the names in a directory as they are now."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        sync_file(handle)
    finally:
        os.close(handle)


def write_at(handle: int, content: bytes, position: int) -> None:
    """Writes all of it, however little the system takes at a time."""
    rest = memoryview(content)
    while rest:
        written = os.pwrite(handle, rest, position)
        rest, position = rest[written:], position + written


def write_in_pieces(handle: int, content: bytes, position: int, rest: Rest) -> None:
    """Writes all of it durably, with a rest after each piece.

    Whoever syncs another file of the same file system meanwhile waits for one piece, and not, as on ext4,
    for all that was written and is not on the disk yet.
    """
    for first in range(0, len(content), _PIECE):
        piece = content[first : first + _PIECE]
        write_at(handle, piece, position + first)
        sync_file(handle)
        rest(len(piece))


def put_file(path: Path, content: bytes, rest: Rest | None = None) -> None:
    """A durable file under its name, whole or not at all; with a ``rest`` after each piece."""
    scratch = path.with_name(path.name + SCRATCH)
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        if rest is not None:
            write_in_pieces(handle, content, 0, rest)
        else:
            write_at(handle, content, 0)
            sync_file(handle)
    finally:
        os.close(handle)
    scratch.rename(path)
    sync_directory(path.parent)
