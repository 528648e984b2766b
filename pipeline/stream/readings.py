"""What accepted rows say beside whose, when and where: columns that are read only where somebody asks."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.columns import NUMBER, OTHER_COLUMNS, TEXT, TRUTH
from pipeline.reading.raw_batch import RawBatch
from pipeline.rules.catalogue import RULES

#: A truth of a row that does not say.
NOT_GIVEN = -1

#: By what a column holds: the type it is handed on as, and what stands where it is not given.
_FORM: dict[int, tuple[type[np.generic], Any]] = {
    NUMBER: (np.float64, np.nan),
    TRUTH: (np.int8, NOT_GIVEN),
    TEXT: (np.object_, None),
}


@cache
def judged_readings() -> tuple[str, ...]:
    """The columns of this kind that a rule judges by, in the order of the table."""
    named = {name for rule in RULES for name in rule.columns}
    return tuple(name for name in OTHER_COLUMNS if name in named)


def readings_of(
    batch: RawBatch, places: NDArray[np.int64], names: Collection[str]
) -> dict[str, NDArray[Any]]:
    """Columns of the rows at rising ``places`` (n,) of a batch, all of them usable.

    Numbers are float64, NaN where not given or outside the column's range; truths int8, 0, 1 or NOT_GIVEN;
    texts objects, None where not given.
    """
    found = {name: _nothing(name, len(places)) for name in names}
    if not found:
        return found
    order = np.argsort(batch.chunk[places], kind="stable")
    ends = np.cumsum(np.bincount(batch.chunk[places], minlength=len(batch.chunks)))[:-1]
    for chunk, mine in zip(batch.chunks, np.split(order, ends), strict=True):
        given = chunk.others(batch.position[places[mine]]) if len(mine) else {}
        for name in found.keys() & given.keys():
            found[name][mine] = _cells(name, given[name])
    return found


def _nothing(name: str, rows: int) -> NDArray[Any]:
    kind, nothing = _FORM[OTHER_COLUMNS[name].holds]
    return np.full(rows, nothing, kind)


def _cells(name: str, cells: pa.Array) -> NDArray[Any]:
    column = OTHER_COLUMNS[name]
    if column.holds == TEXT:
        texts = np.empty(len(cells), np.object_)
        texts[:] = cells.to_pylist()
        return texts
    kind, nothing = _FORM[column.holds]
    given = cells.cast(pa.from_numpy_dtype(kind)).fill_null(nothing).to_numpy(zero_copy_only=False)
    if column.holds == TRUTH:
        return np.asarray(given, kind)
    return np.where((given >= column.least) & (given <= column.most), given, np.nan)
