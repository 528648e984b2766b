"""Usable rows as the log holds them: columns of the contract, also those beside whose, when and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geofences.crs import CRS
from pipeline.ping import PING
from pipeline.reading.arrow_types import INSTANT, other_types
from pipeline.reading.device_ids import DeviceIds
from pipeline.reading.fields import FACE_OK, FIELDS
from pipeline.reading.other_columns import number_of, unicode_text
from pipeline.reading.rows import RawRows
from pipeline.sites.policy import SOURCES

_NUMBERS = ("lon", "lat", "accuracy_m")


def log_batch(
    rows: RawRows, others: Mapping[str, pa.Array], challenges: Sequence[str], kind: int, devices: DeviceIds
) -> pa.RecordBatch:
    """Usable rows as columns, with ``others`` that are not judged; only the arrival is still to come."""
    ids = devices.ids
    columns: dict[str, pa.Array] = {
        "device_id": pa.array([ids[device] for device in rows.device.tolist()], pa.string()),
        "event_time": pa.array(rows.event_ms).cast(INSTANT),
        **{name: pa.array(getattr(rows, name), from_pandas=True) for name in _NUMBERS},
    }
    if kind == PING:
        columns["source"] = _texts(rows.source, 0, SOURCES)
        columns["crs"] = _texts(rows.crs, 1, CRS)
    else:
        columns["face_ok"] = pa.array(rows.face_ok)
        columns["challenge_id"] = _texts(rows.challenge, 0, challenges)
    return pa.RecordBatch.from_pydict({**columns, **others})


def cells_of_few(
    rows: Sequence[tuple[Any, ...]],
    others: Mapping[str, Sequence[Any]],
    challenges: Sequence[str | None],
    kind: int,
    devices: DeviceIds,
) -> dict[str, Sequence[Any]]:
    """The same of few rows, which are elements of ``Fields`` in the order of FIELDS, as plain lists.

    ``challenges`` holds each row's id. There is at least one row.
    """
    columns = dict(zip(FIELDS.names or (), zip(*rows, strict=True), strict=True))
    cells: dict[str, Sequence[Any]] = {
        "device_id": [devices.ids[device] for device in columns["device"]],
        "event_time": columns["event_ms"],
        **{name: [_given(number) for number in columns[name]] for name in _NUMBERS},
    }
    if kind == PING:
        cells["source"] = [_text(code, 0, SOURCES) for code in columns["source"]]
        cells["crs"] = [_text(code, 1, CRS) for code in columns["crs"]]
    else:
        cells["face_ok"] = [flags & FACE_OK != 0 for flags in columns["flags"]]
        cells["challenge_id"] = [None if text is None else unicode_text(text) for text in challenges]
    for name, column in others.items():
        cells[name] = [number_of(cell) for cell in column] if name in _numbers(kind) else column
    return cells


@cache
def _numbers(kind: int) -> frozenset[str]:
    """Of the columns beside whose, when and where those that hold numbers."""
    return frozenset(name for name, holds in other_types(kind).items() if pa.types.is_floating(holds))


def _given(number: float) -> float | None:
    return None if number != number else number  # NaN: not given


def _text(code: int, first: int, texts: Sequence[str]) -> str | None:
    """What a code stands for, nothing where it is below the first."""
    return unicode_text(texts[code]) if code >= first else None


def _texts(codes: NDArray[Any], first: int, texts: Sequence[str]) -> pa.Array:
    known, places = np.unique(codes, return_inverse=True)
    return pa.array([_text(code, first, texts) for code in known.tolist()], pa.string()).take(
        pa.array(places)
    )
