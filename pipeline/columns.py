"""The columns of a stream and what each may hold (contract §2)."""

from __future__ import annotations

from pipeline.ping import PING

#: What a column holds, deciding how a cell is read and which reason a wrong one has.
(
    DEVICE,
    EVENT_TIME,
    ARRIVAL_TIME,
    LON,
    LAT,
    ACCURACY,
    SOURCE,
    CRS_NAME,
    NUMBER,
    TRUTH,
    TEXT,
    FACE,
    CHALLENGE,
) = range(13)

_BOTH = {
    "device_id": DEVICE,
    "event_time": EVENT_TIME,
    "arrival_time": ARRIVAL_TIME,
    "lon": LON,
    "lat": LAT,
    "accuracy_m": ACCURACY,
}

PING_COLUMNS = _BOTH | {
    "source": SOURCE,
    "speed_mps": NUMBER,
    "battery_pct": NUMBER,
    "charging": TRUTH,
    "strap_ok": TRUTH,
    "case_ok": TRUTH,
    "worn": TRUTH,
    "mock": TRUTH,
    "power_off": TRUTH,
    "sos": TRUTH,
    "moving": TRUTH,
    "permissions_ok": TRUTH,
    "fingerprint": TEXT,
    "app_version": TEXT,
    "operator": TEXT,
    "rssi_dbm": NUMBER,
    "crs": CRS_NAME,
}

CONFIRMATION_COLUMNS = _BOTH | {"face_ok": FACE, "challenge_id": CHALLENGE}

#: What a file with columns must have; NDJSON is judged row by row instead.
PING_REQUIRED = ("device_id", "event_time", "lon", "lat")
CONFIRMATION_REQUIRED = ("device_id", "event_time")


def columns_of(kind: int) -> dict[str, int]:
    """Name to content of the columns that a kind of row has."""
    return PING_COLUMNS if kind == PING else CONFIRMATION_COLUMNS


def required_of(kind: int) -> tuple[str, ...]:
    """The columns without which no row of a kind can be used."""
    return PING_REQUIRED if kind == PING else CONFIRMATION_REQUIRED
