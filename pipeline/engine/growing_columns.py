"""Columns that grow at the end, as one structured set of numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

_FIRST_CAPACITY = 1024


#: Larger columns are put into others with more room some rows at a time, from three quarters full on: so many
#: rows for each that is added, so that the others are complete before these are full.
_COPIED_FOR_EACH = 8
#: Smaller ones are copied at once.
_AT_ONCE = 1 << 14


class Columns:
    """Equal-length columns by name; ``columns["name"]`` is a view of the rows there are.

    ``generation`` counts how often rows that were there have changed (``keep``, ``put``). A cell that was
    handed out never does: those that are others come in an array of their own.
    """

    def __init__(self, dtypes: Mapping[str, DTypeLike]) -> None:
        self._held = {name: np.empty(_FIRST_CAPACITY, dtype) for name, dtype in dtypes.items()}
        self._rows = 0
        #: The columns to come, and how many rows they have.
        self._next: dict[str, NDArray[Any]] | None = None
        self._copied = 0
        self.generation = 0

    @classmethod
    def of(cls, rows: Mapping[str, NDArray[Any]], generation: int = 0) -> Self:
        """Columns that hold these rows, with room for more."""
        made = cls({name: cells.dtype for name, cells in rows.items()})
        count = len(next(iter(rows.values())))
        made._reserve(count + count // 3)
        made.append(rows)
        made.generation = generation
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
        self._grow(_COPIED_FOR_EACH * more)

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Forget the rows where the mask is false."""
        for name, held in self._held.items():
            self._held[name] = held[: self._rows][rows]
        self._rows = int(rows.sum())
        self._changed()

    def put(self, name: str, cells: NDArray[Any]) -> None:
        """Another column in the place of one, of all rows that there are."""
        held = np.empty(self._capacity, self._held[name].dtype)
        held[: self._rows] = cells
        self._held[name] = held
        self._changed()

    def _changed(self) -> None:
        self.generation += 1
        self._next = None

    @property
    def _capacity(self) -> int:
        return len(next(iter(self._held.values())))

    def _reserve(self, rows: int) -> None:
        """Room for so many rows, at once."""
        if rows > self._capacity:
            self._begin(max(rows, 2 * self._capacity, _FIRST_CAPACITY))
            self._grow(self._rows)

    def _begin(self, capacity: int) -> None:
        self._next = {name: np.empty(capacity, held.dtype) for name, held in self._held.items()}
        self._copied = 0

    def _grow(self, most: int) -> None:
        """Copy so many rows into the columns to come, which take over once they have all."""
        if self._next is None and self._capacity > _AT_ONCE and 4 * self._rows >= 3 * self._capacity:
            self._begin(2 * self._capacity)
        if self._next is None:
            return
        part = slice(self._copied, min(self._copied + most, self._rows))
        for name, held in self._held.items():
            self._next[name][part] = held[part]
        self._copied = part.stop
        if self._copied == self._rows:
            self._held, self._next = self._next, None
