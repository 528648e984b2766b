"""Rows that were refused where they came in: the log keeps each in its place, as a reason and a text.

So the engine reports and counts them with its own, in the order of the file, and once, whatever is killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.reading.parquet import ParquetChunk
from pipeline.reading.rows import REASONS, USABLE, RawChunk, RawRows

_REASON, _TEXT = "refused:reason", "refused:text"
#: What a refused row has in place of the contract's columns.
REFUSED_COLUMNS = {_REASON: pa.string(), _TEXT: pa.string()}


def is_usable(batch: pa.RecordBatch) -> NDArray[np.bool_]:
    """Which rows (n,) of a logged batch were not refused."""
    if _REASON not in batch.schema.names:
        return np.ones(len(batch), np.bool_)
    return np.asarray(batch[_REASON].is_null().to_numpy(zero_copy_only=False), np.bool_)


def with_refused(
    batch: pa.RecordBatch, reason: NDArray[np.int8], texts: Sequence[str | None]
) -> pa.RecordBatch:
    """All n rows in their order: ``batch`` holds the usable ones, ``texts`` (n) those of the refused.

    ``reason`` (n,) numbers REASONS. Where nothing was refused the batch is as it was.
    """
    usable = reason == USABLE
    if usable.all():
        return batch
    spread = batch.take(pa.array(np.cumsum(usable) - 1, mask=~usable))
    words = [REASONS[code] if code != USABLE else None for code in reason.tolist()]
    for name, cells in ((_REASON, words), (_TEXT, texts)):
        spread = spread.append_column(name, pa.array(cells, pa.string()))
    return spread


def chunk_of(rows: RawRows, cells: pa.RecordBatch) -> RawChunk:
    """Decoded rows as a chunk; those that were refused get back the reason they had, and their text."""
    own = [name for name in cells.schema.names if name not in REFUSED_COLUMNS]
    if len(own) == cells.num_columns:
        return ParquetChunk(rows, 1, cells)
    reason = rows.reason.copy()
    for row, word in enumerate(cells[_REASON].to_pylist()):
        if word is not None:
            reason[row] = REASONS.index(word)
    return _PartlyRefused(replace(rows, reason=reason), cells.select(own), cells[_TEXT])


class _PartlyRefused(ParquetChunk):
    """Rows of the log, some of which were refused before they came into it."""

    __slots__ = ("_texts",)

    def __init__(self, rows: RawRows, cells: pa.RecordBatch, texts: pa.Array) -> None:
        super().__init__(rows, 1, cells)
        self._texts = texts

    def raw(self, position: int) -> str:
        """The row's text where it was refused, else its values as the log has them."""
        text: str | None = self._texts[position].as_py()
        return super().raw(position) if text is None else text
