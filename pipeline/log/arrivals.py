"""Who sent what when, from records of the log, without reading anything else of the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.log.record import Record
from pipeline.log.refused import is_usable
from pipeline.log.rows import cells_of


class RowArrivals(NamedTuple):
    """Usable rows of a record: ``device`` (n,) numbers of the asked ids, ``arrival_ms`` (n,)."""

    device: NDArray[np.int64]
    arrival_ms: NDArray[np.int64]


def row_arrivals(records: Sequence[Record], numbers: Mapping[str, int]) -> RowArrivals:
    """Of records of rows, of which there is at least one; ``numbers`` has the asked ids.

    Rows of other devices and those that were refused are left out.
    """
    parts = [cells_of(record) for record in records]
    named = pa.concat_arrays([cells["device_id"] for cells in parts]).dictionary_encode()
    # A site has many times the devices of a message: only those named are looked up.
    ids = named.dictionary.to_pylist()
    number = np.array([*(numbers.get(device_id, -1) for device_id in ids), -1], np.int64)
    device = number[named.indices.fill_null(len(ids)).to_numpy(zero_copy_only=False)]
    kept = (device >= 0) & np.concatenate([is_usable(cells) for cells in parts])
    arrivals = pa.concat_arrays([cells["arrival_time"] for cells in parts])
    arrival_ms = arrivals.cast(pa.int64()).to_numpy(zero_copy_only=False)
    # No row arrives before the mark that it follows.
    floor_ms = np.repeat([record.clock_ms for record in records], [len(cells) for cells in parts])
    return RowArrivals(device[kept], np.maximum(arrival_ms, floor_ms)[kept])
