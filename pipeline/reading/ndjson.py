"""NDJSON: one JSON object a line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.columns import columns_of
from pipeline.reading.arrow_types import other_types
from pipeline.reading.challenges import Challenges
from pipeline.reading.device_ids import COLUMN_NAMES, DeviceIds
from pipeline.reading.exact import ExactRow, json_object, object_of, row_of_object
from pipeline.reading.fields import Fields
from pipeline.reading.json_rows import UNKNOWN_COLUMNS_MOST, decode_lines
from pipeline.reading.other_columns import other_columns
from pipeline.reading.text_stream import BOM, LINE_MOST, TextStream

#: How many columns of a line are guessed from the line before.
_ORDER_MOST = 64
#: Names kept for the warning; a stream that invents names must not fill the memory.
_NAMES_MOST = 1000


class NdjsonStream(TextStream):
    """A file of JSON objects; the columns may differ from line to line."""

    _of_objects = True

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
        super().__init__(
            path, name, kind, number, devices=devices, challenges=challenges, chunk_rows=chunk_rows
        )
        self._columns = columns_of(kind)
        self._content = np.array([self._columns.get(column, -1) for column in COLUMN_NAMES], np.int8)
        self._order = np.full(_ORDER_MOST, -1, np.int64)

    def _read_head(self, head: bytes) -> int:
        return len(BOM) if head.startswith(BOM) else 0

    def _decode(self, text: NDArray[np.uint8], start: int, last: bool, fields: Fields) -> tuple[int, int]:
        unknown_columns = np.zeros((UNKNOWN_COLUMNS_MOST, 3), np.int64)
        rows, place = decode_lines(
            text,
            start,
            last,
            LINE_MOST,
            self._content,
            self._order,
            *self._devices.words,
            unknown_columns,
            fields,
        )
        for first, end, lines in unknown_columns[unknown_columns[:, 1] > 0].tolist():
            self._count(text[first:end].tobytes().decode(errors="replace"), lines)
        return rows, place

    def _exact(self, line: bytes) -> ExactRow:
        values = json_object(line)
        for name in values or ():
            if name not in self._columns:
                self._count(name, 1)
        return row_of_object(values, self._columns, self._devices.numbers)

    def _others(self, lines: list[bytes]) -> dict[str, pa.Array]:
        # A name may be written with escapes; nearly all files have neither these nor the names.
        signs = [b"\\", *(f'"{name}"'.encode() for name in other_types(self.kind))]
        if not any(sign in line for line in lines for sign in signs):
            return {}
        return other_columns([object_of(line) for line in lines], self.kind)

    def _count(self, name: str, lines: int) -> None:
        if lines and (name in self._unknown_columns or len(self._unknown_columns) < _NAMES_MOST):
            self._unknown_columns[name] += lines
