"""Columns that grow at the end, as one structured set of numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

_FIRST_CAPACITY = 1024


def moved(cells: NDArray[Any], to: NDArray[np.int64], fresh: NDArray[Any]) -> NDArray[Any]:
    """A column under new numbers: ``to`` has that of each cell, -1 where it goes; ``fresh`` new ones."""
    kept = to == np.arange(len(to))
    if len(to) <= len(fresh) and (kept | (to < 0)).all():  # as with nearly all changes: few go, none moves
        gone = np.flatnonzero(~kept)
        anew = fresh[gone]
        fresh[: len(to)] = cells
        fresh[gone] = anew
        return fresh
    there = to >= 0
    fresh[to[there]] = cells[there]
    return fresh


class Columns:
    """Equal-length columns by name; ``columns["name"]`` is a view of the rows there are.

    ``generation`` counts how often rows that were there have changed (``keep``, ``changed``).
    """

    def __init__(self, dtypes: Mapping[str, DTypeLike]) -> None:
        self._held = {name: np.empty(_FIRST_CAPACITY, dtype) for name, dtype in dtypes.items()}
        self._rows = 0
        self.generation = 0

    @classmethod
    def of(cls, rows: Mapping[str, NDArray[Any]]) -> Self:
        """Columns that hold these rows."""
        made = cls({name: cells.dtype for name, cells in rows.items()})
        made.append(rows)
        return made

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._held[name][: self._rows]

    def rows_from(self, first: int) -> dict[str, NDArray[Any]]:
        """Views of all columns from a row on."""
        return {name: held[first : self._rows] for name, held in self._held.items()}

    def append(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Add rows at the end; every column must be given, all of one length."""
        more = len(next(iter(rows.values())))
        self._reserve(self._rows + more)
        for name, held in self._held.items():
            held[self._rows : self._rows + more] = rows[name]
        self._rows += more

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Forget the rows where the mask is false."""
        for name, held in self._held.items():
            self._held[name] = held[: self._rows][rows]
        self._rows = int(rows.sum())
        self.generation += 1

    def changed(self) -> None:
        """Cells of rows that were there already have been changed."""
        self.generation += 1

    def _reserve(self, rows: int) -> None:
        capacity = len(next(iter(self._held.values())))
        if rows <= capacity:
            return
        capacity = max(rows, 2 * capacity, _FIRST_CAPACITY)
        for name, held in self._held.items():
            grown = np.empty(capacity, held.dtype)
            grown[: self._rows] = held[: self._rows]
            self._held[name] = grown
