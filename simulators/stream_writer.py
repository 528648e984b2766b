"""Pings and confirmations as Parquet files, sorted by arrival, a slice of time per row group."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.sites.policy import SOURCES
from simulators.checkins import Checkins
from simulators.reporting import Rows

_INSTANT = pa.timestamp("ms", tz="UTC")
_PINGS = pa.schema(
    [
        ("device_id", pa.dictionary(pa.int32(), pa.string())),
        ("event_time", _INSTANT),
        ("arrival_time", _INSTANT),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        ("accuracy_m", pa.float64()),
        ("source", pa.dictionary(pa.int8(), pa.string())),
        ("speed_mps", pa.float64()),
    ]
)
_CONFIRMATIONS = pa.schema(
    [
        ("device_id", pa.dictionary(pa.int32(), pa.string())),
        ("event_time", _INSTANT),
        ("arrival_time", _INSTANT),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        ("accuracy_m", pa.float64()),
        ("face_ok", pa.bool_()),
        ("challenge_id", pa.string()),
    ]
)

#: Room for the ids of a large fleet in one dictionary page; beyond it Parquet writes them out in full.
_DICTIONARY_BYTES = 32 << 20


class PingFile:
    """Takes rows in any order of arrival; writes those that no later row can precede.

    Rows that arrive at or after the end are left out: nobody has received them yet.
    """

    def __init__(self, path: Path, device_ids: list[str], end_ms: int) -> None:
        self.rows_written = 0
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        self._device_ids = pa.array(device_ids, pa.string())
        self._sources = pa.array(SOURCES, pa.string())
        self._end_ms = end_ms
        self._waiting: list[Rows] = []
        self._file = _open(path, _PINGS)

    def __enter__(self) -> PingFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, rows: Rows, settled_ms: int) -> None:
        """Rows to write sooner or later; no row taken from now on arrives before ``settled_ms``."""
        self._waiting.append(rows.select(rows.arrival_ms < self._end_ms))
        waiting = Rows.joined(self._waiting)
        due = waiting.arrival_ms < settled_ms
        self._waiting = [waiting.select(~due)]
        self._write(waiting.select(due))

    def _write(self, rows: Rows) -> None:
        if not len(rows):
            return
        rows = rows.select(np.lexsort((rows.device, rows.event_ms, rows.arrival_ms)))
        self.first_ms = int(rows.arrival_ms[0]) if self.first_ms is None else self.first_ms
        self.last_ms = int(rows.arrival_ms[-1])
        self.rows_written += len(rows)
        no_fix = np.isnan(rows.at[:, 0])
        self._file.write_table(
            pa.Table.from_arrays(
                [
                    pa.DictionaryArray.from_arrays(rows.device.astype(np.int32), self._device_ids),
                    pa.array(rows.event_ms, _INSTANT),
                    pa.array(rows.arrival_ms, _INSTANT),
                    pa.array(rows.at[:, 0], mask=no_fix),
                    pa.array(rows.at[:, 1], mask=no_fix),
                    pa.array(rows.accuracy_m, mask=no_fix),
                    pa.DictionaryArray.from_arrays(pa.array(rows.source, mask=no_fix), self._sources),
                    pa.array(rows.speed_mps, mask=no_fix),
                ],
                schema=_PINGS,
            ),
            row_group_size=len(rows),
        )


def write_confirmations(path: Path, checkins: Checkins, device_ids: list[str], person_ids: list[str]) -> None:
    """All confirmations as one file; a phone bears its person's number."""
    challenge = [
        f"{window // 60_000}-{person_ids[person]}"
        for window, person in zip(checkins.challenge.tolist(), checkins.device.tolist(), strict=True)
    ]
    names = pa.array(device_ids, pa.string())
    columns: list[pa.Array] = [
        pa.DictionaryArray.from_arrays(checkins.device.astype(np.int32), names),
        pa.array(checkins.event_ms, _INSTANT),
        pa.array(checkins.arrival_ms, _INSTANT),
        *(pa.array(_column(checkins.at, axis)) for axis in (0, 1)),
        pa.array(checkins.accuracy_m),
        pa.array(checkins.face_ok),
        pa.array(challenge, pa.string()),
    ]
    with _open(path, _CONFIRMATIONS) as file:
        file.write_table(pa.Table.from_arrays(columns, schema=_CONFIRMATIONS))


def _column(at: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    return np.ascontiguousarray(at[:, axis])


def _open(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Without Arrow's own schema inside, so that every reader sees plain strings."""
    return pq.ParquetWriter(
        path,
        schema,
        use_dictionary=["device_id", "source"] if "source" in schema.names else ["device_id"],
        dictionary_pagesize_limit=_DICTIONARY_BYTES,
        store_schema=False,
    )
