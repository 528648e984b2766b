"""Parquet: columns as they are stored, checked a batch at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.columns import columns_of, required_of
from pipeline.errors import InputError
from pipeline.ping import PING
from pipeline.reading.arrow_cells import ArrowRows, unfit_for, unpacked
from pipeline.reading.arrow_text import row_text
from pipeline.reading.arrow_types import other_types
from pipeline.reading.challenges import Challenges
from pipeline.reading.device_ids import DeviceIds
from pipeline.reading.disguise import LOOKED_AT, found_form
from pipeline.reading.rows import RawChunk, RawRows, StreamFile
from pipeline.reading.unknown_columns import unknown_column_warnings

#: Read ahead per column; without it a whole row group would be held in memory.
BUFFER_BYTES = 1 << 20


class ParquetChunk(RawChunk):
    """Rows of one record batch."""

    __slots__ = ("_batch",)

    def __init__(self, rows: RawRows, first_row: int, batch: pa.RecordBatch) -> None:
        super().__init__(rows, first_row)
        self._batch = batch

    def raw(self, position: int) -> str:
        """The row's values as a JSON object; what JSON has no type for is written as text."""
        return row_text(self._batch, position)

    def others(self, positions: NDArray[np.intp]) -> dict[str, pa.Array]:
        """Such columns, whatever type of numbers or text the file has them in."""
        found = {}
        for name, holds in other_types(PING).items():  # confirmations have none
            if name in self._batch.schema.names:
                column = self._batch[name].take(pa.array(positions))
                if column.null_count < len(column):
                    found[name] = _kept(unpacked(column), holds)
        return found


class ParquetStream(StreamFile):
    """A Parquet file; columns of another type than expected make their rows unusable, not the file."""

    def __init__(
        self,
        path: Path,
        name: str,
        kind: int,
        number: int,
        *,
        devices: DeviceIds,
        challenges: Challenges,
        chunk_rows: int,
    ) -> None:
        super().__init__(name, kind, number)
        self._path = path
        self._devices = devices
        self._challenges = challenges
        self._chunk_rows = chunk_rows
        self._columns = columns_of(kind)
        with self._opened() as file:
            self._schema = file.schema_arrow
            self._rows_total = file.metadata.num_rows
        self.bytes_total = path.stat().st_size
        self._check_columns()

    def __iter__(self) -> Iterator[RawChunk]:
        wanted = [name for name in self._schema.names if name in self._columns]
        with self._opened() as file:
            batches = file.iter_batches(batch_size=self._chunk_rows, columns=wanted, use_threads=False)
            while True:
                try:
                    batch = next(batches, None)
                except (OSError, pa.ArrowException) as error:
                    raise InputError(f"{self.name}: broken after row {self.rows_read}: {error}") from error
                if batch is None:
                    return
                yield self._chunk(batch)

    def warnings(self) -> list[str]:
        unknown = Counter({n: self._rows_total for n in self._schema.names if n not in self._columns})
        unfit = (
            (f, unfit_for(self._columns[f.name], f.type)) for f in self._schema if f.name in self._columns
        )
        return unknown_column_warnings(self.name, unknown) + [
            f"{self.name}: column {field.name} has {field.type}; expected {expected}, so no row with a value "
            "in it can be used"
            for field, expected in unfit
            if expected
        ]

    def _opened(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self._path, pre_buffer=False, buffer_size=BUFFER_BYTES)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{self.name}: cannot be read as Parquet: {error}{self._found()}") from error

    def _found(self) -> str:
        """What the file is instead, where that is known."""
        try:
            with self._path.open("rb") as file:
                form = found_form(file.read(LOOKED_AT))
        except OSError:
            return ""
        return "" if form in (None, "Parquet") else f" (it is {form})"

    def _check_columns(self) -> None:
        names = self._schema.names
        required = required_of(self.kind)
        for name in required:
            if name not in names:
                raise InputError(f"{self.name}: no column {name}; expected {', '.join(required)}")
        for name in self._columns:
            if names.count(name) > 1:
                raise InputError(f"{self.name}: column {name} twice; expected one")

    def _chunk(self, batch: pa.RecordBatch) -> RawChunk:
        rows = ArrowRows(len(batch), self._devices, self._challenges)
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            rows.put(self._columns[name], column)
        chunk = ParquetChunk(rows.checked(), self.rows_read + 1, batch)
        self.rows_read += len(batch)
        self.bytes_read = self.bytes_total * self.rows_read // max(1, self._rows_total)
        return chunk


def _kept(column: pa.Array, holds: pa.DataType) -> pa.Array:
    """A column as the log keeps it; Parquet does not see to it that text is UTF-8."""
    if not pa.types.is_string(holds):
        return column.cast(holds, safe=False)
    letters = column.cast(pa.binary())
    try:
        return letters.cast(holds)
    except pa.ArrowInvalid:
        texts = (value if value is None else value.decode(errors="replace") for value in letters.to_pylist())
        return pa.array(texts, holds)
