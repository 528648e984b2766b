"""Stream files written for a test and read back as plain tuples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from pipeline.ping import PING
from pipeline.reading import REASONS, Challenges, DeviceIds, RawChunk, RawRows, StreamFile, open_stream
from pipeline.reading.raw_batch import RawBatch
from pipeline.stream.merge import merged

DEVICES = DeviceIds(["D1", "D2", "张三-3"])


def opened(
    path: Path,
    kind: int = PING,
    *,
    number: int = 0,
    challenges: Challenges | None = None,
    chunk_rows: int = 1000,
) -> StreamFile:
    return open_stream(
        path,
        kind=kind,
        number=number,
        devices=DEVICES,
        challenges=Challenges() if challenges is None else challenges,
        chunk_rows=chunk_rows,
    )


def written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def reasons_of(file: StreamFile) -> list[str]:
    """The reason of each row, ``ok`` where there is none."""
    return [REASONS[code] or "ok" for chunk in file for code in chunk.rows.reason.tolist()]


def tuples_of(rows: RawRows, challenges: Challenges) -> list[tuple[object, ...]]:
    """Reason, then what else a usable row says; nothing is None and challenge ids are texts."""
    columns = [getattr(rows, column.name).tolist() for column in fields(RawRows)]
    return [
        (row[0], *(None if value != value else value for value in row[1:-1]), challenges.key(row[-1]))
        if row[0] == 0
        else (row[0],)
        for row in zip(*columns, strict=True)
    ]


class GivenChunk(RawChunk):
    """Rows made up by a test; the text of a row is its file and number."""

    def __init__(self, rows: RawRows, first_row: int, name: str) -> None:
        super().__init__(rows, first_row)
        self._name = name

    def raw(self, position: int) -> str:
        return f"{self._name}:{self.first_row + position}"


class GivenFile(StreamFile):
    """A file that consists of given rows, cut into chunks of some length."""

    def __init__(self, name: str, kind: int, number: int, rows: RawRows, chunk_rows: int = 1000) -> None:
        super().__init__(name, kind, number)
        self._rows, self._chunk_rows = rows, chunk_rows

    def __iter__(self):  # type: ignore[no-untyped-def]
        for start in range(0, len(self._rows), self._chunk_rows):
            yield GivenChunk(self._rows.select(slice(start, start + self._chunk_rows)), start + 1, self.name)

    def warnings(self) -> list[str]:
        return []


def given_rows(
    event_ms: Sequence[int],
    *,
    arrival_ms: Sequence[int] | None = None,
    reason: Sequence[int] | None = None,
    device: Sequence[int] | None = None,
    lon: Sequence[float] | None = None,
    lat: Sequence[float] | None = None,
    crs: Sequence[int] | None = None,
    face_ok: Sequence[bool] | None = None,
    challenge: Sequence[int] | None = None,
) -> RawRows:
    """Rows of device 0 at 106.5, 29.6 unless said otherwise."""
    rows = len(event_ms)
    event = np.array(event_ms, np.int64)
    return RawRows(
        reason=np.array([0] * rows if reason is None else reason, np.int8),
        device=np.array([0] * rows if device is None else device, np.int32),
        event_ms=event,
        given_arrival_ms=event.copy() if arrival_ms is None else np.array(arrival_ms, np.int64),
        lon=np.array([106.5] * rows if lon is None else lon, np.float64),
        lat=np.array([29.6] * rows if lat is None else lat, np.float64),
        accuracy_m=np.full(rows, np.nan),
        source=np.full(rows, -1, np.int8),
        crs=np.array([0] * rows if crs is None else crs, np.int8),
        face_ok=np.array([False] * rows if face_ok is None else face_ok, np.bool_),
        challenge=np.array([-1] * rows if challenge is None else challenge, np.int32),
    )


def one_batch(*files: StreamFile) -> RawBatch:
    """All rows of all files, merged."""
    (batch,) = merged(files, 1_000_000)
    return batch
