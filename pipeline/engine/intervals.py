"""Lookups in validity intervals: whose row holds this instant?"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def interval_at(
    bounds: NDArray[np.int64],
    item: NDArray[np.int64],
    in_order: bool,
    from_ms: NDArray[np.int64],
    to_ms: NDArray[np.int64],
    owner: NDArray[np.int64],
    at_ms: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The number of each owner's interval that holds an instant, -1 where none does; shape (n,).

    Owner ``o`` has the intervals ``item[bounds[o, 0] : bounds[o, 1]]``, disjoint and rising, each
    ``from_ms <= t < to_ms``. An owner of -1 has none. ``in_order``: ``item`` counts up, and need not be
    looked into, which with a million owners is a memory access that nothing has cached.
    """
    found = np.full(len(owner), -1, np.int64)
    for row in range(len(owner)):
        who = owner[row]
        if who < 0:
            continue
        low, high = bounds[who, 0], bounds[who, 1]
        begin = low
        while low < high:  # the first interval that begins after the instant
            middle = (low + high) // 2
            if from_ms[middle if in_order else item[middle]] <= at_ms[row]:
                low = middle + 1
            else:
                high = middle
        if low > begin:
            number = low - 1 if in_order else item[low - 1]
            if at_ms[row] < to_ms[number]:
                found[row] = number
    return found


def starts_of_runs(owner: NDArray[np.int64], owners: int) -> NDArray[np.int64]:
    """CSR offsets, shape (owners + 1,), of a sorted column of owner numbers."""
    return np.searchsorted(owner, np.arange(owners + 1)).astype(np.int64)


def ranges(
    first: NDArray[np.int64], beyond: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All numbers of the ranges ``[first, beyond)`` in order, each after the row of the range it is from."""
    count = beyond - first
    row = np.repeat(np.arange(len(first)), count)
    return row, first[row] + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
