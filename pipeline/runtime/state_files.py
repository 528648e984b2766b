"""How states stand in files: frames with checksums, sealed with the name (``pipeline/host/framed.py``).

A state file is one frame: whatever is written whole, the row files that belong to it, how many of their
rows, and the checksum of these. A row file is a sequence of frames, each with some rows of every column.
Nothing is read back that could run.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.checkpoint import Rows
from pipeline.engine.state_code import array_of
from pipeline.errors import PipelineError
from pipeline.host.framed import FrameDamaged, read_frame

#: Rows of a frame.
_BLOCK_ROWS = 1 << 18


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
                total = joined_sum(total, frame)
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError, OSError) as error:
        raise CheckpointDamaged(path, _said(error)) from None
    if found != recorded.count or total != recorded.sum:
        raise CheckpointDamaged(path, "its rows are not those of the state that names it")
    return {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def joined_sum(total: int, more: int) -> int:
    return zlib.crc32(more.to_bytes(4, "little"), total)


def blocks(rows: Rows) -> Iterator[bytes]:
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
