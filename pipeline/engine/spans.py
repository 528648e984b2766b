"""Validity intervals of many owners, by number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geofences.appending import Appending
from pipeline.engine.intervals import interval_at, starts_of_runs

Ints = NDArray[np.int64]


class Spans:
    """Rising disjoint intervals per owner, by number: owner ``o`` has ``item[first[o] : beyond[o]]``.

    Numbers last: where an owner's intervals become others, those that stay keep theirs, and one that is no
    more keeps its number and has no owner that names it.
    """

    def __init__(self, owner: Ints, from_ms: Ints, to_ms: Ints, owners: int) -> None:
        """Intervals sorted by owner and start."""
        starts = starts_of_runs(owner, owners)
        #: (owners, 2), together as they are read together.
        self._bounds = np.stack([starts[:-1], starts[1:]], axis=1)
        self.item = np.arange(len(owner))
        self._in_order = True
        self.owner = owner
        self.from_ms = from_ms
        self.to_ms = to_ms
        self._growing: dict[str, Appending] = {}

    def at(self, owner: Ints, at_ms: Ints) -> Ints:
        """Interval numbers holding these instants, -1 where none; shape (n,)."""
        return interval_at(self._bounds, self.item, self._in_order, self.from_ms, self.to_ms, owner, at_ms)

    @property
    def first(self) -> Ints:
        """Where each owner's intervals begin in ``item``."""
        return self._bounds[:, 0]

    @property
    def beyond(self) -> Ints:
        """Where they end."""
        return self._bounds[:, 1]

    def one_at(self, owner: int, at_ms: int) -> int:
        """``at`` for a single owner and instant."""
        mine = self.of_owner(owner)
        place = int(np.searchsorted(self.from_ms[mine], at_ms, "right")) - 1
        return int(mine[place]) if place >= 0 and at_ms < self.to_ms[mine[place]] else -1

    def of_owner(self, owner: int) -> Ints:
        """The numbers of one owner's intervals."""
        return self.item[self.first[owner] : self.beyond[owner]]

    def singles(self, owners: Ints) -> Ints:
        """The interval of each owner that has exactly one, -1 of all others; shape (n,)."""
        first, beyond = self._bounds[owners].T
        has_one = beyond - first == 1
        found = np.full(len(owners), -1)
        found[has_one] = self.item[first[has_one]]
        return found

    def counts(self, owners: Sequence[int]) -> list[int]:
        """How many intervals each of these owners has."""
        chosen = self._bounds[list(owners)]
        counts: list[int] = (chosen[:, 1] - chosen[:, 0]).tolist()
        return counts

    def of(self, owner: int) -> list[tuple[int, int]]:
        """All intervals of one owner."""
        mine = self.of_owner(owner)
        return list(zip(self.from_ms[mine].tolist(), self.to_ms[mine].tolist(), strict=True))

    def make_room(self, owners: int) -> None:
        """There are so many owners by now; those that are new have no intervals."""
        more = owners - len(self._bounds)
        if more > 0:
            room = np.zeros((more + owners // 8 + 64, 2), np.int64)
            self._bounds = np.concatenate([self._bounds, room])

    def add(self, owner: int, spans: Sequence[tuple[int, int]]) -> list[int]:
        """New intervals, which their owner is given by ``give``; their numbers."""
        known = len(self.owner)
        columns = np.array(spans, np.int64).reshape(-1, 2)
        self.owner = self._grown("owner", np.full(len(spans), owner, np.int64))
        self.from_ms = self._grown("from_ms", columns[:, 0])
        self.to_ms = self._grown("to_ms", columns[:, 1])
        return list(range(known, known + len(spans)))

    def give(self, owner: int, numbers: Sequence[int]) -> None:
        """These are an owner's intervals from now on, rising."""
        begin = len(self.item)
        self.item = self._grown("item", np.array(numbers, np.int64))
        self._bounds[owner] = begin, len(self.item)
        self._in_order = False

    def _grown(self, name: str, more: Ints) -> Ints:
        if name not in self._growing:
            self._growing[name] = Appending(getattr(self, name))
        return self._growing[name].also(more)
