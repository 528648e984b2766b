"""Decodes comma separated records (RFC 4180) into columns; compiled."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

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
from pipeline.reading.digits import scan_number
from pipeline.reading.fields import (
    BROKEN,
    UNPLAIN,
    Field,
    Fields,
    begin_row,
    is_utf8,
    put_number,
    put_text,
    put_truth,
)

#: A quote still open this many bytes after its record began was none: its line alone is broken.
QUOTED_MOST = 1 << 16

#: What a scanned cell is: as it stands, with doubled quotes in it, or no cell at all.
_AS_IT_IS, _DOUBLED, _JUNK = range(3)


@njit(cache=True, nogil=True)
def decode_records(
    text: NDArray[np.uint8],
    start: int,
    last: bool,
    line_most: int,
    content: NDArray[np.int8],
    letters: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    slots: NDArray[np.int32],
    fields: Fields,
) -> tuple[int, int]:
    """Decodes whole records of ``text[start:]`` until there are no more, or ``fields`` is full.

    The last byte is a newline that was put there; unless ``last`` says that nothing follows, a record that
    it ends, or whose end is not certain yet, is left for the next call. Blank lines are no rows; a record
    longer than ``line_most`` is broken. ``content`` says what the columns hold (-1: nothing known).
    Returns the number of rows and where the next record starts.
    """
    return _decode_records(
        bare(text),
        start,
        last,
        line_most,
        bare(content),
        bare(letters),
        bare(offsets),
        bare(slots),
        bare(fields),
    )


@njit(cache=True, nogil=True)
def _decode_records(
    text: NDArray[np.uint8],
    start: int,
    last: bool,
    line_most: int,
    content: NDArray[np.int8],
    letters: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    slots: NDArray[np.int32],
    fields: Fields,
) -> tuple[int, int]:
    row, record, stop = 0, start, len(text)
    while record < stop and row < len(fields):
        place = record
        while text[place] == 32 or text[place] == 9 or text[place] == 13:
            place += 1
        if text[place] == 10:
            if place + 1 == stop and not last:
                break
            record = place + 1
            continue
        begin_row(fields[row])
        end = _decode_record(text, record, content, letters, offsets, slots, fields[row])
        if end < 0:  # a quote that does not close in time, or not in this block
            if not last and stop - record <= QUOTED_MOST:
                break
            fields[row]["flags"] = BROKEN
            end = record
            while text[end] != 10:
                end += 1
        if end + 1 == stop and not last:
            break
        following = end + 1
        if text[end - 1] == 13:
            end -= 1
        if end - record > line_most:
            fields[row]["flags"] = BROKEN
        fields[row]["start"], fields[row]["end"] = record, end
        row += 1
        record = following
    return row, record


@njit(cache=True, nogil=True, forceinline=True)
def _decode_record(
    text: NDArray[np.uint8],
    record: int,
    content: NDArray[np.int8],
    letters: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    slots: NDArray[np.int32],
    row: Field,
) -> int:
    """Reads the cells of one record; the place of its newline, -1 where a quote does not close."""
    place, column, gathered = record, 0, np.uint8(0)
    broken, plain = False, True
    while True:
        start, end, what, place = _scan_cell(text, place, min(len(text), record + QUOTED_MOST))
        if place < 0:
            return -1
        broken |= what == _JUNK
        if column < len(content) and not broken:
            holds = int(content[column])
            if holds >= 0 and end > start:
                as_it_is = what == _AS_IT_IS or holds == TEXT
                plain &= as_it_is and _put_cell(text, start, end, holds, letters, offsets, slots, row)
        column += 1
        if text[place] == 10:
            break
        place += 1
    for byte in range(record, place):
        gathered |= text[byte]
    if broken or column != len(content) or (gathered >= 128 and not is_utf8(text, record, place)):
        row["flags"] = BROKEN
    elif not plain:
        row["flags"] = UNPLAIN
    return place


@njit(cache=True, nogil=True, forceinline=True)
def _scan_cell(text: NDArray[np.uint8], place: int, quoted_stop: int) -> tuple[int, int, int, int]:
    """Where a cell's content starts and ends, what it is, and the comma or newline after it (-1: none)."""
    start, what = place, _AS_IT_IS
    if text[place] != 34:
        while text[place] != 44 and text[place] != 10:
            place += 1
        end = place
        if text[place] == 10 and end > start and text[end - 1] == 13:
            end -= 1
        return start, end, what, place
    start = place = place + 1
    while True:
        while place < quoted_stop and text[place] != 34:
            place += 1
        if place >= quoted_stop:
            return 0, 0, _JUNK, -1
        if text[place + 1] != 34:
            break
        what = _DOUBLED
        place += 2
    end = place
    place += 1
    if text[place] == 13 and text[place + 1] == 10:
        place += 1
    if text[place] != 44 and text[place] != 10:
        what = _JUNK
        while text[place] != 44 and text[place] != 10:
            place += 1
    return start, end, what, place


@njit(cache=True, nogil=True, forceinline=True)
def _put_cell(
    text: NDArray[np.uint8],
    start: int,
    end: int,
    content: int,
    letters: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    slots: NDArray[np.int32],
    row: Field,
) -> bool:
    """Reads one cell that is not empty into its column; False where only the exact way can."""
    if content in (DEVICE, SOURCE, CRS_NAME, CHALLENGE):
        return put_text(row, content, text, start, end, letters, offsets, slots)
    while start < end and (text[start] == 32 or text[start] == 9):
        start += 1
    while start < end and (text[end - 1] == 32 or text[end - 1] == 9):
        end -= 1
    if start == end:
        return True
    if content in (EVENT_TIME, ARRIVAL_TIME):
        return put_text(row, content, text, start, end, letters, offsets, slots)
    if content in (LON, LAT, ACCURACY, NUMBER):
        value, after = scan_number(text, start, end, False)
        put_number(row, content, value)
        return after == end
    if content in (TRUTH, FACE):
        truth = _truth(text, start, end)
        if truth >= 0:
            put_truth(row, content, truth == 1)
        return truth >= 0
    return True


@njit(cache=True, nogil=True, forceinline=True)
def _truth(text: NDArray[np.uint8], start: int, end: int) -> int:
    """1 for ``true`` or ``1``, 0 for ``false`` or ``0``, in any case; -1 for anything else."""
    if end - start == 1:
        return int(text[start]) - 48 if text[start] == 48 or text[start] == 49 else -1
    if end - start == 4:
        same = text[start] | 32 == 116 and text[start + 1] | 32 == 114 and text[start + 2] | 32 == 117
        return 1 if same and text[start + 3] | 32 == 101 else -1
    if end - start == 5:
        same = text[start] | 32 == 102 and text[start + 1] | 32 == 97 and text[start + 2] | 32 == 108
        return 0 if same and text[start + 3] | 32 == 115 and text[start + 4] | 32 == 101 else -1
    return -1
