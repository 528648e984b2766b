"""What accepted rows say of batteries, for the card of a person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.reading.raw_batch import RawBatch
from pipeline.stream.readings import readings_of


@dataclass(frozen=True, slots=True, eq=False)
class Batteries:
    """Columns beside those of accepted rows, shape (n,).

    ``pct`` is NaN where not given, or given as what is no percentage (below 0 or above 100); ``charging`` is
    0, 1 or ``readings.NOT_GIVEN``.
    """

    pct: NDArray[np.float64]
    charging: NDArray[np.int8]


def batteries_of(batch: RawBatch, places: NDArray[np.int64]) -> Batteries:
    """What the rows at rising ``places`` (n,) of a batch, all of them usable, say of batteries."""
    found = readings_of(batch, places, ("battery_pct", "charging"))
    return Batteries(found["battery_pct"], found["charging"])
