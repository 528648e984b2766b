"""The files that hold the rows of a state: frames with a checksum, each with some rows of every column."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.checkpoint import Rows
from pipeline.engine.state_code import array_of
from pipeline.errors import PipelineError
from pipeline.host.framed import read_frame

#: Rows of a frame.
_BLOCK_ROWS = 1 << 18


class CheckpointDamaged(PipelineError):  # noqa: N818 - the name says what is the matter
    """A state that was durable cannot be read; the message begins with the file."""

    def __init__(self, path: Path, wrong: object) -> None:
        super().__init__(f"{path}: {wrong}; `fencewatch data verify` looks at all that is kept")
        self.path = path
        self.wrong = str(wrong)


class RowFile(msgspec.Struct):
    """Rows of a growing thing: how many count (-1: not begun), and the checksum and bytes of their frames.

    ``size`` is -1 in states of versions that did not note it.
    """

    name: str
    count: int = -1
    sum: int = 0
    size: int = -1


class _Cells(msgspec.Struct):
    """A column in a frame: texts, or cells of a type."""

    dtype: Any = None
    cells: memoryview = memoryview(b"")
    texts: list[bytes | None] | None = None


_decoder = msgspec.msgpack.Decoder(dict[str, _Cells])


@dataclass(frozen=True, slots=True, eq=False)
class FoundRows:
    """The rows of a file, by column, and the checksum of the frames up to each row that ends one."""

    columns: Rows
    sums: Mapping[int, int]

    def first(self, recorded: RowFile) -> Rows | None:
        """The rows of an earlier state of the same file, as views; None where they do not begin these."""
        if self.sums.get(recorded.count) != recorded.sum:
            return None
        return {name: cells[: recorded.count] for name, cells in self.columns.items()}


def read_rows(directory: Path, recorded: RowFile) -> Rows:
    """The first rows of a file; what a killed process wrote behind them is not looked at.

    Raises CheckpointDamaged.
    """
    return found_rows(directory, recorded).columns


def found_rows(directory: Path, recorded: RowFile) -> FoundRows:
    """The same, with where earlier states end. Raises CheckpointDamaged."""
    path = directory / recorded.name
    columns: dict[str, NDArray[Any]] = {}
    sums: dict[int, int] = {}
    found, total = 0, 0
    try:
        # No row takes less than a byte: a count that is wrong takes no memory that the file does not have.
        count = min(recorded.count, path.stat().st_size)
        with path.open("rb") as file:
            while not columns or found < count:
                content, frame = read_frame(file, recorded.name)
                part = _rows_of(content)
                columns = columns or {name: np.empty(count, cells.dtype) for name, cells in part.items()}
                rows = len(next(iter(part.values())))
                for name, cells in part.items():
                    columns[name][found : found + rows] = cells
                found += rows
                total = joined_sum(total, frame)
                sums[found] = total
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError, OSError) as error:
        raise CheckpointDamaged(path, said(error)) from None
    if found != recorded.count or total != recorded.sum:
        raise CheckpointDamaged(path, "its rows are not those of the state that names it")
    return FoundRows(columns, sums)


def said(error: Exception) -> str:
    """What is wrong, as a fault of a state says it."""
    return str(getattr(error, "strerror", None) or error)


def joined_sum(total: int, more: int) -> int:
    """The checksum of frames and one more behind them."""
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
    """The columns of a frame, which look at its bytes."""
    return {name: _column(cells) for name, cells in _decoder.decode(block).items()}


def _column(recorded: _Cells) -> NDArray[Any]:
    if recorded.texts is not None:
        texts = np.empty(len(recorded.texts), object)
        texts[:] = [
            None if text is None else text.decode("utf-8", "surrogatepass") for text in recorded.texts
        ]
        return texts
    dtype = recorded.dtype
    kind = dtype if isinstance(dtype, str) else [tuple(part) for part in dtype]
    return array_of(kind, [-1], recorded.cells)
