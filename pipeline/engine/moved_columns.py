"""Columns under the numbers of another site, at the cost of the numbers that are others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.record_columns import grown

Ints = NDArray[np.int64]
#: What a new cell holds: one value, or those at some numbers, shape (k,).
Fresh = int | float | bool | Callable[[Ints], NDArray[Any]]


@dataclass(eq=False)
class NewNumbers:
    """``to`` has the new number of each old one, shape (n,), -1 where there is none any more."""

    to: Ints

    @classmethod
    def without(cls, count: int, gone: Sequence[int] | Ints) -> NewNumbers:
        """Where all that are left keep their numbers."""
        made, unused = cls(np.arange(count)), np.unique(np.asarray(gone, np.int64))
        made.to[unused] = -1
        made.__dict__["unused"] = unused  # which need not be looked for
        return made

    @cached_property
    def unused(self) -> Ints | None:
        """The numbers that are no more; None where others than they have changed."""
        gone = self.to < 0
        return np.flatnonzero(gone) if (gone | (self.to == np.arange(len(self.to)))).all() else None

    def but(self, places: Ints) -> NewNumbers:
        """The same where these old numbers are no more either."""
        if self.unused is not None:
            return NewNumbers.without(len(self.to), np.concatenate([self.unused, places]))
        to = self.to.copy()
        to[places] = -1
        return NewNumbers(to)

    @property
    def is_same(self) -> bool:
        """Whether every number is as it was."""
        return self.unused is not None and not len(self.unused)

    def moved(self, cells: NDArray[Any], count: int, fresh: Fresh) -> NDArray[Any]:
        """A column under the new numbers, of which there are ``count``: ``cells`` itself where it can be."""
        if self.unused is None or len(cells) > count:
            places, there = np.arange(count), self.to >= 0
            column = _cells(fresh, places, cells.dtype)
            column[self.to[there]] = cells[there]
            return column
        if len(cells) < count:
            cells = grown(cells, count)
        places = np.concatenate([self.unused, np.arange(len(self.to), count)])
        if len(places):
            cells[places] = _cells(fresh, places, cells.dtype)
        return cells


def _cells(fresh: Fresh, places: Ints, dtype: Any) -> NDArray[Any]:
    if callable(fresh):
        return np.asarray(fresh(places), dtype)
    return np.full(len(places), fresh, dtype)
