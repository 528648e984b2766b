"""Files of a data directory in use on their way to the same places of a copy, each durable there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import PipelineError
from pipeline.host.disk import SCRATCH, sync_directory, sync_file
from sinks.page_checksums import copy_checked

#: Told how many bytes are copied, and how many there were when it began.
Advance = Callable[[int, int], None]
_PIECE_BYTES = 1 << 20
DATABASES = (".sqlite", ".sqlite3", ".db")
#: What is of a process and not of what it keeps, or is not whole yet.
_NOT_KEPT = ("lock", "identity.lock")
_NOT_KEPT_ENDINGS = ("-wal", "-shm", "-journal", SCRATCH)


class BackupFailed(PipelineError):  # noqa: N818 - the name says what is the matter
    """There is no copy, and nothing is left of it."""


class Copy:
    """Files on their way from ``data`` to the same places under ``target``."""

    def __init__(self, data: Path, target: Path, advance: Advance | None) -> None:
        self.data, self.target = data, target
        self.files = self.bytes = 0
        self._advance = advance or (lambda done, total: None)
        self._total = sum(path.stat().st_size for path in kept_files(data))
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


def kept_files(folder: Path) -> Iterator[Path]:
    """The files of a data directory that a copy of it has, as far as they are there now."""
    for here, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(here, name)
            if name not in _NOT_KEPT and not name.endswith(_NOT_KEPT_ENDINGS) and path.is_file():
                yield path
