"""What accepted rows say of batteries; nothing is judged by it, so it is read only where somebody asks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.reading.raw_batch import RawBatch
from pipeline.reading.rows import RawChunk

#: ``charging`` of a row that does not say.
NOT_GIVEN = -1


@dataclass(frozen=True, slots=True, eq=False)
class Batteries:
    """Columns beside those of accepted rows, shape (n,).

    ``pct`` is NaN where not given, or given as what is no percentage (below 0 or above 100); ``charging`` is
    0, 1 or NOT_TOLD.
    """

    pct: NDArray[np.float64]
    charging: NDArray[np.int8]


def batteries_of(batch: RawBatch, places: NDArray[np.int64]) -> Batteries:
    """What the rows at rising ``places`` (n,) of a batch, all of them usable, say of batteries."""
    pct = np.full(len(places), np.nan)
    charging = np.full(len(places), NOT_GIVEN, np.int8)
    order = np.argsort(batch.chunk[places], kind="stable")
    ends = np.cumsum(np.bincount(batch.chunk[places], minlength=len(batch.chunks)))[:-1]
    for chunk, mine in zip(batch.chunks, np.split(order, ends), strict=True):
        if len(mine):
            pct[mine], charging[mine] = _read(chunk, batch.position[places[mine]])
    pct[~((pct >= 0) & (pct <= 100))] = np.nan
    return Batteries(pct, charging)


def _read(chunk: RawChunk, positions: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Both columns at positions of usable rows, NaN and NOT_TOLD where not given."""
    found = chunk.unjudged(positions)
    nothing = pa.nulls(len(positions))
    pct = found.get("battery_pct", nothing).cast(pa.float64()).fill_null(np.nan)
    charging = found.get("charging", nothing).cast(pa.int8()).fill_null(NOT_GIVEN)
    return pct.to_numpy(zero_copy_only=False), charging.to_numpy(zero_copy_only=False)
