"""A data directory copied while `serve` and `run` work on it, so that a start on the copy goes on from there.

No store waits for another. Instead each is copied when it cannot be behind what was copied before it: first
how far the engine had come, then its state, then the stores that had all which that state has told, and last
the log that all of it comes from. So the copy is what a kill would have left: on a start the engine judges
again what the log has beyond its state, and what it tells twice is taken once.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError
from pipeline.host.disk import SCRATCH, sync_directory
from pipeline.upkeep.copying import DATABASES, Advance, Copy, kept_files
from pipeline.upkeep.kinds import KIND_OF
from pipeline.upkeep.log_folder import log_end
from pipeline.upkeep.store import FILES, Store
from pipeline.upkeep.verify import Verified, verify
from sinks.bearing import BEARING, WITNESSES


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a copy has: the log up to before ``record``, its clock being at ``clock_ms`` (None: no log).

    ``stores`` are what `fencewatch data verify` says of the copy.
    """

    files: int
    bytes: int
    record: int
    clock_ms: int | None
    stores: tuple[Verified, ...]


def back_up(data: Path, target: Path, advance: Advance | None = None) -> BackedUp:
    """Copies a data directory to one that is not there yet, or empty; whole and durable, or not at all.

    Raises InputError where it cannot be meant so, BackupFailed, OSError and SinkFailed.
    """
    _check(data, target)
    scratch = target.with_name(target.name + SCRATCH)
    try:
        scratch.mkdir(mode=0o700)
    except FileExistsError:
        raise InputError(f"{scratch}: is left of a backup that was killed; remove it first") from None
    try:
        copy = Copy(data, scratch, advance)
        record, clock_ms = _copied(copy)
        copy.sync()
        scratch.rename(target)
        sync_directory(target.parent)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return BackedUp(copy.files, copy.bytes, record, clock_ms, tuple(verify(target)))


def _check(data: Path, target: Path) -> None:
    if not (data / BEARING).exists():
        raise InputError(f"{data}: expected a data directory that `serve` or `run` was started on")
    inner, outer = Path(os.path.realpath(target)), Path(os.path.realpath(data))
    if inner.is_relative_to(outer):
        raise InputError(f"{target}: lies in the data directory {data}; expected a place outside of it")
    if not target.parent.is_dir():
        raise InputError(f"{target}: there is no directory {target.parent} to make it in")
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise InputError(f"{target}: is there and not empty; expected the name of a directory to be made")


def _copied(copy: Copy) -> tuple[int, int | None]:
    """All of it, in the order that matters."""
    data = copy.data
    for path in sorted((data / Store.LOG).glob("*.floor")):
        copy.file(path)
    for folder in (
        Store.LOG,
        Store.STATE,
        Store.TRACKS,
        f"{Store.STATE}/recovery",
        f"{Store.STATE}/checkpoints",
    ):
        if (data / folder).is_dir():
            copy.folder(copy.target / folder)
    for path in (data / Store.LOG / BEARING, *sorted((data / WITNESSES).glob("*")), data / BEARING):
        with suppress(FileNotFoundError):
            copy.file(path)
    for store in (Store.STATE, *FILES, Store.TRACKS):
        if (data / store).exists():
            KIND_OF[store].copy(copy, data / store)
    _copy_others(copy)
    KIND_OF[Store.LOG].copy(copy, data / Store.LOG)
    return log_end(copy.target / Store.LOG)


def _copy_others(copy: Copy) -> None:
    """What belongs to no store: clock, figures, logs for operators, what was set aside, an inbox in it."""
    apart = {copy.data / store for store in Store} | {copy.data / WITNESSES, copy.data / BEARING}
    for path in kept_files(copy.data):
        if apart.isdisjoint((path, *path.parents)):
            # Files of an inbox move on; what was taken of them by now is in the log, which is still to come.
            with suppress(FileNotFoundError):
                (copy.database if path.name.endswith(DATABASES) else copy.file)(path)
