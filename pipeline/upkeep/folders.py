"""Stores that are directories, with what they bear in a file of their own: the engine's state, and tracks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from pipeline.runtime.checkpoints import read_state
from pipeline.runtime.row_files import CheckpointDamaged, read_rows
from pipeline.upkeep.copying import DATABASES, BackupFailed, Copy, kept_files
from pipeline.upkeep.databases import database_findings
from pipeline.upkeep.store import REPAIR, Finding, Seen, Store
from sinks.bearing import Bearing, BearingFile
from sinks.tracks import TrackFileDamaged, check_file, has_checksum

#: Real seconds for which a moment is looked for at which the engine is not just keeping its state.
_STATE_MOST_S = 60.0


class Folder:
    """What all of them have of a ``store.StoreKind``."""

    def seen(self, store: Store, path: Path, *, is_quick: bool) -> Seen:
        """What it bears."""
        bearing = BearingFile(path).read()
        return Seen(store, path, True, bearing, 0 if bearing is None else bearing.position)

    def is_made(self, path: Path) -> bool:
        """As soon as it is there."""
        return True

    def bear(self, path: Path, bearing: Bearing) -> None:
        """In its own file."""
        BearingFile(path).write(bearing)

    def reached(self, path: Path, position: int) -> None:
        """In its own file."""
        file = BearingFile(path)
        if (bearing := file.read()) is not None:
            file.write(bearing.at(position))


class StateFolder(Folder):
    """Checkpoints, and the runtime's record of them."""

    def look_through(self, store: Store, path: Path) -> tuple[str, list[Finding]]:
        """Every state with all rows that it names, and the runtime's databases."""
        found, count = [], 0
        for state in sorted((path / "checkpoints").glob("*.state")):
            try:
                kept, _ = read_state(state)
                for rows in kept.files.values():
                    read_rows(state.parent, rows)
                count += 1
            except CheckpointDamaged as damage:
                if state.exists():  # not replaced by a newer one since it was listed
                    todo = f"{REPAIR} sets the state aside"
                    found.append(Finding(store, damage.path, str(damage.wrong), todo))
        for database in sorted((path / "recovery").glob("*.sqlite3")):
            found += database_findings(store, database)
        return f"{count} states", found

    def copy(self, copy: Copy, path: Path) -> None:
        """What the runtime names, and the files of that name.

        A state is dropped when two later ones are kept. So the files are held open, and where no other was
        kept until the runtime's names were copied, those are among them.
        """
        checkpoints, recovery = path / "checkpoints", path / "recovery"
        for file in kept_files(path):
            if file.parent not in (checkpoints, recovery):
                copy.file(file)
        given_up_s = time.monotonic() + _STATE_MOST_S
        while not _is_state_copied(copy, checkpoints, recovery):
            if time.monotonic() > given_up_s:
                raise BackupFailed(
                    f"{path}: the engine kept its state each time when it was copied; try again"
                )
            time.sleep(0.05)


class TracksFolder(Folder):
    """Files of fixes by day."""

    def look_through(self, store: Store, path: Path) -> tuple[str, list[Finding]]:
        """Every file, to its end."""
        found, fixes, files, former = [], 0, 0, 0
        for file in sorted(path.glob("*/*/*.parquet")):
            try:
                fixes += check_file(file)
            except FileNotFoundError:  # merged into another
                continue
            except TrackFileDamaged as damage:
                found.append(Finding(store, file, str(damage.wrong), f"{REPAIR} sets it aside", ends=False))
            files, former = files + 1, former + (not has_checksum(file))
        said = f", {former} of them from before there were checksums" if former else ""
        return f"{fixes:,} fixes in {files} files{said}", found

    def copy(self, copy: Copy, path: Path) -> None:
        """The archive, whose files are written whole and now and then merged into others."""
        copied: set[Path] = set()
        while new := (there := set(kept_files(path))) - copied:
            for file in sorted(new):
                with suppress(FileNotFoundError):  # merged since it was listed; into what is listed next
                    copy.file(file)
                    copied.add(file)
        for file in copied - there:
            copy.place(file).unlink()


def _is_state_copied(copy: Copy, checkpoints: Path, recovery: Path) -> bool:
    with ExitStack() as held:
        paths = list(kept_files(checkpoints))
        try:
            files = {path: held.enter_context(path.open("rb")) for path in paths}
        except FileNotFoundError:
            return False
        sizes = {path: os.fstat(file.fileno()).st_size for path, file in files.items()}
        names = [path for path in kept_files(recovery) if path.name.endswith(DATABASES)]
        for path in names:
            copy.database(path)
        if _states(paths) != _states(kept_files(checkpoints)):
            for path in names:
                copy.place(path).unlink()
                copy.files -= 1
            return False
        for path, file in files.items():
            copy.content(file, path, sizes[path])
    return True


def _states(paths: Iterator[Path] | list[Path]) -> list[str]:
    return [path.name for path in paths if path.suffix == ".state"]
