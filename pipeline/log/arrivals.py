"""Who sent what when, from records of the log, without reading anything else of the rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.log.record import Record
from pipeline.log.refused import is_usable
from pipeline.log.rows import cells_of


class RowArrivals(NamedTuple):
    """Usable rows of a record: ``device`` (n,) numbers of the asked ids, ``arrival_ms`` (n,)."""

    device: NDArray[np.int64]
    arrival_ms: NDArray[np.int64]


def row_arrivals(record: Record, device_ids: pa.Array) -> RowArrivals:
    """Of a record of rows; rows of other devices and those that were refused are left out."""
    cells = cells_of(record)
    number = pc.index_in(cells["device_id"], value_set=device_ids)
    device = number.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    kept = (device >= 0) & is_usable(cells)
    arrival_ms = cells["arrival_time"].cast(pa.int64()).to_numpy(zero_copy_only=False)
    # No row arrives before the mark that it follows.
    return RowArrivals(device[kept], np.maximum(arrival_ms[kept], record.clock_ms))
