"""Durable checkpoints in a directory, named by a small token: what only grows is written as it grows.

A state file is a line of JSON, which names the row files that belong to it and how many of their rows, and
then whatever is written whole. A row file is a sequence of blocks, each a line of JSON and some rows of
every column as ``numpy.save`` writes them. Rows are durable before the state that counts them is.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.journal.disk import put_file, sync_directory, sync_file

Rows = Mapping[str, NDArray[Any]]

#: How a token ends, as a pattern of file names: ten digits.
_NUMBER = "[0-9]" * 10


class Growing(Protocol):
    """Equal-length columns that rows are added to; ``generation`` changes when other rows change or go."""

    @property
    def generation(self) -> int: ...

    def __len__(self) -> int: ...

    def rows_from(self, first: int) -> Rows:
        """All columns from a row on."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A part's state: ``whole`` is written anew each time, of each thing in ``growing`` what it gained."""

    whole: bytes
    growing: Mapping[str, Growing]

    def stored(self) -> Stored:
        """The same as ``CheckpointStore.get`` would give it."""
        rows = {name: grown.rows_from(0) for name, grown in self.growing.items()}
        copied = {
            name: {key: cells.copy() for key, cells in columns.items()} for name, columns in rows.items()
        }
        return Stored(self.whole, copied)


@dataclass(frozen=True, slots=True)
class Stored:
    """A state as it was put; ``rows`` are the columns of each growing thing by name."""

    whole: bytes
    rows: Mapping[str, Rows]


@dataclass(slots=True)
class _RowFile:
    """How many rows of a growing thing are in which file; -1: not even none."""

    name: str
    generation: int
    count: int = -1


@dataclass(slots=True)
class _Part:
    """What this process knows of a part: its committed token, and the row files it goes on writing."""

    committed: str | None = None
    files: dict[str, _RowFile] = field(default_factory=dict)


class CheckpointStore:
    """Keeps each part's newest states; a state is durable when ``put`` returns.

    The runtime closes an epoch only when all that was handed on before it is committed. So while a new
    state is put, the one put or got before it is the only other that a restart can ask for.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._parts: dict[str, _Part] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def put(self, part: str, checkpoint: Checkpoint) -> str:
        """Store a part's state; returns the token to get it by."""
        known = self._generations(part)
        token = f"{part}-{known[-1] + 1 if known else 0:010d}"
        parts = self._parts.setdefault(part, _Part())
        for name, growing in checkpoint.growing.items():
            self._grow(token, parts, name, growing)
        head = {name: [file.name, file.count] for name, file in parts.files.items()}
        content = json.dumps(head).encode() + b"\n" + checkpoint.whole
        put_file(self._state_file(token), content)
        if parts.committed is not None:
            self._drop(part, [f"{part}-{generation:010d}" for generation in known], {parts.committed, token})
        parts.committed = token
        return token

    def get(self, token: str) -> Stored:
        """The state of a token."""
        self._parts.setdefault(token.rpartition("-")[0], _Part()).committed = token
        head, _, whole = self._state_file(token).read_bytes().partition(b"\n")
        return Stored(whole, {name: self._rows(*there) for name, there in json.loads(head).items()})

    def _grow(self, token: str, part: _Part, name: str, growing: Growing) -> None:
        """Make durable what a growing thing has gained; all of it, in a new file, where others changed."""
        file, count = part.files.get(name), len(growing)
        if file is None or file.generation != growing.generation:
            file = part.files[name] = _RowFile(f"{token}.{name}.rows", growing.generation)
        if count == file.count:
            return
        is_new = file.count < 0
        with (self._directory / file.name).open("wb" if is_new else "ab") as rows:
            _write_block(rows, growing.rows_from(max(0, file.count)))
            rows.flush()
            sync_file(rows.fileno())
        if is_new:
            sync_directory(self._directory)
        file.count = count

    def _rows(self, name: str, count: int) -> Rows:
        """The first rows of a file; what a killed process wrote behind them is not looked at."""
        with (self._directory / name).open("rb") as file:
            blocks = [_read_block(file)]
            while (missing := count - sum(len(next(iter(block.values()))) for block in blocks)) > 0:
                blocks.append(_read_block(file))
        assert missing == 0, "a state is put at the end of a block"
        return {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}

    def _drop(self, part: str, tokens: list[str], kept: set[str]) -> None:
        """Remove states that no restart can ask for, and row files that none of the others names."""
        for token in tokens:
            if token not in kept:
                self._state_file(token).unlink()
        named: set[str] = set()
        for token in kept:
            with self._state_file(token).open("rb") as file:
                named |= {name for name, _ in json.loads(file.readline()).values()}
        for path in self._directory.glob(f"{part}-{_NUMBER}.*.rows"):
            if path.name not in named:
                path.unlink()

    def _state_file(self, token: str) -> Path:
        return self._directory / f"{token}.state"

    def _generations(self, part: str) -> list[int]:
        return sorted(
            int(path.stem.rpartition("-")[2]) for path in self._directory.glob(f"{part}-{_NUMBER}.state")
        )


def _write_block(file: BinaryIO, rows: Rows) -> None:
    objects = [name for name, cells in rows.items() if cells.dtype.hasobject]
    file.write(json.dumps({"columns": list(rows), "objects": objects}).encode() + b"\n")
    for name, cells in rows.items():
        plain = np.frombuffer(pickle.dumps(cells.tolist()), np.uint8) if name in objects else cells
        np.save(file, plain, allow_pickle=False)


def _read_block(file: BinaryIO) -> Rows:
    head = json.loads(file.readline())
    rows = {name: np.load(file, allow_pickle=False) for name in head["columns"]}
    return rows | {name: _objects(pickle.loads(rows[name].tobytes())) for name in head["objects"]}


def _objects(values: list[Any]) -> NDArray[Any]:
    cells = np.empty(len(values), object)
    cells[:] = values
    return cells
