"""Files that a command writes: never over what it reads, and there whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import BinaryIO

from pipeline.errors import InputError

#: How a file is called while it is written: beside its place, so that it can take it in one step.
_SCRATCH, WRITING = ".fencewatch-", ".writing"

#: The device that may be named as often as one likes: nothing of what goes there mixes.
_NOWHERE = Path(os.devnull)


def refuse_clashes(outputs: Mapping[str, Path | None], inputs: Iterable[tuple[str, Path]]) -> None:
    """Make sure that no output is one of the inputs or another output; nothing is opened.

    Links, hard ones too, and other spellings of a path are seen through. ``outputs`` is option to path
    (None: not wanted), ``inputs`` what each file is, and its path, there or not. Raises InputError naming
    both sides, and where an output is a directory or would lie in none.
    """
    wanted = [(option, path) for option, path in outputs.items() if path is not None]
    for option, path in wanted:
        _check_place(option, path)
    read = list(inputs)
    for number, (option, path) in enumerate(wanted):
        for what, other in read:
            if _is_same(path, other):
                raise InputError(
                    f"{option} {path} is {what} {other}, which would be lost; expected a file of its own"
                )
        for before, other in wanted[:number]:
            if _is_same(path, other, ignore_case=True) and not _is_nowhere(path):
                raise InputError(f"{option} {path} and {before} {other} are one file; expected two")


def is_standard_output(path: Path) -> bool:
    """Whether a path is where this process prints to, ``/dev/stdout`` for one."""
    try:
        return os.path.samestat(path.stat(), os.fstat(1)) and not _is_nowhere(path)
    except OSError:  # not there yet, or standard output is closed
        return False


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes its name when all went well; until then what stood there stands.

    A symbolic link is followed. Standard output and what is no regular file (a pipe, a device) are
    written as one goes, for they cannot be replaced.
    """
    if is_standard_output(path):
        with os.fdopen(os.dup(1), "wb") as file:
            yield file
        return
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    target = path.resolve()
    scratch = target.with_name(f"{_SCRATCH}{token_hex(8)}{WRITING}")
    try:
        with scratch.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """A directory to write in; when all went well its files take their places under ``path``.

    Other files under ``path`` stay. Where there was no such directory, all of it appears at once.
    """
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=_SCRATCH, suffix=WRITING, dir=target.parent) as made:
        scratch = Path(made) / "files"
        scratch.mkdir()
        yield scratch
        with suppress(OSError):  # there is one, and not empty
            scratch.rename(target)
            return
        for file in sorted(file for file in scratch.rglob("*") if file.is_file()):
            place = target / file.relative_to(scratch)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)


def _check_place(option: str, path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{option} {path} is a directory; expected a file")
    try:
        folder = path.resolve().parent
    except RuntimeError:  # so says Python of links that go round in a circle
        raise InputError(f"{option} {path} is a link that leads back to itself; expected a file") from None
    if not folder.is_dir():
        raise InputError(f"{option} {path}: no directory {folder}; expected one to write the file in")


def _is_same(one: Path, other: Path, *, ignore_case: bool = False) -> bool:
    """Whether two paths are one file, which need not be there.

    ``ignore_case``: names that differ in case alone count as one where neither is there, for whether
    they are is not known before they are made.
    """
    try:
        return one.samefile(other)
    except OSError:
        pass
    if os.path.lexists(one.resolve()) or os.path.lexists(other.resolve()):
        return False
    names = [path.resolve().name for path in (one, other)]
    if ignore_case:
        names = [name.casefold() for name in names]
    try:
        return names[0] == names[1] and one.resolve().parent.samefile(other.resolve().parent)
    except OSError:
        return False


def _is_nowhere(path: Path) -> bool:
    with suppress(OSError):
        there = path.stat()
        return stat.S_ISCHR(there.st_mode) and os.path.samestat(there, _NOWHERE.stat())
    return False
