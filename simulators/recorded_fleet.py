"""A made-up fleet's files as a stream that never ends: rows as they fall due, round after round."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

_BATCH_ROWS = 1 << 16
_TIMES = ("event_time", "arrival_time")


class RecordedFleet:
    """Rows of one file, which is sorted by arrival; each round is later than the one before by ``period_ms``.

    Whole weeks keep the days of the week, and with them schedules and routines.
    """

    def __init__(self, path: Path, period_ms: int) -> None:
        self._is_empty = pq.read_metadata(path).num_rows == 0
        self._frames = _rounds(path, period_ms)
        self._rest = pl.DataFrame()

    def due(self, until_ms: int) -> pl.DataFrame:
        """The next rows that arrive up to an instant; columns as in the file, times in UTC."""
        parts: list[pl.DataFrame] = []
        while not self._is_empty:
            if not len(self._rest):
                self._rest = next(self._frames)
            rows = int((self._rest["arrival_time"].dt.epoch("ms") <= until_ms).sum())
            parts.append(self._rest[:rows])
            self._rest = self._rest[rows:]
            if len(self._rest):
                break
        return pl.concat(parts) if parts else pl.DataFrame()


def _rounds(path: Path, period_ms: int) -> Iterator[pl.DataFrame]:
    for number in count():
        later = pl.duration(milliseconds=number * period_ms)
        for batch in pq.ParquetFile(path).iter_batches(_BATCH_ROWS):
            frame = pl.DataFrame(batch)
            yield frame.with_columns(pl.col(name) + later for name in _TIMES)
