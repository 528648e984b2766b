"""Where names stand in a column, found by their hashes: arrays, which are made sooner than a table."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from operator import eq

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.intervals import ranges
from pipeline.sites.row_columns import Column, hashes, order_by_hash

Ints = NDArray[np.int64]


class NamesByHash:
    """The places of each name of a column that stays as it is, in order."""

    def __init__(self, names: Column) -> None:
        self._names = names
        of = hashes(names)
        self._places = order_by_hash(names)
        of = of[self._places]
        is_first = np.ones(len(of), np.bool_)
        is_first[1:] = of[1:] != of[:-1]
        #: Each hash that there is, where its places begin, and behind the last where they end.
        self._hashes = of[is_first]
        self._first = np.append(np.flatnonzero(is_first), len(of))

    def get(self, name: Hashable, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """The places of one name."""
        at = int(np.searchsorted(self._hashes, hash(name)))
        if at == len(self._hashes) or self._hashes[at] != hash(name):
            return default
        places = self._places[self._first[at] : self._first[at + 1]].tolist()
        return tuple(place for place in places if self._names[place] == name) or default

    def pairs(self, names: Iterable[Hashable]) -> tuple[Ints, Ints]:
        """Pairs of the place of a name among these and one of its places in the column; in order of both."""
        asked = list(names)
        if not len(self._hashes):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        of = hashes(asked)
        order = np.argsort(of)  # neighbours are looked up together
        at = np.empty(len(of), np.int64)
        at[order] = np.searchsorted(self._hashes, of[order])
        at[at == len(self._hashes)] = 0
        is_there = self._hashes[at] == of
        asking = np.flatnonzero(is_there)
        which, place = ranges(self._first[at[asking]], self._first[at[asking] + 1])
        which, place = asking[which], self._places[place]
        names_there = map(self._names.__getitem__, place.tolist())
        same = np.fromiter(map(eq, map(asked.__getitem__, which.tolist()), names_there), np.bool_, len(place))
        return (which, place) if same.all() else (which[same], place[same])
