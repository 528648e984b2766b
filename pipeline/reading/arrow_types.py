"""The Arrow type each column is kept as: the log's schema, and batches on their way there, follow from it."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from pipeline.columns import (
    ARRIVAL_TIME,
    CHALLENGE,
    CRS_NAME,
    DEVICE,
    EVENT_TIME,
    FACE,
    OTHERS,
    SOURCE,
    TEXT,
    TRUTH,
    columns_of,
)

INSTANT = pa.timestamp("ms", "UTC")
_TYPES = {
    **dict.fromkeys((DEVICE, SOURCE, CRS_NAME, TEXT, CHALLENGE), pa.string()),
    **dict.fromkeys((EVENT_TIME, ARRIVAL_TIME), INSTANT),
    **dict.fromkeys((TRUTH, FACE), pa.bool_()),
}


@cache
def column_types(kind: int) -> dict[str, pa.DataType]:
    """Every column of a kind of row, with the type it is kept as; numbers are the rest."""
    return {name: _TYPES.get(holds, pa.float64()) for name, holds in columns_of(kind).items()}


@cache
def other_types(kind: int) -> dict[str, pa.DataType]:
    """Of them those beside whose, when and where."""
    columns = columns_of(kind)
    return {name: holds for name, holds in column_types(kind).items() if columns[name] in OTHERS}
