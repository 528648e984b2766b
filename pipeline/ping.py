"""Accepted rows of the stream as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

PING, CONFIRMATION = 0, 1

#: The code of a missing source; known sources are numbered as in ``policy.SOURCES``.
NO_SOURCE = -1


@dataclass(frozen=True, slots=True, eq=False)
class PingBatch:
    """Accepted pings and confirmations in merged order; every column has shape (n,).

    ``lon``/``lat`` are WGS-84 (NaN: a heartbeat); ``given_lon``/``given_lat`` are the values as read,
    which order equal times. ``arrival_ms`` never decreases; ``given_arrival_ms`` is as read, BEGIN_MS
    where not given. ``accuracy_m`` is NaN where not given. ``challenge`` holds texts, None where not
    given, as all pings have it. ``others`` are the columns that rules name beside these, as
    ``stream.readings.readings_of`` has them.
    """

    device: NDArray[np.int32]
    kind: NDArray[np.int8]
    event_ms: NDArray[np.int64]
    arrival_ms: NDArray[np.int64]
    given_arrival_ms: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    given_lon: NDArray[np.float64]
    given_lat: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]
    source: NDArray[np.int8]
    face_ok: NDArray[np.bool_]
    challenge: NDArray[np.object_]
    others: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.device)

    def select(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> PingBatch:
        """The same columns at some row numbers, a mask or a slice."""
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        others = {name: column[rows] for name, column in self.others.items()}
        return PingBatch(**columns, others=others)


#: All but ``others``.
_COLUMNS = tuple(column.name for column in fields(PingBatch) if column.name != "others")
