"""Usable rows as the log holds them: columns of the contract, also those that nothing judges by yet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from geofences.crs import CRS
from pipeline.ping import PING
from pipeline.policy import SOURCES
from pipeline.reading.column import NUMBER, TEXT, TRUTH, columns_of
from pipeline.reading.device_ids import DeviceIds
from pipeline.reading.rows import RawRows

_INSTANT = pa.timestamp("ms", "UTC")
_TYPES = {NUMBER: pa.float64(), TRUTH: pa.bool_(), TEXT: pa.string()}


@cache
def unjudged(kind: int) -> dict[str, pa.DataType]:
    """Columns of a kind of row that nothing judges by yet, with the type they are kept as."""
    return {name: _TYPES[content] for name, content in columns_of(kind).items() if content in _TYPES}


def unjudged_columns(rows: Sequence[Mapping[str, Any]], kind: int) -> dict[str, pa.Array]:
    """Such columns of rows that are objects; a row's values are of their columns' types, or missing."""
    return {name: _column([row.get(name) for row in rows], holds) for name, holds in unjudged(kind).items()}


def log_batch(
    rows: RawRows, others: Mapping[str, pa.Array], challenges: Sequence[str], kind: int, devices: DeviceIds
) -> pa.RecordBatch:
    """Usable rows as columns, with ``others`` that are not judged; only the arrival is still to come."""
    ids = devices.ids
    columns: dict[str, pa.Array] = {
        "device_id": pa.array([ids[device] for device in rows.device.tolist()], pa.string()),
        "event_time": pa.array(rows.event_ms).cast(_INSTANT),
        **{name: pa.array(getattr(rows, name), from_pandas=True) for name in ("lon", "lat", "accuracy_m")},
    }
    if kind == PING:
        columns["source"] = _texts(rows.source, 0, SOURCES)
        columns["crs"] = _texts(rows.crs, 1, CRS)
    else:
        columns["face_ok"] = pa.array(rows.face_ok)
        columns["challenge_id"] = _texts(rows.challenge, 0, challenges)
    return pa.RecordBatch.from_pydict({**columns, **others})


def _column(cells: Iterable[Any], holds: pa.DataType) -> pa.Array:
    return pa.array(map(_float, cells) if pa.types.is_floating(holds) else cells, holds)


def _texts(codes: NDArray[Any], first: int, texts: Sequence[str]) -> pa.Array:
    """Codes as what they stand for, nothing where they are below the first."""
    return pa.array([texts[code] if code >= first else None for code in codes.tolist()], pa.string())


def _float(value: float | None) -> float | None:
    """A number of JSON, however many digits it is written with."""
    try:
        return None if value is None else float(value)
    except OverflowError:
        return math.copysign(math.inf, value or 0)
