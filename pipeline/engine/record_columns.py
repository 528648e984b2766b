"""Columns whose cells of one row lie together: where rows are asked for in any order, each costs one look."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

#: What a processor reads at once, in bytes.
_LINE = 64
#: So many rows are looked for before they are worked on. With a million devices nothing that is kept of one
#: is in a cache: asked for in a run, many come at once, where work that waits for each keeps the processor
#: from asking for the next.
AHEAD = 256


def grown(cells: NDArray[Any], count: int) -> NDArray[Any]:
    """Cells with room behind them, ``count`` in all; no record lies across two lines needlessly."""
    size = cells.dtype.itemsize
    room = np.empty(count * size + _LINE, np.uint8)
    first = -room.ctypes.data % _LINE
    made: NDArray[Any] = room[first : first + count * size].view(cells.dtype)
    made[: len(cells)] = cells
    return made


def records(count: int, like: NDArray[Any]) -> NDArray[Any]:
    """So many records that are all like the one given (shape (1,))."""
    made = grown(like[:0], count)
    made[:] = like
    return made


def record_column(name: str, dtype: DTypeLike | None = None) -> Any:
    """A column of an object's ``_records``, as an attribute; a column of another length makes them all anew.

    The object's ``_blank`` is what records are like of which nothing is known. ``dtype``: as what it is read,
    where that is not as it is held.
    """

    def get(owner: Any) -> NDArray[Any]:
        column: NDArray[Any] = owner._records[name]
        return column if dtype is None else column.astype(dtype)

    def put(owner: Any, cells: NDArray[Any]) -> None:
        if len(cells) != len(owner._records):
            owner._records = records(len(cells), owner._blank)
        owner._records[name] = cells

    return property(get, put)
