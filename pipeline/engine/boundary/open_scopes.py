"""Which scopes of a binding have an open incident at rest: there the right side is what changes something."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.engine.intervals import ranges

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: The binding of a fix that is not judged live: nothing is open for it.
NOT_LIVE = -1
#: Room for so many scopes at first.
_ROOM = 1 << 10


class OpenScopes:
    """A few scopes for some of the bindings, in columns: ``_scope[_first[b]:_first[b] + _count[b]]``."""

    def __init__(self, bindings: int) -> None:
        self._count = np.zeros(bindings, np.int32)
        self._first = np.zeros(bindings, np.int64)
        self._scope = np.empty(_ROOM, np.int64)
        self._end = 0

    def put(self, binding: int, scopes: Sequence[int]) -> None:
        """Take scopes for a binding, in place of those that it had."""
        if self._end + len(scopes) > len(self._scope):
            self._make_room(len(scopes))
        self._first[binding], self._count[binding] = self._end, len(scopes)
        self._scope[self._end : self._end + len(scopes)] = scopes
        self._end += len(scopes)

    def put_all(self, bindings: Ints, binding: Ints, scope: Ints) -> None:
        """The same for rising ``bindings``, from pairs by binding; some have none any more."""
        if self._end + len(scope) > len(self._scope):
            self._make_room(len(scope))
        first = np.searchsorted(binding, bindings, "left")
        self._count[bindings] = np.searchsorted(binding, bindings, "right") - first
        self._first[bindings] = self._end + first
        self._scope[self._end : self._end + len(scope)] = scope
        self._end += len(scope)

    def drop(self, binding: int) -> None:
        """A binding has none any more."""
        self._count[binding] = 0

    def counts(self, bindings: Ints) -> Ints:
        """How many scopes each has."""
        return np.where(bindings == NOT_LIVE, 0, self._count[bindings]).astype(np.int64)

    def hold(self, binding: Ints, scope: Ints) -> Bools:
        """Of pairs: is the scope one of the binding's?"""
        found: Bools = _hold(self._first, self._count, self._scope, binding, scope)
        return found

    def pairs(self, bindings: Ints) -> tuple[Ints, Ints]:
        """Rows of ``bindings`` and their scopes, each pair once; both of shape (k,), by row."""
        first = self._first[bindings]
        row, at = ranges(first, first + self.counts(bindings))
        return row, self._scope[at]

    def move(self, bindings: int, moving: Iterable[int] | None) -> None:
        """There are so many bindings now; these have none any more, with None nobody has."""
        kept = self._count[:bindings] if moving is not None else self._count[:0]
        self._count = np.concatenate([kept, np.zeros(bindings - len(kept), np.int32)])
        self._first = np.resize(self._first, bindings)
        for binding in moving or ():
            if binding < bindings:
                self.drop(binding)

    def _make_room(self, more: int) -> None:
        """Put what is in use together, with as much room again."""
        _, scope = self.pairs(np.arange(len(self._count)))
        self._end = len(scope)
        self._scope = np.empty(max(_ROOM, 2 * (self._end + more)), np.int64)
        self._scope[: self._end] = scope
        self._first = np.concatenate([[0], np.cumsum(self._count)])[:-1]


@njit(cache=True, nogil=True)
def _hold(first, count, scopes, binding, scope):  # type: ignore[no-untyped-def]  # numba infers the arrays
    found = np.zeros(len(binding), np.bool_)
    for pair in range(len(binding)):
        if binding[pair] == NOT_LIVE:
            continue
        begin = first[binding[pair]]
        for at in range(begin, begin + count[binding[pair]]):
            if scopes[at] == scope[pair]:
                found[pair] = True
                break
    return found
