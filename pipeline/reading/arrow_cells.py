"""Arrow columns, of whatever type a file has them, as decoded rows."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray

from geofences.crs import CRS
from geofences.instant import BEGIN_MS, instant_ms
from pipeline.bare import bare
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
from pipeline.reading.challenges import Challenges
from pipeline.reading.device_ids import DEVICE_WORD, FIRST_DEVICE, DeviceIds, find
from pipeline.reading.digits import scan_instant
from pipeline.reading.fields import (
    BROKEN,
    FACE_OK,
    HAS_LAT,
    HAS_LON,
    LAST_MS,
    NO_DEVICE,
    NO_TIME,
    WRONG_TIME,
    WRONG_VALUE,
    reasons,
)
from pipeline.reading.rows import RawRows
from pipeline.sites.policy import SOURCES

Mask = NDArray[np.bool_]

#: Ticks of a unit in a millisecond, or milliseconds in a tick.
_TICKS_PER_MS = {"ms": 1, "us": 1_000, "ns": 1_000_000}
_FLAG_OF = {LON: HAS_LON, LAT: HAS_LAT}


#: Types that hold text or bytes of any length.
_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
)


class ArrowRows:
    """Rows of one batch, filled column by column; what is not put is not given."""

    def __init__(self, rows: int, devices: DeviceIds, challenges: Challenges) -> None:
        self._devices = devices
        self._challenges = challenges
        self._flags = np.full(rows, NO_DEVICE | NO_TIME, np.uint16)
        self._device = np.full(rows, -1, np.int32)
        self._times = {EVENT_TIME: np.full(rows, BEGIN_MS), ARRIVAL_TIME: np.full(rows, BEGIN_MS)}
        self._degrees = {LON: np.full(rows, np.nan), LAT: np.full(rows, np.nan)}
        self._accuracy_m = np.full(rows, np.nan)
        self._source = np.full(rows, NO_SOURCE, np.int8)
        self._crs = np.zeros(rows, np.int8)
        self._challenge = np.full(rows, -1, np.int32)

    def put(self, content: int, column: pa.Array) -> None:
        """One column of the batch, of any type; ``content`` says what it should hold."""
        with suppress(
            pa.ArrowNotImplementedError
        ):  # packed in a way that Arrow cannot undo: of no use as it is
            column = unpacked(column)
        given = _given(column)
        if content == DEVICE:
            self._put_devices(column, given)
        elif content in (EVENT_TIME, ARRIVAL_TIME):
            self._put_times(content, column, given)
        elif content in (LON, LAT):
            self._put_degrees(content, column, given)
        else:
            self._flags[given & ~self._put_rest(content, column, given)] |= WRONG_VALUE

    def checked(self) -> RawRows:
        """All rows with their reasons."""
        event_ms, arrival_ms = self._times[EVENT_TIME], self._times[ARRIVAL_TIME]
        lon, lat = self._degrees[LON], self._degrees[LAT]
        return RawRows(
            reasons(self._flags, self._device, event_ms, arrival_ms, lon, lat),
            self._device,
            event_ms,
            arrival_ms,
            lon,
            lat,
            self._accuracy_m,
            self._source,
            self._crs,
            (self._flags & FACE_OK) != 0,
            self._challenge,
        )

    def _put_devices(self, column: pa.Array, given: Mask) -> None:
        if pa.types.is_string(column.type):
            letters, bounds = _text_of(column)
            words = self._devices.words
            named = _find_devices(letters, bounds, given, *words, self._device)
            self._flags[named] &= ~np.uint16(NO_DEVICE)

    def _put_times(self, content: int, column: pa.Array, given: Mask) -> None:
        at_ms = self._times[content]
        known = np.zeros(len(column), np.bool_)
        if pa.types.is_timestamp(column.type) and column.type.tz is not None:
            ticks = _values(column.cast(pa.int64()), given, BEGIN_MS)
            known = given.copy()
            if column.type.unit == "s":
                known &= np.abs(ticks) <= LAST_MS // 1000
                at_ms[known] = ticks[known] * 1000
            else:
                at_ms[known] = ticks[known] // _TICKS_PER_MS[column.type.unit]
        elif pa.types.is_string(column.type):
            letters, bounds = _text_of(column)
            known = _scan_instants(letters, bounds, given, at_ms)
            for row in np.flatnonzero(given & ~known).tolist():
                known[row] = self._put_odd_time(at_ms, row, column)
        self._flags[given & ~known] |= WRONG_TIME
        if content == EVENT_TIME:
            self._flags[known] &= ~np.uint16(NO_TIME)

    def _put_odd_time(self, at_ms: NDArray[np.int64], row: int, column: pa.Array) -> bool:
        try:
            at_ms[row] = instant_ms(column[row].as_py())
        except (ValueError, OverflowError):
            return False
        return True

    def _put_degrees(self, content: int, column: pa.Array, given: Mask) -> None:
        if _is_number(column.type):
            self._degrees[content] = _values(column.cast(pa.float64(), safe=False), given, np.nan)
            self._flags[given] |= _FLAG_OF[content]
        else:
            self._flags[given] |= BROKEN

    def _put_rest(self, content: int, column: pa.Array, given: Mask) -> Mask:
        """Puts a column that can only be wrong in value; where it is right."""
        nowhere = np.zeros(len(column), np.bool_)
        is_text = pa.types.is_string(column.type)
        if content == ACCURACY and _is_number(column.type):
            accuracy_m = _values(column.cast(pa.float64(), safe=False), given, np.nan)
            self._accuracy_m = accuracy_m
            return np.asarray((accuracy_m >= 0) & (accuracy_m < np.inf), np.bool_)
        if content == SOURCE and is_text:
            self._source = _word_codes(column, SOURCES, NO_SOURCE)
            return self._source >= 0
        if content == CRS_NAME and is_text:
            self._crs = np.where(given, _word_codes(column, CRS, -1), 0).astype(np.int8)
            return self._crs >= 0
        if content == FACE and pa.types.is_boolean(column.type):
            self._flags[_values(column, given, False)] |= FACE_OK
            return given
        if content == CHALLENGE and is_text:
            self._challenge = self._challenge_codes(column, given)
            return given
        if content == NUMBER and _is_number(column.type):
            # An infinite one stands for a number that float64 cannot hold.
            numbers = _values(column.cast(pa.float64(), safe=False), given, np.nan)
            return np.asarray(given & ~np.isinf(numbers), np.bool_)
        fits = (content == TRUTH and pa.types.is_boolean(column.type)) or (content == TEXT and is_text)
        return given if fits else nowhere

    def _challenge_codes(self, column: pa.Array, given: Mask) -> NDArray[np.int32]:
        letters, bounds = _text_of(column)
        codes = np.full(len(column), -1, np.int32)
        data = letters.tobytes()
        for row in np.flatnonzero(given).tolist():
            codes[row] = self._challenges.code(data[bounds[row] : bounds[row + 1]].decode(errors="replace"))
        return codes


def unpacked(column: pa.Array) -> pa.Array:
    """The column with its values themselves, every kind of text as ``string``.

    Nobody sees to it that text is UTF-8, so it goes through bytes, which are never looked at.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return unpacked(column.storage)
    if pa.types.is_dictionary(kind):
        return unpacked(column.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return unpacked(pc.run_end_decode(column))
    if any(is_text(kind) for is_text in _TEXTS):
        column = column.cast(pa.binary())
    return column.view(pa.string()) if pa.types.is_binary(column.type) else column


def unfit_for(content: int, kind: pa.DataType) -> str | None:
    """What a column should hold, where no value of its type can be read as that."""
    with suppress(pa.ArrowException):  # packed in a way that cannot be undone: it fits nowhere
        kind = unpacked(pa.nulls(0, kind)).type
    is_text, is_time = pa.types.is_string(kind), pa.types.is_timestamp(kind) and kind.tz is not None
    fits, expected = {
        DEVICE: (is_text, "text"),
        SOURCE: (is_text, "text"),
        CRS_NAME: (is_text, "text"),
        CHALLENGE: (is_text, "text"),
        TEXT: (is_text, "text"),
        EVENT_TIME: (is_text or is_time, "times with a zone, or text"),
        ARRIVAL_TIME: (is_text or is_time, "times with a zone, or text"),
        FACE: (pa.types.is_boolean(kind), "truth values"),
        TRUTH: (pa.types.is_boolean(kind), "truth values"),
    }.get(content, (_is_number(kind), "numbers"))
    return None if fits or pa.types.is_null(kind) else expected


def _given(column: pa.Array) -> Mask:
    if column.null_count == 0:
        return np.ones(len(column), np.bool_)
    return np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False), np.bool_)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _values(column: pa.Array, given: Mask, missing: float | int | bool) -> NDArray[Any]:
    """The column as numpy, ``missing`` where null; shape (n,), never the file's own memory."""
    if not given.all():
        column = pc.fill_null(column, missing)
    return np.array(column.to_numpy(zero_copy_only=False))


