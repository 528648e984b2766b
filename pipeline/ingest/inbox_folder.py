"""The watched directory on disk: which files wait, which one is being taken, and where each ends up."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError
from pipeline.host.disk import sync_directory
from pipeline.ping import CONFIRMATION, PING

_KIND_OF = {"pings": PING, "confirmations": CONFIRMATION}
_SUFFIXES = (".parquet", ".ndjson", ".csv")
#: The offset that stands before the name of a file that is being taken.
_OFFSET_DIGITS = 20
#: A stem may be cut to so many characters where a name is taken already; any system takes as many.
_STEM_MOST = 40

#: Told of an entry that is left where it is, and why.
Leave = Callable[[str, OSError], None]


@dataclass(frozen=True, slots=True)
class Claim:
    """A file that is being taken: its place now, the name it came by, and where the log ended before it."""

    path: Path
    name: str
    offset: int

    @property
    def kind(self) -> int:
        """PING or CONFIRMATION."""
        kind = kind_of(self.name)
        assert kind is not None, "only files of rows are claimed"
        return kind


def kind_of(name: str) -> int | None:
    """What a file holds by its name; None for one that is not looked at."""
    if name.endswith(_SUFFIXES):
        return next((kind for begins, kind in _KIND_OF.items() if name.startswith(begins)), None)
    return None


class InboxFolder:
    """A directory into which others put files by renaming them.

    A file that is to be read is renamed first, to a name with the end of the log in it. So nobody can put
    another in its place while it is read, and after a kill its rows are found in the log behind that end.
    """

    def __init__(self, directory: Path) -> None:
        """Makes the directory and those below it. Raises InputError where that cannot be."""
        self.directory = directory
        self.done, self.refused = directory / "done", directory / "refused"
        self._taking = directory / ".taking"
        for path in (directory, self.done, self.refused, self._taking):
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"{path}: cannot be a directory of the inbox: {error.strerror}") from None
            sync_directory(path.parent)

    def waiting(self, leave: Leave) -> list[Path]:
        """Files of rows that nobody has taken yet, by time of last change, then by name.

        ``leave`` gets each entry that cannot be looked at.
        """
        found = []
        with os.scandir(self.directory) as entries:
            for entry in entries:
                try:
                    if kind_of(entry.name) is not None and entry.is_file():
                        found.append((entry.stat().st_mtime_ns, os.fsencode(entry.name), entry.path))
                except FileNotFoundError:  # taken away again since
                    continue
                except OSError as error:  # such as a symbolic link to itself; the others are still taken
                    leave(entry.name, error)
        return [Path(path) for _, _, path in sorted(found)]

    def claimed(self) -> list[Claim]:
        """What an earlier process was taking when it ended: at most one file."""
        found = (path for path in sorted(self._taking.iterdir()) if path.name[:_OFFSET_DIGITS].isdecimal())
        return [
            Claim(path, path.name[_OFFSET_DIGITS + 1 :], int(path.name[:_OFFSET_DIGITS])) for path in found
        ]

    def claim(self, path: Path, offset: int, leave: Leave) -> Claim | None:
        """Makes a waiting file the one that is taken, durably; None where it is not there any more.

        ``offset`` is where the log ends now: no row of the file is in it yet. A file that cannot be moved is
        passed to ``leave`` and stays. Raises OSError.
        """
        taken = self._taking / f"{offset:0{_OFFSET_DIGITS}d}-{path.name}"
        try:
            path.rename(taken)
        except FileNotFoundError:
            return None
        except OSError as error:
            leave(path.name, error)
            return None
        self._keep(self._taking)
        return Claim(taken, path.name, offset)

    def put_away(self, path: Path, name: str, into: Path) -> Path | None:
        """Moves a file to ``done`` or ``refused``, durably; where it is now, under a name of its own.

        None where somebody has removed it meanwhile.
        """
        target, number = into / name, 1
        while target.exists():
            number += 1
            stem, suffix = Path(name).stem, Path(name).suffix
            target = into / f"{stem[:_STEM_MOST]}-{number}{suffix}"
        try:
            path.rename(target)
        except FileNotFoundError:
            if os.path.lexists(path):  # it is the directory that is missing
                raise
            return None
        self._keep(into)
        return target

    def _keep(self, changed: Path) -> None:
        for path in (changed, self._taking, self.directory):
            sync_directory(path)
