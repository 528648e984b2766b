"""Where names stand in a column, found by their hashes: arrays, which are made sooner than a table."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from operator import eq

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.intervals import ranges
from pipeline.sites.row_columns import Column, by_hash, hashes, places_of

Ints = NDArray[np.int64]


class NamesByHash:
    """The places of each name of a column that stays as it is, in order."""

    def __init__(self, names: Column) -> None:
        self._names = names
        self._places, self._hashes = by_hash(names)

    def get(self, name: Hashable, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """The places of one name."""
        return tuple(places_of(name, self._names, self._places, self._hashes)) or default

    def pairs(self, names: Iterable[Hashable]) -> tuple[Ints, Ints]:
        """Pairs of the place of a name among these and one of its places in the column; in order of both."""
        asked = list(names)
        of = hashes(asked)
        order = np.argsort(of)  # neighbours are looked up together
        first, beyond = np.empty(len(of), np.int64), np.empty(len(of), np.int64)
        first[order] = np.searchsorted(self._hashes, of[order], "left")
        beyond[order] = np.searchsorted(self._hashes, of[order], "right")
        which, place = ranges(first, beyond)
        place = self._places[place]
        names_there = map(self._names.__getitem__, place.tolist())
        same = np.fromiter(map(eq, map(asked.__getitem__, which.tolist()), names_there), np.bool_, len(place))
        return (which, place) if same.all() else (which[same], place[same])
