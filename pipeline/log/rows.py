"""Rows of pings and confirmations as records: Arrow batches in, and out again as what intake takes.

A payload is the lengths of two names and the number of the first row, the source's name, the columns' names,
and the batch as an Arrow IPC message. The schema follows from the columns' names, so that a record of one row
costs hundreds of bytes, not thousands. Rows that were refused may stand among the others (``refused``).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.columns import columns_of, required_of
from pipeline.log.record import CONFIRMATIONS, PINGS, STREAM_OF, Entry, Record
from pipeline.log.refused import REFUSED_COLUMNS, chunk_of
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading import Challenges, DeviceIds, RawChunk, RawRows
from pipeline.reading.arrow_cells import ArrowRows
from pipeline.reading.arrow_types import INSTANT, column_types
from pipeline.reading.raw_batch import RawBatch

_HEAD = struct.Struct("<HHq")
_RECORD_OF = {PING: PINGS, CONFIRMATION: CONFIRMATIONS}


def rows_entry(
    kind: int,
    batch: pa.RecordBatch,
    *,
    source: str,
    arrival_ms: int | None = None,
    first_row: int | None = None,
) -> Entry:
    """Rows to append: ``kind`` is PING or CONFIRMATION, columns are those of contract §2 and ``refused``.

    ``arrival_ms`` stamps all rows; without it the batch has a full ``arrival_time`` of its own. ``source``
    says in rejects where rows came from; ``first_row`` is the first one's number there (None: rejects name
    the record instead). Rows bear types of the contract: raises pyarrow.ArrowInvalid where a value does
    not fit; columns that hold nothing are left out.
    """
    if arrival_ms is not None:
        batch = _stamped(batch, arrival_ms)
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    required = _required(kind)
    assert required <= columns.keys() <= _known(kind), "the columns are those of the contract"
    assert columns["arrival_time"].null_count == 0, "every row has its arrival"
    most = len(batch) - 1
    columns = {
        name: column for name, column in columns.items() if name in required or column.null_count <= most
    }
    listed = ",".join(columns).encode()
    schema = _schema(kind, listed)
    cells = [_typed(column, holds) for column, holds in zip(columns.values(), schema.types, strict=True)]
    return _entry(kind, pa.RecordBatch.from_arrays(cells, schema=schema), listed, source, first_row)


def cells_entry(kind: int, cells: Mapping[str, Sequence[Any]], *, source: str, arrival_ms: int) -> Entry:
    """The same of few rows whose columns are plain lists, instants in milliseconds; at least one row.

    Arrow makes all columns in one call, which for few rows is most of what they cost.
    """
    required = _required(kind)
    given = {name: column for name, column in cells.items() if name in required or _holds_any(column)}
    given["arrival_time"] = [arrival_ms] * len(given["device_id"])
    listed = ",".join(given).encode()
    rows = pa.array(list(zip(*given.values(), strict=True)), _row_type(kind, listed))
    return _entry(kind, pa.RecordBatch.from_struct_array(rows), listed, source, None)


def _holds_any(column: Sequence[Any]) -> bool:
    return any(cell is not None for cell in column)


def _entry(kind: int, rows: pa.RecordBatch, listed: bytes, source: str, first_row: int | None) -> Entry:
    said = source.encode()
    head = _HEAD.pack(len(said), len(listed), -1 if first_row is None else first_row)
    return Entry(_RECORD_OF[kind], b"".join((head, said, listed, rows.serialize())))


@cache
def _required(kind: int) -> frozenset[str]:
    return frozenset((*required_of(kind), "arrival_time"))


@cache
def _known(kind: int) -> frozenset[str]:
    return frozenset(columns_of(kind).keys() | REFUSED_COLUMNS.keys())


def _typed(column: pa.Array, holds: pa.DataType) -> pa.Array:
    return column if column.type.equals(holds) else column.cast(holds, safe=False)


def arrived_between(record: Record, least_ms: int, most_ms: int) -> bytes:
    """The payload of a record of rows with other arrivals: each row's own time, as far as that lies between.

    A row without a time that can be read arrived at the earliest.
    """
    said, listed, _ = _HEAD.unpack_from(record.payload)
    cells = _decoded(record).cells
    given = cells["event_time"].cast(pa.int64()) if "event_time" in cells.schema.names else None
    own = pa.nulls(len(cells), pa.int64()) if given is None else given
    between = pc.min_element_wise(pc.max_element_wise(own.fill_null(least_ms), least_ms), most_ms)
    place = cells.schema.get_field_index("arrival_time")
    moved = cells.set_column(place, cells.schema.field(place), between.cast(INSTANT))
    return b"".join((record.payload[: _HEAD.size + said + listed], moved.serialize()))


class RowSpan(NamedTuple):
    """``rows`` rows of a source as rejects name it, the first of them being row ``first_row`` there."""

    source: str
    first_row: int
    rows: int


def row_span(record: Record) -> RowSpan:
    """Whose rows a record of rows holds."""
    found = _decoded(record)
    return RowSpan(found.source, found.first_row, len(found.cells))


def cells_of(record: Record) -> pa.RecordBatch:
    """The columns of a record of rows, as they were appended."""
    return _decoded(record).cells


class RowDecoder:
    """Turns records of rows into the batches that intake takes, validated as those of files are."""

    def __init__(self, devices: DeviceIds, challenges: Challenges) -> None:
        self._devices = devices
        self._challenges = challenges

    def learn(self, device_ids: Sequence[str]) -> None:
        """Devices that are known from here on, numbered after all others as far as they are new."""
        new = [name for name in dict.fromkeys(device_ids) if name not in self._devices.numbers]
        if new:
            self._devices = self._devices.also(new)

    def batch(self, records: Sequence[Record]) -> RawBatch:
        """The rows of records, in their order, as one batch; there is at least one record."""
        decoded = [_decoded(record) for record in records]
        chunks = [self._chunk(kind, list(parts)) for kind, parts in groupby(decoded, lambda part: part.kind)]
        chunk_rows, record_rows = [len(chunk) for chunk in chunks], [len(part.cells) for part in decoded]
        first_rows = np.array([part.first_row for part in decoded], np.int64)
        rows = RawRows.joined([chunk.rows for chunk in chunks])
        floor_ms = np.repeat(np.array([part.clock_ms for part in decoded], np.int64), record_rows)
        return RawBatch(
            # The log's clock stands where its marks put it: no row arrives before one that it follows.
            rows=replace(rows, given_arrival_ms=np.maximum(rows.given_arrival_ms, floor_ms)),
            kind=np.repeat(np.array([part.kind for part in decoded], np.int8), record_rows),
            file=np.repeat(np.arange(len(decoded), dtype=np.int32), record_rows),
            row=np.repeat(first_rows, record_rows) + _places(record_rows),
            chunk=np.repeat(np.arange(len(chunks), dtype=np.int32), chunk_rows),
            position=_places(chunk_rows),
            chunks=tuple(chunks),
            names=tuple(part.source for part in decoded),
        )

    def _chunk(self, kind: int, parts: list[_Decoded]) -> RawChunk:
        """Records of one kind that follow each other, as one chunk."""
        cells = _joined([part.cells for part in parts])
        rows = ArrowRows(len(cells), self._devices, self._challenges)
        columns = columns_of(kind)
        for name, column in zip(cells.schema.names, cells.columns, strict=True):
            if name in columns:
                rows.put(columns[name], column)
        return chunk_of(rows.checked(), cells)


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A record of rows taken apart; ``source`` and ``first_row`` are what rejects say."""

    kind: int
    clock_ms: int
    source: str
    first_row: int
    cells: pa.RecordBatch


