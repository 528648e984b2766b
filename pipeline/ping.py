"""Accepted rows of the stream as columns."""

from __future__ import annotations

from dataclasses import dataclass, fields

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
    given, as all pings have it.
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

    def __len__(self) -> int:
        return len(self.device)

    def select(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> PingBatch:
        """The same columns at some row numbers, a mask or a slice."""
        return PingBatch(*(getattr(self, column.name)[rows] for column in fields(self)))
