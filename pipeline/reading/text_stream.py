"""Files of lines, read block by block and decoded by a compiled kernel; odd rows go one by one."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.ping import CONFIRMATION
from pipeline.reading.challenges import Challenges
from pipeline.reading.device_ids import DeviceIds
from pipeline.reading.disguise import ends_lines_by_cr, refuse_other_form
from pipeline.reading.exact import ExactRow
from pipeline.reading.fields import (
    BROKEN,
    FIELDS,
    UNPLAIN,
    Fields,
    begin_row,
    checked_rows,
)
from pipeline.reading.rows import RawChunk, RawRows, StreamFile
from pipeline.reading.unknown_columns import unknown_column_warnings

BLOCK_BYTES = 1 << 22
#: A longer line is no row of anything; it is broken and its text is cut, so that memory stays bounded.
LINE_MOST = 1 << 20

BOM = b"\xef\xbb\xbf"


#: Reads the columns beside whose, when and where from the texts of usable rows.
OthersOf = Callable[[list[bytes]], dict[str, pa.Array]]


class TextChunk(RawChunk):
    """Rows that lie in one block of text."""

    __slots__ = ("_end", "_others", "_start", "_text")

    def __init__(self, rows: RawRows, first_row: int, text: bytes, fields: Fields, others: OthersOf) -> None:
        super().__init__(rows, first_row)
        self._text = text
        self._others = others
        self._start, self._end = fields["start"].copy(), fields["end"].copy()

    def raw(self, position: int) -> str:
        start, end = int(self._start[position]), int(self._end[position])
        return self._text[start : min(end, start + LINE_MOST)].decode(errors="replace")

    def others(self, positions: NDArray[np.intp]) -> dict[str, pa.Array]:
        """Such columns, read once more from the rows' text: most files have none."""
        bounds = zip(self._start[positions].tolist(), self._end[positions].tolist(), strict=True)
        return self._others([self._text[start:end] for start, end in bounds])


class TextStream(StreamFile):
    """What NDJSON and CSV have in common; they differ in how a block is taken apart."""

    _of_objects = False  # whether a row is a JSON object

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
        self._unknown_columns: Counter[str] = Counter()
        try:
            self.bytes_total = path.stat().st_size
            with path.open("rb") as file:
                head = file.read(LINE_MOST)
        except OSError as error:
            raise InputError(f"{name}: cannot be read: {error.strerror or error}") from error
        refuse_other_form(name, head)
        self._by_cr = ends_lines_by_cr(head, of_objects=self._of_objects)
        self._text_start = self._read_head(head.replace(b"\r", b"\n") if self._by_cr else head)

    def __iter__(self) -> Iterator[RawChunk]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._text_start)
                yield from self._chunks(file)
        except OSError as error:
            raise InputError(f"{self.name}: cannot be read on: {error.strerror or error}") from error

    def warnings(self) -> list[str]:
        return unknown_column_warnings(self.name, self._unknown_columns)

    @abstractmethod
    def _read_head(self, head: bytes) -> int:
        """Reads what comes before the rows from the first bytes; the offset of the first byte after it."""

    @abstractmethod
    def _decode(self, text: NDArray[np.uint8], start: int, last: bool, fields: Fields) -> tuple[int, int]:
        """Decodes rows from ``start`` on; how many, and where the next one starts."""

    @abstractmethod
    def _exact(self, line: bytes) -> ExactRow:
        """Reads one row the exact way."""

    @abstractmethod
    def _others(self, lines: list[bytes]) -> dict[str, pa.Array]:
        """Columns beside whose, when and where, of usable rows."""

    def _chunks(self, file: BinaryIO) -> Iterator[RawChunk]:
        rest, last = b"", False
        while not last:
            block = self._block(file)
            self.bytes_read = file.tell()
            last = len(block) < BLOCK_BYTES
            text = b"".join((rest, block, b"\n"))
            place = 0
            while True:
                chunk, place = self._chunk(text, place, last)
                if len(chunk):
                    yield chunk
                if len(chunk) < self._chunk_rows:
                    break
            rest = text[place:-1]
            if len(rest) > LINE_MOST and not last:
                yield self._overlong(rest)
                rest = self._after_line(file)

    def _chunk(self, text: bytes, place: int, last: bool) -> tuple[RawChunk, int]:
        """The next rows of a block, and where those after them start."""
        room = np.empty(self._chunk_rows, FIELDS)
        rows, place = self._decode(np.frombuffer(text, np.uint8), place, last, room)
        fields = room[:rows]
        challenge = self._challenge_codes(text, fields)
        for number in np.flatnonzero(fields["flags"] & UNPLAIN).tolist():
            row = fields[number]
            exact = self._exact(text[row["start"] : row["end"]])
            exact.store(row)
            if exact.challenge is not None:
                challenge[number] = self._challenges.code(exact.challenge)
        return self._numbered(checked_rows(fields, challenge), text, fields), place

    def _challenge_codes(self, text: bytes, fields: Fields) -> NDArray[np.int32]:
        """The challenge ids that stand in the block as they are, as codes."""
        codes = np.full(len(fields), -1, np.int32)
        if self.kind == CONFIRMATION:
            start, end = fields["challenge_start"], fields["challenge_end"]
            usable = (start >= 0) & ((fields["flags"] & (UNPLAIN | BROKEN)) == 0)
            for number in np.flatnonzero(usable).tolist():
                codes[number] = self._challenges.code(text[start[number] : end[number]].decode())
        return codes

    def _overlong(self, rest: bytes) -> RawChunk:
        """One broken row: the beginning of a line that has no end in sight."""
        fields = np.empty(1, FIELDS)
        begin_row(fields[0])
        fields["flags"], fields["start"], fields["end"] = BROKEN, 0, LINE_MOST
        return self._numbered(checked_rows(fields, np.full(1, -1, np.int32)), rest[:LINE_MOST], fields)

    def _numbered(self, rows: RawRows, text: bytes, fields: Fields) -> RawChunk:
        chunk = TextChunk(rows, self.rows_read + 1, text, fields, self._others)
        self.rows_read += len(rows)
        return chunk

    def _block(self, file: BinaryIO) -> bytes:
        block = file.read(BLOCK_BYTES)
        return block.replace(b"\r", b"\n") if self._by_cr else block

    def _after_line(self, file: BinaryIO) -> bytes:
        """Reads on to the end of a line; what was read after it."""
        while block := self._block(file):
            end = block.find(b"\n")
            if end >= 0:
                return block[end + 1 :]
        return b""
