"""Usable rows as the log holds them: columns of the contract, also those that nothing judges by yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from geofences.crs import CRS
from pipeline.ping import PING
from pipeline.reading.device_ids import DeviceIds
from pipeline.reading.rows import RawRows
from pipeline.reading.unjudged import unicode_text
from pipeline.sites.policy import SOURCES

_INSTANT = pa.timestamp("ms", "UTC")


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


def _texts(codes: NDArray[Any], first: int, texts: Sequence[str]) -> pa.Array:
    """Codes as what they stand for, nothing where they are below the first."""
    found = [unicode_text(texts[code]) if code >= first else None for code in codes.tolist()]
    return pa.array(found, pa.string())
