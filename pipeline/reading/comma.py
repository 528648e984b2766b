"""CSV: comma separated records under a header."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.columns import columns_of, required_of
from pipeline.errors import InputError
from pipeline.reading.arrow_types import other_types
from pipeline.reading.challenges import Challenges
from pipeline.reading.comma_rows import decode_records
from pipeline.reading.device_ids import DeviceIds
from pipeline.reading.exact import ExactRow, cells_of_record, row_of_cells, value_of_cell
from pipeline.reading.fields import Fields
from pipeline.reading.other_columns import other_columns
from pipeline.reading.text_stream import BOM, LINE_MOST, TextStream

#: A header is quoted up to so many signs.
_SHOWN_MOST = 100


class CommaStream(TextStream):
    """A CSV file; the header says which column is which, in any order."""

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
        self._contents: list[int] = []
        self._unknown: list[str] = []
        self._other_places: dict[str, int] = {}
        super().__init__(
            path, name, kind, number, devices=devices, challenges=challenges, chunk_rows=chunk_rows
        )
        self._content = np.array(self._contents, np.int8)

    def warnings(self) -> list[str]:
        self._unknown_columns.update(
            {name: self.rows_read - self._unknown_columns[name] for name in self._unknown}
        )
        return super().warnings()

    def _read_head(self, head: bytes) -> int:
        start = end = 0
        while not head[start:end].removeprefix(BOM).strip():
            if end == len(head):
                raise InputError(f"{self.name}: empty; expected a header line")
            start, end = end, head.find(b"\n", end) + 1 or len(head)
        self._read_header(head[start:end].removeprefix(BOM).rstrip(b"\r\n"))
        return end

    def _read_header(self, line: bytes) -> None:
        try:
            cells = cells_of_record(line.decode())
        except UnicodeDecodeError:
            cells = None
        if cells is None:
            raise InputError(f"{self.name}: unreadable header; expected column names in UTF-8")
        names = [cell.strip() for cell in cells]
        columns = columns_of(self.kind)
        for name in columns:
            if names.count(name) > 1:
                raise InputError(f"{self.name}: column {name} twice; expected one")
        required = required_of(self.kind)
        missing = [name for name in required if name not in names]
        if missing:
            raise InputError(
                f"{self.name}: no column {missing[0]} in the header {_shown(line)}; expected "
                f"{', '.join(required)}{_separated(line)}"
            )
        self._contents = [columns.get(name, -1) for name in names]
        self._other_places = {name: names.index(name) for name in other_types(self.kind) if name in names}
        self._unknown = [name for name in names if name not in columns]

    def _decode(self, text: NDArray[np.uint8], start: int, last: bool, fields: Fields) -> tuple[int, int]:
        return decode_records(text, start, last, LINE_MOST, self._content, *self._devices.words, fields)

    def _exact(self, line: bytes) -> ExactRow:
        return row_of_cells(cells_of_record(line.decode()), self._contents, self._devices.numbers)

    def _others(self, lines: list[bytes]) -> dict[str, pa.Array]:
        if not self._other_places:
            return {}
        return other_columns([self._values(line) for line in lines], self.kind)

    def _values(self, line: bytes) -> dict[str, object]:
        """What a usable row has in columns beside whose, when and where."""
        cells = cells_of_record(line.decode()) or []
        stripped = {name: cells[place].strip(" \t") for name, place in self._other_places.items()}
        columns = columns_of(self.kind)
        return {name: value_of_cell(columns[name], cell) for name, cell in stripped.items() if cell}


def _shown(line: bytes) -> str:
    text = line.decode()
    return repr(text if len(text) <= _SHOWN_MOST else text[: _SHOWN_MOST - 1] + "…")


def _separated(line: bytes) -> str:
    """What to say of a header that has other separators than commas."""
    other = next((sign for sign in (b";", b"\t", b"|") if sign in line and b"," not in line), None)
    return "" if other is None else f", separated by commas and not by {other.decode()!r}"
