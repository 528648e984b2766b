"""Rows while they are decoded: values and flags per row, and the one place that turns them into a reason."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS, instant_ms
from pipeline.columns import (
    ACCURACY,
    ARRIVAL_TIME,
    CHALLENGE,
    CRS_NAME,
    DEVICE,
    EVENT_TIME,
    FACE,
    LAT,
    LON,
    NUMBER,
    SOURCE,
    TEXT,
    TRUTH,
)
from pipeline.ping import NO_SOURCE
from pipeline.reading.device_ids import (
    CRS_WORD,
    DEVICE_WORD,
    FIRST_CRS,
    FIRST_DEVICE,
    FIRST_SOURCE,
    SOURCE_WORD,
    find,
)
from pipeline.reading.digits import scan_instant
from pipeline.reading.rows import (
    BAD_COORDINATES,
    BAD_TIME,
    BAD_VALUE,
    MALFORMED,
    UNKNOWN_DEVICE,
    USABLE,
    RawRows,
)

#: Flags of a row. UNPLAIN: a kernel leaves the row to the exact way.
BROKEN, NO_DEVICE, NO_TIME, WRONG_TIME, HAS_LON, HAS_LAT, WRONG_VALUE, FACE_OK, UNPLAIN = (
    1 << bit for bit in range(9)
)

#: No event before this instant is believed: 2000-01-01T00:00:00Z.
FIRST_MS = instant_ms("2000-01-01T00:00:00Z")
#: No instant after this one can be written: 9999-12-31T23:59:59.999Z.
LAST_MS = instant_ms("9999-12-31T23:59:59.999Z")


#: A row being decoded. ``start``/``end`` bound its text in its block, ``challenge_start``/``_end`` its
#: challenge id (start -1: none); ``given`` has a bit for each column of COLUMN_NAMES that a plain line names;
#: the rest is as in ``RawRows``. Rows are records and not columns here
#: because kernels hand a record on by one pointer.
FIELDS = np.dtype(
    [
        ("event_ms", np.int64),
        ("arrival_ms", np.int64),
        ("lon", np.float64),
        ("lat", np.float64),
        ("accuracy_m", np.float64),
        ("start", np.int64),
        ("end", np.int64),
        ("challenge_start", np.int64),
        ("challenge_end", np.int64),
        ("device", np.int32),
        ("given", np.uint32),
        ("flags", np.uint16),
        ("source", np.int8),
        ("crs", np.int8),
    ]
)

#: Shape (n,) of FIELDS, and one element of it.
Fields = NDArray[np.void]
Field = np.void


def checked_rows(fields: Fields, challenge: NDArray[np.int32]) -> RawRows:
    """Decoded rows as columns with their reasons; ``challenge`` holds their codes."""
    device, flags = fields["device"].copy(), fields["flags"]
    event_ms, arrival_ms = fields["event_ms"].copy(), fields["arrival_ms"].copy()
    lon, lat = fields["lon"].copy(), fields["lat"].copy()
    return RawRows(
        reasons(flags.copy(), device, event_ms, arrival_ms, lon, lat),
        device,
        event_ms,
        arrival_ms,
        lon,
        lat,
        fields["accuracy_m"].copy(),
        fields["source"].copy(),
        fields["crs"].copy(),
        (flags & FACE_OK) != 0,
        challenge,
    )


@njit(cache=True, nogil=True)
def reasons(
    flags: NDArray[np.uint16],
    device: NDArray[np.int32],
    event_ms: NDArray[np.int64],
    arrival_ms: NDArray[np.int64],
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
) -> NDArray[np.int8]:
    """The first reason that holds for each row, in the order of the contract."""
    reason = np.zeros(len(flags), np.int8)
    for row in range(len(flags)):
        reason[row] = _reason(flags[row], device[row], event_ms[row], arrival_ms[row], lon[row], lat[row])
    return reason


@njit(cache=True, nogil=True)
def field_reasons(fields: Fields) -> NDArray[np.int8]:
    """The same of rows that are not made into columns."""
    reason = np.zeros(len(fields), np.int8)
    for place in range(len(fields)):
        row = fields[place]
        reason[place] = _reason(row.flags, row.device, row.event_ms, row.arrival_ms, row.lon, row.lat)
    return reason


@njit(cache=True, nogil=True, forceinline=True)
def _reason(flags: int, device: int, event_ms: int, arrival_ms: int, lon: float, lat: float) -> int:
    given = flags & (HAS_LON | HAS_LAT)
    inside = abs(lon) <= 180 and abs(lat) <= 90
    if flags & (BROKEN | NO_DEVICE):
        return MALFORMED
    if device < 0:
        return UNKNOWN_DEVICE
    if flags & (NO_TIME | WRONG_TIME) or event_ms < FIRST_MS or max(event_ms, arrival_ms) > LAST_MS:
        return BAD_TIME
    if given != 0 and not (given == HAS_LON | HAS_LAT and inside):
        return BAD_COORDINATES
    return BAD_VALUE if flags & WRONG_VALUE else USABLE


@njit(cache=True, nogil=True, forceinline=True)
def begin_row(row: Field) -> None:
    """Nothing is given yet."""
    row["flags"] = NO_DEVICE | NO_TIME
    row["device"] = -1
    row["given"] = 0
    row["event_ms"] = BEGIN_MS
    row["arrival_ms"] = BEGIN_MS
    row["lon"] = np.nan
    row["lat"] = np.nan
    row["accuracy_m"] = np.nan
    row["source"] = NO_SOURCE
    row["crs"] = 0
    row["challenge_start"] = -1
    row["challenge_end"] = -1


@njit(cache=True, nogil=True, forceinline=True)
def put_number(row: Field, content: int, value: float) -> None:
    """A number where a cell was."""
    if content == LON:
        row["lon"] = value
        row["flags"] |= HAS_LON
    elif content == LAT:
        row["lat"] = value
        row["flags"] |= HAS_LAT
    elif content == ACCURACY:
        row["accuracy_m"] = value
        if not 0 <= value < np.inf:
            row["flags"] |= WRONG_VALUE
    elif content >= 0 and content != NUMBER:
        put_wrong(row, content)


@njit(cache=True, nogil=True, forceinline=True)
def put_wrong(row: Field, content: int) -> None:
    """Something that is given but not of the column's type."""
    if content in (LON, LAT):
        row["flags"] |= BROKEN
    elif content in (EVENT_TIME, ARRIVAL_TIME):
        row["flags"] |= WRONG_TIME
    elif content != DEVICE and content >= 0:  # a device_id that is none stays missing
        row["flags"] |= WRONG_VALUE


