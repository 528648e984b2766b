"""A backup of a running system, in the order that docs/live.md gives."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from live_system import RUN, LiveSystem

from sinks.bearing import WITNESSES
from sinks.page_checksums import copy_checked


def back_up(system: LiveSystem, target: Path) -> None:
    """Copies a data directory while rows come in and people work: the engine rests, the log comes last."""
    journal = system.data / "journal"
    target.mkdir()
    system.signal(RUN, signal.SIGSTOP)
    try:
        # Witnesses first: what they say of a store must be in its copy.
        witnesses = system.data / WITNESSES
        found = sorted(system.data.rglob("*"), key=lambda path: (witnesses not in path.parents, path))
        for path in found:
            place = target / path.relative_to(system.data)
            place.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                place.mkdir(exist_ok=True)
            elif path.name.endswith(("-wal", "-shm")) or (
                path.parent == journal and (path.suffix == ".journal" or path.name == "end")
            ):
                continue
            elif path.suffix.startswith((".sqlite", ".db")):
                copy_checked(path, place)
            else:
                _copy(path, place)
    finally:
        system.signal(RUN, signal.SIGCONT)
    _copy(journal / "end", target / "journal" / "end")
    for path in sorted(journal.glob("*.journal")):
        _copy(path, target / "journal" / path.name)


def _copy(path: Path, place: Path) -> None:
    try:
        shutil.copy2(path, place)
    except FileNotFoundError:  # a file that was being written under another name and has its own by now
        assert path.suffix == ".writing", path
