"""What makes bytes and names durable on a POSIX file system."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

#: What the name of a file that is not whole yet ends in.
SCRATCH = ".writing"


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


def put_file(path: Path, content: bytes) -> None:
    """A durable file under its name, whole or not at all."""
    scratch = path.with_name(path.name + SCRATCH)
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write_at(handle, content, 0)
        sync_file(handle)
    finally:
        os.close(handle)
    scratch.rename(path)
    sync_directory(path.parent)
