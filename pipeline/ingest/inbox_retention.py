"""What was taken from an inbox stays for some days, and no longer."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class OldFile(NamedTuple):
    """A file of ``done`` or ``refused``, and since when it lies there as it is."""

    path: Path
    since_ms: int


def due_files(inbox: Path, before_ms: int) -> list[OldFile]:
    """Files that were put into ``done`` or ``refused`` before an instant, oldest first.

    The time is that of the last change of the entry itself: a rename sets it, a supplier cannot. Directories
    and links that lie there are somebody else's.
    """
    found = [old for name in ("done", "refused") for old in _files(inbox / name)]
    return sorted(
        (old for old in found if old.since_ms < before_ms), key=lambda old: (old.since_ms, str(old.path))
    )


def _files(folder: Path) -> Iterator[OldFile]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield OldFile(Path(entry.path), status.st_ctime_ns // 1_000_000)
    except FileNotFoundError:  # the folder, or an entry taken away since it was listed
        return
