"""Stretches of time per device in which something is so: switched off, or without a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SPAN_MS = 1 << 42


@dataclass(frozen=True, slots=True, eq=False)
class Spells:
    """Half-open spells [start, end), sorted by device and time, of one device never overlapping.

    ``manner`` says how the spell runs, in the words of its maker.
    """

    device: NDArray[np.int64]
    start_ms: NDArray[np.int64]
    end_ms: NDArray[np.int64]
    manner: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.device)

    def number_at(self, device: NDArray[np.int64], time_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """The spell a device is in at a time, pair by pair; -1 where in none."""
        if not len(self):
            return np.full(len(device), -1, dtype=np.int64)
        key = self._key(self.device, self.start_ms)
        found = np.searchsorted(key, self._key(device, time_ms), side="right") - 1
        inside = (found >= 0) & (self.device[found] == device) & (time_ms < self.end_ms[found])
        return np.where(inside, found, -1)

    @staticmethod
    def _key(device: NDArray[np.int64], time_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        return device * _SPAN_MS + time_ms


def spells(
    device: NDArray[np.int64],
    start_ms: NDArray[np.int64],
    end_ms: NDArray[np.int64],
    manner: NDArray[np.int8] | None = None,
) -> Spells:
    """Spells in order, each cut short where the next of its device begins; empty ones are left out."""
    order = np.lexsort((start_ms, device))
    device, start_ms, end_ms = device[order], start_ms[order], end_ms[order].copy()
    manner = np.zeros(len(device), np.int8) if manner is None else manner[order]
    if len(device) > 1:
        same = device[1:] == device[:-1]
        end_ms[:-1] = np.where(same, np.minimum(end_ms[:-1], start_ms[1:]), end_ms[:-1])
    kept = end_ms > start_ms
    return Spells(device[kept], start_ms[kept], end_ms[kept], manner[kept])


def no_spells() -> Spells:
    nothing = np.zeros(0, np.int64)
    return Spells(nothing, nothing, nothing, np.zeros(0, np.int8))
