"""Who may read what is kept: its owner, and nobody else on the machine."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from fencewatch.config import Settings
from pipeline.host.clock import clock_of
from sinks.operations_log import OPERATIONS, OperationsLog

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def tighten(settings: Settings) -> None:
    """Close what an earlier version, or somebody's copying, left open to others, and say so.

    The inbox itself belongs to whoever puts files there; what was taken from it does not. What cannot be
    closed (it is another's) is told of.
    """
    closed, left = 0, []
    for path, mode in _open_ones(settings):
        try:
            path.chmod(mode & ~_OTHERS)
            closed += 1
        except FileNotFoundError:  # another process has put it away meanwhile
            continue
        except OSError as error:
            left.append(f"{path}: {error.strerror}")
    if closed:
        said = f"{settings.data}: {closed} of its files and directories could be read by others; closed"
        print(said, file=sys.stderr, flush=True)
    for line in left:
        print(f"warning: {line}; others may read it", file=sys.stderr, flush=True)
    if closed or left:
        operations = OperationsLog(settings.data / OPERATIONS)
        operations.append(
            clock_of(settings.data).now_ms(), "modes_tightened", {"closed": closed, "left": len(left)}
        )


def _open_ones(settings: Settings) -> Iterator[tuple[Path, int]]:
    """What others may read, write or enter, with its mode; links are left, they have none of their own."""
    inbox = None if settings.inbox is None else Path(os.path.realpath(settings.inbox))
    homes = [settings.data]
    if inbox is not None:
        homes += [path for path in (inbox / "done", inbox / "refused", inbox / ".taking") if path.is_dir()]
    for home in homes:
        for folder, folders, files in os.walk(home):
            here = Path(folder)
            folders[:] = [name for name in folders if Path(os.path.realpath(here / name)) != inbox]
            for path in (here, *(here / name for name in files)):
                try:
                    mode = path.lstat().st_mode
                except FileNotFoundError:
                    continue
                if (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and mode & _OTHERS:
                    yield path, stat.S_IMODE(mode)