@njit(cache=True, nogil=True, forceinline=True)
def put_truth(row: Field, content: int, value: bool) -> None:
    """True or false where a cell was."""
    if content == FACE:
        if value:
            row["flags"] |= FACE_OK
    elif content >= 0 and content != TRUTH:
        put_wrong(row, content)


@njit(cache=True, nogil=True, forceinline=True)
def put_instant(row: Field, content: int, at_ms: int) -> None:
    """A readable time."""
    if content == EVENT_TIME:
        row["event_ms"] = at_ms
        row["flags"] &= ~NO_TIME
    else:
        row["arrival_ms"] = at_ms


@njit(cache=True, nogil=True, forceinline=True)
def put_text(
    row: Field,
    content: int,
    text: NDArray[np.uint8],
    start: int,
    end: int,
    letters: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    slots: NDArray[np.int32],
) -> bool:
    """Text that stands in the block as it is; False where only the exact way knows what it means.

    ``letters``, ``offsets``, ``slots`` are ``device_ids.Words``.
    """
    if content == DEVICE:
        if end > start:
            number = find(letters, offsets, slots, DEVICE_WORD, text, start, end)
            row["device"] = max(number - FIRST_DEVICE, -1)
            row["flags"] &= ~NO_DEVICE
    elif content in (EVENT_TIME, ARRIVAL_TIME):
        at_ms, plain = scan_instant(text, start, end)
        put_instant(row, content, at_ms)
        return plain
    elif content == SOURCE:
        number = find(letters, offsets, slots, SOURCE_WORD, text, start, end)
        row["source"] = max(number - FIRST_SOURCE, -1)
        if row["source"] < 0:
            row["flags"] |= WRONG_VALUE
    elif content == CRS_NAME:
        number = find(letters, offsets, slots, CRS_WORD, text, start, end)
        row["crs"] = max(number - FIRST_CRS, -1)
        if row["crs"] < 0:
            row["flags"] |= WRONG_VALUE
    elif content == CHALLENGE:
        row["challenge_start"] = start
        row["challenge_end"] = end
    elif content != TEXT:
        put_wrong(row, content)
    return True


@njit(cache=True, nogil=True)
def is_utf8(text: NDArray[np.uint8], start: int, end: int) -> bool:
    """Whether bytes are well-formed UTF-8 (Unicode 16, table 3-7)."""
    place = start
    while place < end:
        lead = text[place]
        place += 1
        if lead < 0x80:
            continue
        if lead < 0xC2 or lead > 0xF4:
            return False
        more = 1 if lead < 0xE0 else (2 if lead < 0xF0 else 3)
        if place + more > end:
            return False
        low, high = 0x80, 0xBF
        if lead == 0xE0:
            low = 0xA0
        elif lead == 0xED:
            high = 0x9F
        elif lead == 0xF0:
            low = 0x90
        elif lead == 0xF4:
            high = 0x8F
        if text[place] < low or text[place] > high:
            return False
        for follower in range(place + 1, place + more):
            if text[follower] < 0x80 or text[follower] > 0xBF:
                return False
        place += more
    return True
