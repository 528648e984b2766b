"""Several stream files as one sequence of rows in order of arrival."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS
from pipeline.reading.raw_batch import RawBatch
from pipeline.reading.rows import USABLE, RawChunk, RawRows, StreamFile


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Rows of one chunk that are next in the merged order of their file."""

    lane: _Lane
    chunk: RawChunk
    start: int
    stop: int
    key: NDArray[np.int64]


class _Lane:
    """One file being merged: the chunk at its front and the keys of its rows."""

    def __init__(self, file: StreamFile, number: int) -> None:
        self.file = file
        self.number = number
        self._chunks = iter(file)
        self._highest = BEGIN_MS
        self._chunk: RawChunk | None = None
        self._key = np.zeros(0, np.int64)
        self._start = 0

    def fill(self) -> bool:
        """Makes sure that there is a row at the front; False where the file is at its end."""
        while self._start == len(self._key):
            self._chunk = next(self._chunks, None)
            if self._chunk is None:
                return False
            self._start = 0
            self._key = arrival_keys(self._chunk.rows, self._highest)
            if len(self._key):
                self._highest = int(self._key[-1])
        return True

    @property
    def last_key(self) -> int:
        """No row of the file after those in hand comes before this."""
        return int(self._key[-1])

    def cut(self, key: int, *, with_equal: bool) -> _Piece | None:
        """Takes the rows in hand before a key, or up to it, off the front."""
        stop = int(np.searchsorted(self._key, key, side="right" if with_equal else "left"))
        start, self._start = self._start, max(stop, self._start)
        if self._chunk is None or start == self._start:
            return None
        return _Piece(self, self._chunk, start, self._start, self._key[start : self._start])


def merged(files: Sequence[StreamFile], batch_rows: int, *, skip_rows: int = 0) -> Iterator[RawBatch]:
    """All rows of all files by arrival (default: event) time, in batches of exactly ``batch_rows``.

    At equal arrivals pings come before confirmations, then earlier files, then file order; an arrival
    before one of the same file's earlier rows counts as that one, and so does a row that is unusable by
    itself. The last batch may be shorter. Neither chunks nor batches show in the sequence.
    ``skip_rows`` leaves out the first rows of the merged sequence, for a run that resumes.
    """
    names = tuple(file.name for file in files)
    waiting: list[RawBatch] = []
    ready = 0
    for part in _parts(files, names):
        left_out = min(skip_rows, len(part))
        skip_rows -= left_out
        waiting.append(_cut(part, left_out, len(part)))
        ready += len(part) - left_out
        while ready >= batch_rows:
            batch, waiting = _first_rows(waiting, batch_rows)
            ready -= batch_rows
            yield batch
    if ready:
        yield _joined(waiting)


def arrival_keys(rows: RawRows, highest: int) -> NDArray[np.int64]:
    """What rows of one file are merged by: the running maximum of their arrivals from ``highest`` on.

    A row that is unusable by itself has no arrival and stays behind its predecessor.
    """
    arrival_ms = np.where(rows.given_arrival_ms == BEGIN_MS, rows.event_ms, rows.given_arrival_ms)
    arrival_ms[rows.reason != USABLE] = highest
    return np.maximum(np.maximum.accumulate(arrival_ms), highest)


def _parts(files: Sequence[StreamFile], names: tuple[str, ...]) -> Iterator[RawBatch]:
    """The merged sequence in pieces of whatever length the chunks in hand allow."""
    by_rank = sorted((file.kind, number) for number, file in enumerate(files))
    lanes = [_Lane(files[number], number) for _, number in by_rank]
    while True:
        lanes = [lane for lane in lanes if lane.fill()]
        if not lanes:
            return
        # The file whose rows in hand end first decides how far the order is certain: up to its last row.
        bound = min(range(len(lanes)), key=lambda rank: (lanes[rank].last_key, rank))
        key = lanes[bound].last_key
        pieces = [lane.cut(key, with_equal=rank <= bound) for rank, lane in enumerate(lanes)]
        yield _interleaved([piece for piece in pieces if piece is not None], names)


def _interleaved(pieces: list[_Piece], names: tuple[str, ...]) -> RawBatch:
    """The rows of pieces, given by rank, in order of their keys; equal keys by rank, then as they are."""
    lengths = [piece.stop - piece.start for piece in pieces]
    batch = RawBatch(
        rows=RawRows.joined([piece.chunk.rows.select(slice(piece.start, piece.stop)) for piece in pieces]),
        kind=np.repeat(np.array([piece.lane.file.kind for piece in pieces], np.int8), lengths),
        file=np.repeat(np.array([piece.lane.number for piece in pieces], np.int32), lengths),
        row=np.concatenate([np.arange(piece.start, piece.stop) + piece.chunk.first_row for piece in pieces]),
        chunk=np.repeat(np.arange(len(pieces), dtype=np.int32), lengths),
        position=np.concatenate([np.arange(piece.start, piece.stop) for piece in pieces]),
        chunks=tuple(piece.chunk for piece in pieces),
        names=names,
    )
    if len(pieces) == 1:
        return batch
    order = np.argsort(np.concatenate([piece.key for piece in pieces]), kind="stable")
    return batch.part(order)


def _cut(batch: RawBatch, start: int, stop: int) -> RawBatch:
    return batch if (start, stop) == (0, len(batch)) else batch.part(slice(start, stop))


def _first_rows(parts: list[RawBatch], rows: int) -> tuple[RawBatch, list[RawBatch]]:
    """So many rows from the front of parts that have them, and the parts that are left."""
    taken: list[RawBatch] = []
    while rows:
        part, *parts = parts
        taken.append(_cut(part, 0, min(rows, len(part))))
        if len(part) > rows:
            parts = [_cut(part, rows, len(part)), *parts]
        rows -= len(taken[-1])
    return _joined([part for part in taken if len(part)]), parts


def _joined(parts: list[RawBatch]) -> RawBatch:
    """Parts that follow each other as one."""
    if len(parts) == 1:
        return parts[0]
    shifts = np.cumsum([0] + [len(part.chunks) for part in parts[:-1]])
    return RawBatch(
        RawRows.joined([part.rows for part in parts]),
        np.concatenate([part.kind for part in parts]),
        np.concatenate([part.file for part in parts]),
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.chunk + np.int32(shift) for part, shift in zip(parts, shifts, strict=True)]),
        np.concatenate([part.position for part in parts]),
        tuple(chunk for part in parts for chunk in part.chunks),
        parts[0].names,
    )
