"""The rows of a batch that are accepted, as the engine takes them: with positions in WGS-84."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geofences.crs import CRS, to_wgs84
from pipeline.ping import PingBatch
from pipeline.reading.raw_batch import RawBatch
from pipeline.reading.rows import RawRows

#: Systems whose positions need no conversion.
_SAME_AS_WGS84 = 2
assert CRS[:_SAME_AS_WGS84] == ("wgs84", "cgcs2000")


def accepted_rows(
    batch: RawBatch, places: NDArray[np.int64], arrival_ms: NDArray[np.int64], texts: list[str]
) -> PingBatch:
    """The accepted rows, positions in WGS-84."""
    all_usable = len(places) == len(batch)
    rows = batch.rows if all_usable else batch.rows.select(places)
    given_lon, given_lat = rows.lon + 0.0, rows.lat + 0.0  # no -0.0, which would order before 0.0
    lon, lat = _in_wgs84(rows, given_lon, given_lat)
    return PingBatch(
        device=rows.device,
        kind=batch.kind[places],
        event_ms=rows.event_ms,
        arrival_ms=arrival_ms[places],
        given_arrival_ms=rows.given_arrival_ms,
        lon=lon,
        lat=lat,
        given_lon=given_lon,
        given_lat=given_lat,
        accuracy_m=rows.accuracy_m,
        source=rows.source,
        face_ok=rows.face_ok,
        challenge=_named(rows.challenge, texts),
    )


def _named(code: NDArray[np.int32], texts: list[str]) -> NDArray[np.object_]:
    named = np.full(len(code), None, np.object_)
    for row in np.flatnonzero(code >= 0).tolist():
        named[row] = texts[code[row]]
    return named


def _in_wgs84(
    rows: RawRows, given_lon: NDArray[np.float64], given_lat: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    shifted = np.flatnonzero((rows.crs >= _SAME_AS_WGS84) & ~np.isnan(given_lon))
    if not len(shifted):
        return given_lon, given_lat
    lon, lat = given_lon.copy(), given_lat.copy()
    for code in np.unique(rows.crs[shifted]).tolist():
        chosen = shifted[rows.crs[shifted] == code]
        lon[chosen], lat[chosen] = to_wgs84(given_lon[chosen], given_lat[chosen], CRS[code])
    return lon, lat
