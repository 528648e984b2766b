"""Arrays that grow at their end, where what was handed out before goes on saying the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Appending:
    """Cells of one column. ``also`` costs what is added, for there is room behind the cells.

    Each array that was handed out is a view of the first so many cells, which are never written again.
    """

    def __init__(self, cells: NDArray[Any]) -> None:
        self._held = cells
        self._count = len(cells)

    @property
    def cells(self) -> NDArray[Any]:
        """All cells so far."""
        return self._held[: self._count]

    def also(self, more: NDArray[Any]) -> NDArray[Any]:
        """All cells with more behind them."""
        count = self._count + len(more)
        if count > len(self._held):
            self.make_room(count)
        self._held[self._count : count] = more
        self._count = count
        return self._held[:count]

    def make_room(self, count: int = 0) -> None:
        """For so many cells and some more, which takes as long as all cells do: before others wait for it."""
        count = max(count, self._count)
        room = np.empty((count + count // 4 + 64, *self._held.shape[1:]), self._held.dtype)
        room[: self._count] = self._held[: self._count]
        self._held = room