def _text_of(column: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The bytes of a string column and the n + 1 bounds of its values in them."""
    _, bounds, letters = column.buffers()
    if bounds is None:
        return np.zeros(0, np.uint8), np.zeros(len(column) + 1, np.int32)
    data = np.frombuffer(letters, np.uint8) if letters is not None else np.zeros(0, np.uint8)
    return data, np.frombuffer(bounds, np.int32)[column.offset : column.offset + len(column) + 1]


def _word_codes(column: pa.Array, words: tuple[str, ...], missing: int) -> NDArray[np.int8]:
    """The place of each text among the words; ``missing`` where null or none of them."""
    codes = pc.index_in(column, value_set=pa.array(words, pa.string()))
    return np.asarray(pc.fill_null(codes, missing).to_numpy(zero_copy_only=False), np.int8)


@njit(cache=True, nogil=True)
def _find_devices(
    text: NDArray[np.uint8],
    bounds: NDArray[np.int32],
    given: Mask,
    letters: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    slots: NDArray[np.int32],
    device: NDArray[np.int32],
) -> Mask:
    """Numbers the devices in place; where there is any text."""
    named = np.zeros(len(given), np.bool_)
    text, letters, offsets, slots = bare(text), bare(letters), bare(offsets), bare(slots)
    for row in range(len(given)):
        start, end = bounds[row], bounds[row + 1]
        if given[row] and end > start:
            named[row] = True
            number = find(letters, offsets, slots, DEVICE_WORD, text, int(start), int(end))
            device[row] = max(number - FIRST_DEVICE, -1)
    return named


@njit(cache=True, nogil=True)
def _scan_instants(
    text: NDArray[np.uint8], bounds: NDArray[np.int32], given: Mask, at_ms: NDArray[np.int64]
) -> Mask:
    """Reads plain times in place; where there is one."""
    known = np.zeros(len(given), np.bool_)
    text = bare(text)
    for row in range(len(given)):
        if given[row]:
            value, known[row] = scan_instant(text, int(bounds[row]), int(bounds[row + 1]))
            if known[row]:
                at_ms[row] = value
    return known
