"""Durable checkpoints in a directory, named by a small token: what only grows is written as it grows.

Everything stands in frames with checksums (``pipeline/host/framed.py``), sealed with the file's
name. A state file is one frame: whatever is written whole, the row files that belong to it, how many of
their rows, and the checksum of these. A row file is a sequence of frames, each with some rows of every
column. Rows are durable before the state that counts them is. Nothing is read back that could run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import msgspec

from pipeline.checkpoint import STORED, Checkpoint, Growing, Rows, Stored
from pipeline.host.disk import put_file, sync_directory, write_in_pieces
from pipeline.host.framed import FrameDamaged, frame_sum, framed, read_frame
from pipeline.runtime.row_files import (
    CheckpointDamaged,
    FoundRows,
    RowFile,
    blocks,
    found_rows,
    joined_sum,
    read_rows,
    said,
)

#: Parts of an epoch are taken down within so many seconds of each other.
_TAKING_S = 0.1
#: Seconds of rest for each byte written behind, as the log is on the same disk, whose sync took 0.3 s
#: at worst beside a state of 108 MB written at once; with 10 ms for a megabyte it takes 0.016 s.
_REST_S = 1e-8
#: How the number within a token looks, as a pattern of file names: ten digits.
_NUMBER = "[0-9]" * 10


class StateFile(msgspec.Struct):
    """What the frame of a state file holds."""

    files: dict[str, RowFile]
    place: int
    others: dict[str, int]
    whole: bytes


@dataclass(slots=True)
class _Part:
    """What this process knows of a part, and the row files it goes on writing.

    ``handed`` is the token that the runtime got last, ``kept`` the one of the newest state on disk. A restart
    may still ask for the files of ``held``, by the names of their states.
    """

    handed: str | None = None
    kept: str | None = None
    held: dict[str, set[str]] = field(default_factory=dict)
    files: dict[str, RowFile] = field(default_factory=dict)
    generations: dict[str, int] = field(default_factory=dict)
    writing: Future[str] | None = None
    #: Of the newest state; None before any was looked for.
    number: int | None = None


@dataclass(frozen=True, slots=True)
class _Gain:
    """What a growing thing has gained: its rows from ``first`` on, in a new file where others changed."""

    count: int
    generation: int
    is_new: bool
    rows: Rows


class CheckpointStore:
    """Keeps each part's newest states; the state of a token that was handed out is durable.

    The runtime closes an epoch only when all that was handed on before it is committed. So while a new
    token is handed out, the one handed out or got before it is the only other that a restart can ask for. A
    token ends in the checksum of its state: one that was changed on disk names no state.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._parts: dict[str, _Part] = {}
        self._writer: ThreadPoolExecutor | None = None
        self._taken_s = 0.0
        self._is_awaited = Event()
        self._ahead: dict[str, Future[dict[str, FoundRows]]] = {}
        self._following: dict[str, str] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def write_behind(self) -> None:
        """From now on ``keep`` waits for no disk."""
        self._writer = ThreadPoolExecutor(1, "checkpoints")

    def read_in_turn(self, parts: Sequence[str]) -> None:
        """Parts that are got one after the other: where one is got, the next is read ahead."""
        self._following = dict(pairwise(parts))

    def read_ahead(self, part: str, take: Callable[[Mapping[str, Rows]], object] = lambda _: None) -> None:
        """Reads the rows of a part's newest state beside other work, for ``get`` of it or of one before.

        ``take`` is given them by the thread that reads. What cannot be read is left to ``get``, which says
        why.
        """
        reader = ThreadPoolExecutor(1, "state")
        self._ahead[part] = reader.submit(self._newest_rows, part, take)
        reader.shutdown(wait=False)

    def _newest_rows(self, part: str, take: Callable[[Mapping[str, Rows]], object]) -> dict[str, FoundRows]:
        number = max(self._numbers(part), default=None)
        if number is None:
            return {}
        try:
            state, _ = read_state(self._directory / f"{part}-{number:010d}.state")
            found = {name: found_rows(self._directory, file) for name, file in state.files.items()}
        except CheckpointDamaged:
            return {}
        take({name: rows.columns for name, rows in found.items()})
        return {file.name: found[name] for name, file in state.files.items()}

    def put(self, part: str, checkpoint: Checkpoint) -> str:
        """Store a part's state; returns the token to get it by, once it is durable."""
        parts, stem, gains = self._begun(part, checkpoint)
        parts.handed = parts.kept = self._write(stem, parts, checkpoint, gains, [parts.handed])
        return parts.handed

    def keep(self, part: str, checkpoint: Checkpoint) -> str | None:
        """As ``put``; but written behind, a state is only taken down here.

        The token is then that of the state before, which is durable by now; at first the one that was got
        (None: there was none). Every part and the source have to be behind by the same epoch, so all parts
        must be kept in every epoch in which any of them is.
        """
        if self._writer is None:
            return self.put(part, checkpoint)
        parts, stem, gains = self._begun(part, checkpoint)
        copied = replace(checkpoint, growing={}, others=dict(checkpoint.others))
        before, parts.handed = parts.handed, parts.kept
        asked = [before, parts.handed]
        self._taken_s = time.monotonic()
        parts.writing = self._writer.submit(self._write_later, stem, parts, copied, gains, asked)
        return parts.handed

    @property
    def is_writing(self) -> bool:
        """Whether states that were taken down are not on disk yet, for which ``keep`` would wait."""
        return any(part.writing is not None and not part.writing.done() for part in self._parts.values())

    def skips(self, keeps: bool) -> bool:
        """Whether an epoch that began like this leaves the states as they are; the last of all never does."""
        return not keeps and self._writer is not None

    def catch_up(self) -> None:
        """No epoch follows this one: a state is durable again when ``keep`` returns."""
        if self._writer is not None:
            self._is_awaited.set()
            self._writer.shutdown()
            self._writer = None

    def _settled(self, part: str) -> _Part:
        """A part of which nothing is being written. Raises OSError where the disk did not take it."""
        parts = self._parts.setdefault(part, _Part())
        if parts.writing is not None:
            writing, parts.writing = parts.writing, None
            self._is_awaited.set()
            parts.kept = writing.result()
            self._is_awaited.clear()
        return parts

    def _begun(self, part: str, checkpoint: Checkpoint) -> tuple[_Part, str, dict[str, _Gain]]:
        """A part of which nothing is being written, the name of its next state, and what that has gained."""
        parts = self._settled(part)
        if parts.number is None:
            parts.number = max(self._numbers(part), default=-1)
        parts.number += 1
        gains = {name: _gain(parts, name, growing) for name, growing in checkpoint.growing.items()}
        return parts, f"{part}-{parts.number:010d}", gains

    def _write_later(self, *state: Any) -> str:
        """As ``_write``, once the other parts are taken down as well, which it would slow down."""
        while (left_s := self._taken_s + _TAKING_S - time.monotonic()) > 0:
            if self._is_awaited.wait(left_s):
                break
        return self._write(*state)

    def _write(
        self,
        stem: str,
        parts: _Part,
        checkpoint: Checkpoint,
        gains: Mapping[str, _Gain],
        asked: Sequence[str | None],
    ) -> str:
        """Make a state durable, and remove those that a restart can no longer ask for."""
        part, named = stem.rpartition("-")[0], {_stem_of(token) for token in asked if token is not None}
        if named:  # first, as rows of a state that was never told of may stand where these go
            self._drop(part, named)
        for name, gain in gains.items():
            self._grow(stem, parts, name, gain)
        state = StateFile(parts.files, checkpoint.place, dict(checkpoint.others), checkpoint.whole)
        frame = framed(msgspec.msgpack.encode(state), f"{stem}.state")
        put_file(self._directory / f"{stem}.state", frame, self._rest)
        parts.held[stem] = {file.name for file in parts.files.values()}
        if named:
            parts.held = {held: files for held, files in parts.held.items() if held in {stem, *named}}
            self._drop_rows(part, set().union(*parts.held.values()))
        return f"{stem}.{frame_sum(frame):08x}"

    def get(self, token: str) -> Stored:
        """The state of a token. Raises CheckpointDamaged."""
        stem, _, recorded = token.partition(".")
        state, found = read_state(self._directory / f"{stem}.state")
        if recorded != f"{found:08x}":
            raise CheckpointDamaged(self._directory / f"{stem}.state", f"is not the state of token {token!r}")
        name = stem.rpartition("-")[0]
        part = self._parts.setdefault(name, _Part())
        part.handed = part.kept = token
        part.held[stem] = {file.name for file in state.files.values()}
        begun = {each: file for each, file in state.files.items() if file.size >= 0}
        part.files = {each: msgspec.structs.replace(file) for each, file in begun.items()}
        part.generations = dict.fromkeys(part.files, STORED)
        ahead = self._ahead.pop(name).result() if name in self._ahead else {}
        if name in self._following:
            self.read_ahead(self._following[name])
        rows = {name: self._rows(file, ahead.get(file.name)) for name, file in state.files.items()}
        return Stored(state.whole, rows, state.place, state.others)

    def _rows(self, file: RowFile, ahead: FoundRows | None) -> Rows:
        found = None if ahead is None else ahead.first(file)
        return read_rows(self._directory, file) if found is None else found

    def _grow(self, stem: str, part: _Part, name: str, gain: _Gain) -> None:
        """Make durable what a growing thing has gained."""
        if gain.is_new:
            part.files[name] = RowFile(f"{stem}.{name}.rows", size=0)
            part.generations[name] = gain.generation
        file = part.files[name]
        if gain.count == file.count:
            return
        total, size = file.sum, file.size
        with (self._directory / file.name).open("wb" if gain.is_new else "r+b", buffering=0) as rows:
            if rows.seek(0, os.SEEK_END) > size:  # of a process that was killed before it told of these
                sync_directory(self._directory)  # no state counts them any more
                rows.truncate(size)
            for block in blocks(gain.rows):
                frame = framed(block, file.name)
                write_in_pieces(rows.fileno(), frame, size, self._rest)
                total, size = joined_sum(total, frame_sum(frame)), size + len(frame)
        if gain.is_new:
            sync_directory(self._directory)
        file.count, file.sum, file.size = gain.count, total, size

    def _rest(self, size: int) -> None:
        """Lets others have the disk, unless somebody waits for what is written."""
        if self._writer is not None:
            self._is_awaited.wait(_REST_S * size)

    def _drop(self, part: str, kept: set[str]) -> None:
        """Remove states that no restart can ask for."""
        for number in self._numbers(part):
            if (stem := f"{part}-{number:010d}") not in kept:
                (self._directory / f"{stem}.state").unlink()

    def _drop_rows(self, part: str, named: set[str]) -> None:
        """Remove row files that no kept state names."""
        for path in self._directory.glob(f"{part}-{_NUMBER}.*.rows"):
            if path.name not in named:
                path.unlink()

    def _numbers(self, part: str) -> list[int]:
        return [int(path.stem.rpartition("-")[2]) for path in self._directory.glob(f"{part}-{_NUMBER}.state")]


def _gain(part: _Part, name: str, growing: Growing) -> _Gain:
    """What is not on disk yet; all of it where rows have changed that were there."""
    file = part.files.get(name)
    is_new = file is None or part.generations[name] != growing.generation
    first = 0 if file is None or is_new else file.count
    return _Gain(len(growing), growing.generation, is_new, growing.rows_from(first))


def _stem_of(token: str) -> str:
    return token.partition(".")[0]


def read_state(path: Path) -> tuple[StateFile, int]:
    """What a state file holds, and its checksum. Raises CheckpointDamaged."""
    try:
        with path.open("rb") as file:
            content, recorded = read_frame(file, path.name)
            if file.read(1):
                raise FrameDamaged("it is longer than what was written")
        return msgspec.msgpack.decode(content, type=StateFile), recorded
    except (FrameDamaged, msgspec.MsgspecError, OSError) as error:
        raise CheckpointDamaged(path, said(error)) from None
