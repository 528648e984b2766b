"""Rows of whatever files or records in one order: what the stream and the log hand on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.reading.rows import RawChunk, RawRows


@dataclass(frozen=True, slots=True, eq=False)
class RawBatch:
    """Rows in merged order; columns have shape (n,).

    ``kind`` is PING or CONFIRMATION, ``file`` the place of the row's file in ``names``, ``row`` its
    number in that file from 1; ``chunk`` and ``position`` find its text.
    """

    rows: RawRows
    kind: NDArray[np.int8]
    file: NDArray[np.int32]
    row: NDArray[np.int64]
    chunk: NDArray[np.int32]
    position: NDArray[np.int64]
    chunks: tuple[RawChunk, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, rows: NDArray[np.intp] | slice) -> RawBatch:
        """The same batch at some places."""
        return RawBatch(
            self.rows.select(rows),
            self.kind[rows],
            self.file[rows],
            self.row[rows],
            self.chunk[rows],
            self.position[rows],
            self.chunks,
            self.names,
        )

    def raw(self, place: int) -> str:
        """The text of one row as read."""
        chunk = self.chunks[int(self.chunk[place])]
        return chunk.raw(int(self.position[place]))
