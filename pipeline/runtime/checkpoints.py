"""Durable checkpoints in a directory, named by a small token: what only grows is written as it grows.

Everything stands in frames with checksums (``pipeline/host/framed.py``), sealed with the file's
name. A state file is one frame: whatever is written whole, the row files that belong to it, how many of
their rows, and the checksum of these. A row file is a sequence of frames, each with some rows of every
column. Rows are durable before the state that counts them is. Nothing is read back that could run.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.checkpoint import Checkpoint, Growing, Rows, Stored
from pipeline.engine.state_code import array_of
from pipeline.errors import PipelineError
from pipeline.host.disk import put_file, sync_directory, sync_file
from pipeline.host.framed import FrameDamaged, frame_sum, framed, read_frame

#: Rows of a frame.
_BLOCK_ROWS = 1 << 18
#: How the number within a token looks, as a pattern of file names: ten digits.
_NUMBER = "[0-9]" * 10


class CheckpointDamaged(PipelineError):  # noqa: N818 - the name says what is the matter
    """A state that was durable cannot be read; the message begins with the file."""

    def __init__(self, path: Path, wrong: object) -> None:
        super().__init__(f"{path}: {wrong}; `fencewatch data verify` looks at all that is kept")
        self.path = path
        self.wrong = str(wrong)


class RowFile(msgspec.Struct):
    """Rows of a growing thing: how many count (-1: not begun yet) and the checksum of their frames."""

    name: str
    count: int = -1
    sum: int = 0


class StateFile(msgspec.Struct):
    """What the frame of a state file holds."""

    files: dict[str, RowFile]
    place: int
    others: dict[str, int]
    whole: bytes


@dataclass(slots=True)
class _Part:
    """What this process knows of a part: its committed token, and the row files it goes on writing."""

    committed: str | None = None
    committed_files: set[str] = field(default_factory=set)
    files: dict[str, RowFile] = field(default_factory=dict)
    generations: dict[str, int] = field(default_factory=dict)


class CheckpointStore:
    """Keeps each part's newest states; a state is durable when ``put`` returns.

    The runtime closes an epoch only when all that was handed on before it is committed. So while a new
    state is put, the one put or got before it is the only other that a restart can ask for. A token ends in
    the checksum of its state: one that was changed on disk names no state.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._parts: dict[str, _Part] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def put(self, part: str, checkpoint: Checkpoint) -> str:
        """Store a part's state; returns the token to get it by."""
        known = self._generations(part)
        stem = f"{part}-{known[-1] + 1 if known else 0:010d}"
        parts = self._parts.setdefault(part, _Part())
        for name, growing in checkpoint.growing.items():
            self._grow(stem, parts, name, growing)
        state = StateFile(parts.files, checkpoint.place, dict(checkpoint.others), checkpoint.whole)
        frame = framed(msgspec.msgpack.encode(state), f"{stem}.state")
        put_file(self._directory / f"{stem}.state", frame)
        names = {file.name for file in parts.files.values()}
        if parts.committed is not None:
            self._drop([f"{part}-{number:010d}" for number in known], {parts.committed, stem})
            self._drop_rows(part, names | parts.committed_files)
        parts.committed, parts.committed_files = stem, names
        return f"{stem}.{frame_sum(frame):08x}"

    def get(self, token: str) -> Stored:
        """The state of a token. Raises CheckpointDamaged."""
        stem, _, recorded = token.partition(".")
        state, found = read_state(self._directory / f"{stem}.state")
        if recorded != f"{found:08x}":
            raise CheckpointDamaged(self._directory / f"{stem}.state", f"is not the state of token {token!r}")
        part = self._parts.setdefault(stem.rpartition("-")[0], _Part())
        part.committed, part.committed_files = stem, {file.name for file in state.files.values()}
        rows = {name: read_rows(self._directory, file) for name, file in state.files.items()}
        return Stored(state.whole, rows, state.place, state.others)

    def _grow(self, stem: str, part: _Part, name: str, growing: Growing) -> None:
        """Make durable what a growing thing has gained; all of it, in a new file, where others changed."""
        file, count = part.files.get(name), len(growing)
        if file is None or part.generations[name] != growing.generation:
            file = part.files[name] = RowFile(f"{stem}.{name}.rows")
            part.generations[name] = growing.generation
        if count == file.count:
            return
        is_new, total = file.count < 0, file.sum
        with (self._directory / file.name).open("wb" if is_new else "ab") as rows:
            for block in _blocks(growing.rows_from(max(0, file.count))):
                frame = framed(block, file.name)
                rows.write(frame)
                total = _joined_sum(total, frame_sum(frame))
            rows.flush()
            sync_file(rows.fileno())
        if is_new:
            sync_directory(self._directory)
        file.count, file.sum = count, total

    def _drop(self, stems: list[str], kept: set[str]) -> None:
        """Remove states that no restart can ask for."""
        for stem in stems:
            if stem not in kept:
                (self._directory / f"{stem}.state").unlink()

    def _drop_rows(self, part: str, named: set[str]) -> None:
        """Remove row files that no kept state names."""
        for path in self._directory.glob(f"{part}-{_NUMBER}.*.rows"):
            if path.name not in named:
                path.unlink()

    def _generations(self, part: str) -> list[int]:
        return sorted(
            int(path.stem.rpartition("-")[2]) for path in self._directory.glob(f"{part}-{_NUMBER}.state")
        )


