"""The rows of a file on their way into the log: in pieces, the refused ones among the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.ingest.log_columns import log_batch
from pipeline.ingest.received import reasons_at, still_usable
from pipeline.log.record import PAYLOAD_BYTES_MOST, Entry
from pipeline.log.refused import with_refused
from pipeline.log.rows import rows_entry
from pipeline.reading import Challenges, DeviceIds, RawChunk, StreamFile
from pipeline.reading.rows import USABLE
from pipeline.reading.text_stream import LINE_MOST

#: One write to the log holds so many rows of a file: enough to make its sync cheap, little in memory.
PIECE_ROWS = 1 << 14
#: Rows of more bytes are written in smaller pieces, which even as text fit into a record of the log.
_PIECE_BYTES_MOST = PAYLOAD_BYTES_MOST // 8


@dataclass(frozen=True, slots=True, eq=False)
class FileRows:
    """n rows of a file that follow each other, the first of them being row ``first_row`` of it (from 1).

    ``reason``, ``event_ms`` and ``texts`` have shape (n,); ``batch`` holds the usable rows, ``texts`` those
    of the refused ones as read. ``chunk`` has all rows, these from ``start`` on.
    """

    kind: int
    reason: NDArray[np.int8]
    event_ms: NDArray[np.int64]
    batch: pa.RecordBatch
    texts: tuple[str | None, ...]
    chunk: RawChunk
    start: int

    def __len__(self) -> int:
        return len(self.reason)

    @property
    def first_row(self) -> int:
        """The number of the first row in its file."""
        return self.chunk.first_row + self.start

    def at(self, arrival_ms: int, horizon_ms: int) -> FileRows:
        """The same rows with what their arrival decides."""
        reason = reasons_at(self.reason, self.event_ms, arrival_ms, horizon_ms)
        kept = still_usable(self.reason, reason)
        return replace(
            self,
            reason=reason,
            batch=self.batch if kept.all() else self.batch.filter(pa.array(kept)),
            texts=_texts(self.chunk, self.start, reason, self.texts),
        )

    def entries(self, source: str, arrival_ms: int) -> list[Entry]:
        """All of them: nobody waits for an answer that names the refused ones, so the log does."""
        rows = with_refused(self.batch, self.reason, self.texts)
        return [rows_entry(self.kind, rows, source=source, arrival_ms=arrival_ms, first_row=self.first_row)]


class PieceReader:
    """Reads a stream as pieces, each small enough for a record of the log."""

    def __init__(self, stream: StreamFile, devices: DeviceIds, challenges: Challenges) -> None:
        self._stream = stream
        self._devices = devices
        self._challenges = challenges

    def after(self, row: int) -> Iterator[FileRows]:
        """The rows that come after row ``row`` of the file (0: all).

        Raises InputError where the file breaks off, or a row is larger than the log takes.
        """
        for chunk in self._stream:
            start = max(0, row + 1 - chunk.first_row)
            if start < len(chunk):
                yield from self._pieces(chunk, start, len(chunk))

    def _pieces(self, chunk: RawChunk, start: int, stop: int) -> Iterator[FileRows]:
        rows = self._rows(chunk, start, stop)
        bytes_held = rows.batch.nbytes + sum(len(text) for text in rows.texts if text is not None)
        if bytes_held <= _PIECE_BYTES_MOST:
            yield rows
        elif len(rows) > 1:
            middle = (start + stop) // 2
            yield from self._pieces(chunk, start, middle)
            yield from self._pieces(chunk, middle, stop)
        else:
            name, row = self._stream.name, rows.first_row
            raise InputError(f"{name}: row {row} has {bytes_held} bytes, more than the log takes")

    def _rows(self, chunk: RawChunk, start: int, stop: int) -> FileRows:
        rows, kind = chunk.rows.select(slice(start, stop)), self._stream.kind
        usable = np.flatnonzero(rows.reason == USABLE)
        others = chunk.others(usable + start)
        batch = log_batch(rows.select(usable), others, self._challenges.texts, kind, self._devices)
        texts = _texts(chunk, start, rows.reason, (None,) * len(rows))
        return FileRows(kind, rows.reason, rows.event_ms, batch, texts, chunk, start)


def _texts(
    chunk: RawChunk, start: int, reason: NDArray[np.int8], known: tuple[str | None, ...]
) -> tuple[str | None, ...]:
    """The texts of refused rows; those known already are not made once more."""
    found = list(known)
    for row in np.flatnonzero(reason != USABLE).tolist():
        if found[row] is None:
            found[row] = chunk.raw(start + row)[:LINE_MOST]
    return tuple(found)
