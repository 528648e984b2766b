"""Which alerts of leaving an area were raised lately and are followed no more: late leaves ask for them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.renumbering import Renumbering

Ints = NDArray[np.int64]
#: A scope, whether of backfill, and the onset.
Onset = tuple[int, bool, int]

#: Bindings that are noted before it is worth looking for what can be forgotten.
_FORGET_FROM = 1_000


class RaisedOnsets:
    """By binding, the onsets of alerts that stand, for as long as a leave may still be entered for them.

    The fixes of the horizon alone do not say whether a run began with its first one: what came before them
    is forgotten.
    """

    #: What a checkpoint holds of it.
    KEPT = ("rows",)

    def __init__(self) -> None:
        self._of: dict[int, set[Onset]] = {}
        self._forget_from = _FORGET_FROM

    @property
    def rows(self) -> Ints:
        """All of them, shape (n, 4): binding, scope, whether of backfill, onset in ms."""
        rows = [(binding, *onset) for binding, onsets in self._of.items() for onset in sorted(onsets)]
        return np.array(rows, np.int64).reshape(-1, 4)

    @rows.setter
    def rows(self, rows: Ints) -> None:
        self._of = {}
        for binding, scope, backfill, onset_ms in rows.tolist():
            self._of.setdefault(binding, set()).add((scope, bool(backfill), onset_ms))

    @property
    def scopes(self) -> set[int]:
        """The scopes that it refers to."""
        return {scope for onsets in self._of.values() for scope, _, _ in onsets}

    def of(self, binding: int) -> set[Onset]:
        """What was noted of a binding."""
        return self._of.get(binding, set())

    def note(self, binding: int, stand: Iterable[Onset], gone: Iterable[Onset], horizon_ms: int) -> None:
        """Alerts of a binding that stand and that are withdrawn, of what began since the horizon."""
        onsets = {onset for onset in (*self.of(binding), *stand) if onset[2] >= horizon_ms} - {*gone}
        if onsets:
            self._of[binding] = onsets
        else:
            self._of.pop(binding, None)
        if len(self._of) >= self._forget_from:
            self._forget(horizon_ms)

    def _forget(self, horizon_ms: int) -> None:
        lately = {
            binding: {onset for onset in onsets if onset[2] >= horizon_ms}
            for binding, onsets in self._of.items()
        }
        self._of = {binding: onsets for binding, onsets in lately.items() if onsets}
        self._forget_from = max(_FORGET_FROM, 2 * len(self._of))

    def move(self, numbers: Renumbering, bindings: Iterable[int] | None) -> None:
        """Go on under another site's numbers; only these bindings have others, where they are given."""
        moving = list(self._of) if bindings is None else [each for each in bindings if each in self._of]
        moved = [(int(numbers.bindings.to[each]), self._of.pop(each)) for each in moving]
        for binding, onsets in moved:
            scopes = ((int(numbers.scopes[scope]), *about) for scope, *about in onsets)
            there = {(scope, bool(backfill), onset_ms) for scope, backfill, onset_ms in scopes if scope >= 0}
            if binding >= 0 and there:
                self._of[binding] = there