def read_state(path: Path) -> tuple[StateFile, int]:
    """What a state file holds, and its checksum. Raises CheckpointDamaged."""
    try:
        with path.open("rb") as file:
            content, recorded = read_frame(file, path.name)
            if file.read(1):
                raise FrameDamaged("it is longer than what was written")
        return msgspec.msgpack.decode(content, type=StateFile), recorded
    except (FrameDamaged, msgspec.MsgspecError, OSError) as error:
        raise CheckpointDamaged(path, _said(error)) from None


def read_rows(directory: Path, recorded: RowFile) -> Rows:
    """The first rows of a file; what a killed process wrote behind them is not looked at.

    Raises CheckpointDamaged.
    """
    path = directory / recorded.name
    blocks: list[dict[str, NDArray[Any]]] = []
    found, total = 0, 0
    try:
        with path.open("rb") as file:
            while not blocks or found < recorded.count:
                content, frame = read_frame(file, recorded.name)
                blocks.append(_rows_of(content))
                found += len(next(iter(blocks[-1].values())))
                total = _joined_sum(total, frame)
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError, OSError) as error:
        raise CheckpointDamaged(path, _said(error)) from None
    if found != recorded.count or total != recorded.sum:
        raise CheckpointDamaged(path, "its rows are not those of the state that names it")
    return {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _joined_sum(total: int, more: int) -> int:
    return zlib.crc32(more.to_bytes(4, "little"), total)


def _blocks(rows: Rows) -> Iterator[bytes]:
    """Rows as bytes, so many at a time that little memory is needed beside them; at least one block."""
    count = len(next(iter(rows.values())))
    for first in range(0, max(count, 1), _BLOCK_ROWS):
        part = {name: _cells(cells[first : first + _BLOCK_ROWS]) for name, cells in rows.items()}
        yield msgspec.msgpack.encode(part)


def _cells(cells: NDArray[Any]) -> dict[str, Any]:
    """A column as plain values; texts one by one, as there are few of them."""
    if cells.dtype.hasobject:
        return {
            "texts": [
                None if cell is None else cell.encode("utf-8", "surrogatepass") for cell in cells.tolist()
            ]
        }
    dtype = cells.dtype.str if cells.dtype.names is None else cells.dtype.descr
    return {"dtype": dtype, "cells": cells.tobytes()}


def _rows_of(block: bytes) -> dict[str, NDArray[Any]]:
    columns: dict[str, Any] = msgspec.msgpack.decode(block)
    return {name: _column(cells) for name, cells in columns.items()}


def _column(recorded: dict[str, Any]) -> NDArray[Any]:
    if "texts" in recorded:
        texts = np.empty(len(recorded["texts"]), object)
        texts[:] = [
            None if cell is None else cell.decode("utf-8", "surrogatepass") for cell in recorded["texts"]
        ]
        return texts
    dtype = recorded["dtype"]
    return array_of(
        dtype if isinstance(dtype, str) else [tuple(part) for part in dtype], [-1], recorded["cells"]
    )