def _decoded(record: Record) -> _Decoded:
    said, listed, first_row = _HEAD.unpack_from(record.payload)
    payload = memoryview(record.payload)[_HEAD.size :]
    kind = STREAM_OF[record.kind]
    source = str(payload[:said], "utf-8")
    cells = pa.ipc.read_record_batch(
        pa.py_buffer(payload[said + listed :]), _schema(kind, bytes(payload[said : said + listed]))
    )
    if first_row < 0:
        return _Decoded(kind, record.clock_ms, f"{source}@{record.number}", 1, cells)
    return _Decoded(kind, record.clock_ms, source, first_row, cells)


@cache
def _schema(kind: int, listed: bytes) -> pa.Schema:
    """The schema of columns, their names given with commas between them."""
    names = listed.decode().split(",")
    types = column_types(kind) | REFUSED_COLUMNS
    return pa.schema([(name, types[name]) for name in names])


@cache
def _row_type(kind: int, listed: bytes) -> pa.StructType:
    return pa.struct(list(_schema(kind, listed)))


def _stamped(batch: pa.RecordBatch, arrival_ms: int) -> pa.RecordBatch:
    stamps = pa.repeat(pa.scalar(arrival_ms, INSTANT), len(batch))
    place = batch.schema.get_field_index("arrival_time")
    if place < 0:
        return batch.append_column("arrival_time", stamps)
    return batch.set_column(place, "arrival_time", stamps)


def _joined(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Batches one after another; a column that one of them lacks is null there."""
    if len({part.schema for part in parts}) == 1:
        return pa.concat_batches(parts)
    tables = [pa.Table.from_batches([part]) for part in parts]
    table = pa.concat_tables(tables, promote_options="default").combine_chunks()
    return table.to_batches()[0]


def _places(lengths: list[int]) -> NDArray[np.int64]:
    """0, 1, 2, ... anew for each length."""
    ends = np.cumsum(lengths)
    return np.arange(int(ends[-1])) - np.repeat(ends - lengths, lengths)
