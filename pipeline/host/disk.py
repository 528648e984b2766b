"""What makes bytes and names durable, and a lock that outlives no process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sinks.durable import SCRATCH, put_file, sync_directory, sync_file, write_at, write_in_pieces

__all__ = [
    "SCRATCH",
    "LockedError",
    "acquire_lock",
    "put_file",
    "sync_directory",
    "sync_file",
    "write_at",
    "write_in_pieces",
]  # fmt: skip


class LockedError(Exception):
    """Another process has the lock."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"process {holder} has it")
        self.holder = holder


def acquire_lock(path: Path) -> int:
    """The handle of a lock that is ours until it is closed; the system lets go of it however we end.

    Raises LockedError.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(handle, 20, 0).decode(errors="replace").strip()
        os.close(handle)
        raise LockedError(holder) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle
