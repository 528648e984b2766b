"""A data directory copied while `serve` and `run` work on it, so that a start on the copy goes on from there.

No store waits for another. Instead each is copied when it cannot be behind what was copied before it: first
how far the engine had come, then its state, then the stores that had all which that state has told, and last
the log that all of it comes from. So the copy is what a kill would have left: on a start the engine judges
again what the log has beyond its state, and what it tells twice is taken once.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from geofences.instant import BEGIN_MS
from pipeline.errors import InputError, PipelineError
from pipeline.host.disk import SCRATCH, sync_directory, sync_file
from pipeline.log.journal import ConsumerOffsets
from pipeline.log.journal.errors import JournalDamagedError
from pipeline.log.journal.high_water_mark import HighWaterMarkReader, HighWaterMarkWriter
from pipeline.log.journal.segment import find_end, segment_firsts, segment_path
from pipeline.upkeep.store import FILES, Store
from pipeline.upkeep.verify import Verified, verify
from sinks.bearing import BEARING, WITNESSES
from sinks.page_checksums import copy_checked

#: Told how many bytes are copied, and how many there were when it began.
Advance = Callable[[int, int], None]
_PIECE_BYTES = 1 << 20
#: Real seconds for which a moment is looked for at which the engine is not just keeping its state.
_STATE_MOST_S = 60.0
_DATABASES = (".sqlite", ".sqlite3", ".db")
#: What is of a process and not of what it keeps, or is not whole yet.
_NOT_KEPT = ("lock", "identity.lock")
_NOT_KEPT_ENDINGS = ("-wal", "-shm", "-journal", SCRATCH)


class BackupFailed(PipelineError):  # noqa: N818 - the name says what is the matter
    """There is no copy, and nothing is left of it."""


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
        copy = _Copy(data, scratch, advance)
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


def _copied(copy: _Copy) -> tuple[int, int | None]:
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
    _copy_state(copy)
    for store in FILES:
        if (data / store).exists():
            copy.database(data / store)
    _copy_tracks(copy)
    _copy_others(copy)
    return _copy_log(copy)


class _Copy:
    """Files on their way from ``data`` to the same places under ``target``."""

    def __init__(self, data: Path, target: Path, advance: Advance | None) -> None:
        self.data, self.target = data, target
        self.files = self.bytes = 0
        self._advance = advance or (lambda done, total: None)
        self._total = sum(path.stat().st_size for path in _kept(data))
        self._folders = {target}

    def place(self, path: Path) -> Path:
        """Where something of the data directory goes; its directory is there on return."""
        place = self.target / path.relative_to(self.data)
        self.folder(place.parent)
        return place

    def folder(self, place: Path) -> None:
        """A directory of the copy."""
        if place not in self._folders:
            self.folder(place.parent)
            place.mkdir(mode=0o700, exist_ok=True)
            self._folders.add(place)

    def file(self, path: Path) -> None:
        """As it is now. Raises FileNotFoundError where it is gone."""
        with path.open("rb") as source:
            self.content(source, path)

    def content(self, source: BinaryIO, path: Path, most: int | None = None) -> None:
        """What an open file has, the first bytes of it at most."""
        place, left = self.place(path), most
        with _written(place), _made(place) as copied:
            while piece := source.read(_PIECE_BYTES if left is None else min(left, _PIECE_BYTES)):
                copied.write(piece)
                left = None if left is None else left - len(piece)
                self._done(len(piece))
            copied.flush()
            sync_file(copied.fileno())
        self.files += 1

    def database(self, path: Path) -> None:
        """As it is at one moment, whoever writes to it."""
        place = self.place(path)
        with _written(place):
            copy_checked(path, place)
            place.chmod(0o600)
            with place.open("rb") as copied:
                sync_file(copied.fileno())
            self._done(place.stat().st_size)
        self.files += 1

    def sync(self) -> None:
        """All names are durable on return."""
        for folder in self._folders:
            sync_directory(folder)

    def _done(self, count: int) -> None:
        self.bytes += count
        self._advance(self.bytes, max(self.bytes, self._total))


def _made(place: Path) -> BinaryIO:
    """A new file for its owner alone."""
    return os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


@contextmanager
def _written(place: Path) -> Iterator[None]:
    """A disk that is full, or fails, is told with the file that was to be written."""
    try:
        yield
    except OSError as error:
        raise BackupFailed(f"{place}: cannot be written: {error.strerror}; there is no backup") from None


def _kept(folder: Path) -> Iterator[Path]:
    """The files of a data directory that a copy of it has, as far as they are there now."""
    for here, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(here, name)
            if name not in _NOT_KEPT and not name.endswith(_NOT_KEPT_ENDINGS) and path.is_file():
                yield path


def _copy_state(copy: _Copy) -> None:
    """The engine's kept state: what the runtime names, and the files of that name.

    A state is dropped when two later ones are kept. So the files are held open, and where no other was kept
    until the runtime's names were copied, those are among them.
    """
    state = copy.data / Store.STATE
    checkpoints, recovery = state / "checkpoints", state / "recovery"
    for path in _kept(state):
        if path.parent not in (checkpoints, recovery):
            copy.file(path)
    given_up_s = time.monotonic() + _STATE_MOST_S
    while not _is_state_copied(copy, checkpoints, recovery):
        if time.monotonic() > given_up_s:
            raise BackupFailed(f"{state}: the engine kept its state each time when it was copied; try again")
        time.sleep(0.05)


def _is_state_copied(copy: _Copy, checkpoints: Path, recovery: Path) -> bool:
    with ExitStack() as held:
        paths = list(_kept(checkpoints))
        try:
            files = {path: held.enter_context(path.open("rb")) for path in paths}
        except FileNotFoundError:
            return False
        sizes = {path: os.fstat(file.fileno()).st_size for path, file in files.items()}
        names = [path for path in _kept(recovery) if path.name.endswith(_DATABASES)]
        for path in names:
            copy.database(path)
        if _states(paths) != _states(_kept(checkpoints)):
            for path in names:
                copy.place(path).unlink()
                copy.files -= 1
            return False
        for path, file in files.items():
            copy.content(file, path, sizes[path])
    return True


def _states(paths: Iterator[Path] | list[Path]) -> list[str]:
    return [path.name for path in paths if path.suffix == ".state"]


def _copy_tracks(copy: _Copy) -> None:
    """The archive, whose files are written whole and now and then merged into others."""
    copied: set[Path] = set()
    while new := (there := set(_kept(copy.data / Store.TRACKS))) - copied:
        for path in sorted(new):
            with suppress(FileNotFoundError):  # merged since it was listed; into what is listed next
                copy.file(path)
                copied.add(path)
    for path in copied - there:
        copy.place(path).unlink()


def _copy_others(copy: _Copy) -> None:
    """What belongs to no store: clock, figures, logs for operators, what was set aside, an inbox in it."""
    apart = {copy.data / store for store in Store} | {copy.data / WITNESSES, copy.data / BEARING}
    for path in _kept(copy.data):
        if apart.isdisjoint((path, *path.parents)):
            # Files of an inbox move on; what was taken of them by now is in the log, which is still to come.
            with suppress(FileNotFoundError):
                (copy.database if path.name.endswith(_DATABASES) else copy.file)(path)


def _copy_log(copy: _Copy) -> tuple[int, int | None]:
    """The segments that are there, the newest first: the log lets go of the oldest ones.

    Returns the number after the last record, and the clock there.
    """
    journal, place = copy.data / Store.LOG, copy.target / Store.LOG
    mark = HighWaterMarkReader(journal).read()
    firsts = segment_firsts(journal) if journal.is_dir() else []
    if not firsts:
        return mark, None
    kept = firsts[-1]
    for first in reversed(firsts):
        try:
            copy.file(segment_path(journal, first))
        except FileNotFoundError:
            break
        kept = first
    if kept > (ConsumerOffsets(place).lowest() or 0) and kept != firsts[0]:
        raise BackupFailed(f"{journal}: the log let go of records that are still needed; try again")
    last = segment_path(place, firsts[-1])
    number, clock_ms = mark, None
    with suppress(JournalDamagedError):  # copied as it is; a look at the copy tells it as of the original
        end = find_end(last, mark)
        number, clock_ms = max(mark, end.number), end.clock_ms
        with last.open("r+b") as copied:
            copied.truncate(end.position)
            sync_file(copied.fileno())
    HighWaterMarkWriter(place, number).close()
    return number, None if clock_ms == BEGIN_MS else clock_ms
