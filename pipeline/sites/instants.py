"""Columns of times: each text that stands there is read once, however many rows have it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS, END_MS, instant_ms

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Instants:
    """Times that were read already, by their texts."""

    def __init__(self) -> None:
        self._read: dict[str, int | None] = {}

    def spans(
        self, valid_from: Sequence[str], valid_to: Sequence[str]
    ) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """When rows hold, from and until; and which of them hold at all, the others have no sound times.

        All of shape (n,).
        """
        from_ms, from_is_sound = self._column(valid_from, BEGIN_MS)
        to_ms, to_is_sound = self._column(valid_to, END_MS)
        return from_ms, to_ms, from_is_sound & to_is_sound & (from_ms < to_ms)

    def _column(self, texts: Sequence[str], empty_ms: int) -> tuple[Ints, Flags]:
        if not any(texts):
            return np.full(len(texts), empty_ms), np.ones(len(texts), np.bool_)
        distinct = set(texts)
        for text in distinct - self._read.keys():
            self._read[text] = _read(text)
        known = {text: self._read[text] for text in distinct} | {"": empty_ms}
        unsound = {text for text, ms in known.items() if ms is None}
        known |= dict.fromkeys(unsound, empty_ms)
        cells = np.fromiter(map(known.__getitem__, texts), np.int64, len(texts))
        is_sound = np.ones(len(texts), np.bool_)
        if unsound:
            is_sound[:] = [text not in unsound for text in texts]
        return cells, is_sound


def _read(text: str) -> int | None:
    try:
        return instant_ms(text)
    except (ValueError, OverflowError):
        return None
